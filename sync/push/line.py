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
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal, NamedTuple, Protocol

from cache.ids import uuid7
from cache.journal.batches import Batch
from cache.journal.chain import ForeignReceiptError, epoch_of, head, mark_sent
from cache.journal.proofs import forget
from cache.ledger import upkeep
from cache.ledger.facts import STORE_LOST, switched
from cache.memory.lives import doubt, unknown
from cache.pen import Pen
from credit.inputs import Now
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.auth import Authenticator
from sync.enrol.identity import Identity, keep_profile
from sync.peer import Peer, Reach
from sync.push.receipts import ReceiptFile
from sync.push.receiving import ours, take_in
from sync.push.resume import Heard, end_of, resume_after
from sync.push.status import PushState, PushStatus
from sync.transport import SILENT_S, RefusedError
from sync.wire.hubs import HUB, HeldHere, HeldThrough, open_hub
from sync.wire.jws import kid_of, public_key, typ_of
from sync.wire.messages import Answer, Command, WireError, decode
from sync.wire.profiles import HubAt, SignedProfile
from sync.wire.seals import open_answer, open_order, open_receipt

UNAUTHORIZED = 401


class Clock(Protocol):
    """What this needs of the terminal's clock."""

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        ...


class Said(NamedTuple):
    """What came back to a call: bytes, the request token's `jti`, the body sent, and the hub it came through."""

    raw: bytes
    jti: str
    body: bytes
    hub: HubAt | None


class Line:
    """Calls of one terminal to its platform. `news`, if set, is called when the platform names another publication.

    `lost`: this store does not know what its terminal gave, as the last standing found; `on_lost` is called then.
    """

    def __init__(self, store: Store, way: Reach, identity: Identity, clock: Clock) -> None:
        self.store = store
        self.identity = identity
        self.way = way
        self.now_ms = clock.now_ms
        self._auth = Authenticator(identity, clock)
        self.status = PushStatus()
        self.news: Callable[[], None] = lambda: None
        self._profiles = asyncio.Lock()  # both ways may bring the same new profile at the same moment
        self.lost = False
        self.on_lost: Callable[[], None] = lambda: None
        self._receipt = ReceiptFile(identity)

    @property
    def offset_ms(self) -> int:
        """How far the platform's clock is ahead of ours, as far as it told us; for request tokens only."""
        return self._auth.offset_ms

    @property
    def peer(self) -> Peer:
        """Whom we speak to now, platform or hub, and whether it is well."""
        return self.way.current

    @property
    def auth(self) -> Authenticator:
        """What signs our requests, and knows how far our clock is off."""
        return self._auth

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
    ) -> Said:
        """Make one authenticated call; a clock that is off is corrected once. Nothing of what is said is verified yet.

        Raises what `Peer.exchange` raises.
        """
        for last_try in (False, True):
            bearer, hub = self._auth.bearer(body), self.way.hub
            try:
                raw = await self.way.current.exchange(
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
                await self._meet(problem.server_time)
                self._auth.correct(problem.server_time, bearer.jti)
            else:
                await self._meet(raw)
                return Said(raw, bearer.jti, body, hub)
        raise AssertionError("unreachable: the last try returns or raises")

    async def _meet(self, said: bytes | str) -> None:
        """Hear of the platform's newer keys, where one of them signed."""
        await self.identity.keys.meet(said, lambda path: self.way.current.exchange("GET", path))

    def opened(self, said: Said) -> Answer:
        """Return the platform's answer, whoever carried it; raise WireError when it did not sign it for this call."""
        keys = self.identity.keys_in_force
        return open_answer(said.raw, keys, terminal=self.identity.terminal, nonce=said.jti, body=said.body)

    async def send(self, body: bytes) -> Answer | HeldThrough:
        """Send a batch; return the platform's answer, or the hub's word that it holds the batch."""
        path = f"/journal?through={await self._end()}"
        said = await self.call("POST", path, body, headers={"Content-Encoding": "gzip"})
        if said.hub is not None and said.raw.startswith(b"{"):
            return decode(said.raw, HeldThrough)
        return self.opened(said)

    async def _end(self) -> int:
        """Return where our journal ends: whoever holds it through there has heard us out (claims.md 8)."""
        return await self.store.read(lambda conn: head(conn).seq)

    async def resume(self) -> int:
        """Return the seq to go on after: what platform or hub holds. A hub's word moves the sending cursor alone."""
        if self.way.hub is None:
            return (await self.ask()).resume or 0
        held = decode((await self.call("GET", "/held?through=0")).raw, HeldHere).held
        return await self.store.read(lambda conn: resume_after(conn, held))

    async def declare(self) -> bool:
        """Tell a hub where our journal ends; return False where it asks to be told once more."""
        said = await self.call("GET", f"/held?through={await self._end()}")
        return not decode(said.raw, HeldHere).again

    async def note_held(self, sent: Batch, held: HeldThrough) -> int:
        """Note that the hub holds `sent`; return the seq it holds. Raises WireError for what was not sent."""
        if not sent.first <= held.held_through <= sent.last:
            raise WireError("foreign_answer", "the hub holds another batch than it was sent")
        await self.store.write(lambda conn: mark_sent(conn, held.held_through), yields=True)
        self.status = replace(self.status, sent=self.status.sent + len(sent.records))
        return held.held_through

    async def ask(self, *, wait_s: int = 0, state: str | None = None, silent_s: float = SILENT_S) -> Heard:
        """Ask for the standing, take it in, and return what it said. With `wait_s` the platform may hold it back."""
        query = f"?through={await self._end()}&wait={wait_s}" + (f"&state={state}" if wait_s and state else "")
        said = await self.call("GET", f"/standing{query}", silent_s=silent_s)
        if said.hub is not None and typ_of(said.raw.decode("ascii", "replace")) == HUB:
            return await self._hub_says(said, said.hub)
        standing = self.opened(said)
        if standing.receipt is not None or standing.set_aside:
            raise WireError("foreign_answer", "a standing has no receipt of its own and sets nothing aside")
        orders, now_ms = await self._orders(standing), self.now_ms()
        receipts, enrolled = [self._receipt.of(end) for end in standing.held], self.identity.enrolled

        def job(conn: sqlite3.Connection) -> tuple[int, int, bool]:
            signed = ours(conn, standing, receipts)
            fresh = take_in(conn, answer=standing, receipts=signed, orders=orders, now_ms=now_ms, enrolled=enrolled)
            if unknown(conn, map(end_of, standing.held)) and not switched(conn, STORE_LOST):
                doubt(Pen(conn, Now(utc_ms=now_ms), uuid7))
            return fresh, resume_after(conn, standing.held), switched(conn, STORE_LOST)

        fresh, resume, self.lost = await self.store.write(job, yields=True)
        if self.lost:
            self.on_lost()
        await self._receipt.follow(self.store)
        self._note(standing, now_ms, conflicts=fresh, orders=len(orders))
        return Heard(None if said.hub else resume, standing.state)

    async def _hub_says(self, said: Said, hub: HubAt) -> Heard:
        """Take in what the hub says of its own site while the platform is away: two things, and no other."""
        key = (kid_of(hub.public_key), public_key(hub.public_key))
        text = said.raw.decode("ascii", "replace")
        standing = open_hub(text, key, terminal=self.identity.terminal, nonce=said.jti)
        if standing.hub_no != hub.no:
            raise WireError("foreign_answer", f"hub {standing.hub_no} answers where hub {hub.no} is expected")
        site, now_ms, by = self.identity.site, self.now_ms(), f"hub {standing.hub_no}"

        def job(conn: sqlite3.Connection) -> bool:
            pen = Pen(conn, Now(utc_ms=now_ms), uuid7)
            return upkeep.hear_hub(pen, site, stopped=standing.stop_entry, by=by)

        await self.store.write(job, yields=True)
        before, lists = self.status, standing.lists_version
        self.status = replace(before, site_only=True, lists_version=before.lists_version if lists is None else lists)
        if self.status.lists_version != before.lists_version:
            self.news()
        return Heard(None, None)

    async def accept(self, sent: Batch, answer: Answer, *, carried: Iterable[str] = ()) -> int:
        """Take the answer to `sent` in, in one transaction; return the seq the platform signed for. Raises before it.

        The proofs that it `carried` are there now, and leave. Another batch follows, or `at_rest`. Raises WireError or
        ForeignReceiptError when the answer is not for this batch.
        """
        receipt = open_receipt(answer.receipt or "", self.identity.platform_keys)
        if (receipt.terminal, receipt.epoch, receipt.acked_through) != (answer.terminal, answer.epoch, answer.last):
            raise WireError("foreign_receipt", "the receipt is for another terminal or another record")
        if answer.epoch != sent.epoch or not sent.first <= receipt.acked_through:
            raise WireError("foreign_receipt", "the platform signed for another batch")
        if not all(sent.first <= entry.seq <= sent.last for entry in answer.set_aside):
            raise WireError("foreign_answer", "the platform sets a record aside that it was not sent")
        orders, now_ms, enrolled = await self._orders(answer), self.now_ms(), self.identity.enrolled

        def job(conn: sqlite3.Connection) -> tuple[int, bool]:
            if epoch_of(conn, receipt.acked_through).id != receipt.epoch:
                raise ForeignReceiptError(f"the platform signed for epoch {receipt.epoch}, which is not ours there")
            signed = [(receipt, answer.receipt or "")]
            forget(conn, carried)
            fresh = take_in(conn, answer=answer, receipts=signed, orders=orders, now_ms=now_ms, enrolled=enrolled)
            return fresh, switched(conn, STORE_LOST)

        fresh, self.lost = await self.store.write(job, yields=True)
        if self.lost:
            self.on_lost()
        await self._receipt.follow(self.store, more=True)
        sent_now, aside = self.status.sent + len(sent.records), self.status.set_aside + len(answer.set_aside)
        self.status = replace(self.status, sent=sent_now, set_aside=aside)
        self._note(answer, now_ms, conflicts=fresh, orders=len(orders))
        return receipt.acked_through

    async def at_rest(self) -> None:
        """Hear that no batch follows the last one for now; raise StoreFailedError."""
        await self._receipt.follow(self.store)

    async def accept_proofs(self, answer: Answer, *, carried: Iterable[str]) -> None:
        """Take the answer to a batch of no records in: what it `carried` is there now. Raises WireError."""
        if answer.receipt is not None or answer.held or answer.set_aside:
            raise WireError("foreign_answer", "a batch of no records has no receipt and sets nothing aside")
        orders, now_ms = await self._orders(answer), self.now_ms()

        def job(conn: sqlite3.Connection) -> int:
            forget(conn, carried)
            return take_in(
                conn, answer=answer, receipts=[], orders=orders, now_ms=now_ms, enrolled=self.identity.enrolled
            )

        self._note(answer, now_ms, conflicts=await self.store.write(job, yields=True), orders=len(orders))

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
            site_only=False,
        )
        if answer.lists_version is not None and answer.lists_version != before.lists_version:
            self.news()

    async def _orders(self, answer: Answer) -> list[tuple[Command | SignedProfile, str]]:
        """Return the orders that came with an answer, verified, each with its text; raise WireError.

        A newer profile is on disk before the fact that says so: it is in force as soon as it is.
        """
        keys, held, terminal = self.identity.platform_keys, self.identity.held, self.identity.terminal
        orders = [(open_order(order, keys, terminal=terminal), order) for order in answer.orders]
        async with self._profiles:
            for order, text in orders:
                if isinstance(order, SignedProfile) and held.older_than(order):
                    try:
                        await asyncio.to_thread(keep_profile, self.identity.folder, text)
                    except OSError as error:
                        raise StoreFailedError(f"the new profile cannot be kept: {error}") from error
                    held.adopt(order)
        return orders
