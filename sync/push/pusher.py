"""The journal's way out: sealed batches, at most one under way, until the platform has signed for everything.

Rules of this file:

1. The platform says where to resume (`Standing`, or `held` in a 409); our own hashes decide whether we believe it.
2. A batch is sealed once and sent as those bytes. A lost answer means: send again; the platform counts it once.
3. Only a receipt that verifies, and that our journal agrees with, moves the cursor. Anything else is an alarm and
   changes nothing.
4. Conflicts, set-aside records and orders are noted in the transaction that takes the receipt in; an order counts
   only when the platform signed it for this terminal.
5. 401 `clock` corrects the offset for authentication and is tried again at once; 413 halves the batch; nobody
   answering and errors wait on their own ladders (`sync.backoff`); a success resets both.
6. Nothing to send: every poll asks for the standing, so that orders and conflicts arrive at an idle terminal too.
"""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

import aiohttp

from cache.journal.chain import Batch, ForeignReceiptError, JournalError, batch, epoch_of
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.backoff import Backoff
from sync.enrol.identity import Identity
from sync.push.receiving import take_answer, take_standing
from sync.push.resume import resume_after
from sync.transport import RefusedError, UnreachableError, exchange
from sync.wire.messages import (
    ENVELOPE_BYTES,
    MAX_BATCH_BYTES,
    MAX_RECORDS,
    Command,
    Held,
    JournalAnswer,
    Receipt,
    Seal,
    Standing,
    WireError,
    decode,
)
from sync.wire.seals import open_command, open_receipt, seal_batch

MAX_RESUMES = 3  # times one call may be told to resume elsewhere
UNAUTHORIZED, CONFLICT, TOO_LARGE = 401, 409, 413


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
    lists_version: int | None = None


class Pusher:
    """Sends the journal. `reached` is told "before-upload" and "after-upload": tests pull the plug there."""

    def __init__(
        self,
        store: Store,
        session: aiohttp.ClientSession,
        identity: Identity,
        clock: Clock,
        *,
        poll_s: float = 60.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
        reached: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._store = store
        self._session = session
        self._identity = identity
        self._clock = clock
        self._poll_s = poll_s
        self._pause = pause
        self._reached = reached
        self._auth = Authenticator(identity, clock)
        self._backoff = Backoff(random.SystemRandom().uniform)
        self._wake = asyncio.Event()
        self._after: int | None = None
        self._asked_standing = False
        self._max_records = MAX_RECORDS
        self.status = PushStatus()

    @property
    def _url(self) -> str:
        return f"{self._identity.platform}/v1/terminals/{self._identity.terminal}"

    def nudge(self) -> None:
        """Say that there is something to send: an idle pusher looks at once."""
        self._wake.set()

    async def run(self) -> None:
        """Send whatever comes; never returns. An ill platform or store shows as a state, and is tried again."""
        while True:
            wait_s = await self._turn()
            if self.status.state is PushState.IDLE:
                await self._idle(wait_s)
            else:
                await self._pause(wait_s)

    async def _idle(self, wait_s: float) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            self._asked_standing = False

    async def _turn(self) -> float:
        """Do one step and return how long to wait before the next."""
        self._wake.clear()
        try:
            sent = await self.once()
        except UnreachableError as error:
            self._show(PushState.UNREACHABLE, str(error))
            return self._backoff.unreachable_s()
        except RefusedError as error:
            self._show(PushState.REFUSED, str(error))
            return self._backoff.refused_s(error.wait_s)
        except (WireError, JournalError, StoreFailedError) as error:
            self._show(PushState.ALARM, str(error))
            self._after = None
            return self._backoff.refused_s(None)
        self._backoff.succeeded()
        if sent:
            self._show(PushState.SENDING, "")
            return 0.0
        self._show(PushState.IDLE, "")
        return self._poll_s

    def _show(self, state: PushState, detail: str) -> None:
        self.status = replace(self.status, state=state, detail=detail)

    async def once(self) -> int:
        """Send one batch, or ask for the standing when there is none; return how many records went.

        Raises UnreachableError, RefusedError, WireError (the platform broke the protocol), JournalError (an alarm),
        StoreFailedError.
        """
        if self._after is None or not self._asked_standing:
            await self._ask_standing()
        return await self._send_next()

    async def drain(self) -> int:
        """Send until nothing is left and return how many records went; raises like `once`."""
        total = 0
        while sent := await self.once():
            total += sent
        return total

    async def _send_next(self, resumes: int = MAX_RESUMES) -> int:
        after, many = self._after or 0, self._max_records
        room = MAX_BATCH_BYTES - ENVELOPE_BYTES
        ready = await self._store.read(lambda conn: batch(conn, after=after, max_records=many, max_bytes=room))
        if ready is None:
            return 0
        body = self._seal(ready)
        self._reached("before-upload")
        try:
            raw = await self._call("POST", "/journal", body, {"Content-Encoding": "gzip"})
        except RefusedError as error:
            if error.problem.status == CONFLICT:
                return await self._resync(error, resumes - 1)
            if error.problem.status == TOO_LARGE and many > 1:
                self._max_records = max(1, len(ready.records) // 2)
                return await self._send_next(resumes)
            raise
        self._reached("after-upload")
        await self._accept(ready, decode(raw, JournalAnswer))
        self._max_records = min(MAX_RECORDS, self._max_records * 2)
        return len(ready.records)

    def _seal(self, ready: Batch) -> bytes:
        seal = Seal(
            terminal=self._identity.terminal,
            epoch=ready.epoch,
            first=ready.first,
            last=ready.last,
            count=len(ready.records),
            prev_hash=ready.prev_hash.hex(),
            head_hash=ready.head_hash.hex(),
        )
        return seal_batch(seal, ready.records, self._identity.key)

    async def _accept(self, sent: Batch, answer: JournalAnswer) -> None:
        """Take the answer to `sent` in, all of it in one transaction; raise before that when it is not for us."""
        receipt = open_receipt(answer.receipt, self._identity.platform_keys)
        if receipt.terminal != self._identity.terminal or receipt.acked_through != answer.acked_through:
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

        fresh = await self._store.write(job)
        self._after = receipt.acked_through
        self.status = replace(
            self.status,
            answered_ms=now_ms,
            sent=self.status.sent + len(sent.records),
            duplicates=self.status.duplicates + answer.duplicates,
            conflicts=self.status.conflicts + fresh,
            set_aside=self.status.set_aside + len(answer.set_aside),
            lists_version=answer.lists_version,
        )

    async def _ask_standing(self) -> None:
        standing = decode(await self._call("GET", "/standing", b"", {}), Standing)
        order, now_ms = self._order(standing.command), self._clock.now_ms()
        receipts = [self._receipt_of(end) for end in standing.held]
        fresh = await self._store.write(
            lambda conn: take_standing(conn, standing=standing, receipts=receipts, order=order, now_ms=now_ms)
        )
        if self._after is None:
            self._after = await self._store.read(lambda conn: resume_after(conn, standing.held))
        self._asked_standing = True
        self.status = replace(
            self.status,
            answered_ms=now_ms,
            conflicts=self.status.conflicts + fresh,
            lists_version=standing.lists_version,
        )

    def _receipt_of(self, end: Held) -> Receipt:
        """Return the receipt for an end of the chain, verified; raise WireError("foreign_receipt")."""
        receipt = open_receipt(end.receipt or "", self._identity.platform_keys)
        said = (self._identity.terminal, end.epoch, end.acked_through, end.head_hash)
        if said != (receipt.terminal, receipt.epoch, receipt.acked_through, receipt.head_hash):
            raise WireError("foreign_receipt", "the receipt is for another end than it stands beside")
        return receipt

    def _order(self, command: str | None) -> Command | None:
        """Return the order that came with an answer, verified; raise WireError("foreign_command")."""
        if command is None:
            return None
        return open_command(command, self._identity.platform_keys, terminal=self._identity.terminal)

    async def _resync(self, refusal: RefusedError, resumes: int) -> int:
        """Go where the platform says, when that is on our chain; raise JournalError when it leads nowhere."""
        held = refusal.problem.held
        target = await self._store.read(lambda conn: resume_after(conn, held))
        if resumes == 0 or (target == self._after and target == 0):
            raise JournalError(f"the platform holds another journal under this terminal's name: {refusal}")
        self._after = 0 if target == self._after else target
        return await self._send_next(resumes)

    async def _call(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
        """Make one authenticated call; a clock that is off is corrected once."""
        for last_try in (False, True):
            bearer = self._auth.bearer(body)
            try:
                return await exchange(
                    self._session,
                    "POST" if method == "POST" else "GET",
                    self._url + path,
                    headers=headers | bearer.header,
                    body=body or None,
                )
            except RefusedError as error:
                problem = error.problem
                if last_try or problem.status != UNAUTHORIZED or problem.server_time is None:
                    raise
                self._auth.correct(problem.server_time, bearer.jti)
        raise AssertionError("unreachable: the last try returns or raises")
