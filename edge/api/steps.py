"""The steps of a redemption, and what a person asks of a gate, over HTTP (lane.md, "Till and hotel").

Rules of this file:

- `request_id` (or the header `Idempotency-Key`) on every step: who asks again hears the same, also after a power cut,
  for 24 hours; what was refused is not kept;
- a step that cannot happen is a 409 problem with its reason, and a fact;
- `annul` and `not_turned` are two names of one step; `open` is a person who has the gate opened once more;
- opening everything (`/v1/emergency`) needs no store, no clock and no network.
"""

import functools
import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
from aiohttp import web

from cache.ids import uuid7
from cache.ledger import attempts, listing, paying, recall, steps
from cache.ledger.attempts import attempt_id
from cache.ledger.recall import Asking, OtherRequestError
from cache.ledger.steps import Stepped
from cache.pen import Pen
from credit.inputs import Now, Override
from credit.rules.offers import share
from credit.telling.answers import kept
from credit.telling.texts import TEXTS
from edge.api.access import ROLE, SESSION, May, Role, override_problem
from edge.api.bodies import body_of, request_id_of
from edge.api.messages import (
    ClaimBody,
    EmergencyBody,
    NoBody,
    OpenAgainBody,
    OverrideBody,
    PaidBody,
    ReverseBody,
    StepBody,
)
from edge.api.once import Once, Told
from edge.api.problems import KIND, ConflictError, other_request
from edge.lanes.gates.opening import Opening
from edge.lanes.lane import Lane
from edge.lanes.together import hold
from edge.watch.bounds import ANSWER_S
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store

T = TypeVar("T")

IN_STEPS = "steps"  # request ids of steps are their own room, whichever lane the redemption is of


class StepKind(NamedTuple):
    """One step of a redemption: its body and the ledger's job."""

    body: type[StepBody]
    job: Callable[..., Stepped]


STEPS: dict[str, StepKind] = {
    "passed": StepKind(NoBody, steps.passed),
    "annul": StepKind(NoBody, steps.annul),
    "not_turned": StepKind(NoBody, steps.annul),
    "paid": StepKind(PaidBody, paying.paid),
    "actuated": StepKind(NoBody, steps.actuated),
    "close": StepKind(NoBody, steps.close),
    "claim": StepKind(ClaimBody, steps.claim),
    "reverse": StepKind(ReverseBody, steps.reverse),
}
OPEN = "open"
Route = tuple[str, str, May | None, Callable[[web.Request], Any]]


class Clock(Protocol):
    """What tells the time here."""

    def now(self) -> Now:
        """Return now."""
        ...


class Steps:
    """The handlers of steps."""

    def __init__(self, *, lanes: Mapping[str, Lane], store: Store, clock: Clock) -> None:
        self._lanes = lanes
        self._store = store
        self._clock = clock
        self._once = Once(store, clock)

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [
            ("POST", "/v1/redemptions/{redemption}/{step}", May.ACT, self.step),
            ("POST", "/v1/emergency", May.ACT, self.emergency),
        ]

    async def step(self, request: web.Request) -> web.Response:
        """Take a redemption one step, or have its gate opened once more."""
        name, redemption = request.match_info["step"], request.match_info["redemption"]
        kind = STEPS.get(name)
        if kind is None and name != OPEN:
            raise web.HTTPNotFound(text=f"a redemption has no step {name!r}; it has {', '.join([*STEPS, OPEN])}")
        body: StepBody = await body_of(request, OpenAgainBody if kind is None else kind.body)
        before = await self._read(functools.partial(listing.redemption, redemption_id=redemption))
        if before is None:
            raise web.HTTPNotFound(text=f"this terminal knows no redemption {redemption!r}")
        body = _in_own_name(request, body)
        asking = _asking(request, body, f"{name} {redemption}")
        lane = self._lanes.get(before.lane)

        async def take() -> Told:
            if isinstance(body, OpenAgainBody):
                answer = await self._open(lane, redemption, body, asking)
            else:
                answer = await self._take(lane, redemption, name, body, asking)
            return Told(kept(answer).decode(), gave=answer["error"] is None)

        if asking is None:
            return _answered((await take()).text)
        try:
            return _answered(await self._once.answer(IN_STEPS, asking, decide=take, look=True))
        except OtherRequestError as error:
            raise other_request(error) from error

    async def _take(
        self, lane: Lane | None, redemption: str, name: str, body: StepBody, asking: Asking | None
    ) -> dict[str, Any]:
        if lane is not None:
            await lane.openings.finished(redemption)  # an undo never overtakes the opening that it undoes
        job = functools.partial(
            _job, now=self._clock.now(), redemption=redemption, name=name, arguments=_arguments(body), asking=asking
        )
        answer: dict[str, Any] = await self._write(job)
        if lane is not None and answer["error"] is None and answer["state"] is not None:
            lane.stepped(redemption, name, answer["state"])
        return answer

    async def _open(
        self, lane: Lane | None, redemption: str, body: OpenAgainBody, asking: Asking | None
    ) -> dict[str, Any]:
        if lane is None or not lane.openings.gated:
            raise ConflictError("no_gate", "the lane of this redemption has no gate here")
        lane.openings.ask(Opening(redemption, redemption, by=body.by))
        await lane.openings.finished(redemption)
        return await self._write(
            functools.partial(_opened, now=self._clock.now(), redemption=redemption, asking=asking)
        )

    async def emergency(self, request: web.Request) -> web.Response:
        """Open every gate and keep it open, or end that. A fact follows when the store can."""
        body: EmergencyBody = await body_of(request, EmergencyBody)
        done = await hold(self._lanes.values(), open_=body.open, by=body.by)
        told = {lane: {"outcome": one.outcome.value, "detail": one.detail} for lane, one in done.items()}
        return web.json_response({"open": body.open, "lanes": told})

    async def _read(self, job: Job[T]) -> T:
        try:
            return await self._store.read(job)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error

    async def _write(self, job: Job[T]) -> T:
        try:
            return await self._store.write(job, before=time.monotonic() + ANSWER_S)
        except StoreFailedError as error:
            raise web.HTTPServiceUnavailable(text=str(error)) from error


def _in_own_name(request: web.Request, body: StepBody) -> StepBody:
    """Return the body with the supervisor's name who is unlocked; raise 403 for whoever may not override."""
    override = body.override if isinstance(body, ClaimBody | ReverseBody) else None
    if override is None:
        return body
    if why := override_problem(request):
        raise web.HTTPForbidden(text=why)
    if request[ROLE] is not Role.STAFF:
        return body
    return msgspec.structs.replace(body, override=OverrideBody(by=request[SESSION].person, why=override.why))


def _asking(request: web.Request, body: StepBody, what: str) -> Asking | None:
    """Return the caller's id of this request, from the body or the header."""
    key = request_id_of(request, body.request_id)
    if key is None:
        return None
    said = msgspec.json.encode(msgspec.structs.replace(body, request_id=None))
    return Asking(key, sha256(what.encode() + b"\n" + said).digest())


def _arguments(body: StepBody) -> dict[str, Any]:
    """Return what the ledger's job takes of a body."""
    found = {key: value for key, value in msgspec.structs.asdict(body).items() if value is not None}
    found.pop("request_id", None)
    override = found.pop("override", None)
    if isinstance(override, OverrideBody):
        found["by"] = Override(by=override.by, why=override.why)
    return found


def _job(
    conn: sqlite3.Connection,
    *,
    now: Now,
    redemption: str,
    name: str,
    arguments: Mapping[str, Any],
    asking: Asking | None,
) -> dict[str, Any]:
    """Take the step and keep its answer, in one transaction."""
    pen = Pen(conn, now, uuid7)
    before = listing.redemption(conn, redemption)
    stepped = STEPS[name].job(pen, redemption, **arguments)
    listed = listing.redemption(conn, redemption)
    answer: dict[str, Any] = msgspec.to_builtins(stepped) | {"redemption": msgspec.to_builtins(listed)}
    if name == "reverse" and before is not None and listed is not None and stepped.error is None:
        answer["refund_fen"] = _paid_back(listed) - _paid_back(before)
    if asking is not None and stepped.error is None:
        recall.remember(pen, asking, recall.Given(redemption, answer, whole=True), lane=IN_STEPS)
    return answer


def _opened(conn: sqlite3.Connection, *, now: Now, redemption: str, asking: Asking | None) -> dict[str, Any]:
    """Return what came of the last attempt, and keep that this was asked for."""
    last = attempts.last_tried(conn, redemption)
    answer: dict[str, Any] = {
        "attempt": attempt_id(redemption, last.number) if last else None,
        "outcome": last.outcome if last else None,
        "error": None if last else "nothing_open",
        "redemption": msgspec.to_builtins(listing.redemption(conn, redemption)),
    }
    if asking is not None and last is not None:
        recall.remember(Pen(conn, now, uuid7), asking, recall.Given(redemption, answer, whole=True), lane=IN_STEPS)
    return answer


def _paid_back(listed: listing.Listed) -> int:
    """Return what has come back so far of what was paid."""
    pay = (listed.answer.get("offer") or {}).get("to_pay_fen")
    if pay is None or not listed.amount_fen:
        return 0
    return share(pay, listed.returned_fen, listed.amount_fen)


def _answered(text: str) -> web.Response:
    answer = json.loads(text)
    if answer["error"] is None:
        return web.Response(text=text, content_type="application/json")
    told = next((words for reason, words in TEXTS.items() if reason.value == answer["error"]), None)
    detail = answer["error"] if told is None else f"{told.zh} · {told.en}"
    problem = {"type": "about:blank", "title": "Conflict", "status": 409, "code": "step_refused", "detail": detail}
    told = problem | {"reason": answer["error"]} | answer
    return web.Response(text=json.dumps(told, ensure_ascii=False), status=409, content_type=KIND)
