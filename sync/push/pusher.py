"""The journal's way out: sealed batches, at most one under way, until the platform has signed for everything.

Rules of this file:

1. The platform says where to resume (a standing, or `held` in a 409); our own hashes decide whether we believe it.
2. A batch is sealed once and sent as those bytes. A lost answer means: send again; the platform counts it once.
3. A commit of the store is a nudge; nudges within COALESCE_S travel together, so that a gate's three facts are one
   batch, and a fact is on its way within 0.2 s.
4. 413 and silence halve the batch: three good seconds must move facts, also on a thin line; each success doubles it.
5. A terminal that does not know what it gave sends nothing until it does (`sync.memory`): its declaration comes first.
6. How often a platform in trouble is tried is the business of `sync.peer`; a refusal waits on a ladder here. Only
   `hurry` interrupts that wait: facts that happen meanwhile do not.
7. Proofs of presence fill what room a batch leaves, or go alone when they have waited for long (`carrying`).
8. A platform that breaks the protocol is the state `alarm`, and is asked again where to begin.
9. Whoever waits at a lane goes first: a batch is read and packed in pieces, and before each it gives way; what is
   written here yields (`storage.threads`).
10. A record that was damaged on the disk is set aside by name before a batch is made; the rest flows (`ready`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

from cache.journal.batches import Batch
from cache.journal.chain import JournalError
from storage.jobs import StoreFailedError
from sync.backoff import Backoff
from sync.peer import Trouble
from sync.push.carrying import Carrier, no_records
from sync.push.export import seal_of
from sync.push.line import Line
from sync.push.ready import ready as next_batch
from sync.push.resume import Heard, resume_after
from sync.push.status import PushState, PushStatus
from sync.transport import RefusedError, UnreachableError
from sync.wire.hubs import HeldThrough
from sync.wire.messages import MAX_RECORDS, WireError
from sync.wire.seals import sealing

COALESCE_S = 0.05
MAX_RESUMES = 3  # times one call may be told to resume elsewhere
FEW_RECORDS = 32  # a batch that a silent line is tried with is not halved below this
CONFLICT, TOO_LARGE = 409, 413


class Pusher:
    """Sends the journal. `reached` is told "before-upload" and "after-upload": tests pull the plug there."""

    def __init__(
        self,
        line: Line,
        *,
        reached: Callable[[str], None] = lambda _point: None,
        carrier: Carrier | None = None,
    ) -> None:
        self._line = line
        self._reached = reached
        self._carrier = carrier or Carrier(line.store)
        self._backoff = Backoff()
        self._wake = asyncio.Event()
        self._hurried = asyncio.Event()
        self._after: int | None = None
        self._declared = True  # whoever must know where this journal ends has been told
        self._max_records = MAX_RECORDS
        self.accepted = 0
        self.idle = False

    @property
    def status(self) -> PushStatus:
        """How the way out is."""
        return self._line.status

    def nudge(self) -> None:
        """Say that there may be something to send. Called after each commit, from the event loop."""
        self._wake.set()

    def hurry(self) -> None:
        """Interrupt whatever is waited for: try now."""
        self._hurried.set()
        self._wake.set()

    def begin_again(self) -> None:
        """Ask anew where to go on: there is somebody else at the other end, or somebody who has forgotten."""
        self._after = None
        self.nudge()

    def hear(self, heard: Heard, *, accepted: int) -> None:
        """Take note of what a standing said that was asked for when `accepted` batches had been.

        A platform that holds less than it signed for was restored from a backup: it is sent the rest again.
        """
        if heard.resume is None:
            return
        if self._after is not None and heard.resume < self._after and accepted == self.accepted:
            self._after = heard.resume
            self.nudge()

    async def run(self) -> None:
        """Send whatever comes; never returns. An ill platform or store shows as a state, and is tried again."""
        while True:
            rest_s = await self._turn()
            if rest_s is None:
                self.idle = not self._wake.is_set()
                await self._nudged()
                self.idle = False
                if not self._hurried.is_set():
                    await asyncio.sleep(COALESCE_S)
            elif rest_s:
                try:
                    async with asyncio.timeout(rest_s):
                        await self._hurried.wait()
                except TimeoutError:
                    continue

    async def _nudged(self) -> None:
        """Wait for a fact, or until a proof has waited for long enough to go alone."""
        try:
            rest_s = await self._carrier.rest_s()
        except StoreFailedError:
            rest_s = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest_s):
                await self._wake.wait()

    async def _turn(self) -> float | None:
        """Do one step and return how long to rest before the next; None: until there is something to send."""
        self._wake.clear()
        self._hurried.clear()
        try:
            sent = await self.once()
        except UnreachableError as error:
            self._line.show(PushState.UNREACHABLE, str(error))
            self._max_records = max(FEW_RECORDS, self._max_records // 2)
            self._carrier.narrow()
            return 0.0
        except RefusedError as error:
            self._line.show(PushState.REFUSED, str(error))
            return self._backoff.refused_s(error.wait_s)
        except (WireError, JournalError, StoreFailedError) as error:
            self._line.show(PushState.ALARM, str(error))
            self._after = None
            return self._backoff.refused_s(None)
        self._backoff.succeeded()
        if sent:
            self._line.show(PushState.SENDING)
        elif self._line.peer.trouble is not Trouble.SILENT:  # having nothing to send proves nothing of a silent peer
            self._line.show(PushState.IDLE)
        return 0.0 if sent else None

    async def once(self) -> int:
        """Send one batch and return how many records went; where nobody knows where to begin, ask first.

        Raises UnreachableError, RefusedError, WireError (the platform broke the protocol), JournalError (an alarm),
        StoreFailedError.
        """
        try:
            return await self._next()
        except (UnreachableError, RefusedError, WireError, JournalError):
            await self._line.at_rest()  # nobody knows when another batch follows
            raise

    async def _next(self) -> int:
        if self._after is None:
            self._after, self._declared = await self._line.resume(), False
        sent = await self._send_next() or await self._send_proofs()
        if not sent and not self._declared:
            self._declared = self._line.way.hub is None or await self._line.declare()
            if not self._declared:
                self.nudge()
        return sent

    async def drain(self) -> int:
        """Send until nothing is left and return how many records went; raises like `once`."""
        total = 0
        while sent := await self.once():
            total += sent
        return total

    async def _send_next(self, resumes: int = MAX_RESUMES) -> int:
        after, many = self._after or 0, self._max_records
        ready = await next_batch(self._line.store, after=after, many=many, now_ms=self._line.now_ms)
        if ready is None:
            await self._line.at_rest()
            return 0
        taken = sum(map(len, ready.records)) + len(ready.records)
        proofs = await self._carrier.aboard(taken=taken, last=ready.last)
        body = await self._sealed(ready, proofs)
        self._reached("before-upload")
        try:
            answer = await self._line.send(body)
        except RefusedError as error:
            if error.problem.status == CONFLICT:
                return await self._resync(error, resumes - 1)
            if error.problem.status == TOO_LARGE and (many > 1 or proofs):
                self._carrier.narrow()
                self._max_records = max(1, len(ready.records) // 2)
                return await self._send_next(resumes)
            raise
        self._reached("after-upload")
        if isinstance(answer, HeldThrough):
            self._after = await self._line.note_held(ready, answer)
            await self._carrier.lent(proofs)
        else:
            self._after = await self._line.accept(ready, answer, carried=proofs)
        self.accepted += 1
        self._carrier.widen()
        self._max_records = min(MAX_RECORDS, self._max_records * 2)
        return len(ready.records)

    async def _send_proofs(self) -> int:
        """Send the proofs that have waited for long, without records; return 0: no record went."""
        proofs = await self._carrier.alone()
        if not proofs:
            return 0
        body = await self._sealed(await self._line.store.read(no_records), proofs)
        try:
            answer = await self._line.send(body)
        except RefusedError as error:
            if error.problem.status == TOO_LARGE:
                self._carrier.narrow()
            raise
        if isinstance(answer, HeldThrough):
            await self._carrier.lent(proofs)
        else:
            await self._line.accept_proofs(answer, carried=proofs)
        self._carrier.widen()
        return 0

    async def _sealed(self, ready: Batch, proofs: Mapping[str, bytes]) -> bytes:
        """Return the batch as it travels; a long one takes 5 ms, so who comes meanwhile goes first after each piece."""
        identity, body = self._line.identity, bytearray()
        for piece in sealing(seal_of(ready, identity.terminal), ready.records, identity.key, proofs=proofs):
            body += piece
            await self._line.store.give_way()
        return bytes(body)

    async def _resync(self, refusal: RefusedError, resumes: int) -> int:
        """Go where the platform says, when that is on our chain; raise JournalError when it leads nowhere."""
        held = refusal.problem.held
        target = await self._line.store.read(lambda conn: resume_after(conn, held))
        if resumes == 0 or (target == self._after and target == 0):
            raise JournalError(f"the platform holds another journal under this terminal's name: {refusal}")
        self._after = 0 if target == self._after else target
        return await self._send_next(resumes)
