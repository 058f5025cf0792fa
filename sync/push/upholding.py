"""What this terminal may do, computed anew from the newest order as the platform signed it (illness.md, row 8).

The switch that decisions read is a copy. Whoever can write the database can turn it; at the next start, and within a
minute, it is again what the platform ordered, and a fact says that it was not.
"""

import asyncio
import logging
import sqlite3

from cache.journal.orders import Order, contradicted, uphold
from storage.sqlite import Store
from sync.enrol.identity import Identity
from sync.push.line import Clock
from sync.push.receiving import as_order
from sync.wire.messages import WireError
from sync.wire.seals import open_command

EVERY_S = 60.0

log = logging.getLogger("xinguan.orders")


class Upholder:
    """Upholds the platform's orders. `contradiction` is the number of an order that came with two contents."""

    def __init__(self, store: Store, identity: Identity, clock: Clock) -> None:
        self._store = store
        self._identity = identity
        self._clock = clock
        self.rounds = 0
        self.contradiction: int | None = None

    async def once(self) -> bool:
        """Let the switch be what was ordered; return whether it was something else. Raises StoreFailedError."""
        at_ms = self._clock.now_ms()

        def job(conn: sqlite3.Connection) -> tuple[bool, int | None]:
            return uphold(conn, self._opened, at_ms=at_ms), contradicted(conn)

        mended, self.contradiction = await self._store.write(job, yields=True)
        if mended:
            log.error("switch_was_turned", extra={"detail": "the platform's newest order is in force again"})
        self.rounds += 1
        return mended

    async def run(self) -> None:
        """Uphold once a minute; never returns."""
        while True:
            await self.once()
            await asyncio.sleep(EVERY_S)

    def _opened(self, signed: str) -> Order | None:
        try:
            command = open_command(signed, self._identity.platform_keys, terminal=self._identity.terminal)
        except WireError:
            return None
        return as_order(command, signed, enrolled=self._identity.enrolled)
