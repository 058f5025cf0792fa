"""Records are what sync/wire/records says, and the published vectors are what the program writes."""

import doctest
import json
import runpy
from pathlib import Path

import jsonschema
import msgspec
import pytest

from credit.rules.catalogue import Offer, OfferKind, Table
from credit.rules.offers import figures, price
from edge.api.calls.given_bodies import OfferShown
from sync.wire.records import events, kinds, parts, steps, visits
from sync.wire.records.parts import Body
from sync.wire.records.parts import Offer as OfferSaid

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors" / "records"
PUBLISHED = json.loads((VECTORS / "records.json").read_text("utf-8"))
MAKE = runpy.run_path(str(VECTORS / "make.py"))
SCHEMA = json.loads((ROOT / "docs" / "records.schema.json").read_text("utf-8"))
ASIDE = json.loads((VECTORS / "set-aside.json").read_text("utf-8"))


def test_every_record_that_the_decision_vectors_bring_about_is_named_in_full():
    """Where this fails, name the member in sync/wire/records; then run tests/vectors/records/make.py, docs/make.py."""
    assert {kinds.problem(record) for _where, record in MAKE["played"]()} == {""}


def test_the_generator_makes_exactly_these_vectors():
    assert MAKE["vectors"]() == PUBLISHED
    assert MAKE["set_asides"]() == ASIDE


def test_there_is_a_good_one_of_every_kind_and_a_bad_one_of_every_kind_that_says_anything():
    good = {one["record"]["kind"] for one in PUBLISHED if one["valid"]}
    bad = {one["record"]["kind"] for one in PUBLISHED if not one["valid"]}

    assert good == kinds.KINDS.keys()
    assert kinds.KINDS.keys() - bad == {"stopped"}
    assert len(PUBLISHED) >= 60


def said(schema, value, found):
    """Gather the (type, member) pairs of a schema that a value bears, part by part."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = SCHEMA["$defs"][name]
        found |= {(name, member) for member in schema.get("properties", {}).keys() & (value or {})}
    for member, of in schema.get("properties", {}).items():
        if isinstance(value, dict) and member in value:
            said(of, value[member], found)
    for of in schema.get("anyOf", ()):
        said(of, value, found) if fits(of, value) else None
    for one in value if isinstance(value, list) and "items" in schema else ():
        said(schema["items"], one, found)


def fits(schema, value):
    return jsonschema.Draft202012Validator(schema | {"$defs": SCHEMA["$defs"]}).is_valid(value)


def test_every_member_that_the_schema_names_stands_in_a_good_vector():
    found = set()
    for one in (one["record"] for one in PUBLISHED if one["valid"]):
        branch = next(of for of in SCHEMA["allOf"] if of["if"]["properties"]["kind"]["const"] == one["kind"])
        said(branch["then"]["properties"]["body"], one["body"], found)

    named = {(name, member) for name, of in SCHEMA["$defs"].items() for member in of.get("properties", {})}
    assert {declared(*one) for one in named} - {declared(*one) for one in found} == set()


def declared(name, member):
    """Return where a member is declared: what `granted` and `exited` share is one member."""
    (kind,) = {one for module in (events, parts, steps, visits) for one in vars(module).values() if is_named(one, name)}
    (field,) = [one.name for one in msgspec.structs.fields(kind) if one.encode_name == member]
    return next(
        base.__name__ for base in reversed(kind.__mro__) if field in vars(base).get("__annotations__", ())
    ), member


def is_named(kind, name):
    return isinstance(kind, type) and issubclass(kind, Body) and kind.__name__ == name


@pytest.mark.parametrize(
    ("member", "kind"),
    [("proof", "granted"), ("excess", "passed"), ("later_fen", "granted"), ("waived_fen", "opened"), ("fen", "closed")],
)
def test_what_an_account_rests_on_is_among_them(member, kind):
    assert [one for one in PUBLISHED if one["valid"] and one["record"]["kind"] == kind and member in json.dumps(one)]


@pytest.mark.parametrize("unit", ["days", "minutes"])
@pytest.mark.parametrize("kind", OfferKind)
def test_whatever_is_offered_a_record_and_an_answer_name_its_figures(kind, unit):
    offer = Offer(kind=kind, table=Table(fixed=3), unit=unit, lane="B", item="tea", percent_off=10)
    shown = figures(offer, tier=3, until="24:00") | price(offer, amount=10_000, heads=2).members

    for of in (OfferSaid, OfferShown):
        assert msgspec.to_builtins(msgspec.convert(shown, of)) == shown


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: one["name"])
def test_the_published_schema_judges_as_the_program_does(one):
    judged = jsonschema.Draft202012Validator(SCHEMA)

    assert judged.is_valid(one["record"]) is one["valid"]
    assert (kinds.problem(one["record"]) == "") is one["valid"]


def test_the_examples_in_the_docstrings_are_true():
    assert doctest.testmod(kinds).failed == 0
