"""The local API's description is the API: every route is in it, every body by its own struct."""

import importlib.util
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api.access import ALLOWED, MEANS, May, Role
from edge.api.app import Api
from edge.api.calls.event_bodies import EVENTS
from edge.api.calls.looking import Looking
from edge.api.calls.member_words import WORDS, meaning
from edge.api.calls.offers import Offers
from edge.api.calls.printing import Printing
from edge.api.calls.staff import StaffCalls
from edge.api.messages import OpenAgainBody
from edge.api.openapi import CALLS, document, examples, problems_of, with_description
from edge.api.problems import CODES, CONFLICTS
from edge.api.steps import OPEN, STEPS

ROOT = Path(__file__).parents[2]
BY_STEP = {OpenAgainBody, *(one.body for one in STEPS.values())}  # the description has one body for all of them


def misfits(made, kept):
    """Yield what the examples' own schemas do not take."""
    spec = importlib.util.spec_from_file_location("client_examples", ROOT / "tests" / "clients" / "examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.misfits(made, kept)


def every_route():
    api = Api(lanes={}, store=None, events=None, metrics=None, about=None, rates=None)
    offers = Offers(shop=None, issuer="", lists=None, store=None, events=None, about=None, lanes=[])
    staff = StaffCalls(store=None, clock=None, key=Ed25519PrivateKey.generate(), lanes={})
    looking = Looking(store=None, clock=None, ages=None)
    printing = Printing({}, None)
    return with_description([*api.routes(), *offers.routes(), *staff.routes(), *printing.routes(), *looking.routes()])


def test_every_route_is_described_and_nothing_else_is():
    assert {f"{method} {path}" for method, path, _may, _handler in every_route()} == CALLS.keys()


def test_every_reference_leads_somewhere():
    made = document(every_route(), "0")
    names = re.findall(r"#/components/schemas/(\w+)", json.dumps(made))

    assert set(names) <= made["components"]["schemas"].keys()
    assert "OfferBody" in names


@pytest.mark.parametrize(("method", "path", "may", "handler"), every_route())
def test_what_a_caller_must_be_is_said(method, path, may, handler):
    described = document(every_route(), "0")["paths"][path][method.lower()]

    assert described["security"] == ([{"token": []}] if may else [])
    if may is May.OFFER:
        assert described["description"] == "Roles: desk, service, staff"
    assert ("requestBody" in described) is bool(CALLS[f"{method} {path}"].takes)


NOUNS = {
    "GET /v1/status": "status",
    "GET /v1/readiness": "readiness",
    "GET /v1/events": "events",
    "GET /v1/lanes/{lane}": "a lane and its challenge",
    "GET /v1/offers": "the offers",
    "POST /v1/present": "presenting",
    "POST /v1/redemptions/{redemption}/{step}": "a step",
    "GET /v1/redemptions": "the redemptions",
    "GET /v1/lists": "the lists",
    "GET /v1/journal": "the journal",
    "GET /v1/stats": "the counts",
    "POST /v1/lanes/{lane}/again": "again",
    "POST /v1/lanes/{lane}/print": "a slip on paper",
    "POST /v1/entry": "stopping entry",
    "POST /v1/emergency": "emergency opening",
    "POST /v1/offers": "a new offer",
    "PUT /v1/offers/{offer}": "editing it",
    "DELETE /v1/offers/{offer}": "withdrawing it",
    "POST /v1/offers/{offer}/undo": "taking that back",
    "GET /v1/lanes/{lane}/preview": "the camera's picture",
    "POST /v1/sync": "synchronising",
    "GET /v1/staff": "who works here",
    "POST /v1/staff/unlock": "unlocking",
    "POST /v1/staff": "a new person",
    "DELETE /v1/staff/{person}": "striking one out",
    "POST /v1/staff/{person}/reset": "a new PIN",
    "POST /v1/staff/lock": "locking",
    "POST /v1/staff/entry": "stopping entry by name",
    "POST /v1/lanes/{lane}/open": "opening once",
}


def test_each_call_asks_for_what_the_role_table_says_in_words():
    words = {(noun, may) for may, text in MEANS.items() for noun in text.split(":")[0].split(", ")}
    served = {(NOUNS[f"{method} {path}"], may) for method, path, may, _handler in every_route() if may}

    assert served == words
    assert all(may or not path.startswith("/v1") for _method, path, may, _handler in every_route())


def test_only_the_service_page_may_watch_the_camera():
    [wanted] = {may for _method, path, may, _handler in every_route() if path.endswith("/preview")}

    assert [role for role in Role if wanted in ALLOWED[role]] == [Role.SERVICE]


def test_every_problem_of_the_tables_is_said_by_a_call_and_is_one_of_the_enum():
    made = document(every_route(), "0")
    said = {
        (status, code)
        for method, path, may, _handler in every_route()
        for status, codes in problems_of(CALLS[f"{method} {path}"], may).items()
        for code in codes
    }

    known = {(status, code) for status, code in CODES.items() if status not in (405, 409)}
    assert said == known | {(409, code) for code in CONFLICTS}
    assert {code for _status, code in said} < set(
        made["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    )


def test_the_steps_are_an_enum_and_a_refused_one_has_its_reason():
    step = document(every_route(), "0")["paths"]["/v1/redemptions/{redemption}/{step}"]["post"]

    assert step["parameters"][1]["schema"]["enum"] == [*STEPS, OPEN]
    refused = step["responses"]["409"]["content"]["application/problem+json"]["schema"]
    assert refused == {"$ref": "#/components/schemas/StepProblem"}
    assert "reason" in document(every_route(), "0")["components"]["schemas"]["StepProblem"]["properties"]


def test_what_takes_a_request_id_takes_it_as_a_header_too():
    paths = document(every_route(), "0")["paths"]
    by_header = {path for path, calls in paths.items() for call in calls.values() if "Idempotency-Key" in str(call)}

    assert by_header == {"/v1/present", "/v1/redemptions/{redemption}/{step}"}


def test_every_event_has_its_type():
    stream = document(every_route(), "0")["paths"]["/v1/events"]["get"]

    assert stream["x-events"].keys() == EVENTS.keys()


def test_every_answer_has_a_type():
    paths = document(every_route(), "0")["paths"]
    untyped = [
        call["operationId"]
        for methods in paths.values()
        for call in methods.values()
        for status, answer in call["responses"].items()
        if status.startswith("2") and answer["content"].get("application/json", {}).get("schema") == {"type": "object"}
    ]

    assert untyped == ["description"]


def test_every_call_of_json_has_an_example_that_its_schema_takes():
    made = document(every_route(), "0")
    without = {call.name for call in CALLS.values() if call.answers is not None} - examples().keys()

    assert without == {"description"}
    assert list(misfits(made, examples())) == []


def test_every_member_is_said_in_words_and_no_words_are_left_over():
    schemas = document(every_route(), "0")["components"]["schemas"]
    members = {(kind, name) for kind, one in schemas.items() for name in one.get("properties", {})}
    silent = [
        f"{kind}.{name}"
        for kind, name in sorted(members)
        if "$ref" not in (of := schemas[kind]["properties"][name]) and len(of.get("description", "")) < 4
    ]

    assert silent == []
    assert all(meaning(kind, name) for kind, name in members)
    named = members | {(kind.__name__, field) for kind in BY_STEP for field in kind.__struct_fields__}
    assert WORDS.keys() - {f"{kind}.{name}" for kind, name in named} - {name for _kind, name in named} == set()
