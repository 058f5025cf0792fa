"""Asking a hub before a decision is written: drives `sync.beyond.rounds.Rounds` over a network, within one budget.

Rules of this file:

- one budget for all rounds of a visit; whatever goes wrong in it means that this terminal goes alone;
- an id that was not committed, for whatever reason, is released with the next ask, and each second by `run`;
- a silent authority costs two visitors the budget; then only `run` looks for it, once a second;
- who is asked, and under which number, may change between two visits (a new profile): one visit has one asker;
- whoever counts by newer lists says so, and they are looked for, once for what we have and he has;
- an answer that comes after its time belongs to nobody: its ask was cancelled, and its id is released.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from cache.ledger.counting.keys import used
from cache.ledger.permit import Dry, Known, Leased, Permit, ToldInside
from cache.ledger.visit import Visit
from credit.decision import Use
from credit.inputs import ASKING, ENDING, Now, Place, Request
from credit.reasons import Outcome
from storage.sqlite import Store
from sync.beyond.answers import ended_of, known_of
from sync.beyond.leases import RENEW_S, Leases, Lessor, NoRoom
from sync.beyond.patience import Breaker, Pending
from sync.beyond.rounds import BUDGET_S, Asker, Rounds
from sync.wire.claims import About, ClaimAnswer, ClaimRequest
from sync.wire.messages import WireError

log = logging.getLogger("xinguan.asking")

RELEASE_S = 1.0
MAX_INSIDE = 64  # figures of who is inside that are kept for a silence
RENEW_ROUNDS = round(RENEW_S / RELEASE_S)
Weigh = Callable[[Permit], Awaitable[Dry]]


class AuthorityError(Exception):
    """Whoever counts did not answer, or not as the protocol says."""


class Authority(Protocol):
    """Who counts beyond this terminal: a hub, or the platform where there is none."""

    async def claim(self, request: ClaimRequest) -> ClaimAnswer:
        """Return the answer to an ask. Raises AuthorityError, WireError."""
        ...


class Asking:
    """Asks an authority for each visit (implements `edge.lanes.beyond.Beyond`)."""

    def __init__(
        self,
        authority: Authority,
        asker: Callable[[], Asker],
        now: Callable[[], Now],
        leases: Leases | None = None,
    ) -> None:
        self.leases = leases
        self._authority = authority
        self._asker = asker
        self._now = now
        self._breaker = Breaker()
        self.pending = Pending()
        self.behind: Callable[[], None] = lambda: None  # told once for each: whoever counts has newer lists
        self._told_behind: tuple[object, ...] = ()
        self._inside: dict[str, ToldInside] = {}
        self.rounds = 0

    async def permit(self, visit: Visit, weigh: Weigh) -> Permit:
        """Return what may be taken for a visit; never raises for what a network does."""
        rounds = Rounds(self._asker(), visit, self._now(), self._inside)
        try:
            async with asyncio.timeout(BUDGET_S):
                await self._ask(rounds, visit, weigh)
        except (TimeoutError, AuthorityError, WireError) as error:
            self._silent(error)
            rounds.silent()
        except asyncio.CancelledError:
            self._drop(rounds.asked, None)
            self._settle_leases(rounds.permit)
            raise
        self._drop(rounds.asked, rounds.permit.redemption)
        return rounds.permit

    async def _ask(self, rounds: Rounds, visit: Visit, weigh: Weigh) -> None:
        done = False
        while not done:
            dry = await weigh(rounds.permit)
            if await self._leased(rounds, visit, dry):
                continue
            request = rounds.ask(dry, self.pending.next())
            if request is None:
                return
            if not self._breaker.closed:
                rounds.silent()
                return
            done = rounds.hear(await self._sent(request))
            self._inside = dict(list(rounds.inside.items())[-MAX_INSIDE:])

    async def _leased(self, rounds: Rounds, visit: Visit, dry: Dry) -> bool:
        """Reserve what a decision would take of leased quotas; return whether one has no room, and it is made again."""
        giving = dry.decision.outcome is Outcome.GRANT and visit.request.intent not in (*ENDING, *ASKING)
        for use in dry.decision.consumption.uses if self.leases is not None and giving else ():
            if not use.leased or use.key in rounds.permit.leases:
                continue
            try:
                taken = await self._taken(use)
            except (AuthorityError, WireError):
                taken = NoRoom.SILENT
            if isinstance(taken, NoRoom):
                rounds.no_room(use.key, held=taken is NoRoom.LET, silent=taken is NoRoom.SILENT)
                return True
            rounds.lease(use.key, taken)
        return False

    async def _taken(self, use: Use) -> Leased | NoRoom:
        return NoRoom.SILENT if self.leases is None else await self.leases.take(use.key, use.n)

    def _settle_leases(self, permit: Permit) -> None:
        if self.leases is not None:
            self.leases.settled(permit.leases.values())

    async def known(self, request: Request, place: Place) -> Permit:
        """Return what is known of something brought back without a code."""
        del place
        about = About(asset=request.asset) if request.asset is not None else About(redemption=request.redemption)
        ask = self._empty(about)
        if request.intent not in ENDING or not self._breaker.closed:
            return self._alone()
        try:
            async with asyncio.timeout(BUDGET_S):
                answer = await self._sent(ask)
        except (TimeoutError, AuthorityError, WireError) as error:
            self._silent(error)
            return self._alone()
        if answer.learning:  # it does not know yet what stands at the site
            return self._alone()
        return Permit(hub_no=ask.hub_no, known=known_of(Known(), answer, ask), ended=ended_of({}, answer))

    def settled(self, permit: Permit, redemption: str | None) -> None:
        """Hear what became of a permit: what it held and nobody committed is released."""
        self._settle_leases(permit)
        if permit.redemption is not None and redemption != permit.redemption:
            self.pending.add(permit.redemption)

    async def run(self) -> None:
        """Release what waits and look for whoever was silent, once a second; never returns."""
        while True:
            await asyncio.sleep(RELEASE_S)
            if len(self.pending) or not self._breaker.closed:
                await self.release()
            self.rounds += 1
            if self.leases is not None and self.rounds % RENEW_ROUNDS == 0:
                await self.renew()

    async def renew(self) -> None:
        """Ask again for the leases that are held, and give back what is not wanted."""
        try:
            if self.leases is not None:
                await self.leases.renew()
        except (AuthorityError, WireError) as error:
            self._silent(error)

    async def release(self) -> None:
        """Tell the authority which ids were not committed and never will be; that it answers is a sign of life."""
        try:
            async with asyncio.timeout(BUDGET_S):
                await self._sent(self._empty(None))
        except (TimeoutError, AuthorityError, WireError) as error:
            self._silent(error)

    async def _sent(self, request: ClaimRequest) -> ClaimAnswer:
        answer = await self._authority.claim(request)
        self._breaker.answered()
        if answer.behind and (told := (*answer.behind, *sorted(request.versions.items()))) != self._told_behind:
            self._told_behind = told
            self.behind()
        if not answer.learning:  # it took nothing in, releases neither
            self.pending.heard(request.release)
        return answer

    def _empty(self, about: About | None) -> ClaimRequest:
        now, asker = self._now(), self._asker()
        return ClaimRequest(
            run=asker.run,
            hub_no=asker.hub_no,
            redemption=asker.ids(now.utc_ms),
            at_ms=now.utc_ms,
            about=about,
            release=self.pending.next(),
            versions=dict(asker.versions),
        )

    def _drop(self, asked: tuple[str, ...], kept: str | None) -> None:
        """Release every id that was asked for and is not the one that may still be committed."""
        for one in asked:
            if one != kept:
                self.pending.add(one)

    def _alone(self) -> Permit:
        return Rounds.alone(self._asker(), self._now())

    def _silent(self, error: Exception) -> None:
        told = self._breaker.closed  # a long silence is two lines, not one a second
        self._breaker.silent()
        log.log(
            logging.WARNING if told else logging.DEBUG,
            "nobody_answers",
            extra={"detail": str(error) or type(error).__name__},
        )


class Lessee(Authority, Lessor, Protocol):
    """Who counts beyond this terminal, and leases."""


def open_asking(authority: Lessee, asker: Callable[[], Asker], now: Callable[[], Now], store: Store) -> Asking:
    """Return who asks for this terminal, with the leases that its own ledger counts for."""

    async def own(quota: str) -> int:
        return await store.read(lambda conn: used(conn, quota, None).n)

    return Asking(authority, asker, now, Leases(authority, asker, own))
