"""Whose signature counts on a box: the package's keys, or those that an update named which stayed."""

import importlib.util
import sys
from pathlib import Path

import pytest

from edge.commands.update.bundle import Update, UpdateError
from edge.commands.update.keys import SUCCESSORS, adopt, release_keys

ROOT = Path(__file__).parents[2]
OLD, NEW, NEWER = ("1" * 64, "2" * 64, "3" * 64)


def update(number, *keys):
    return Update(version="9", number=number, debian=12, arch="amd64", size=1, sha256="0" * 64, keys=keys)


@pytest.fixture
def package(tmp_path):
    file = tmp_path / "release-keys"
    file.write_text(f"# number 100\n# whoever releases\n{OLD}\n")
    return file


def test_the_keys_of_the_package_count_until_an_update_that_stayed_names_others(tmp_path, package):
    assert release_keys(tmp_path, package) == (OLD,)

    adopt(tmp_path, update(101, OLD, NEW))
    assert release_keys(tmp_path, package) == (OLD, NEW)
    adopt(tmp_path, update(102, NEW))
    assert release_keys(tmp_path, package) == (NEW,)


def test_an_update_that_names_nobody_or_is_older_changes_nothing(tmp_path, package):
    adopt(tmp_path, update(102, NEW))

    adopt(tmp_path, update(103))
    adopt(tmp_path, update(101, OLD))

    assert release_keys(tmp_path, package) == (NEW,)


def test_a_newer_package_wins_over_what_an_update_named_and_one_without_keys_never_does(tmp_path, package):
    adopt(tmp_path, update(102, NEW))

    package.write_text(f"# number 103\n{NEWER}\n")
    assert release_keys(tmp_path, package) == (NEWER,)
    package.write_text("# number 104\n# nobody\n")
    assert release_keys(tmp_path, package) == (NEW,)


@pytest.mark.parametrize("text", ["", "# number 5\n# Public release keys\n", "not a key\n", f"{OLD}0\n", None])
def test_a_box_without_a_release_key_says_so_and_what_to_do(tmp_path, text):
    package = tmp_path / "release-keys"
    if text is not None:
        package.write_text(text)

    with pytest.raises(UpdateError, match="本机没有发布密钥.*has no release key.*Install the package"):
        release_keys(tmp_path, package)


def test_damaged_successors_stop_updates_and_name_the_mend(tmp_path, package):
    (tmp_path / SUCCESSORS).write_text('{"number": 10')

    with pytest.raises(UpdateError, match="remove it, and the package's keys count"):
        release_keys(tmp_path, package)


def test_the_repository_as_it_is_builds_packages_that_take_no_update_and_says_so(tmp_path):
    """What a user sees who types `xinguan update` on a box with the package of this very tree."""
    with pytest.raises(UpdateError, match="empty systemd/release-keys"):
        release_keys(tmp_path, ROOT / "systemd/release-keys")


def test_the_builder_names_who_signs_the_next_update_and_what_the_package_s_list_is_worth():
    spec = importlib.util.spec_from_file_location("builder_of_keys", ROOT / "systemd/packaging/build.py")
    build = sys.modules["builder_of_keys"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(build)

    assert build.keys_of(f"# a line\n{OLD}\n{NEW}\n{NEW}0\n") == (OLD, NEW)
    assert build.keys_of((ROOT / "systemd/release-keys").read_text("utf-8")) == ()
