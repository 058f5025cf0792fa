"""Taking this terminal's own facts back from the platform, by itself, whenever its store does not know what it gave.

    store_lost ──ask page──▶ absorb ──next──▶ … ──last──▶ declared, sends again
        ▲                                                    │
        └──────── the platform names an end that is strange ◀┘

Rules of this file:

- a page is signed for our request and is absorbed in one transaction, with the place to go on from kept in memory only:
  whoever starts anew begins at the first page, and each fact counts once (`cache.memory.absorbing`);
- nothing of the journal is sent meanwhile: the platform should hear the declaration with the first batch;
- the ends that the *first* page named are what was learned: what came to them since is strange again.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from functools import partial

from cache.ids import uuid7
from cache.ledger.facts import STORE_LOST, switched
from cache.memory.absorbing import Absorbed, Ended, absorb
from cache.memory.lives import go_on
from cache.pen import Pen
from credit.inputs import Now
from credit.records import Record
from storage.jobs import StoreFailedError
from sync.backoff import Backoff
from sync.push.line import Line
from sync.push.resume import end_of
from sync.transport import RefusedError, UnreachableError
from sync.wire.memory import MemoryPage, Place, open_memory
from sync.wire.messages import WireError
from sync.wire.seals import Link, open_record

log = logging.getLogger("xinguan.memory")


class Rebuilder:
    """Rebuilds the ledger of `line`'s terminal; `done` is called when it may send again."""

    def __init__(self, line: Line, now: Callable[[], Now], *, done: Callable[[], None]) -> None:
        self._line = line
        self._now = now
        self._done = done
        self._backoff = Backoff()
        self._wake = asyncio.Event()
        self.rebuilt = 0
        self.last_error: str | None = None
        line.on_lost = self._wake.set

    async def run(self) -> None:
        """Wait for a loss and mend it, for ever."""
        while True:
            self._wake.clear()
            if await self._line.store.read(partial(switched, name=STORE_LOST)):
                await self._turn()
            else:
                await self._wake.wait()

    async def _turn(self) -> None:
        """Try once; rest after a failure that is not the network's: how often that is tried is `sync.peer`'s affair."""
        try:
            await self.once()
        except UnreachableError as error:
            self.last_error = str(error)
        except (RefusedError, WireError, StoreFailedError) as error:
            self.last_error = str(error)
            log.warning("memory_not_given", extra={"detail": str(error)})
            wait_s = error.wait_s if isinstance(error, RefusedError) else None
            await asyncio.sleep(self._backoff.refused_s(wait_s))

    async def once(self) -> Absorbed:
        """Ask for every page and absorb it, then go on; return how many came back.

        Raises what `Line.call` raises, and StoreFailedError.
        """
        first = page = await self._ask(None)
        total, seen = await self._absorb(page), set[Place]()
        while page.next is not None:
            if page.next in seen:
                raise WireError("foreign_memory", "its pages lead in a circle")
            seen.add(page.next)
            page = await self._ask(page.next)
            more = await self._absorb(page)
            total = Absorbed(total.applied + more.applied, total.left_out + more.left_out)
        ends = [end_of(end) for end in first.ends]

        def job(conn: sqlite3.Connection) -> bool:
            return go_on(Pen(conn, self._now(), uuid7), ends, last_seq=first.last_seq)

        anew = await self._line.store.write(job)
        self.last_error = None
        self.rebuilt += 1
        self._backoff.succeeded()
        extra = {"applied": total.applied, "left_out": total.left_out, "new_epoch": anew}
        log.warning("memory_rebuilt", extra=extra)
        self._line.lost = False
        self._done()
        return total

    async def _ask(self, place: Place | None) -> MemoryPage:
        query = "" if place is None else f"?epoch={place.epoch}&after={place.after}"
        identity = self._line.identity
        said = await self._line.call("GET", f"/memory{query}")
        page = open_memory(said.raw, identity.keys_in_force, terminal=identity.terminal, nonce=said.jti)
        if page.page != place:
            raise WireError("foreign_memory", "this page is not the one that was asked for")
        return page

    async def _absorb(self, page: MemoryPage) -> Absorbed:
        records, strange = _read(page)
        ended = [Ended(one.redemption, one.state) for one in page.ended]
        terminal = self._line.identity.terminal

        def job(conn: sqlite3.Connection) -> Absorbed:
            return absorb(Pen(conn, self._now(), uuid7), terminal, records, ended)

        done = await self._line.store.write(job)
        return Absorbed(done.applied, done.left_out + strange)


def _read(page: MemoryPage) -> tuple[list[Record], int]:
    """Return the facts of a page that can be read, and how many cannot."""
    found, strange = [], 0
    for fact in page.facts:
        try:
            found.append(open_record(Link(fact.seq, bytes(fact.raw), b"")))
        except WireError:
            strange += 1
    return found, strange
