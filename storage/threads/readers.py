"""Threads that look into a SQLite file, each with a connection of its own that cannot write.

The standard pool of threads costs its caller as much as a short look itself: a future with a condition, a second one
for the loop, and the way between the two. Here a look is put into a queue, and its end is told to the loop.

Rules of this file:

- a look sees one consistent state of what is committed, and leaves no transaction behind;
- a look whose caller has gone away before it began is not taken;
- looks that were handed in are finished before `stop` returns;
- what no job may raise ends the process (`storage.jobs`, 9): nobody would notice that a thread is gone.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from storage.jobs import StoreFailedError
from storage.threads.waiting import Ran, Waiting

T = TypeVar("T")


class Readers:
    """Owns the threads; `connect` opens a connection for each, `dying` is told what killed one."""

    def __init__(
        self, many: int, connect: Callable[[], sqlite3.Connection], dying: Callable[[BaseException], None]
    ) -> None:
        self._looks: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._many = many
        self._connect = connect
        self._dying = dying
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Open the connections and begin. Raises sqlite3.Error."""
        for number in range(self._many):
            conn = self._connect()
            name = f"store-reader-{number}"
            self._threads.append(threading.Thread(target=self._live, args=(conn,), name=name, daemon=True))
            self._threads[-1].start()

    def stop(self) -> None:
        """Finish what was handed in, and close."""
        for _ in self._threads:
            self._looks.put(None)
        for thread in self._threads:
            thread.join()

    def look(self, job: Callable[[sqlite3.Connection], T]) -> "asyncio.Future[T]":
        """Have `job` look; the future has what it returns, or raises StoreFailedError or the job's own."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._looks.put(Waiting(job, loop, future))
        return future

    def _live(self, conn: sqlite3.Connection) -> None:
        while (waiting := self._looks.get()) is not None:
            if waiting.future.done():
                continue
            try:
                waiting.tell(_looked(conn, waiting.job))
            except BaseException as error:  # noqa: BLE001 - it ends the process
                self._dying(error)
                waiting.tell(Ran(error=_failed(error)))  # where `dying` returned; only a test's does
        conn.close()


def _looked(conn: sqlite3.Connection, job: Callable[[sqlite3.Connection], Any]) -> Ran:
    """Run a job on one consistent view; whatever it raises is its caller's."""
    try:
        conn.execute("BEGIN")
        try:
            return Ran(result=job(conn))
        finally:
            if conn.in_transaction:
                conn.execute("ROLLBACK")
    except sqlite3.Error as error:
        return Ran(error=_failed(error))
    except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
        return Ran(error=error)


def _failed(error: BaseException) -> StoreFailedError:
    failed = StoreFailedError(f"the store cannot be read: {error}")
    failed.__cause__ = error
    return failed
