"""The local API's description is the API: every route is in it, every body by its own struct."""

import json
import re

import pytest

from edge.api.access import May
from edge.api.app import Api
from edge.api.offers import Offers
from edge.api.openapi import CALLS, document, with_description


def every_route():
    api = Api(lanes={}, store=None, events=None, metrics=None, about=None)
    offers = Offers(shop=None, issuer="", lists=None, store=None, events=None, about=None, lanes=[])
    return with_description([*api.routes(), *offers.routes()])


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
        assert described["description"] == "Roles: desk, service"
    assert ("requestBody" in described) is bool(CALLS[f"{method} {path}"].takes)
