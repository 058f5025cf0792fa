"""What bounds a key is read from the offices' files: what a machine in need hides of them is not gone."""

import resource
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

import central
from central.books.bounds import Catalogue

OFFICES = Path(central.__file__).parent / "example_offices"
KEY = "o|yunling/yunling.deposit-free|subject:yunling:1|now"


@contextmanager
def no_handles():
    """Nothing can be opened meanwhile; what is open stays."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def state(tmp_path):
    shutil.copytree(OFFICES, tmp_path / "cities")
    return tmp_path


def test_bounds_that_were_read_go_on_where_nothing_can_be_opened(state, caplog):
    catalogue = Catalogue(state)
    before = catalogue.bounds()

    with no_handles():
        meanwhile = [catalogue.bounds() for _ in range(3)]

    assert before.of(KEY) == 1
    assert meanwhile == [before] * 3
    assert [one.getMessage() for one in caplog.records] == ["bounds_not_read"]


def test_bounds_that_were_never_read_are_not_taken_for_none(state):
    catalogue = Catalogue(state)

    with no_handles(), pytest.raises(OSError, match="Too many open files"):
        catalogue.bounds()

    assert catalogue.bounds().of(KEY) == 1


def test_a_city_that_left_bounds_nothing_any_more(state):
    catalogue = Catalogue(state)
    catalogue.bounds()
    shutil.rmtree(state / "cities" / "yunling")
    (state / "cities" / "a file").touch()

    assert catalogue.bounds().of(KEY) is None


def test_before_the_first_city_nothing_is_bound(tmp_path):
    assert Catalogue(tmp_path).bounds().of(KEY) is None
