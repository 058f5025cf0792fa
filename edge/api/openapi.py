"""The local API as OpenAPI 3.1, made from the very structs that decode the bodies.

A test holds it equal to the routes that are served: a call that is not described, or described and not served, fails.
"""

import json
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from edge.api.access import ALLOWED, May
from edge.api.app import Route
from edge.api.messages import EntryBody, PresentBody, ReverseBody
from edge.api.offer_bodies import ByBody, OfferBody
from edge.staff.bodies import OpenBody, PersonBody, PinBody, StopBody, UnlockBody

REF = "#/components/schemas/{name}"
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status"],
}


class Call(NamedTuple):
    """One call: what it takes (None: nothing), the media type it gives, and which errors are its own."""

    summary: str
    takes: type[msgspec.Struct] | None = None
    gives: str = "application/json"
    errors: tuple[int, ...] = ()
    done: int = 200


CALLS: dict[str, Call] = {
    "GET /v1/status": Call("How this terminal is"),
    "GET /v1/readiness": Call("Could it decide offline now?"),
    "GET /v1/events": Call("What happens, live", gives="text/event-stream"),
    "POST /v1/present": Call("Decide about a code; a decision is always 200", PresentBody, errors=(404, 409)),
    "GET /v1/redemptions": Call("Open redemptions (state=open) or recent ones (recent=N)"),
    "POST /v1/redemptions/{redemption}/{step}": Call(
        "One step: passed, annul, actuated, close take {}, claim takes amount_fen, reverse amount_fen or heads",
        ReverseBody,
        errors=(404, 503),
    ),
    "GET /v1/lanes/{lane}": Call("What a lane is for, and its challenge", errors=(404,)),
    "POST /v1/lanes/{lane}/again": Call("Let the code in view be a new presentation", errors=(404,)),
    "GET /v1/lanes/{lane}/preview": Call("The camera's pictures", gives="multipart/x-mixed-replace", errors=(404,)),
    "POST /v1/entry": Call("Stop entry to the site, or let it go on", EntryBody, errors=(503,)),
    "GET /v1/offers": Call("The shop's own offers", errors=(503,)),
    "POST /v1/offers": Call("Write a new offer of the shop", OfferBody, errors=(409, 503), done=201),
    "PUT /v1/offers/{offer}": Call("Give an offer new terms", OfferBody, errors=(404, 409, 503)),
    "DELETE /v1/offers/{offer}": Call("Withdraw an offer", ByBody, errors=(404, 409, 503)),
    "POST /v1/offers/{offer}/undo": Call("Take an offer's last change back", ByBody, errors=(404, 409, 503)),
    "POST /v1/sync": Call("Synchronise now, and what moved"),
    "GET /v1/staff": Call("Who works here", errors=(503,)),
    "POST /v1/staff": Call("A new person, with a PIN", PersonBody, errors=(409, 503), done=201),
    "DELETE /v1/staff/{person}": Call("Strike a person out", errors=(404, 503)),
    "POST /v1/staff/{person}/reset": Call("Give a person a new PIN", PinBody, errors=(404, 503)),
    "POST /v1/staff/unlock": Call("Unlock a screen with name and PIN, for five minutes", UnlockBody, errors=(423, 503)),
    "POST /v1/staff/lock": Call("Lock it again"),
    "POST /v1/staff/entry": Call("Stop entry in one's own name, or let it go on", StopBody, errors=(503,)),
    "POST /v1/lanes/{lane}/open": Call(
        "Open once without a code: a supervisor, with a reason", OpenBody, errors=(404, 503)
    ),
    "GET /healthz": Call("Whether the process answers"),
    "GET /readyz": Call("Whether a code could be decided now", errors=(503,)),
    "GET /metrics": Call("The figures (Prometheus)", gives="text/plain"),
    "GET /openapi.json": Call("This description"),
}


def document(routes: list[Route], release: str) -> dict[str, Any]:
    """Return the OpenAPI document of these routes, program version `release`."""
    types = sorted({call.takes for call in CALLS.values() if call.takes}, key=lambda kind: kind.__name__)
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    by_type = dict(zip(types, schemas, strict=True))
    paths: dict[str, Any] = {}
    for method, path, may, _handler in routes:
        call = CALLS[f"{method} {path}"]
        paths.setdefault(path, {})[method.lower()] = _described(call, path, may, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Xinguan terminal", "version": release},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _described(call: Call, path: str, may: May | None, by_type: dict[Any, Any]) -> dict[str, Any]:
    roles = [role.value for role, allowed in ALLOWED.items() if may in allowed]
    codes = {*call.errors} | ({400, 413} if call.takes else set()) | ({401, 403} if may else set())
    schema: dict[str, Any] = {} if call.gives == "application/json" else {"type": "string"}
    found: dict[str, Any] = {
        "summary": call.summary,
        "parameters": [
            {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
            for part in path.split("/")
            if part.startswith("{")
        ],
        "responses": {str(call.done): {"description": "done", "content": {call.gives: {"schema": schema}}}}
        | {
            str(code): {"description": "problem", "content": {"application/problem+json": {"schema": PROBLEM}}}
            for code in sorted(codes)
        },
        "security": [{"token": []}] if may else [],
    }
    if may:
        found["description"] = f"Roles: {', '.join(roles)}"
    if call.takes:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": by_type[call.takes]}}}
    return found


def with_description(routes: list[Route]) -> list[Route]:
    """Return the routes and, with them, their description at /openapi.json."""

    async def describe(_request: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    every: list[Route] = [*routes, ("GET", "/openapi.json", None, describe)]
    described = json.dumps(document(every, version("xinguan")), ensure_ascii=False)
    return every
