"""One SQLite file, one writer (journal.md, "One file, one writer").

The transaction contract, written before it was coded:

1. A *job* is a plain function of the connection. It is one whole transaction: all of it happens, or none of it.
2. Jobs run one after another on a single thread that owns the only writing connection. Waiting jobs are committed
   together (group commit), each inside its own savepoint, so a job that raises undoes only itself.
3. `write` returns only after COMMIT returned with `synchronous=FULL`. What it returned is on disk.
4. A full disk makes SQLite drop the *whole* transaction. After any failed job we look at `conn.in_transaction`; if it
   is gone, every job of the group is run again by itself, so nobody is told "done" for work that a rollback took.
   Jobs therefore change nothing but the database, and may run twice.
5. A cancelled caller does not cancel its job. The job's effects stand; only the answer has nobody to go to.
6. An error of the database itself reaches the caller as `StoreFailedError`; any other exception of a job as itself.
7. Reading jobs run on a second thread with a connection that cannot write, and see committed data only.
"""

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from storage.migrations import migrate

MAX_GROUP = 64  # jobs committed together at most
BUSY_TIMEOUT_MS = 5_000  # an operator's command may hold the file for a moment

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class StoreFailedError(Exception):
    """The store could not do what it was asked (full, corrupt, read-only, closed). Nothing was written."""


@contextmanager
def immediate(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the body as one BEGIN IMMEDIATE transaction; any exception rolls it back and goes on."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield conn
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def connect(path: Path | str, *, writing: bool) -> sqlite3.Connection:
    """Open `path` with the settings every connection has. Autocommit: transactions are begun by name."""
    conn = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("PRAGMA trusted_schema = OFF")
    if writing:
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
    else:
        conn.execute("PRAGMA query_only = ON")
    return conn


def memory() -> sqlite3.Connection:
    """Return an in-memory database with the whole schema, for the simulator and for tests."""
    conn = connect(":memory:", writing=True)
    migrate(conn, backup_to=None)
    return conn


@dataclass(frozen=True, slots=True)
class _Ran:
    """What a job came to, before anybody is told."""

    result: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    job: Job[Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"

    def tell(self, ran: _Ran) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._deliver, ran)

    def _deliver(self, ran: _Ran) -> None:
        if self.future.done():  # the caller went away; its job stands
            return
        if ran.error is None:
            self.future.set_result(ran.result)
        else:
            self.future.set_exception(ran.error)


def _run(conn: sqlite3.Connection, job: Job[Any]) -> _Ran:
    """Run one job inside a savepoint of the open transaction. Database errors become StoreFailedError."""
    conn.execute("SAVEPOINT job")
    try:
        ran = _Ran(result=job(conn))
        conn.execute("RELEASE job")
    except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
        if conn.in_transaction:
            conn.execute("ROLLBACK TO job")
            conn.execute("RELEASE job")
        failed = isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError)
        return _Ran(error=_failure(error) if failed else error)
    return ran


def _failure(error: Exception) -> StoreFailedError:
    failed = StoreFailedError(f"the store cannot write: {error}")
    failed.__cause__ = error
    return failed


class Store:
    """The terminal's database. Enter it to open and migrate; leave it to finish waiting jobs and close.

    `reached` is called on the writer thread with the name of a point on the way to the disk ("before-commit",
    "after-commit"); tests pull the plug there. `failing` says why the last job that wrote could not, until one can.
    Raises on entering: `SchemaTooNewError`, `StoreFailedError`.
    """

    def __init__(self, path: Path, *, reached: Callable[[str], None] = lambda _point: None) -> None:
        self._path = path
        self._reached = reached
        self._jobs: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="store-reader")
        self._open_for_jobs = False
        self.failing = ""

    async def __aenter__(self) -> Self:
        self._writing = await asyncio.to_thread(self._open)
        self._reading = connect(self._path, writing=False)
        self._open_for_jobs = True
        self._thread.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._open_for_jobs = False
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._reader.shutdown(wait=True)
        self._reading.close()
        self._writing.close()

    async def write(self, job: Job[T]) -> T:
        """Run `job` as one transaction; return its result once on disk. Raises StoreFailedError, or the job's own."""
        if not self._open_for_jobs:
            raise StoreFailedError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.put(_Waiting(job, loop, future))
        return await future

    async def read(self, job: Job[T]) -> T:
        """Run `job` on the reading connection, in one consistent view. Raises StoreFailedError, or the job's own."""
        if not self._open_for_jobs:
            raise StoreFailedError("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._reader, self._view, job)

    def _view(self, job: Job[T]) -> T:
        try:
            self._reading.execute("BEGIN")
            try:
                return job(self._reading)
            finally:
                if self._reading.in_transaction:
                    self._reading.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise StoreFailedError(f"the store cannot be read: {error}") from error

    def _open(self) -> sqlite3.Connection:
        try:
            conn = connect(self._path, writing=True)
            migrate(conn, backup_to=self._path.with_suffix(".before-migration.db"))
        except sqlite3.Error as error:
            raise StoreFailedError(f"{self._path}: {error}") from error
        return conn

    def _work(self) -> None:
        while (first := self._jobs.get()) is not None:
            group, last = [first], False
            while len(group) < MAX_GROUP and not self._jobs.empty():
                waiting = self._jobs.get()
                if waiting is None:
                    last = True
                    break
                group.append(waiting)
            self._commit(group)
            if last:
                return

    def _commit(self, group: list[_Waiting]) -> None:
        """Commit the group as one transaction; if SQLite dropped it, commit each job by itself."""
        ran: list[_Ran] = []
        before = self._writing.total_changes
        try:
            self._writing.execute("BEGIN IMMEDIATE")
            for waiting in group:
                ran.append(_run(self._writing, waiting.job))
                if not self._writing.in_transaction:
                    raise sqlite3.OperationalError("transaction was rolled back by the database")
            self._reached("before-commit")
            self._writing.execute("COMMIT")
            self._reached("after-commit")
        except sqlite3.Error as error:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
            if len(group) > 1:
                for waiting in group:
                    self._commit([waiting])
                return
            ran = [ran[0] if ran and ran[0].error else _Ran(error=_failure(error))]
        failures = [str(outcome.error) for outcome in ran if isinstance(outcome.error, StoreFailedError)]
        if failures or self._writing.total_changes > before:
            self.failing = failures[-1] if failures else ""
        for waiting, outcome in zip(group, ran, strict=True):
            waiting.tell(outcome)
