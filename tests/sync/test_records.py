"""Records are what sync/wire/records says, and the published vectors are what the program writes."""

import doctest
import json
import runpy
from pathlib import Path

import jsonschema
import pytest

from sync.wire.records import kinds

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "records"
PUBLISHED = json.loads((VECTORS / "records.json").read_text("utf-8"))
MAKE = runpy.run_path(str(VECTORS / "make.py"))
SCHEMA = json.loads((ROOT / "docs" / "records.schema.json").read_text("utf-8"))


def test_every_record_that_the_decision_vectors_bring_about_is_named_in_full():
    """Where this fails, name the member in sync/wire/records; then run tests/vectors/records/make.py, docs/make.py."""
    assert {kinds.problem(record) for _where, record in MAKE["played"]()} == {""}


def test_the_generator_makes_exactly_these_vectors():
    assert MAKE["vectors"]() == PUBLISHED


def test_there_is_a_good_one_of_every_kind_and_a_bad_one_of_every_kind_that_says_anything():
    good = {one["record"]["kind"] for one in PUBLISHED if one["valid"]}
    bad = {one["record"]["kind"] for one in PUBLISHED if not one["valid"]}

    assert good == kinds.KINDS.keys()
    assert kinds.KINDS.keys() - bad == {"stopped"}
    assert len(PUBLISHED) >= 60


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one["name"])
def test_the_published_schema_judges_as_the_program_does(one):
    judged = jsonschema.Draft202012Validator(SCHEMA)

    assert judged.is_valid(one["record"]) is one["valid"]
    assert (kinds.problem(one["record"]) == "") is one["valid"]


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(kinds).failed == 0
