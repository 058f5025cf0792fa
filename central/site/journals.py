"""Journals at a hub: taken in, counted, kept as they came, and sent on until the platform has signed for them.

    terminal --batch--> taken in and kept, one transaction --platform well--> handed up, its answer handed back
                                                           --else-----------> 202 {held_through}; sent on later

Rules of this file:

- a batch is kept as the terminal sent it, seal and all: the hub changes nothing and can invent nothing;
- it is counted here before it goes up, so that the next gate hears of it also with the WAN cut;
- only the platform's receipt for it removes it (`settle`); batches of one terminal go up in the order they came; what
  the platform cannot take holds up its own terminal alone. A platform that is there for moments only hears first of
  whoever has waited longest;
- a terminal says where its journal ends (`held?through=`): when that is here, it has been heard out (claims.md 8). Who
  says so before decisions that were under way at our start have ended is answered after that, and says it again.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from central.books.arriving.chains import ends
from central.books.bounds import Bounds
from central.books.intake import take_in
from central.http.asked import read_bounded, through_of
from central.http.inflate import inflate
from central.site.served import Terminals
from central.site.upward import Passed, Platform, PlatformAwayError, RestingError
from storage.jobs import JobStore, StoreFailedError, Tx
from sync.transport import RefusedError
from sync.wire.hubs import HeldHere, HeldThrough
from sync.wire.messages import MAX_BATCH_BYTES, Answer, Problem, WireError
from sync.wire.seals import Sealed, open_answer, open_batch, open_receipt, open_record

log = logging.getLogger("central.site")

LIVE_S: Final = 1.0  # how long a gate's batch waits for the platform's word; then the hub's own must do
RETRY_S: Final = 1.0
JSON: Final = "application/json"

KEEP: Final = (
    "INSERT INTO forwards (terminal, epoch, first, last, head, body, received_ms) VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT DO NOTHING"
)
WAITING: Final = "SELECT count(*) FROM forwards WHERE terminal = $1"
OLDEST: Final = (
    "SELECT f.epoch, f.first, f.last, f.head, f.body, (SELECT max(o.last) FROM forwards o WHERE o.terminal = $1)"
    " FROM forwards f WHERE f.terminal = $1 ORDER BY f.received_ms, f.first LIMIT 1"
)
WHOSE: Final = "SELECT terminal FROM forwards GROUP BY terminal ORDER BY min(received_ms), terminal"
SENT: Final = "DELETE FROM forwards WHERE terminal = $1 AND epoch = $2 AND first = $3 AND head = $4"
KEPT: Final = "SELECT count(*), coalesce(sum(last - first + 1), 0) FROM forwards"


class Journals:
    """Takes journals in and sends them on. `heard` is told who was heard out, `stopped` what gates do with entry."""

    def __init__(
        self,
        books: JobStore,
        terminals: Terminals,
        platform: Platform,
        *,
        bounds: Callable[[], Bounds],
        now_ms: Callable[[], int],
    ) -> None:
        self._books = books
        self._terminals = terminals
        self._platform = platform
        self._bounds = bounds
        self._now_ms = now_ms
        self._wake = asyncio.Event()
        self._sending = asyncio.Lock()
        self.heard: Callable[[str], None] = lambda _terminal: None
        self.settles_s: Callable[[], float] = lambda: 0.0
        self.stopped: Callable[[bool], None] = lambda _stopped: None

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.post("/v1/terminals/{terminal}/journal", self.journal),
            web.get("/v1/terminals/{terminal}/held", self.held),
        ]

    async def journal(self, request: web.Request) -> web.Response:
        """Take in a batch, keep it, and hand it up where that can be done now."""
        body = await read_bounded(request, MAX_BATCH_BYTES)
        caller = self._terminals.caller(request, body, terminal=request.match_info["terminal"], former=True)
        plain = inflate(body, limit=MAX_BATCH_BYTES)
        sealed = open_batch(plain, terminal=caller.terminal, key=caller.key)
        if not sealed.links:
            return await self._proofs_alone(request, body)
        alone = await self._keep(sealed, body, former=caller.former is not None)
        if alone:
            passed = await self._handed_up(request, body)
            if passed is not None and passed.problem is None:
                await self.settle(sealed, passed.body, caller.claims.jti, body)
                return web.Response(body=passed.body, content_type="application/jwt")
            if passed is not None and passed.problem is not None and passed.problem.server_time is not None:
                return _problem(passed.problem)  # its clock is off; the hub holds the batch meanwhile
        self._wake.set()
        held = HeldThrough(held_through=sealed.seal.last)
        return web.Response(status=202, body=msgspec.json.encode(held), content_type=JSON)

    async def _proofs_alone(self, request: web.Request, body: bytes) -> web.Response:
        """Hand proofs through, unread and unkept: their terminal keeps them until the platform itself has answered."""
        passed = await self._handed_up(request, body)
        if passed is not None and passed.problem is None:
            return web.Response(body=passed.body, content_type="application/jwt")
        return web.Response(status=202, body=msgspec.json.encode(HeldThrough(held_through=0)), content_type=JSON)

    async def _keep(self, sealed: Sealed, body: bytes, *, former: bool) -> bool:
        """Count a batch and keep it; return whether no other of its terminal waits. `former`: by a key that ended."""
        seal, now_ms, bounds = sealed.seal, self._now_ms(), self._bounds()

        async def job(tx: Tx) -> tuple[bool, int]:
            taken = await take_in(tx, sealed, now_ms=now_ms, bounds=bounds, nonces=True, former=former)
            waiting = int((await tx.rows(WAITING, seal.terminal))[0][0])
            await tx.execute(KEEP, seal.terminal, seal.epoch, seal.first, seal.last, seal.head_hash, body, now_ms)
            return waiting == 0, taken.fresh

        alone, fresh = await self._books.write(job)
        turned = self._entry_of(sealed) if fresh else []
        if turned:
            self.stopped(turned[-1])
        return alone

    def _entry_of(self, sealed: Sealed) -> list[bool]:
        """Return how somebody at a gate turned entry to this site, in order; what a hub said there is no news."""
        name, found = f"stop_entry:{self._terminals.site}", []
        for link in sealed.links:
            try:
                record = open_record(link)
            except WireError:
                continue  # kept and sent on as it is; the platform names it
            said = record.body
            if record.kind == "note" and said.get("switch") == name and not str(said.get("by", "")).startswith("hub "):
                found.append(bool(said.get("on")))
        return found

    async def _handed_up(self, request: web.Request, body: bytes) -> Passed | None:
        headers = {
            "Authorization": request.headers["Authorization"],
            "Content-Encoding": "gzip",
        }  # it was inflated as that
        try:
            async with asyncio.timeout(LIVE_S):
                path = request.path_qs  # with what it says of the end of its journal
                return await self._platform.pass_on("POST", path, headers, body)
        except (TimeoutError, PlatformAwayError):
            return None

    async def settle(self, sealed: Sealed, raw: bytes, jti: str, body: bytes) -> None:
        """Let go of a batch that the platform has signed for; whatever else came, it stays."""
        seal, keys = sealed.seal, self._platform.identity.keys_in_force
        try:
            answer = open_answer(raw, keys, terminal=seal.terminal, nonce=jti, body=body)
            await self._signed_for(answer, (seal.terminal, seal.epoch, seal.first, seal.last, seal.head_hash))
        except WireError as error:
            log.warning("the platform's answer to %s is none: %s", seal.terminal, error)

    async def _signed_for(self, answer: Answer, batch: tuple[str, str, int, int, str]) -> None:
        terminal, epoch, first, last, head = batch
        receipt = open_receipt(answer.receipt or "", self._platform.identity.platform_keys)
        if (receipt.terminal, receipt.epoch, receipt.acked_through, receipt.head_hash) != (terminal, epoch, last, head):
            raise WireError("foreign_receipt", "the platform signed for another batch")
        await self._books.write(lambda tx: tx.execute(SENT, terminal, epoch, first, head))

    async def held(self, request: web.Request) -> web.Response:
        """Say which ends of the terminal's chain are here; with `through`, it says where its journal ends."""
        caller = self._terminals.caller(request, b"", terminal=request.match_info["terminal"], former=True)
        through, rest_s = through_of(request), self.settles_s()
        found = await self._books.read(lambda tx: ends(tx, caller.terminal))
        whole = through and (not found or max(one.acked_through for one in found) >= through)
        if whole and caller.former is None and rest_s:
            await asyncio.sleep(rest_s)  # what it is deciding now may still be on our earlier word
            return web.Response(body=msgspec.json.encode(HeldHere(held=found, again=True)), content_type=JSON)
        if whole and caller.former is None:
            self.heard(caller.terminal)
        return web.Response(body=msgspec.json.encode(HeldHere(held=found)), content_type=JSON)

    async def run(self) -> None:
        """Send on what waits, for ever."""
        while True:
            try:
                async with asyncio.timeout(RETRY_S):
                    await self._wake.wait()
            except TimeoutError:
                pass  # the platform may be back
            self._wake.clear()
            if self._platform.well:
                await self.send_on()

    async def send_on(self) -> None:
        """Send what waits, as far as the platform takes it: terminal by terminal, who has waited longest first."""
        try:
            whose = [row[0] for row in await self._books.read(lambda tx: tx.rows(WHOSE))]
            for terminal in whose:
                await self._send_all_of(terminal)
        except (PlatformAwayError, StoreFailedError) as error:
            log.info("batches wait: %s", error)

    async def _send_all_of(self, terminal: str) -> None:
        async with self._sending:
            while await self._send_one(terminal):
                continue

    async def drained(self, terminal: str) -> bool:
        """Send on what is held of a terminal; return whether nothing waits. Raises PlatformAwayError.

        Who asks the platform for its own memory must hear of that as well (illness.md 4).
        """
        if not self._platform.well:
            raise PlatformAwayError("the platform does not answer")
        await self._send_all_of(terminal)
        return not int((await self._books.read(lambda tx: tx.rows(WAITING, terminal)))[0][0])

    async def _send_one(self, terminal: str) -> bool:
        """Send the oldest batch of a terminal; return whether it was taken. Raises PlatformAwayError."""
        row = await self._books.read(lambda tx: tx.row(OLDEST, terminal))
        if row is None:
            return False
        epoch, first, last, head, body, newest = row
        try:
            answer = await self._platform.send_batch(terminal, bytes(body), through=newest)
            await self._signed_for(answer, (terminal, epoch, first, last, head))
        except RestingError:
            return False
        except (RefusedError, WireError) as error:
            log.warning("batch %s-%s of %s is not taken: %s", first, last, terminal, error)
            return False
        return True

    async def waiting(self) -> tuple[int, int]:
        """Return how many batches wait for the platform, and how many facts are in them."""
        row = (await self._books.read(lambda tx: tx.rows(KEPT)))[0]
        return int(row[0]), int(row[1])


def _problem(problem: Problem) -> web.Response:
    body = msgspec.json.encode(problem)
    return web.Response(status=problem.status, body=body, content_type="application/problem+json")
