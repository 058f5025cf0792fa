"""The calls by which terminals ask before they give: claims and leases (claims.md, "The call"; docs/protocol.md).

The platform is the authority of keys wider than a site, and of a site's keys where its profile names no hub. A terminal
waits 150 ms for an answer, so a job that has not begun by then is withdrawn: nothing is held for somebody who left.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from central.books.bounds import Catalogue
from central.http.asked import MAX_WAIT_S, Caller, KeyEndedError, named_in, read_bounded
from central.http.terminal_calls import SEEN_MS, TerminalCalls
from central.hub.behind import Published, behind
from central.hub.claims import Asker, answer_claim
from central.hub.elder import site_page
from central.hub.learning import Learning
from central.hub.leases import answer_lease, is_young
from central.hub.lifting import Heeding, hear_doubts
from central.lives import twins
from central.platform_state import PlatformState
from central.register.sites import serves
from storage.jobs import JobStore, Tx
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.hubs import LapsedClaims, LapsedKept
from sync.wire.messages import WireError, decode

MAX_ASK_BYTES: Final = 64 * 1024
MAX_LAPSED_BYTES: Final = 1024 * 1024
BUDGET_S: Final = 0.15
STATES: Final = (
    "SELECT CASE WHEN twin_ms IS NULL THEN state ELSE 'twin' END, public_key FROM terminals WHERE terminal = $1"
)
EXPECTED: Final = "SELECT terminal FROM terminals WHERE state = 'active' AND seen_ms > $1 ORDER BY terminal"
RECENT_MS: Final = SEEN_MS + 1000 * MAX_WAIT_S + 10_000  # a poll hangs for a minute, and is written down each minute


class RunningClock:
    """Time that only runs forward: the wall clock as it stood at the start, and what has passed since."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._wall_ms = now_ms()
        self._from = time.monotonic()

    def now_ms(self) -> int:
        """Return the running time in milliseconds, on the scale of the wall clock."""
        return self._wall_ms + int((time.monotonic() - self._from) * 1000)


class ClaimCalls:
    """Handlers over one authority. `learning` is asked before every answer."""

    def __init__(self, store: JobStore, calls: TerminalCalls, state: PlatformState, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._calls = calls
        self._now_ms = now_ms
        self._catalogue = Catalogue(state.folder)
        self._published = Published(state)
        self._clock = RunningClock(now_ms)
        self._learning = Learning((), started_ms=self._clock.now_ms())
        self._heeding = Heeding()
        calls.heard = lambda terminal: self._learning.hear(terminal, self._clock.now_ms())
        calls.settles_s = lambda: self._learning.settles_ms(self._clock.now_ms()) / 1000

    async def begin(self) -> None:
        """Learn whom to wait for: the active terminals that were seen within RECENT_MS."""
        expected = await self._store.read(lambda tx: in_reach(tx, now_ms=self._clock.now_ms()))
        self._heeding.note(await self._store.read(self._heeding.begin))
        self._learning = Learning(expected, started_ms=self._clock.now_ms())

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.post("/v1/claims", self._calls.clocked(self.claims)),
            web.post("/v1/leases", self._calls.clocked(self.leases)),
            web.get("/v1/hubs/{hub}/site", self._calls.clocked(self.site)),
            web.post("/v1/hubs/{hub}/lapsed", self._calls.clocked(self.lapsed)),
        ]

    async def claims(self, request: web.Request) -> web.Response:
        """Answer a claim within the asker's budget, or not at all."""
        before = time.monotonic() + BUDGET_S
        body = await read_bounded(request, MAX_ASK_BYTES)
        terminal = named_in(request)
        if (known := self._calls.remembered(request, body, terminal)) is not None:
            with contextlib.suppress(KeyEndedError):
                return await self._claimed(known, body, before)
        return await self._claimed(await self._calls.caller(request, body, terminal=terminal), body, before)

    async def _claimed(self, caller: Caller, body: bytes, before: float) -> web.Response:
        """Answer a claim of somebody proven by a key; raise KeyEndedError where the books have another by now."""
        ask = decode(body, ClaimRequest)
        if not self._learning.is_over(self._clock.now_ms()):
            return _json(ClaimAnswer(learning=True))
        bounds, asker = self._catalogue.bounds(), ask.terminal or caller.terminal

        async def job(tx: Tx) -> tuple[ClaimAnswer, int]:
            await _check_may_ask(tx, caller.terminal, proven_by=caller.hexed)
            await twins.hear(tx, caller.claims, now_ms=self._now_ms())
            if asker != caller.terminal:
                await _check_serves(tx, caller.terminal, asker)
            now_ms = self._clock.now_ms()
            heeded = await self._heeding.heed(tx, now_ms=now_ms)
            return await answer_claim(tx, Asker(asker), ask, bounds, now_ms=now_ms), heeded

        answer, heeded = await self._store.write(job, before=before)
        self._heeding.note(heeded)
        return _json(msgspec.structs.replace(answer, behind=behind(ask.versions, self._published.versions())))

    async def leases(self, request: web.Request) -> web.Response:
        """Grant, repeat or take back a lease."""
        body = await read_bounded(request, MAX_ASK_BYTES)
        caller = await self._calls.caller(request, body, terminal=named_in(request))
        ask = decode(body, LeaseRequest)
        if not self._learning.is_over(self._clock.now_ms()):
            raise WireError("learning", "this authority has just started; ask again in a second")
        bounds, asker = self._catalogue.bounds(), ask.terminal or caller.terminal

        async def job(tx: Tx) -> LeaseAnswer:
            await _check_may_ask(tx, caller.terminal)
            if asker != caller.terminal:
                await _check_serves(tx, caller.terminal, asker)
            young = await is_young(tx, asker, ask.quota, self._learning, now_ms=self._clock.now_ms())
            return await answer_lease(tx, asker, ask, bounds, young=young)

        return _json(await self._store.write(job))

    async def site(self, request: web.Request) -> web.Response:
        """Tell a hub what stands at its site, page by page, signed."""
        hub, after = request.match_info["hub"], request.query.get("after", "")
        caller = await self._calls.caller(request, b"", terminal=hub)
        page = await self._store.read(lambda tx: site_page(tx, hub, after=after[:128], nonce=caller.claims.jti))
        if page is None:
            raise WireError("not_found", f"{hub} is the hub of no site")
        return web.Response(text=self._calls.signed(page), content_type="application/jwt")

    async def lapsed(self, request: web.Request) -> web.Response:
        """Hear of a hub which claims have lapsed there: what a lost box may have given."""
        hub, body = request.match_info["hub"], await read_bounded(request, MAX_LAPSED_BYTES)
        await self._calls.caller(request, body, terminal=hub)
        told = decode(body, LapsedClaims)

        async def job(tx: Tx) -> int:
            await _check_may_ask(tx, hub)
            named = sorted({one.terminal for one in told.claims})
            served = {one for one in named if await serves(tx, hub, one)}
            return await hear_doubts(tx, hub, told.claims, served)

        return _json(LapsedKept(kept=await self._store.write(job)))


async def in_reach(tx: Tx, *, now_ms: int) -> list[str]:
    """Return the active terminals that may be in reach: their polls hang for a while, and are written down seldom."""
    return [str(row[0]) for row in await tx.rows(EXPECTED, now_ms - RECENT_MS)]


async def _check_may_ask(tx: Tx, terminal: str, *, proven_by: str | None = None) -> None:
    row = await tx.row(STATES, terminal)
    if row is not None and proven_by not in (None, row[1]):
        raise KeyEndedError
    if row is None or row[0] != "active":
        raise WireError("not_active", "a suspended or revoked terminal, or a twin, is given nothing")


async def _check_serves(tx: Tx, hub: str, terminal: str) -> None:
    if not await serves(tx, hub, terminal):
        raise WireError("not_active", f"{terminal} is not one of this hub's terminals")
    await _check_may_ask(tx, terminal)


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")
