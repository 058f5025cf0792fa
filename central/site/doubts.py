"""What a silent gate may have given: the list goes up to the platform, and what people decide about it comes down.

    a claim lapses here  --the whole list, when it has changed-->  platform: `central terminals lapsed`
    lifted or written off there  --an order to this hub-->  applied in the books, and marked, in one transaction

Both are tried again for ever: a platform that is away hears of it later, and an order is applied once, whatever ends
this process in between.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from central.hub.lifting import apply, own_doubts
from central.site.beginning import TALLY
from central.site.upward import Platform, PlatformAwayError
from storage.jobs import JobStore, StoreFailedError, Tx
from storage.sqlite import Store
from sync.transport import RefusedError
from sync.wire.hubs import LapsedClaim
from sync.wire.messages import Command, WireError
from sync.wire.seals import open_order

log = logging.getLogger("central.site")

LOOK_S: Final = 0.5
MARK: Final = "s|lifted"  # a tally that no key of a benefit can have: the newest order that was applied
THROUGH: Final = "SELECT spent FROM tallies WHERE key = $1"
ORDERS: Final = "SELECT number, signed FROM orders WHERE action IN ('lift', 'write_off') AND number > ? ORDER BY number"


class Doubts:
    """Tells the platform of lapsed claims, and heeds what people decided about them."""

    def __init__(self, books: JobStore, store: Store, platform: Platform) -> None:
        self._books = books
        self._store = store
        self._platform = platform
        self._told: list[LapsedClaim] = []
        self.rounds = 0

    async def run(self, now_ms: Callable[[], int]) -> None:
        """Do both, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.heed(now_ms())
                await self.tell()
            except (PlatformAwayError, StoreFailedError) as error:
                log.info("lapsed claims wait: %s", error)

    async def heed(self, now_ms: int) -> int:
        """Apply the orders that were not yet; return how many. Raises StoreFailedError."""
        row = await self._books.read(lambda tx: tx.row(THROUGH, MARK))
        through = 0 if row is None else int(row[0])
        orders = await self._store.read(lambda conn: conn.execute(ORDERS, (through,)).fetchall())
        for number, signed in orders:
            await self._apply(number, through, signed, now_ms)
            through = number
        return len(orders)

    async def _apply(self, number: int, before: int, signed: str, now_ms: int) -> None:
        order = self._opened(signed)

        async def job(tx: Tx) -> None:
            if order is not None and isinstance(order.about, str):
                await apply(tx, order.about, "lift" if order.action == "lift" else "write_off", now_ms=now_ms)
            await tx.rows(f"{TALLY} RETURNING key", MARK, number - before)

        await self._books.write(job)
        log.warning(
            "order %s: %s", number, "not as it was signed" if order is None else f"{order.action} {order.about}"
        )

    def _opened(self, signed: str) -> Command | None:
        """Return an order as the platform signed it, None when somebody edited it here."""
        keys, terminal = self._platform.identity.platform_keys, self._platform.identity.terminal
        try:
            order = open_order(signed, keys, terminal=terminal)
        except WireError:
            return None
        return order if isinstance(order, Command) else None

    async def tell(self) -> bool:
        """Tell the platform of the lapsed claims when they have changed; return whether it was told."""
        found = await self._books.read(own_doubts)
        if found == self._told:
            return False
        try:
            await self._platform.lapsed(found)
        except RefusedError as error:
            log.warning("lapsed claims are not taken: %s", error)
        self._told = found
        return True
