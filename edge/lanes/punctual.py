"""A decision has a deadline (illness.md 6).

Rules of this file:

1. `Bounds.answer_s` from arrival to answer, EXIT_S for whoever leaves. Waiting for a second code is not counted;
2. a job that has not begun by then is withdrawn: it never runs (storage.jobs, 6);
3. a job that has begun and ends late is taken back in the next transaction, with the cause "late": nothing opens for
   it, and its request id remembers nothing. A repeat of what was given before takes nothing back, and what somebody
   brought back stays brought back;
4. what had to be let out unwritten (an exit) is owed to the journal only where its own job wrote nothing.
"""

import asyncio
import functools
import logging
import sqlite3
from collections.abc import Callable
from typing import Final

from cache.ids import uuid7
from cache.ledger import attempts, recall, steps
from cache.ledger.visit import Settled
from cache.pen import Pen
from credit.inputs import Now
from edge.watch.alive import Errands, Faults
from storage.jobs import StoreFailedError
from storage.sqlite import Job, Store

EXIT_S: Final = 0.2
AGAIN_S: Final = 1.0

log = logging.getLogger("xinguan.punctual")


class LateError(StoreFailedError):
    """The job had begun, and the time was over. What it comes to is taken back."""


class Punctual:
    """Writes the jobs of decisions, each in its time. `now` gives the moment in which something is taken back."""

    def __init__(self, store: Store, now: Callable[[], Now]) -> None:
        self._store = store
        self._now = now
        self.errands = Errands(Faults())

    async def write(
        self, job: Job[Settled], *, before: float, failed: Callable[[], None] = lambda: None, undo: bool = True
    ) -> Settled:
        """Return what `job` came to by `before` (`time.monotonic()`); raise StoreFailedError, LateError, or its own.

        After LateError, `failed` hears when the job wrote nothing after all; with `undo`, what it gave is taken back.
        """

        def late(written: "asyncio.Future[Settled]") -> LateError:
            self.errands.send("late grant", self._see_to(written, failed, undo=undo))
            return LateError("the store had begun, but was not done in time; what it comes to is taken back")

        return await self._store.submit(job, before=before, late=late)

    async def _see_to(self, written: "asyncio.Future[Settled]", failed: Callable[[], None], *, undo: bool) -> None:
        try:
            settled = await written
        except (StoreFailedError, sqlite3.Error) as error:
            log.info("late_and_nothing_written", extra={"detail": str(error)})
            failed()
            return
        except Exception:
            failed()
            raise
        ended = settled.decision.ends is not None
        if undo and settled.redemption is not None and not settled.repeat and not ended:
            await self._take_back(settled.redemption)

    async def _take_back(self, redemption: str) -> None:
        while True:
            try:
                await self._store.write(functools.partial(_annul, now=self._now(), redemption=redemption))
            except StoreFailedError:
                await asyncio.sleep(AGAIN_S)
            else:
                return


def _annul(conn: sqlite3.Connection, *, now: Now, redemption: str) -> None:
    """Take back what nobody was told of."""
    pen = Pen(conn, now, uuid7)
    attempts.withdraw(pen, redemption, why="late")
    steps.annul(pen, redemption, cause="late")
    recall.forget(pen, redemption)
