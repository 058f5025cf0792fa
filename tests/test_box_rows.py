"""docs/testing.md, "Each promise of a box and what holds it": each row is there, each test that it names is a test."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_, _, TOLD = (ROOT / "docs" / "testing.md").read_text("utf-8").partition("### Each promise of a box and what holds it")
ROWS = re.findall(r"^\| (\d+) \| ([^|`]+)\| ([^|]+)\|$", TOLD, re.MULTILINE)


def test_every_promise_is_there_once():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 20))


@pytest.mark.parametrize(("number", "_promise", "held"), ROWS, ids=[row[0] for row in ROWS])
def test_what_holds_a_promise_of_a_box_is_a_test(number, _promise, held):
    named = re.findall(r"`([^`:]+)::(test_\w+)`", held)

    assert named, number
    assert len(named) == held.count("`") // 2
    for file, name in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert re.search(rf"^\s*(async )?def {name}\(", source, re.MULTILINE), f"row {number}: {file}::{name}"
