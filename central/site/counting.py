"""Claims and leases at a hub: its own count first, then the platform for keys wider than the site (claims.md 8 and 10).

    ask --own count--> refused, doubtful, gone                                                  → the gate
                   --> granted --wide keys--> platform: granted                                 → the gate, reach all
                                                        refused, gone, doubtful: place freed    → the gate
                                                        silent, learning                        → the gate, reach site

Rules of this file:

- a hub that has just started is learning; one that hears a higher number than its own has been replaced: it stops
  answering for good, and says so in its folder;
- what a gate gives up is released at the platform as well, each second until it is heard (`giving_up`);
- nonces and keys of the site never go up alone; a platform's no frees the hub's place before the gate hears of it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from central.books import pledges
from central.books.bounds import Bounds
from central.http.asked import read_bounded
from central.http.claim_calls import BUDGET_S, MAX_ASK_BYTES, RunningClock
from central.hub.behind import behind
from central.hub.claims import NONCE, Asker, answer_claim, release
from central.hub.learning import Learning
from central.hub.leases import answer_lease, is_young
from central.site.giving_up import GivenUp
from central.site.served import Terminals
from central.site.upward import Platform, PlatformAwayError
from storage.files import create_file
from storage.jobs import JobStore, Tx
from sync.wire.claims import ClaimAnswer, ClaimRequest, LeaseAnswer, LeaseRequest
from sync.wire.messages import WireError, decode

log = logging.getLogger("central.site")

RETIRED: Final = "retired"
RELEASE_S: Final = 1.0
LOOK_S: Final = 0.5
LAPSE_ROUNDS: Final = 10
INSIDE: Final = "@site:"
OCCUPANCY: Final = "i|"


def is_wide(key: str) -> bool:
    """Return whether a key counts beyond one site: whoever reads it needs no catalogue (claims.md, "The call")."""
    return not (key.startswith((NONCE, OCCUPANCY)) or INSIDE in key.split("|")[1])


class Lists(NamedTuple):
    """A hub's verified lists: what they bound, their versions by role, and how to look for newer ones."""

    bounds: Callable[[], Bounds]
    versions: Callable[[], Mapping[str, int]]
    look: Callable[[], None]


class Counting:
    """Answers claims and leases of the site's terminals."""

    def __init__(
        self,
        books: JobStore,
        terminals: Terminals,
        platform: Platform,
        *,
        lists: Lists,
        now_ms: Callable[[], int],
        folder: Path,
    ) -> None:
        self._books = books
        self._terminals = terminals
        self._platform = platform
        self._bounds = lists.bounds
        self._lists = lists
        self._clock = RunningClock(now_ms)
        self._mark = folder / RETIRED
        self._learning: Learning | None = None
        self._rounds = 0
        self.given_up = GivenUp(books)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [web.post("/v1/claims", self.claims), web.post("/v1/leases", self.leases)]

    @property
    def retired(self) -> bool:
        """Whether another hub has taken this one's place."""
        return self._mark.exists()

    def begin(self) -> None:
        """Begin to listen: what the platform holds of the site is here, the gates are still to be heard."""
        self._learning = Learning(self._terminals.names(), started_ms=self._clock.now_ms())

    def hear(self, terminal: str) -> None:
        """Note that a terminal has sent everything that this hub lacked."""
        if self._learning is not None:
            self._learning.hear(terminal, self._clock.now_ms())

    def settles_s(self) -> float:
        """Return for how long it does not count yet who has sent everything; a hub that has not begun asks again."""
        return LOOK_S if self._learning is None else self._learning.settles_ms(self._clock.now_ms()) / 1000

    @property
    def learning(self) -> bool:
        """Whether nothing is answered yet."""
        return self._learning is None or not self._learning.is_over(self._clock.now_ms())

    def _check_number(self, hub_no: int) -> None:
        """Stop for good when somebody knows a newer hub; raise WireError."""
        if hub_no > self._terminals.hub_no and not self.retired:
            log.error("hub %s was replaced by hub %s: it answers no more", self._terminals.hub_no, hub_no)
            create_file(self._mark, f"{hub_no}\n".encode())
        if self.retired:
            raise WireError("not_active", "another hub has taken this one's place")

    async def claims(self, request: web.Request) -> web.Response:
        """Answer a claim within the asker's budget, or not at all."""
        before = time.monotonic() + BUDGET_S
        body = await read_bounded(request, MAX_ASK_BYTES)
        caller = self._terminals.caller(request, body)
        ask = decode(body, ClaimRequest)
        if ask.terminal is not None:
            raise WireError("bad_message", "a terminal asks for itself")
        return _json(await self.answer(ask, caller.terminal, before=before))

    async def answer(self, ask: ClaimRequest, terminal: str, *, before: float | None = None) -> ClaimAnswer:
        """Return what `terminal` is told: our own count, then the platform's for wider keys; raise WireError."""
        self._check_number(ask.hub_no)
        if self.learning:
            return ClaimAnswer(learning=True)
        asker, bounds = Asker(terminal), self._bounds()
        self._check_active(terminal)
        given_up = self.given_up.fresh(ask.release, (terminal, ask.run))

        async def job(tx: Tx) -> ClaimAnswer:
            await self.given_up.keep(tx, given_up)
            return await answer_claim(tx, asker, ask, bounds, now_ms=self._clock.now_ms())

        answer = await self._books.write(job, before=before)
        self.given_up.kept(given_up)
        if answer.granted and any(is_wide(one.key) for one in ask.keys):
            answer = await self._wider(ask, terminal, answer)
        elif not answer.gone:  # of one that is gone we may have asked there
            self.given_up.note_here(ask.redemption)
        return msgspec.structs.replace(answer, behind=self._behind(ask.versions))

    def _behind(self, theirs: Mapping[str, int]) -> list[str]:
        """Return what the gate is to pull; a hub that hears of newer lists than its own looks for them."""
        ours = self._lists.versions()
        if any(version > ours.get(role, version) for role, version in theirs.items()):
            self._lists.look()
        return behind(theirs, ours)

    async def _wider(self, ask: ClaimRequest, terminal: str, own: ClaimAnswer) -> ClaimAnswer:
        """Ask the platform for the wider keys under the same id; return what the gate is told."""
        keys = [one for one in ask.keys if is_wide(one.key) or one.key.startswith(NONCE)]
        held = (terminal, ask.run)
        upward = msgspec.structs.replace(ask, keys=keys, terminal=terminal, about=None, release=self.given_up.of(held))
        try:
            answer = await self._platform.claim(upward)
        except PlatformAwayError as error:
            log.info("the platform does not answer for %s: %s", ask.redemption, error)
            return msgspec.structs.replace(own, reach="site")
        if answer.learning:
            return msgspec.structs.replace(own, reach="site")
        self.given_up.heard(upward.release)
        said = msgspec.structs.replace(own if answer.granted else answer, **_both(own, answer))
        if answer.granted:
            return said
        if not ask.dry:
            claim = pledges.Claim(ask.redemption, terminal, ask.run)
            await self._books.write(lambda tx: release(tx, claim, now_ms=self._clock.now_ms()))
        return said

    def _check_active(self, terminal: str) -> None:
        if self._terminals.find(terminal).state != "active":
            raise WireError("not_active", "a suspended or revoked terminal is given nothing")

    async def run(self) -> None:
        """Release at the platform what gates have given up, and let old claims lapse; never returns."""
        while True:
            await asyncio.sleep(RELEASE_S)
            await self._lapse()
            for held in self.given_up.whose():
                await self.release_up(held)
            await self.given_up.forget()

    async def _lapse(self) -> None:
        """Let claims lapse that nobody has spoken of, also while nobody asks: the list of them goes up."""
        self._rounds += 1
        if self._rounds % LAPSE_ROUNDS == 0:
            await self._books.write(lambda tx: pledges.lapse(tx, now_ms=self._clock.now_ms()))

    async def release_up(self, held: tuple[str, str]) -> None:
        """Tell the platform which ids of a terminal's run were given up."""
        terminal, run = held
        ids = self.given_up.of(held)
        ask = ClaimRequest(
            run=run,
            hub_no=self._terminals.hub_no,
            redemption=ids[0],
            at_ms=self._clock.now_ms(),
            release=ids,
            terminal=terminal,
        )
        try:
            answer = await self._platform.claim(ask)
        except PlatformAwayError:
            return
        if not answer.learning:
            self.given_up.heard(ids)

    async def leases(self, request: web.Request) -> web.Response:
        """Grant, repeat or take back a lease."""
        body = await read_bounded(request, MAX_ASK_BYTES)
        caller = self._terminals.caller(request, body)
        ask = decode(body, LeaseRequest)
        self._check_number(ask.hub_no)
        self._check_active(caller.terminal)
        learning = self._learning
        if self.learning or learning is None:
            raise WireError("learning", "this hub has just started; ask again in a second")
        if ask.terminal is not None:
            raise WireError("bad_message", "a terminal asks for itself")
        bounds = self._bounds()
        if not bounds.is_of_site(ask.quota, self._terminals.site):
            try:
                return _json(await self._platform.lease(msgspec.structs.replace(ask, terminal=caller.terminal)))
            except PlatformAwayError as error:
                raise WireError("learning", f"the platform leases this, and does not answer: {error}") from error

        async def job(tx: Tx) -> LeaseAnswer:
            young = await is_young(tx, caller.terminal, ask.quota, learning, now_ms=self._clock.now_ms())
            return await answer_lease(tx, caller.terminal, ask, bounds, young=young)

        return _json(await self._books.write(job))


def _both(own: ClaimAnswer, wider: ClaimAnswer) -> dict[str, Any]:
    """Return what hub and platform know together: what ended, what is left, and the site's own rows."""
    under = {key: sorted({*own.under.get(key, ()), *wider.under.get(key, ())}) for key in {*own.under, *wider.under}}
    ended = sorted({*own.ended, *wider.ended})
    return {"ended": ended, "under": under, "left": {**own.left, **wider.left}, "site": own.site}


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")
