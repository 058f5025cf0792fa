"""The local API's description is the API: every route is in it, every body by its own struct."""

import json
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api.access import ALLOWED, MEANS, May, Role
from edge.api.app import Api
from edge.api.calls.looking import Looking
from edge.api.calls.offers import Offers
from edge.api.calls.printing import Printing
from edge.api.calls.staff import StaffCalls
from edge.api.openapi import CALLS, document, with_description


def every_route():
    api = Api(lanes={}, store=None, events=None, metrics=None, about=None, rates=None)
    offers = Offers(shop=None, issuer="", lists=None, store=None, events=None, about=None, lanes=[])
    staff = StaffCalls(store=None, clock=None, key=Ed25519PrivateKey.generate(), lanes={})
    looking = Looking(store=None, clock=None)
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
