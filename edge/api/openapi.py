"""The local API as OpenAPI 3.1, made from the very structs that decode the bodies.

A test holds it equal to the routes that are served: a call that is not described, or described and not served, fails.
"""

import json
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from edge.api import answers
from edge.api.access import ALLOWED, May
from edge.api.app import Route
from edge.api.calls.looking_bodies import JournalAnswer, ListsAnswer, StatsAnswer
from edge.api.calls.offer_bodies import ByBody, OfferBody
from edge.api.calls.printing import PrintBody
from edge.api.calls.staff_bodies import OpenBody, PersonBody, PinBody, StopBody, UnlockBody
from edge.api.messages import AnyStep, EmergencyBody, EntryBody, PresentBody

REF = "#/components/schemas/{name}"
PROBLEM_KIND = "application/problem+json"


class Call(NamedTuple):
    """One call: its name in generated clients, what it takes and answers, which errors are its own.

    `answers` is the type of a JSON answer; None: `gives` names another media type.
    """

    name: str
    summary: str
    takes: type[msgspec.Struct] | None = None
    answers: Any = None
    gives: str = "application/json"
    errors: tuple[int, ...] = ()
    done: int = 200
    query: tuple[tuple[str, dict[str, Any], str], ...] = ()


_STATE = ("state", {"type": "string", "enum": ["open"]}, "only what is still open: stays, loans")
_RECENT = ("recent", {"type": "integer", "minimum": 1, "maximum": 200, "default": 20}, "how many, newest first")
_REPORT = ("report", {"type": "string", "enum": ["no"]}, "no: answer 202 at once")
_AFTER = ("after", {"type": "integer", "minimum": 0, "default": 0}, "the record before the first")
_MANY = ("many", {"type": "integer", "minimum": 0, "maximum": 200, "default": 50}, "how many at most")
_HOURS = ("hours", {"type": "integer", "minimum": 0, "maximum": 168, "default": 24}, "how far back")
_ANY: Any = dict[str, Any]

CALLS: dict[str, Call] = {
    "GET /v1/status": Call("status", "How this terminal is", answers=answers.StatusAnswer),
    "GET /v1/readiness": Call("readiness", "Could it decide offline now?", answers=answers.ReadinessAnswer),
    "GET /v1/events": Call("events", "What happens, live", gives="text/event-stream"),
    "POST /v1/present": Call(
        "present",
        "Decide about a code; a decision is always 200",
        PresentBody,
        answers.PresentAnswer,
        errors=(404, 409),
    ),
    "GET /v1/redemptions": Call(
        "redemptions", "Open or recent redemptions", answers=list[answers.RedemptionShown], query=(_STATE, _RECENT)
    ),
    "POST /v1/redemptions/{redemption}/{step}": Call(
        "step",
        "One step, each with request_id: passed, annul (not_turned), actuated, close; paid takes order and amount_fen,"
        " claim amount_fen, reverse amount_fen or heads, open by. A step that cannot happen is 409 with its reason",
        AnyStep,
        answers.StepAnswer,
        errors=(404, 409, 503),
    ),
    "POST /v1/emergency": Call(
        "emergency", "Open every gate and keep it open, or end that", EmergencyBody, answers.EmergencyAnswer
    ),
    "GET /v1/lanes/{lane}": Call(
        "lane", "What a lane is for, and its challenge", answers=answers.LaneAnswer, errors=(404,)
    ),
    "POST /v1/lanes/{lane}/print": Call(
        "print",
        "Print the slip of an answer: of a redemption, of a denial by its notice, or the lane's last",
        PrintBody,
        answers.PrintedAnswer,
        errors=(404, 409, 503),
    ),
    "POST /v1/lanes/{lane}/again": Call(
        "again", "Let the code in view be a new presentation", answers=answers.Nothing, errors=(404,)
    ),
    "GET /v1/lanes/{lane}/preview": Call(
        "preview", "The camera's pictures", gives="multipart/x-mixed-replace", errors=(404,)
    ),
    "POST /v1/entry": Call(
        "stopEntry", "Stop entry to the site, or let it go on", EntryBody, answers.EntryAnswer, errors=(503,)
    ),
    "GET /v1/offers": Call("offers", "The shop's own offers", answers=list[_ANY], errors=(503,)),
    "POST /v1/offers": Call("newOffer", "Write a new offer of the shop", OfferBody, _ANY, errors=(409, 503), done=201),
    "PUT /v1/offers/{offer}": Call("changeOffer", "Give an offer new terms", OfferBody, _ANY, errors=(404, 409, 503)),
    "DELETE /v1/offers/{offer}": Call("withdrawOffer", "Withdraw an offer", ByBody, _ANY, errors=(404, 409, 503)),
    "POST /v1/offers/{offer}/undo": Call(
        "undoOffer", "Take an offer's last change back", ByBody, _ANY, errors=(404, 409, 503)
    ),
    "GET /v1/lists": Call("lists", "The signed lists in force, and their ages", answers=ListsAnswer, errors=(503,)),
    "GET /v1/journal": Call(
        "journal", "The terminal's own records", answers=JournalAnswer, errors=(400, 503), query=(_AFTER, _MANY)
    ),
    "GET /v1/stats": Call(
        "stats", "What was given lately, and why not", answers=StatsAnswer, errors=(400, 503), query=(_HOURS,)
    ),
    "POST /v1/sync": Call(
        "synchronise", "Synchronise now, and what moved", answers=answers.MovedAnswer, query=(_REPORT,)
    ),
    "GET /v1/staff": Call("staff", "Who works here", answers=list[answers.PersonAnswer], errors=(503,)),
    "POST /v1/staff": Call(
        "newPerson", "A new person, with a PIN", PersonBody, answers.PersonAnswer, errors=(409, 503), done=201
    ),
    "DELETE /v1/staff/{person}": Call(
        "strikePerson", "Strike a person out", answers=answers.PersonAnswer, errors=(404, 503)
    ),
    "POST /v1/staff/{person}/reset": Call(
        "newPin", "Give a person a new PIN", PinBody, answers.PersonAnswer, errors=(404, 503)
    ),
    "POST /v1/staff/unlock": Call(
        "unlock",
        "Unlock a screen with name and PIN, for five minutes",
        UnlockBody,
        answers.SessionAnswer,
        errors=(423, 503),
    ),
    "POST /v1/staff/lock": Call("lock", "Lock it again", answers=answers.Nothing),
    "POST /v1/staff/entry": Call(
        "stopEntryByName",
        "Stop entry in one's own name, or let it go on",
        StopBody,
        answers.EntryAnswer,
        errors=(503,),
    ),
    "POST /v1/lanes/{lane}/open": Call(
        "openOnce",
        "Open once without a code: a supervisor, with a reason",
        OpenBody,
        answers.OpenedAnswer,
        errors=(404, 503),
    ),
    "GET /healthz": Call("health", "Whether the process answers", answers=answers.HealthAnswer),
    "GET /readyz": Call("ready", "Whether a code could be decided now", answers=answers.ReadinessAnswer, errors=(503,)),
    "GET /metrics": Call("metrics", "The figures (Prometheus)", gives="text/plain"),
    "GET /openapi.json": Call("description", "This description", answers=_ANY),
}


def document(routes: list[Route], release: str) -> dict[str, Any]:
    """Return the OpenAPI document of these routes, program version `release`."""
    types: list[Any] = [answers.Problem]
    for call in CALLS.values():
        types += [kind for kind in (call.takes, call.answers) if kind is not None and kind not in types]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = Schemas(types, schemas)
    paths: dict[str, Any] = {}
    for method, path, may, _handler in routes:
        call = CALLS[f"{method} {path}"]
        paths.setdefault(path, {})[method.lower()] = _described(call, path, may, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Xinguan terminal", "version": release},
        "servers": [{"url": "http://127.0.0.1:8470"}],
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


class Schemas:
    """The JSON Schema of each type that a call takes or answers."""

    def __init__(self, types: list[Any], schemas: tuple[dict[str, Any], ...]) -> None:
        self._known = list(zip(types, schemas, strict=True))

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type."""
        return next(schema for known, schema in self._known if known == kind)


def _described(call: Call, path: str, may: May | None, schemas: Schemas) -> dict[str, Any]:
    roles = [role.value for role, allowed in ALLOWED.items() if may in allowed]
    codes = {*call.errors} | ({400, 413} if call.takes else set()) | ({401, 403} if may else set())
    answered = {"type": "string"} if call.answers is None else schemas.of(call.answers)
    problem = {PROBLEM_KIND: {"schema": schemas.of(answers.Problem)}}
    found: dict[str, Any] = {
        "operationId": call.name,
        "summary": call.summary,
        "parameters": [
            {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
            for part in path.split("/")
            if part.startswith("{")
        ]
        + [{"name": name, "in": "query", "schema": kind, "description": why} for name, kind, why in call.query],
        "responses": {str(call.done): {"description": "done", "content": {call.gives: {"schema": answered}}}}
        | {str(code): {"description": "problem", "content": problem} for code in sorted(codes)},
        "security": [{"token": []}] if may else [],
    }
    if may:
        found["description"] = f"Roles: {', '.join(roles)}"
    if call.takes:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": schemas.of(call.takes)}}}
    return found


def with_description(routes: list[Route]) -> list[Route]:
    """Return the routes and, with them, their description at /openapi.json."""

    async def describe(_request: web.Request) -> web.Response:
        return web.Response(text=described, content_type="application/json")

    every: list[Route] = [*routes, ("GET", "/openapi.json", None, describe)]
    described = json.dumps(document(every, version("xinguan")), ensure_ascii=False)
    return every
