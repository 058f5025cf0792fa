"""The local API as OpenAPI 3.1, made from the very structs that decode the bodies.

A test holds it equal to the routes that are served: a call that is not described, or described and not served, fails.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any, Final, TypeAlias

from aiohttp import web

from edge.api import answers
from edge.api.access import ALLOWED, May
from edge.api.app import MAX_RECENT, Route
from edge.api.bodies import KEY, MAX_KEY
from edge.api.calls.event_bodies import EVENTS
from edge.api.calls.looking_bodies import JournalAnswer, ListsAnswer, StatsAnswer
from edge.api.calls.member_words import meaning
from edge.api.calls.offer_bodies import ByBody, OfferAnswer, OfferBody
from edge.api.calls.printing import PrintBody
from edge.api.calls.staff_bodies import (
    OpenBody,
    OpenedAnswer,
    PersonAnswer,
    PersonBody,
    PinBody,
    SessionAnswer,
    StopBody,
    UnlockBody,
)
from edge.api.messages import AnyStep, EmergencyBody, EntryBody, PresentBody
from edge.api.problems import CODES, Problem
from edge.api.steps import OPEN, STEPS
from sync.wire.described import Call, Document, Parameter, Place, described

TOKEN: Final = "token"
_STATE = Parameter("state", {"type": "string", "enum": ["open"]}, "only what is still open: stays, loans")
_RECENT = Parameter(
    "recent", {"type": "integer", "minimum": 1, "maximum": MAX_RECENT, "default": 20}, "how many, newest first"
)
_REPORT = Parameter("report", {"type": "string", "enum": ["no"]}, "no: answer 202 at once")
_AFTER = Parameter("after", {"type": "integer", "minimum": 0, "default": 0}, "the record before the first")
_MANY = Parameter("many", {"type": "integer", "minimum": 0, "maximum": 200, "default": 50}, "how many at most")
_HOURS = Parameter("hours", {"type": "integer", "minimum": 0, "maximum": 168, "default": 24}, "how far back")
_KEY = Parameter(
    KEY,
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
    "the caller's id of this request, as request_id in the body: asked again under it, the answer is the same",
    where="header",
)
_STEP: Final = {"step": {"type": "string", "enum": [*STEPS, OPEN]}}
_ANY: Any = dict[str, Any]
Problems: TypeAlias = Mapping[int, Sequence[str]]


def _of(*statuses: int, conflicts: tuple[str, ...] = ()) -> Problems:
    """Return the words of these statuses; of 409 those of the call."""
    found: dict[int, Sequence[str]] = {status: [CODES[status]] for status in statuses}
    return found | ({409: list(conflicts)} if conflicts else {})


CALLS: dict[str, Call] = {
    "GET /v1/status": Call("status", "How this terminal is", answers=answers.StatusAnswer),
    "GET /v1/readiness": Call("readiness", "Could it decide offline now?", answers=answers.ReadinessAnswer),
    "GET /v1/events": Call("events", "What happens, live", gives="text/event-stream", problems=_of(429)),
    "POST /v1/present": Call(
        "present",
        "Decide about a code; a decision is always 200",
        PresentBody,
        answers.PresentAnswer,
        parameters=(_KEY,),
        problems=_of(404, 429, conflicts=("other_request",)),
    ),
    "GET /v1/redemptions": Call(
        "redemptions",
        "Open or recent redemptions",
        answers=list[answers.RedemptionShown],
        parameters=(_STATE, _RECENT),
        problems=_of(400, 503),
    ),
    "POST /v1/redemptions/{redemption}/{step}": Call(
        "step",
        "One step, each with request_id: passed, annul (not_turned), actuated, close; paid takes order and amount_fen,"
        " claim amount_fen, reverse amount_fen or heads, open by. A step that cannot happen is 409 with its reason",
        AnyStep,
        answers.StepAnswer,
        parameters=(_KEY,),
        problems=_of(404, 503, conflicts=("step_refused", "other_request", "no_gate")),
        refused={409: answers.StepProblem},
        path_schemas=_STEP,
    ),
    "POST /v1/emergency": Call(
        "emergency", "Open every gate and keep it open, or end that", EmergencyBody, answers.EmergencyAnswer
    ),
    "GET /v1/lanes/{lane}": Call(
        "lane", "What a lane is for, and its challenge", answers=answers.LaneAnswer, problems=_of(404)
    ),
    "POST /v1/lanes/{lane}/print": Call(
        "print",
        "Print the slip of an answer: of a redemption, of a denial by its notice, or the lane's last",
        PrintBody,
        answers.PrintedAnswer,
        problems=_of(404, 503, conflicts=("not_printed",)),
    ),
    "POST /v1/lanes/{lane}/again": Call(
        "again", "Let the code in view be a new presentation", answers=answers.Nothing, problems=_of(404)
    ),
    "GET /v1/lanes/{lane}/preview": Call(
        "preview", "The camera's pictures", gives="multipart/x-mixed-replace", problems=_of(404)
    ),
    "POST /v1/entry": Call(
        "stopEntry", "Stop entry to the site, or let it go on", EntryBody, answers.EntryAnswer, problems=_of(503)
    ),
    "GET /v1/offers": Call("offers", "The shop's own offers", answers=list[OfferAnswer], problems=_of(503)),
    "POST /v1/offers": Call(
        "newOffer",
        "Write a new offer of the shop",
        OfferBody,
        OfferAnswer,
        done=201,
        problems=_of(503, conflicts=("not_now",)),
    ),
    "PUT /v1/offers/{offer}": Call(
        "changeOffer",
        "Give an offer new terms",
        OfferBody,
        OfferAnswer,
        problems=_of(404, 503, conflicts=("not_now",)),
    ),
    "DELETE /v1/offers/{offer}": Call(
        "withdrawOffer",
        "Withdraw an offer",
        ByBody,
        OfferAnswer,
        problems=_of(404, 503, conflicts=("not_now",)),
    ),
    "POST /v1/offers/{offer}/undo": Call(
        "undoOffer",
        "Take an offer's last change back",
        ByBody,
        OfferAnswer,
        problems=_of(404, 503, conflicts=("not_now",)),
    ),
    "GET /v1/lists": Call("lists", "The signed lists in force, and their ages", answers=ListsAnswer, problems=_of(503)),
    "GET /v1/journal": Call(
        "journal",
        "The terminal's own records",
        answers=JournalAnswer,
        parameters=(_AFTER, _MANY),
        problems=_of(400, 503),
    ),
    "GET /v1/stats": Call(
        "stats",
        "What was given lately, and why not",
        answers=StatsAnswer,
        parameters=(_HOURS,),
        problems=_of(400, 503),
    ),
    "POST /v1/sync": Call(
        "synchronise",
        "Synchronise now, and what moved",
        answers=answers.MovedAnswer,
        parameters=(_REPORT,),
        also={202: answers.Nothing},
        problems=_of(400),
    ),
    "GET /v1/staff": Call("staff", "Who works here", answers=list[PersonAnswer], problems=_of(503)),
    "POST /v1/staff": Call(
        "newPerson",
        "A new person, with a PIN",
        PersonBody,
        PersonAnswer,
        done=201,
        problems=_of(503, conflicts=("here_already",)),
    ),
    "DELETE /v1/staff/{person}": Call(
        "strikePerson", "Strike a person out", answers=PersonAnswer, problems=_of(404, 503)
    ),
    "POST /v1/staff/{person}/reset": Call(
        "newPin", "Give a person a new PIN", PinBody, PersonAnswer, problems=_of(404, 503)
    ),
    "POST /v1/staff/unlock": Call(
        "unlock",
        "Unlock a screen with name and PIN, for five minutes",
        UnlockBody,
        SessionAnswer,
        problems=_of(423, 503),
    ),
    "POST /v1/staff/lock": Call("lock", "Lock it again", answers=answers.Nothing),
    "POST /v1/staff/entry": Call(
        "stopEntryByName",
        "Stop entry in one's own name, or let it go on",
        StopBody,
        answers.EntryAnswer,
        problems=_of(503),
    ),
    "POST /v1/lanes/{lane}/open": Call(
        "openOnce",
        "Open once without a code: a supervisor, with a reason",
        OpenBody,
        OpenedAnswer,
        problems=_of(404, 503),
    ),
    "GET /healthz": Call("health", "Whether the process answers", answers=answers.HealthAnswer),
    "GET /readyz": Call(
        "ready",
        "Whether a code could be decided now; 503 says what is missing",
        answers=answers.ReadinessAnswer,
        also={503: answers.ReadinessAnswer},
    ),
    "GET /metrics": Call("metrics", "The figures (Prometheus)", gives="text/plain"),
    "GET /openapi.json": Call("description", "This description", answers=_ANY),
}
"""Every call by its method and path."""


@cache
def examples() -> dict[str, Any]:
    """Return what a real terminal answered, by the call's name (tests/clients)."""
    found: dict[str, Any] = json.loads(resources.files("edge.api").joinpath("examples.json").read_text("utf-8"))
    return found


def problems_of(call: Call, may: May | None) -> Problems:
    """Return which problems a call may answer: its own, and those that every call of its kind has."""
    common = _of(*((401, 403) if may else ()), *((400, 408, 413) if call.takes else ()), 500)
    return {**common, **call.problems}


def document(routes: list[Route], release: str) -> dict[str, Any]:
    """Return the OpenAPI document of these routes, program version `release`."""
    calls = []
    for method, path, may, _handler in routes:
        call = CALLS[f"{method} {path}"]
        roles = ", ".join(role.value for role, allowed in ALLOWED.items() if may in allowed)
        place = Place(method, path, TOKEN if may else None, roles if may else "")
        calls.append((place, call._replace(problems=problems_of(call, may))))
    found = described(
        calls,
        Document(
            title="Xinguan terminal",
            version=release,
            description="docs/api.md says the rest: who may call, steps, grace, and what /v1/events tells.",
            servers=[
                {"url": "http://127.0.0.1:8470", "description": "on this machine ([api] listen)"},
                {
                    "url": "https://{host}:{port}",
                    "description": "beyond it: only with a certificate of its own ([api] tls_cert, tls_key)",
                    "variables": {"host": {"default": "terminal.lan"}, "port": {"default": "8470"}},
                },
            ],
            problem=Problem,
            security=(TOKEN,),
            examples=examples(),
            more=tuple(EVENTS.values()),
            words=meaning,
        ),
    )
    stream = found["paths"].get("/v1/events", {}).get("get")
    if stream:
        stream["x-events"] = {name: {"$ref": f"#/components/schemas/{kind.__name__}"} for name, kind in EVENTS.items()}
    return found


def with_description(routes: list[Route]) -> list[Route]:
    """Return the routes and, with them, their description at /openapi.json."""

    async def describe(_request: web.Request) -> web.Response:
        return web.Response(text=told, content_type="application/json")

    every: list[Route] = [*routes, ("GET", "/openapi.json", None, describe)]
    told = json.dumps(document(every, version("xinguan")), ensure_ascii=False)
    return every
