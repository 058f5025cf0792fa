"""What an authority forgets: the uses, tallies and leases of a period that is over (claims.md, "The call").

Facts and redemptions stay, they are the books; what was counted under a key whose period ended KEPT_S ago is asked for
by nobody any more. A fact that comes later still, from a box that was found after weeks, is stored and booked like any
other and counts alone: that a bound of then was overrun by it is not noticed any more.

Rules of this file:

- by trusted time alone: the platform's clock, at a hub the time that the platform signed;
- in pieces of MOST keys, so that no claim waits for long; of several processes one does it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from credit.rules.periods import is_over
from storage.jobs import JobStore, StoreFailedError, Tx

log = logging.getLogger("central.hub")

KEPT_S: Final = 7 * 86_400
EVERY_S: Final = 3_600.0
PAUSE_S: Final = 0.05
MOST: Final = 200  # keys of one job
NAME: Final = "forget"
KEYS: Final = "SELECT key FROM tallies WHERE key > $1 ORDER BY key LIMIT $2"
FORGET: Final = (
    "DELETE FROM uses WHERE key = $1",
    "DELETE FROM tallies WHERE key = $1",
    "DELETE FROM leases WHERE quota = $1",
)


async def forget_over(tx: Tx, after: str, *, now_ms: int, at_most: int) -> str | None:
    """Look at the keys after `after` and forget those that are over; return the last one, None behind the last."""
    keys = [row[0] for row in await tx.rows(KEYS, after, at_most)]
    for key in keys:
        if is_over(key, now_ms // 1000 - KEPT_S):
            for statement in FORGET:
                await tx.execute(statement, key)
    return keys[-1] if len(keys) == at_most else None


async def forget_all(books: JobStore, *, now_ms: int) -> None:
    """Go through all keys once. Raises StoreFailedError."""
    after: str | None = ""
    while after is not None:
        last = after

        async def job(tx: Tx, last: str = last) -> str | None:
            return await forget_over(tx, last, now_ms=now_ms, at_most=MOST)

        after = await books.write(job)
        await asyncio.sleep(PAUSE_S)


async def keep_small(
    books: JobStore, trusted_ms: Callable[[], int | None], *, mine: Callable[[str], Awaitable[bool]]
) -> None:
    """Forget once an hour, for ever; nothing while no time is trusted, or where another process does it."""
    while True:
        now_ms = trusted_ms()
        try:
            if now_ms is not None and await mine(NAME):
                await forget_all(books, now_ms=now_ms)
        except StoreFailedError:
            log.exception("what is over could not be forgotten")
        await asyncio.sleep(EVERY_S)
