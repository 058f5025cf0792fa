"""Whatever a page says was measured, a command measures: it is there, and takes the arguments that are written.

No test repeats the measuring. A table of figures therefore stands beside its command (`test_documented_tables.py`),
each decision with a table names what would give today's figures or holds what they decided, and each line that calls a
program of `bench/` or `tests/` is read here by that program's own arguments.
"""

import argparse
import ast
import contextlib
import functools
import re
import shlex
from pathlib import Path

import pytest

from tests.tools.pages import DECISIONS, NAMED, PAGES, ROOT, cells, table

EVERYWHERE = {**PAGES, **DECISIONS}
CALLED = re.compile(r"`(?:PYTHONPATH=\S+ )?python3? (?:-P )?((?:bench|tests)/[\w/]+\.py)([^`]*)`")
SHORT = {"N": "1", "NAME": "simulation", "FOLDER": "x", "SVG": "x", "FILE": "x"}


@functools.cache
def parser_of(path):
    """Return the parser that a program makes, read from its source: to run it would be to measure."""
    source = path.read_text("utf-8")
    for sibling in sorted(path.parent.glob("_*.py")):
        source += sibling.read_text("utf-8") if re.search(rf"\b{sibling.stem}\b", source) else ""
    parser = argparse.ArgumentParser(exit_on_error=False)
    for call in ast.walk(ast.parse(source)):
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument":
            known = {call.func.value.id: parser, "argparse": argparse, "Path": Path, **literals(source)}
            eval(ast.unparse(call), known)  # noqa: S307 - a line of our own
    return parser


def literals(source):
    """Return the constants of a module that its arguments may name; None for what is worked out."""
    found = {"ROOT": ROOT}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found.setdefault(node.targets[0].id, None)
            with contextlib.suppress(ValueError):
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def alternatives(words):
    """Return a line's words, once for each of `a|b|c` in them."""
    options = next((one.split("|") for one in words if "|" in one), [None])
    return [[option if "|" in one else SHORT.get(one, one) for one in words] for option in options]


def calls():
    return [
        (page, name, words)
        for page, said in EVERYWHERE.items()
        for name, words in CALLED.findall(" ".join(said.split()))
    ]


@pytest.mark.parametrize("page", EVERYWHERE)
def test_each_program_and_test_that_is_named_is_there(page):
    missing = []
    for name, test in NAMED.findall(EVERYWHERE[page]):
        path = ROOT / name
        there = path.is_file() and (not test or f"def {test}(" in path.read_text("utf-8"))
        missing += [] if there else [f"{name}::{test}"]

    assert missing == []


@pytest.mark.parametrize(("page", "name", "words"), calls())
def test_each_call_of_a_program_is_one_that_it_takes(page, name, words):
    parser = parser_of(ROOT / name)
    for line in alternatives(shlex.split(words.split(" > ")[0])):
        parser.parse_args(line)


def test_a_wrong_argument_is_found():
    parser = parser_of(ROOT / "bench" / "lists.py")

    assert parser.parse_args(["--entries", "50"]).entries == 50
    with pytest.raises((argparse.ArgumentError, SystemExit)):
        parser.parse_args(["--rows", "50"])
    assert len(calls()) > 10


def test_each_figure_of_a_box_stands_beside_its_command():
    said = ""
    for row in table("performance.md", "| figure | value | command |"):
        said = said if (last := cells(row)[2]) == "the same" else last
        assert NAMED.search(said) or re.search(r"`make [a-z]+`", said), row
