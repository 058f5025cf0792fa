"""Long deltas are laid in a child, and nothing that befalls the child changes what is in force."""

import random
import sys

import pytest

from cache.lists.keyfile import beside
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import write_rows
from cache.lists.keyfile.delta import Delta
from cache.lists.keyfile.layout import MEASURES, KeyFileError, Layout
from cache.lists.keyfile.view import View

LAYOUT = Layout(kind=MEASURES, payload=2, bits=3)


class Town:
    """A base of 300 people, and deltas as a platform publishes them."""

    def __init__(self, folder):
        drawn = random.Random(11)
        self.folder = folder
        self.keys = [drawn.randbytes(16) for _ in range(300)]
        rows = [(key, b"\x00\x01") for key in self.keys]
        root = write_rows(rows, layout=LAYOUT, out=folder / "base")
        self.view = View.over(Base.open(folder / "base", root=root))
        self.paths = []

    def delta(self, view, first, after, payload):
        delta = view.delta(dict.fromkeys(self.keys[first:after], payload))
        path = self.folder / f"delta-{len(self.paths)}"
        path.write_bytes(delta.written())
        self.paths.append(path)
        return path


@pytest.fixture
def town(tmp_path, monkeypatch):
    monkeypatch.setattr(beside, "LONG_BYTES", 100)
    return Town(tmp_path)


def lay(view, *new, until_now=()):
    return beside.laid(view, until_now=until_now, more=[one.read_bytes() for one in new], new=new)


def said(view, keys):
    return view.root, view.count, view.pending, [view.look_up(key) for key in keys]


def test_a_child_gives_back_the_view_that_the_terminal_would_have_made(town, caplog):
    first = town.delta(town.view, 0, 100, b"\x00\x02")
    here = town.view.applied(Delta.read(first.read_bytes()))
    second = town.delta(here, 50, 150, b"")
    wanted = here.applied(Delta.read(second.read_bytes()))

    at_once = lay(town.view, first, second)
    step_by_step = lay(lay(town.view, first), second, until_now=(first,))

    assert said(at_once, town.keys) == said(step_by_step, town.keys) == said(wanted, town.keys)
    assert caplog.records == []


def test_a_small_change_goes_on_from_what_a_child_gave_back(town):
    in_force = lay(town.view, town.delta(town.view, 0, 200, b"\x00\x02"))
    one_more = in_force.delta({town.keys[250]: b"\x00\x09"})

    after = in_force.applied(one_more)

    assert after.root == one_more.after
    assert [after.look_up(town.keys[at]) for at in (0, 250, 299)] == [b"\x00\x02", b"\x00\x09", b"\x00\x01"]


def test_a_long_delta_that_leads_elsewhere_is_refused(town):
    path = town.delta(town.view, 0, 100, b"\x00\x02")
    path.write_bytes(path.read_bytes()[:-1] + b"\x03")

    with pytest.raises(KeyFileError, match="lead elsewhere"):
        lay(town.view, path)


@pytest.mark.parametrize("fault", ["dies", "cannot start", "says half", "hangs"])
def test_whatever_befalls_the_child_the_terminal_lays_the_delta_itself_and_says_so(
    town, tmp_path, monkeypatch, caplog, fault
):
    scripts = {
        "dies": "import os; os.kill(os.getpid(), 9)",
        "says half": "import sys; sys.stdout.write('half')",
        "hangs": "import time; time.sleep(60)",
    }
    child = tmp_path / "python"
    if fault in scripts:
        child.write_text(f"#!{sys.executable}\n{scripts[fault]}\n")
        child.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(child))
    monkeypatch.setattr(beside, "CHILD_S", 0.5 if fault == "hangs" else 60.0)
    path = town.delta(town.view, 0, 100, b"\x00\x02")
    wanted = town.view.applied(Delta.read(path.read_bytes()))

    assert said(lay(town.view, path), town.keys) == said(wanted, town.keys)
    assert [one.getMessage() for one in caplog.records] == ["delta_not_laid_beside"]


def test_a_file_of_before_that_went_bad_costs_the_child_and_not_the_list(town, caplog):
    first = town.delta(town.view, 0, 100, b"\x00\x02")
    in_force = lay(town.view, first)
    second = town.delta(in_force, 100, 200, b"")
    first.write_bytes(b"gone bad")

    after = lay(in_force, second, until_now=(first,))

    assert after.root == Delta.read(second.read_bytes()).after
    assert [one.getMessage() for one in caplog.records] == ["delta_not_laid_beside"]


def test_a_short_delta_needs_no_child(town, monkeypatch, caplog):
    monkeypatch.setattr(beside, "LONG_BYTES", 1 << 20)
    monkeypatch.setattr(sys, "executable", "/nowhere")

    after = lay(town.view, town.delta(town.view, 0, 100, b"\x00\x02"))

    assert after.look_up(town.keys[0]) == b"\x00\x02"
    assert caplog.records == []
