"""From presented text to a settled answer: open the token, settle it in the ledger, tell everybody (architecture.md).

One way for every lane, whether the text came from a camera, a hand scanner or the API:

1. `edge.lanes.codes.opener`: no database yet; a `TokenError` is an answer too, and only its reason is kept;
2. ask, then write: who counts beyond this terminal is asked first, side by side for all lanes and within ASK_S; what
   he says is a `Permit`. A time that is over, or whatever goes wrong in asking, means that this terminal counts alone.
   Beside it a negative of our own lists is asked about once more (`edge.lanes.reasking`);
3. one job on the writer thread: facts → decide → commit. No network in it;
4. a store that cannot commit gives REFER and a loud light, never GRANT; so does a bound that would not hold;
5. metrics and screens hear of it after the commit.

Where tests pull the plug: `reached` is told "before-commit" inside the transaction, "after-commit" after it.
"""

import asyncio
import functools
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from secrets import token_urlsafe
from typing import Any

from msgspec.structs import replace

from cache.ids import uuid7
from cache.ledger import attempts, recall, settle, upkeep
from cache.ledger.permit import ClaimWord, Dry, Permit
from cache.ledger.visit import Lists, ListUnreadableError, Settled, Visit
from cache.lists.store import ListStore
from cache.lists.trusted import TrustedLists
from cache.pen import Pen
from credit.claims import Token
from credit.decide import refused
from credit.facts import Facts
from credit.inputs import Intent, Now, Place
from credit.reasons import Reason
from credit.tokens import TokenError
from credit.weighing.endings import end
from edge.clock import raise_floor
from edge.lanes.beyond import Beyond, ThisTerminal
from edge.lanes.codes.opener import open_presented
from edge.lanes.gates.unsent import Unsent
from edge.lanes.presented import Answer, Presented, answer_of, told_before
from edge.lanes.punctual import EXIT_S, LateError, Punctual
from edge.lanes.reasking import Asks, Repaired, asked_again, denied
from edge.metrics import Metrics
from edge.watch.alive import Errands
from edge.watch.bounds import Bounds
from edge.watch.store import DECIDE
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.wire.profiles import Profile

log = logging.getLogger("xinguan.decider")

MAX_OWED = 10_000  # exits kept in memory until the ledger can be written again
ASK_S = 0.17  # whoever asks gives up by himself before this (claims.md: 150 ms)
NOTICE_BYTES = 16
ROUNDS = 2  # a decision that wants more than its permit is asked for once more


class Decider:
    """Decides for every lane of this terminal."""

    def __init__(
        self,
        *,
        store: Store,
        bounds: Bounds,
        lists: ListStore,
        profile: Profile,
        places: Mapping[str, Place],
        metrics: Metrics,
        beyond: Beyond | None = None,
    ) -> None:
        self.asks: Asks | None = None  # who is asked about a negative once more, if somebody sets it
        self.beyond = beyond or ThisTerminal()  # who counts for more than this terminal
        self._store = store
        self._bounds = bounds
        self._lists = lists
        self._profile = profile
        self._places = places
        self._metrics = metrics
        self.reached: Callable[[str], None] = lambda _point: None  # told where a redemption stands
        self.unsent = Unsent()  # attempts that are written and not sent
        self._punctual = Punctual(store, self.now)
        self._owed: deque[tuple[dict[str, Any], int]] = deque(maxlen=MAX_OWED)

    @property
    def errands(self) -> Errands:
        """What is done beside decisions, and nobody waits for."""
        return self._punctual.errands

    @errands.setter
    def errands(self, errands: Errands) -> None:
        self._punctual.errands = errands

    def adopt(self, profile: Profile, places: Mapping[str, Place]) -> None:
        """Decide by another profile from now on."""
        self._profile, self._places = profile, places

    def now(self, *, grace_s: int = 10, ago_ms: int = 0) -> Now:
        """Return now as the ledger wants it, or a moment ago."""
        now, since_ms = self._bounds.clock.now(), self._bounds.outage.since_ms
        return Now(utc_ms=now.utc_ms - ago_ms, clock=now.clock, offline_since_ms=since_ms, grace_ms=grace_s * 1000)

    def _at(self, presented: Presented) -> Now:
        """Return the moment of its arrival: waiting for a turn makes no code stale."""
        return self.now(grace_s=presented.grace_s, ago_ms=round((time.monotonic() - presented.arrived) * 1000))

    def before(self, presented: Presented) -> float:
        """Return until when it is answered, in seconds of `time.monotonic()`."""
        leaving = presented.request.intent is Intent.EXIT
        return presented.arrived + (EXIT_S if leaving else self._bounds.answer_s)

    def too_late(self, presented: Presented) -> Answer:
        """Return the answer to somebody whose turn did not come in time."""
        now = self._at(presented)
        return self._answer(presented, _unsettled(Reason.STORE_FAILED, now), now)

    def close(self) -> None:
        """Forget the page of attempts where nothing waits on it."""
        self.unsent.close()

    def boot_ms(self) -> int:
        """Return a clock that never jumps, in milliseconds."""
        return self._bounds.clock.boot_ms()

    async def decide(self, presented: Presented) -> Answer:
        """Return the settled answer; never raises for anything a visitor can show, nor for an ill store."""
        now, began = self._at(presented), time.perf_counter()
        settled = await self._settled(presented, now)
        self._metrics.stages.observe("total", time.perf_counter() - began)
        self._metrics.decided(settled.decision.outcome, settled.decision.findings[0].reason)
        return self._answer(presented, settled, now)

    def _answer(self, presented: Presented, settled: Settled, now: Now) -> Answer:
        trusted, home = self._lists.current, self._profile.issuer
        age_s = None if trusted.missing(home) else trusted.age_s(home, now.utc_s)
        return answer_of(presented, settled, now, lists_age_s=age_s)

    async def _settled(self, presented: Presented, now: Now) -> Settled:
        if not self._bounds.health.begun:
            return self._without_store(presented, now)
        trusted, place = self._lists.current, self._places[presented.lane]
        listless = trusted.missing(self._profile.issuer) and not presented.without_code
        if presented.refusal is not None or listless:
            return await self._unasked(presented, now)
        if presented.without_code:
            permit = await self._asked(self.beyond.known(presented.request, place), presented)
            job = functools.partial(
                settle.bring_back, request=presented.request, place=place, policy=trusted.policy, permit=permit
            )
            return await self._written(job, presented, now)
        began = time.perf_counter()
        try:
            token = open_presented(presented, trusted.keyring, now, self._profile)
        except TokenError as error:
            refusal = functools.partial(_note_refusal, lane=presented.lane, reason=error.reason)
            return await self._written(refusal, presented, now)
        finally:
            self._metrics.stages.observe("open_token", time.perf_counter() - began)
        try:
            return await self._judged(token, trusted, presented, now)
        except ListUnreadableError as error:
            self._lists.unreadable(error.role, str(error))
            return await self._unasked(presented, now)

    async def _judged(self, token: Token, trusted: TrustedLists, presented: Presented, now: Now) -> Settled:
        """Settle an opened token, with the standing that the lists give its subject."""
        if presented.request.intent is Intent.EXIT:  # nobody's word is waited for where somebody leaves
            visit = self._visit(token, presented, {})
            job = functools.partial(settle.settle, visit=visit, lists=trusted, policy=trusted.policy)
            return await self._written(job, presented, now)
        visit = self._visit(trusted.seen(token), presented, trusted.versions_about(token.issuer))
        return await self._permitted(visit, trusted, presented, now)

    def _visit(self, token: Token, presented: Presented, lists: Mapping[str, int]) -> Visit:
        request, named = presented.request, presented.asking is not None
        if request.named is not named:
            request = replace(request, named=named)
        place, stage, gated = self._places[presented.lane], self._bounds.disk.stage, presented.approach is not None
        notice = token_urlsafe(NOTICE_BYTES)
        return Visit(token, request, place, stage, notice, presented.text, lists=lists, gated=gated)

    async def _unasked(self, presented: Presented, now: Now) -> Settled:
        """Answer where no code can be judged: that is no fault of a visitor, and keeps nobody in."""
        if presented.request.intent is Intent.EXIT:
            return self._without_store(presented, now, why="short_unanswered" if presented.refusal else "lists_missing")
        refusal = functools.partial(_note_refusal, lane=presented.lane, reason=presented.refusal or Reason.LIST_TOO_OLD)
        return await self._written(refusal, presented, now)

    async def _permitted(self, visit: Visit, trusted: TrustedLists, presented: Presented, now: Now) -> Settled:
        """Ask, then write; a decision that wants more than it was permitted is asked for once more."""
        policy, asks = trusted.policy, self.asks
        lists: Lists = trusted

        async def weigh(permit: Permit) -> Dry:
            nonlocal visit
            job = functools.partial(settle.dry, visit=visit, lists=lists, policy=policy, permit=permit)
            dry = await self._store.read(lambda conn: job(Pen(conn, now, uuid7)))
            visit = replace(visit, asked=dry.asked)
            return dry

        for _ in range(ROUNDS):
            again = asks if asks is not None and denied(visit, lists) else None
            asking = self._asked(self.beyond.permit(visit, weigh), presented)
            if again is None:  # as with most: no task beside
                permit = await asking
            else:
                permit, lists = await asyncio.gather(asking, asked_again(again, visit, lists))
            asks = None  # once a visit: a second round wants room, not another answer
            visit = replace(visit, lifted=lists.lifted) if isinstance(lists, Repaired) else visit
            job = functools.partial(settle.settle, visit=visit, lists=lists, policy=policy, permit=permit)
            try:
                settled = await self._written(job, presented, now)
            except recall.OtherRequestError:
                self.beyond.settled(permit, None)
                raise
            if not settled.uncertain:
                self.beyond.settled(permit, settled.redemption if settled.redemption == permit.redemption else None)
            if not settled.outside:
                return settled
        return _unsettled(Reason.IN_USE, now)

    async def _asked(self, asking: Awaitable[Permit] | Permit, presented: Presented) -> Permit:
        """Wait for a permit while there is time; after that this terminal counts alone."""
        if isinstance(asking, Permit):
            return asking
        try:
            async with asyncio.timeout(ASK_S):
                return await asking
        except (TimeoutError, StoreFailedError) as error:
            log.warning("not_permitted", extra={"lane": presented.lane, "detail": type(error).__name__})
            return Permit(claim=ClaimWord.ALONE)

    async def _written(self, job: Callable[[Pen], Settled], presented: Presented, now: Now) -> Settled:
        began = time.perf_counter()
        try:
            settled = await self._punctual.write(
                functools.partial(self._watched, job, presented, now),
                before=self.before(presented),
                failed=lambda: self._owe(presented, now),
                undo=presented.request.intent is not Intent.EXIT,
            )
        except StoreFailedError as error:
            if presented.request.intent is not Intent.EXIT:  # an exit waits less than a store may take
                self._bounds.health.failed(DECIDE, error)
            late = isinstance(error, LateError)
            return replace(self._without_store(presented, now, owed=not late), uncertain=late)
        except sqlite3.IntegrityError:  # the second lock held what the first let through
            log.exception("bound_held", extra={"lane": presented.lane})
            return _unsettled(Reason.STORE_FAILED, now)
        finally:
            self._metrics.stages.observe("settle", time.perf_counter() - began)
        self._bounds.health.succeeded(DECIDE)
        self.reached("after-commit")
        return settled

    def _without_store(
        self, presented: Presented, now: Now, *, owed: bool = True, why: str = "store_failed"
    ) -> Settled:
        """Answer while the ledger cannot be written: nobody is let in, and nobody is kept in (contract.md §3)."""
        if presented.request.intent is not Intent.EXIT:
            return _unsettled(Reason.STORE_FAILED, now)
        if owed:
            self._owe(presented, now, why)
        decision = end(presented.request, Facts(place=self._places[presented.lane]), now)
        return Settled(decision=decision, open_gate=True)

    def _owe(self, presented: Presented, now: Now, why: str = "store_failed") -> None:
        """Remember to journal somebody who was let out while nothing could be written or verified."""
        if presented.request.intent is Intent.EXIT:
            self._owed.append(({"lane": presented.lane, "intent": "exit", "why": why}, now.utc_ms))

    async def pay_owed(self) -> None:
        """Journal what was done while the ledger could not be written (kind `emergency`). Raises StoreFailedError."""
        while self._owed:
            body, at_ms = self._owed[0]
            await self._store.write(functools.partial(_emergency, body, at_ms))
            self._owed.popleft()

    def _watched(
        self, job: Callable[[Pen], Settled], presented: Presented, now: Now, conn: sqlite3.Connection
    ) -> Settled:
        pen = Pen(conn, now, uuid7)
        if presented.asking is not None:
            known = recall.answered(conn, presented.asking, lane=presented.lane, at_ms=now.utc_ms)
            if known is not None:
                return told_before(known)
        settled = job(pen)
        if presented.asking is not None and settled.redemption is not None:
            given = self._answer(presented, settled, now).given()
            recall.remember(pen, presented.asking, given, lane=presented.lane)
        if settled.journal_seq is not None:
            raise_floor(conn, now)
        if settled.attempt is not None:
            self.unsent.written(attempts.attempt_id(str(settled.redemption), settled.attempt))
            if presented.approach is not None:
                presented.approach()
        self.reached("before-commit")
        return settled


def _unsettled(reason: Reason, now: Now) -> Settled:
    return Settled(decision=refused(reason, now))


def _emergency(body: dict[str, Any], at_ms: int, conn: sqlite3.Connection) -> int:
    return Pen(conn, Now(utc_ms=at_ms), uuid7).fact("emergency", body)


def _note_refusal(pen: Pen, *, lane: str, reason: Reason) -> Settled:
    upkeep.refuse_unverified(pen, lane, reason)
    return _unsettled(reason, pen.now)
