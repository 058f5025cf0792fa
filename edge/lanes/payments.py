"""Who has been granted something at this lane and not paid yet: their time, and its end (lane.md, "Money at the gate").

Rules of this file:

- the time runs by a clock that nobody sets; after a restart it runs anew;
- several visitors may be paying at once; leaving never costs;
- a store that cannot write the end is asked again: until then the payment still counts.
"""

import asyncio
import functools
import logging
import sqlite3
from collections.abc import Callable, Iterable
from typing import Protocol

from cache.ids import uuid7
from cache.ledger import paying
from cache.ledger.steps import Stepped
from cache.pen import Pen
from credit.inputs import Now
from edge.watch.alive import Errands
from storage.jobs import StoreFailedError
from storage.sqlite import Store

log = logging.getLogger("xinguan.payments")

AGAIN_S = 1.0


class Clock(Protocol):
    """What tells the time, and sends on errands."""

    errands: Errands

    def now(self) -> Now:
        """Return now."""
        ...


class Payments:
    """The unpaid of one lane. `told` hears (redemption, "unpaid") when the time of one is over."""

    def __init__(
        self, *, within_s: Callable[[], float], clock: Clock, store: Store, told: Callable[[str, str], None]
    ) -> None:
        self._within_s = within_s
        self._clock = clock
        self._store = store
        self._told = told
        self._waiting: dict[str, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> frozenset[str]:
        """Who has not paid yet."""
        return frozenset(self._waiting)

    def await_(self, redemption: str) -> None:
        """Let the time of one begin; one that is waited for already goes on."""
        if redemption not in self._waiting:
            task = self._clock.errands.send("payment", self._over(redemption))
            self._waiting[redemption] = task
            task.add_done_callback(lambda _: self._waiting.pop(redemption, None))

    def resume(self, redemptions: Iterable[str]) -> None:
        """Begin anew for all who were waited for before a restart."""
        for redemption in redemptions:
            self.await_(redemption)

    def ended(self, redemption: str) -> None:
        """Hear that one was paid, or ended otherwise."""
        task = self._waiting.pop(redemption, None)
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Stop waiting; what is unpaid stays so until the next start."""
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _over(self, redemption: str) -> None:
        await asyncio.sleep(self._within_s())
        while True:
            job = functools.partial(_unpaid, now=self._clock.now(), redemption=redemption)
            try:
                stepped = await self._store.write(job)
            except StoreFailedError:
                log.exception("unpaid_not_kept", extra={"redemption": redemption})
                await asyncio.sleep(AGAIN_S)
                continue
            if stepped is not None and stepped.error is None:
                self._told(redemption, paying.UNPAID)
            return


def _unpaid(conn: sqlite3.Connection, *, now: Now, redemption: str) -> Stepped | None:
    return paying.unpaid(Pen(conn, now, uuid7), redemption)
