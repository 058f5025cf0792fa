"""Speaking with the platform under this terminal's name: a call with a request token, an answer taken in.

Rules of this file:

1. Only signed words count: an answer is a JWS by the platform for this very request (illness.md 2); whatever else
   comes is an alarm and changes nothing. A receipt must fit our journal to move the cursor.
2. Conflicts, set-aside records and orders are noted in the transaction that takes the receipt in.
3. 401 `clock` corrects the offset for request tokens and is tried again at once.

`Pusher` and `Listener` share one `Line`; its `status` is what screens and metrics show of both.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol

from cache.journal.chain import Batch, ForeignReceiptError, epoch_of
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.enrol.identity import Identity, keep_profile
from sync.peer import Peer
from sync.push.receiving import ours, take_in
from sync.push.resume import resume_after
from sync.transport import SILENT_S, RefusedError
from sync.wire.messages import Answer, Command, Held, Receipt, WireError
from sync.wire.profiles import SignedProfile
from sync.wire.seals import open_answer, open_order, open_receipt

UNAUTHORIZED = 401


class Clock(Protocol):
    """What this needs of the terminal's clock."""

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        ...


class PushState(StrEnum):
    """How the way out is."""

    STARTING = "starting"
    SENDING = "sending"
    IDLE = "idle"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class PushStatus:
    """What a screen or a metric may show. `answered_ms` is when the platform last answered (ms UTC, 0 = never)."""

    state: PushState = PushState.STARTING
    detail: str = ""
    answered_ms: int = 0
    sent: int = 0
    conflicts: int = 0
    set_aside: int = 0
    orders: int = 0
    lists_version: int | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What a standing said: the seq to go on after, whether that is less than ours, and the state to ask with next."""

    resume: int
    state: str | None


class Line:
    """Calls of one terminal to its platform. `news`, if set, is called when the platform names another publication."""

    def __init__(self, store: Store, peer: Peer, identity: Identity, clock: Clock) -> None:
        self.store = store
        self.identity = identity
        self._peer = peer
        self._clock = clock
        self._auth = Authenticator(identity, clock)
        self.status = PushStatus()
        self.news: Callable[[], None] = lambda: None

    @property
    def offset_ms(self) -> int:
        """How far the platform's clock is ahead of ours, as far as it told us; for request tokens only."""
        return self._auth.offset_ms

    @property
    def peer(self) -> Peer:
        """The platform, and whether it is well."""
        return self._peer

    def signed(self, body: bytes) -> dict[str, str]:
        """Return the headers that prove who sends `body`."""
        return self._auth.bearer(body).header

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        silent_s: float = SILENT_S,
    ) -> Answer:
        """Make one authenticated call and return its verified answer; a clock that is off is corrected once.

        Raises what `Peer.exchange` raises, and WireError for an answer that the platform did not sign for this call.
        """
        for last_try in (False, True):
            bearer = self._auth.bearer(body)
            try:
                raw = await self._peer.exchange(
                    method,
                    f"/v1/terminals/{self.identity.terminal}{path}",
                    headers=(headers or {}) | bearer.header,
                    body=body or None,
                    silent_s=silent_s,
                )
            except RefusedError as error:
                problem = error.problem
                if last_try or problem.status != UNAUTHORIZED or problem.server_time is None:
                    raise
                self._auth.correct(problem.server_time, bearer.jti)
            else:
                keys, terminal = self.identity.platform_keys, self.identity.terminal
                return open_answer(raw, keys, terminal=terminal, nonce=bearer.jti, body=body)
        raise AssertionError("unreachable: the last try returns or raises")

    async def ask(self, *, wait_s: int = 0, state: str | None = None, silent_s: float = SILENT_S) -> Heard:
        """Ask for the standing, take it in, and return what it said. With `wait_s` the platform may hold it back."""
        query = f"?wait={wait_s}" + (f"&state={state}" if state else "") if wait_s else ""
        standing = await self.call("GET", f"/standing{query}", silent_s=silent_s)
        if standing.receipt is not None or standing.set_aside:
            raise WireError("foreign_answer", "a standing has no receipt of its own and sets nothing aside")
        orders, now_ms = await self._orders(standing), self._clock.now_ms()
        receipts = [self._receipt_of(end) for end in standing.held]

        def job(conn: sqlite3.Connection) -> tuple[int, int]:
            signed = ours(conn, standing, receipts)
            fresh = take_in(conn, answer=standing, receipts=signed, orders=orders, now_ms=now_ms)
            return fresh, resume_after(conn, standing.held)

        fresh, resume = await self.store.write(job)
        self._note(standing, now_ms, conflicts=fresh, orders=len(orders))
        return Heard(resume, standing.state)

    async def accept(self, sent: Batch, answer: Answer) -> int:
        """Take the answer to `sent` in, in one transaction; return the seq the platform signed for. Raises before it.

        Raises WireError or ForeignReceiptError when the answer is not for this batch.
        """
        receipt = open_receipt(answer.receipt or "", self.identity.platform_keys)
        if (receipt.terminal, receipt.epoch, receipt.acked_through) != (answer.terminal, answer.epoch, answer.last):
            raise WireError("foreign_receipt", "the receipt is for another terminal or another record")
        if answer.epoch != sent.epoch or not sent.first <= receipt.acked_through:
            raise WireError("foreign_receipt", "the platform signed for another batch")
        if not all(sent.first <= entry.seq <= sent.last for entry in answer.set_aside):
            raise WireError("foreign_answer", "the platform sets a record aside that it was not sent")
        orders, now_ms = await self._orders(answer), self._clock.now_ms()

        def job(conn: sqlite3.Connection) -> int:
            if epoch_of(conn, receipt.acked_through).id != receipt.epoch:
                raise ForeignReceiptError(f"the platform signed for epoch {receipt.epoch}, which is not ours there")
            signed = [(receipt, answer.receipt or "")]
            return take_in(conn, answer=answer, receipts=signed, orders=orders, now_ms=now_ms)

        fresh = await self.store.write(job)
        sent_now, aside = self.status.sent + len(sent.records), self.status.set_aside + len(answer.set_aside)
        self.status = replace(self.status, sent=sent_now, set_aside=aside)
        self._note(answer, now_ms, conflicts=fresh, orders=len(orders))
        return receipt.acked_through

    def show(self, state: PushState, detail: str = "") -> None:
        """Say how the way out is."""
        self.status = replace(self.status, state=state, detail=detail)

    def _note(self, answer: Answer, now_ms: int, *, conflicts: int, orders: int) -> None:
        before = self.status
        self.status = replace(
            before,
            answered_ms=now_ms,
            conflicts=before.conflicts + conflicts,
            orders=before.orders + orders,
            lists_version=answer.lists_version,
        )
        if answer.lists_version is not None and answer.lists_version != before.lists_version:
            self.news()

    def _receipt_of(self, end: Held) -> Receipt:
        """Return the receipt for an end of the chain, verified; raise WireError("foreign_receipt")."""
        receipt = open_receipt(end.receipt or "", self.identity.platform_keys)
        said = (self.identity.terminal, end.epoch, end.acked_through, end.head_hash)
        if said != (receipt.terminal, receipt.epoch, receipt.acked_through, receipt.head_hash):
            raise WireError("foreign_receipt", "the receipt is for another end than it stands beside")
        return receipt

    async def _orders(self, answer: Answer) -> list[tuple[Command | SignedProfile, str]]:
        """Return the orders that came with an answer, verified, each with its text; raise WireError.

        A newer profile is on disk before the fact that says so: it is in force as soon as it is.
        """
        keys, held, terminal = self.identity.platform_keys, self.identity.held, self.identity.terminal
        orders = [(open_order(order, keys, terminal=terminal), order) for order in answer.orders]
        for order, text in orders:
            if isinstance(order, SignedProfile) and order.number > held.number:
                try:
                    await asyncio.to_thread(keep_profile, self.identity.folder, text)
                except OSError as error:
                    raise StoreFailedError(f"the new profile cannot be kept: {error}") from error
                held.adopt(order)
        return orders
