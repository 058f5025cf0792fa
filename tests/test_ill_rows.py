"""docs/testing.md, "Each state and what holds it": every row is there, and every test that it names is a test.

So is what each row met on the tree before: it names one of the tests that hold the row today.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
_, _, TOLD = (ROOT / "docs" / "testing.md").read_text("utf-8").partition("### Each state and what holds it")
PAGE, _, BEFORE = TOLD.partition("### What each row met on the tree before")
ROWS = re.findall(r"^\| (\d+) \| ([^|]+)\| ([^|]+)\| ([^|]+)\|$", PAGE, re.MULTILINE)


def test_every_row_is_there_once():
    assert [int(number) for number, *_ in ROWS] == list(range(1, 28))


@pytest.mark.parametrize(("number", "_state", "held", "open_"), ROWS, ids=[row[0] for row in ROWS])
def test_what_a_row_names_is_a_test(number, _state, held, open_):
    named = re.findall(r"`([^`:]+)::(test_\w+)`", held)

    assert named, number
    assert len(named) == held.count("`") // 2
    assert open_.strip()
    for file, name in named:
        source = (ROOT / "tests" / file).read_text("utf-8")
        assert re.search(rf"^\s*(async )?def {name}\(", source, re.MULTILINE), f"row {number}: {file}::{name}"


def test_what_a_row_met_before_is_asked_by_one_of_the_tests_that_hold_it():
    told = re.findall(r"^\| (\d+) \| [^|]+\| ([^|]+)\| `([^|`]+)` \| [^|]+\|$", BEFORE, re.MULTILINE)

    assert [number for number, *_ in told] == [number for number, *_ in ROWS]
    for (number, seen, asked), (_, _, held, _) in zip(told, ROWS, strict=True):
        assert seen.strip(), number
        assert f"`{asked}`" in held, number
