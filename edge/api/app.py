"""The local HTTP API (contract.md §9, terminal.md): what gate software, tills and our own screens call.

Rules of this file:

- a decision is always HTTP 200, also REFUSE; 4xx is for a bad request, 503 for an ill terminal;
- bodies are small and strict: unknown members are errors that name themselves;
- the same `request_id` gets the same answer, also while the first is still being decided, and also after a power cut if
  it was given something; the same id for another request is 409.
"""

import contextlib
import re
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Protocol, TypeVar

import msgspec
from aiohttp import web

from cache.ids import uuid7
from cache.ledger import facts, listing, upkeep
from cache.ledger.recall import Asking, OtherRequestError
from cache.pen import Pen
from credit.inputs import Now
from credit.reasons import Reason
from credit.telling.answers import kept
from edge.api.access import ROLE, SESSION, May, Role, override_problem
from edge.api.bodies import body_of, request_id_of
from edge.api.calls.short_words import refused_short
from edge.api.messages import EntryBody, OverrideBody, PresentBody
from edge.api.once import Once, Told
from edge.api.problems import other_request
from edge.api.rates import Rates
from edge.api.steps import Steps
from edge.events import Event, Events
from edge.lanes.lane import Lane
from edge.lanes.presented import Answer
from edge.metrics import Metrics
from edge.watch.alive import Errands
from edge.watch.bounds import ANSWER_S
from scanner.source import Source
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store
from sync.shorts import ShortRefusedError, ShortUnansweredError
from sync.ways import Moved
from sync.wire.messages import WireError

MAX_BODY_BYTES = 16 * 1024
RECENT = re.compile(r"[0-9]{1,6}")  # ASCII: other digits are no number here
MAX_RECENT = 200

T = TypeVar("T")


class About(Protocol):
    """What the API asks of the terminal around it."""

    @property
    def site(self) -> str:
        """The site this terminal stands at."""
        ...

    def now(self) -> Now:
        """Return now."""
        ...

    async def status(self) -> dict[str, Any]:
        """Return the status answer."""
        ...

    async def readiness(self) -> dict[str, Any]:
        """Return the readiness answer."""
        ...

    @property
    def errands(self) -> Errands:
        """What is done beside, and nobody waits for."""
        ...

    async def synchronise(self) -> Moved:
        """Interrupt every wait on the way to the platform and return what moved."""
        ...

    async def token_of(self, short: str) -> str:
        """Return what a short code stands for; raise WireError, ShortRefusedError, ShortUnansweredError."""
        ...

    def source(self, lane: str) -> Source | None:
        """Return what a lane reads from, None when it has no source of its own."""
        ...


Route = tuple[str, str, May | None, Callable[[web.Request], Awaitable[web.StreamResponse]]]


class Api:
    """The handlers under /v1."""

    def __init__(
        self,
        *,
        lanes: dict[str, Lane],
        store: Store,
        events: Events,
        metrics: Metrics,
        about: About,
        rates: Rates,
    ) -> None:
        self._rates = rates
        self._lanes = lanes
        self._store = store
        self._events = events
        self._metrics = metrics
        self._about = about
        self._once = Once(store, about)
        self._steps = Steps(lanes=lanes, store=store, clock=about)

    def routes(self) -> list[Route]:
        """Return (method, path, what it asks of the caller, handler)."""
        return [
            ("GET", "/v1/status", May.LOOK, self.status),
            ("GET", "/v1/readiness", May.LOOK, self.readiness),
            ("GET", "/v1/events", May.LOOK, self.events),
            ("POST", "/v1/present", May.ACT, self.present),
            ("GET", "/v1/redemptions", May.ACT, self.redemptions),
            *self._steps.routes(),
            ("GET", "/v1/lanes/{lane}", May.LOOK, self.lane),
            ("POST", "/v1/lanes/{lane}/again", May.ACT, self.again),
            ("GET", "/v1/lanes/{lane}/preview", May.TEND, self.preview),
            ("POST", "/v1/entry", May.ACT, self.entry),
            ("POST", "/v1/sync", May.TEND, self.sync),
            ("GET", "/healthz", None, self.healthz),
            ("GET", "/readyz", None, self.readyz),
            ("GET", "/metrics", None, self.metrics),
        ]

    def _lane(self, name: str | None) -> Lane:
        lane = next(iter(self._lanes.values())) if name is None else self._lanes.get(name)
        if lane is None:
            raise web.HTTPNotFound(text=f"there is no lane {name!r}; there are {', '.join(self._lanes)}")
        return lane

    async def present(self, request: web.Request) -> web.Response:
        """Decide about a code. Always 200 with the decision; `Server-Timing` says for how long it was with us."""
        if not self._rates.take(request[ROLE]):
            raise web.HTTPTooManyRequests(text="too many presentations for one token", headers={"Retry-After": "1"})
        body: PresentBody = await body_of(request, PresentBody)
        arrived = time.monotonic()
        named = request_id_of(request, body.request_id)
        if named != body.request_id:
            body = msgspec.structs.replace(body, request_id=named)
        if body.override is not None:
            body = self._overriding(request, body, body.override)
        if body.short is not None and body.code:
            raise web.HTTPBadRequest(text="code and short: name one of them")
        lane = self._lane(body.lane)
        if body.ticket is not None and body.ticket not in lane.terms.tickets:
            raise web.HTTPBadRequest(text=f"there is no ticket {body.ticket!r} here")
        text = await self._told(lane, body)
        took = {"Server-Timing": f"total;dur={(time.monotonic() - arrived) * 1000:.1f}"}
        return web.Response(text=text, content_type="application/json", headers=took)

    async def _told(self, lane: Lane, body: PresentBody) -> str:
        """Return the answer as it is sent; the same request id hears the same."""
        if body.request_id is None:
            return kept((await self._present(lane, body)).to_json()).decode()

        async def decide() -> Told:
            answer = await self._present(lane, body, asking)
            if answer.before is not None:
                return Told(answer.before.answer, gave=True)
            return Told(kept(answer.to_json()).decode(), gave=answer.redemption is not None)

        asking = Asking(body.request_id, sha256(msgspec.json.encode(body)).digest())
        try:
            return await self._once.answer(lane.id, asking, decide=decide, look=False)
        except OtherRequestError as error:
            raise other_request(error) from error

    @staticmethod
    def _overriding(request: web.Request, body: PresentBody, override: OverrideBody) -> PresentBody:
        """Return the body with the name of who really overrides; a supervisor's session is one, a till's word too."""
        if why := override_problem(request):
            raise web.HTTPForbidden(text=why)
        if request[ROLE] is not Role.STAFF:
            return body
        return msgspec.structs.replace(body, override=OverrideBody(by=request[SESSION].person, why=override.why))

    async def _present(self, lane: Lane, body: PresentBody, asking: Asking | None = None) -> Answer:
        request, code = body.request(lane.terms.intent), body.code
        if body.short is not None:
            try:
                code = await self._about.token_of(body.short)
            except ShortUnansweredError:
                return await lane.referred(request, Reason.NEEDS_STAFF)
            except (ShortRefusedError, WireError) as error:
                raise refused_short(error) from error
        return await lane.present(code, request, ticket=body.ticket, second=body.second, asking=asking)

    async def redemptions(self, request: web.Request) -> web.Response:
        """List open redemptions (`state=open`) or the recent ones (`recent=N`)."""
        state, recent = request.query.get("state"), request.query.get("recent", "20")
        if state not in (None, "open") or not RECENT.fullmatch(recent) or not 1 <= int(recent) <= MAX_RECENT:
            raise web.HTTPBadRequest(text=f"state is open or left out, recent a number from 1 to {MAX_RECENT}")
        if state == "open":
            found = await self._read(listing.open_redemptions)
        else:
            found = await self._read(lambda conn: listing.recent(conn, int(recent)))
        return web.json_response([msgspec.to_builtins(one) for one in found])

    async def entry(self, request: web.Request) -> web.Response:
        """Stop entry to the site at once, or let it go on. A fact names who did."""
        body: EntryBody = await body_of(request, EntryBody)
        now, name = self._about.now(), facts.STOP_ENTRY + self._about.site
        seq = await self._write(lambda conn: upkeep.switch(Pen(conn, now, uuid7), name, on=body.stopped, by=body.by))
        return web.json_response({"stopped": body.stopped, "journal_seq": seq})

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

    async def lane(self, request: web.Request) -> web.Response:
        """Say what a lane is for, and the challenge it shows for a phone to answer."""
        lane = self._lane(request.match_info["lane"])
        terms = lane.terms
        shown = {"id": lane.id, "scene": terms.scene, "intent": terms.intent, "challenge": lane.challenge}
        return web.json_response(shown)

    async def again(self, request: web.Request) -> web.Response:
        """Let the code in view be a new presentation."""
        self._lane(request.match_info["lane"]).again()
        return web.json_response({})

    async def status(self, _request: web.Request) -> web.Response:
        """Say how this terminal is."""
        return web.json_response(await self._about.status())

    async def readiness(self, _request: web.Request) -> web.Response:
        """Answer "could this terminal decide offline now?"."""
        return web.json_response(await self._about.readiness())

    async def sync(self, request: web.Request) -> web.Response:
        """Synchronise now and say what moved; with `report=no` at once, 202."""
        report = request.query.get("report")
        if report not in (None, "no"):
            raise web.HTTPBadRequest(text="report is no or left out")
        if report == "no":
            self._about.errands.send("sync now", self._about.synchronise())
            return web.json_response({}, status=202)
        return web.json_response(msgspec.to_builtins(await self._about.synchronise()))

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Stream what happens, Server-Sent Events."""
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        hello = Event("hello", await self._about.status())  # before the bound is asked: nothing waits between both
        if self._events.full:
            raise web.HTTPTooManyRequests(text="as many screens listen as may. Close one")
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        try:
            async for chunk in self._events.listen(hello, public=request[ROLE] is Role.DISPLAY):
                await response.write(chunk)
        except ConnectionResetError:
            return response  # the screen went away
        return response

    async def preview(self, request: web.Request) -> web.StreamResponse:
        """Stream the lane camera's pictures with the decode overlay (multipart JPEG), while somebody looks."""
        lane = self._lane(request.match_info["lane"])
        source = self._about.source(lane.id)
        if source is None or not source.spec.is_camera:
            raise web.HTTPNotFound(text=f"lane {lane.id} has no camera")
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        async with contextlib.aclosing(source.preview()) as pictures:
            async for jpeg in pictures:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    await response.write(head.encode() + jpeg + b"\r\n")
                except ConnectionResetError:
                    break  # the page went away
        return response

    async def healthz(self, _request: web.Request) -> web.Response:
        """Say that the process answers."""
        return web.json_response({"ok": True})

    async def readyz(self, _request: web.Request) -> web.Response:
        """Say whether a code could be decided now: 200 or 503."""
        answer = await self._about.readiness()
        return web.json_response(answer, status=200 if answer["ready"] else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        """Give the figures."""
        await self._about.status()
        return web.Response(body=self._metrics.text(), content_type="text/plain", charset="utf-8")
