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
import time
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
SLACK_S: Final = 0.02  # for the store to say that it withdrew the job
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
        written = self._store.submit(job, before=before)
        await _done(written, within_s=max(0.0, before - time.monotonic()) + SLACK_S)
        if written.done():
            return written.result()
        self.errands.send("late grant", self._see_to(written, failed, undo=undo))
        raise LateError("the store had begun, but was not done in time; what it comes to is taken back")

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


async def _done(future: "asyncio.Future[Settled]", *, within_s: float) -> None:
    """Wait until it is done, or the time is over: what `asyncio.wait` does for any number of them, for more."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def end(*_done: object) -> None:
        if not over.done():
            over.set_result(None)

    timer = loop.call_later(within_s, end)
    future.add_done_callback(end)
    try:
        await over
    finally:
        timer.cancel()
        future.remove_done_callback(end)


def _annul(conn: sqlite3.Connection, *, now: Now, redemption: str) -> None:
    """Take back what nobody was told of."""
    pen = Pen(conn, now, uuid7)
    attempts.withdraw(pen, redemption, why="late")
    steps.annul(pen, redemption, cause="late")
    recall.forget(pen, redemption)
