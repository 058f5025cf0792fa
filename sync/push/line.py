"""Speaking with the platform under this terminal's name: a call with a request token, an answer taken in.

Rules of this file:

1. Only a receipt that verifies, and that our journal agrees with, moves the cursor. Anything else is an alarm and
   changes nothing.
2. Conflicts, set-aside records and orders are noted in the transaction that takes the receipt in; an order counts
   only when the platform signed it for this terminal.
3. 401 `clock` corrects the offset for request tokens and is tried again at once.

`Pusher` and `Listener` share one `Line`; its `status` is what screens and metrics show of both.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal, Protocol

from cache.journal.chain import Batch, ForeignReceiptError, epoch_of
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.enrol.identity import Identity
from sync.peer import Peer
from sync.push.receiving import take_answer, take_standing
from sync.push.resume import resume_after
from sync.transport import SILENT_S, RefusedError
from sync.wire.messages import Command, Held, JournalAnswer, Receipt, Standing, WireError, decode
from sync.wire.seals import open_command, open_receipt

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
    duplicates: int = 0
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

    async def call(
        self,
        method: Literal["GET", "POST"],
        path: str,
        body: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        silent_s: float = SILENT_S,
    ) -> bytes:
        """Make one authenticated call; a clock that is off is corrected once. Raises what `Peer.exchange` raises."""
        for last_try in (False, True):
            bearer = self._auth.bearer(body)
            try:
                return await self._peer.exchange(
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
        raise AssertionError("unreachable: the last try returns or raises")

    async def ask(self, *, wait_s: int = 0, state: str | None = None, silent_s: float = SILENT_S) -> Heard:
        """Ask for the standing, take it in, and return what it said. With `wait_s` the platform may hold it back."""
        query = f"?wait={wait_s}" + (f"&state={state}" if state else "") if wait_s else ""
        standing = decode(await self.call("GET", f"/standing{query}", silent_s=silent_s), Standing)
        order, now_ms = self._order(standing.command), self._clock.now_ms()
        receipts = [self._receipt_of(end) for end in standing.held]

        def job(conn: sqlite3.Connection) -> tuple[int, int]:
            taken = take_standing(conn, standing=standing, receipts=receipts, order=order, now_ms=now_ms)
            return taken, resume_after(conn, standing.held)

        fresh, resume = await self.store.write(job)
        self._note(now_ms, standing.lists_version, conflicts=fresh, order=order)
        return Heard(resume, standing.state)

    async def accept(self, sent: Batch, answer: JournalAnswer) -> int:
        """Take the answer to `sent` in, in one transaction; return the seq the platform signed for. Raises before it.

        Raises WireError or ForeignReceiptError when the answer is not for us or not for this batch.
        """
        receipt = open_receipt(answer.receipt, self.identity.platform_keys)
        if receipt.terminal != self.identity.terminal or receipt.acked_through != answer.acked_through:
            raise WireError("foreign_receipt", "the receipt is for another terminal or another record")
        if not sent.first <= receipt.acked_through:
            raise WireError("foreign_receipt", "the platform signed for less than it had")
        if not all(sent.first <= entry.seq <= sent.last for entry in answer.set_aside):
            raise WireError("bad_message", "the platform sets a record aside that it was not sent")
        order, now_ms = self._order(answer.command), self._clock.now_ms()

        def job(conn: sqlite3.Connection) -> int:
            if epoch_of(conn, receipt.acked_through).id != receipt.epoch:
                raise ForeignReceiptError(f"the platform signed for epoch {receipt.epoch}, which is not ours there")
            return take_answer(conn, answer=answer, receipt=receipt, order=order, now_ms=now_ms)

        fresh = await self.store.write(job)
        self.status = replace(
            self.status,
            sent=self.status.sent + len(sent.records),
            duplicates=self.status.duplicates + answer.duplicates,
            set_aside=self.status.set_aside + len(answer.set_aside),
        )
        self._note(now_ms, answer.lists_version, conflicts=fresh, order=order)
        return receipt.acked_through

    def show(self, state: PushState, detail: str = "") -> None:
        """Say how the way out is."""
        self.status = replace(self.status, state=state, detail=detail)

    def _note(self, now_ms: int, lists_version: int | None, *, conflicts: int, order: Command | None) -> None:
        before = self.status
        self.status = replace(
            before,
            answered_ms=now_ms,
            conflicts=before.conflicts + conflicts,
            orders=before.orders + (order is not None),
            lists_version=lists_version,
        )
        if lists_version is not None and lists_version != before.lists_version:
            self.news()

    def _receipt_of(self, end: Held) -> Receipt:
        """Return the receipt for an end of the chain, verified; raise WireError("foreign_receipt")."""
        receipt = open_receipt(end.receipt or "", self.identity.platform_keys)
        said = (self.identity.terminal, end.epoch, end.acked_through, end.head_hash)
        if said != (receipt.terminal, receipt.epoch, receipt.acked_through, receipt.head_hash):
            raise WireError("foreign_receipt", "the receipt is for another end than it stands beside")
        return receipt

    def _order(self, command: str | None) -> Command | None:
        """Return the order that came with an answer, verified; raise WireError("foreign_command")."""
        if command is None:
            return None
        return open_command(command, self.identity.platform_keys, terminal=self.identity.terminal)
