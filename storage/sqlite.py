"""One SQLite file, one writer (journal.md, "One file, one writer").

The contract is `storage.jobs`. How it is kept here:

1. A job is a plain function of the connection. Jobs run one after another on a single thread that owns the only
   writing connection. Waiting jobs are committed together (group commit), each inside its own savepoint, so a job
   that raises undoes only itself. A lone job has none: its rollback is the transaction's.
2. `write` returns only after COMMIT returned with `synchronous=FULL`. What it returned is on disk.
3. A full disk makes SQLite drop the *whole* transaction. After any failed job we look at `conn.in_transaction`; if it
   is gone, every job of the group is run again by itself, so nobody is told "done" for work that a rollback took.
4. A job has begun when its transaction holds the file's lock: whoever waits for another process that holds the file
   can still be withdrawn.
5. Reading jobs run on threads of their own with connections that cannot write, and see committed data only
   (`storage.threads.readers`).
6. The writer's thread never dies alone: it ends the process (`storage.threads.dying`).
7. Commits write over a log that is long enough already (`log_bytes`): what lengthens a file takes longer to be durable.
   Behind the valid frames SQLite reads nothing, whatever stands there: so it is after each checkpoint.
8. No job waits for a checkpoint: a thread of its own takes the log into the file (`storage.threads.checkpoints`).
9. A job that is nobody's answer yields to all that are (`storage.threads.precedence`), and so does long work beside the
   store (`give_way`).
"""

import asyncio
import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeVar

from storage.files import grow_file, make_private
from storage.jobs import JobWithdrawnError, StoreFailedError
from storage.migrations import TERMINAL, Schema, migrate
from storage.threads.checkpoints import Checkpoints
from storage.threads.courtesy import Courtesy
from storage.threads.dying import end_process
from storage.threads.precedence import Precedence
from storage.threads.readers import Readers
from storage.threads.waiting import Ran, Waiting, tell_all, withdrawn

BUSY_TIMEOUT_MS = 5_000  # an operator's command may hold the file for a moment
STATEMENTS = 512  # kept prepared; Python keeps 128 by itself, fewer than a terminal has
MAX_LOG_PAGES = 16_000  # beyond this the writer checkpoints after all: its own thread cannot, or is not there
LEFT_FREE = 16  # a log is made long where so many times its length is free

log = logging.getLogger("xinguan.store")

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


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


def connect(path: Path | str, *, writing: bool, page_bytes: int | None = None) -> sqlite3.Connection:
    """Open `path` with the settings every connection has. Autocommit: transactions are begun by name.

    `page_bytes`: how large the pages of a file are that does not exist yet; one that does keeps its own.
    """
    conn = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS)
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA foreign_keys = ON")
    conn.execute("PRAGMA trusted_schema = OFF")
    conn.execute("PRAGMA temp_store = MEMORY")  # savepoints wrote as much to temporary files as to the log
    if writing:
        if page_bytes is not None:
            conn.execute(f"PRAGMA page_size = {page_bytes}")
        conn.execute("PRAGMA journal_mode = WAL")
        conn.execute("PRAGMA synchronous = FULL")
    else:
        conn.execute("PRAGMA query_only = ON")
    return conn


def memory(schema: Schema = TERMINAL) -> sqlite3.Connection:
    """Return an in-memory database with the whole schema, for the simulator and for tests."""
    conn = connect(":memory:", writing=True)
    _migrated(schema).backup(conn)
    return conn


@cache
def _migrated(schema: Schema) -> sqlite3.Connection:
    """Return the one that is copied: going through every schema file takes fifty times as long as a copy."""
    conn = connect(":memory:", writing=True)
    migrate(conn, schema, backup_to=None)
    return conn


def _run(conn: sqlite3.Connection, job: Job[Any], *, alone: bool) -> Ran:
    """Run one job of the open transaction; one that raises undoes itself. Database errors become StoreFailedError."""
    if not alone:
        conn.execute("SAVEPOINT job")
    try:
        ran = Ran(result=job(conn))
        if not alone:
            conn.execute("RELEASE job")
    except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
        if conn.in_transaction and not alone:
            conn.execute("ROLLBACK TO job")
            conn.execute("RELEASE job")
        failed = isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError)
        return Ran(error=_failure(error) if failed else error)
    return ran


def _failure(error: BaseException) -> StoreFailedError:
    failed = StoreFailedError(f"the store cannot write: {error}")
    failed.__cause__ = error
    return failed


class Store:
    """The terminal's database. Enter it to open and migrate; leave it to finish waiting jobs and close.

    `reached` is called on the writer thread with the name of a point on the way to the disk ("before-commit",
    "after-commit"); tests pull the plug there. `committed` is called there when something was written, once whoever
    waited for it has been told: nobody's answer waits for what follows from a commit. `log_bytes` is how long the log
    is made when the file is opened. `failing` says why the last job that wrote could not, until one can.
    `dying` is called on the writer thread with what killed it, and ends the process.
    Raises on entering: `SchemaTooNewError`, `StoreFailedError`.
    """

    def __init__(
        self,
        path: Path,
        *,
        schema: Schema = TERMINAL,
        readers: int = 1,
        log_bytes: int = 0,
        reached: Callable[[str], None] = lambda _point: None,
        committed: Callable[[], None] = lambda: None,
        dying: Callable[[BaseException], None] = end_process,
    ) -> None:
        self._path = path
        self._schema = schema
        self._log_bytes = log_bytes
        self._reached = reached
        self._committed = committed
        self._dying = dying
        self._jobs = Precedence()
        self._courtesy = Courtesy()
        self._thread = threading.Thread(target=self._live, name="store-writer", daemon=True)
        self._readers = Readers(readers, lambda: connect(path, writing=False), dying)
        self._in_hand: list[Waiting] = []
        self._checkpoints = Checkpoints(lambda: connect(path, writing=True))
        self._open_for_jobs = False
        self.failing = ""

    async def __aenter__(self) -> Self:
        self._writing = await asyncio.to_thread(self._open)
        self._readers.start()
        self._open_for_jobs = True
        self._checkpoints.start()
        self._thread.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._open_for_jobs = False
        self._jobs.close()
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._checkpoints.stop)
        await asyncio.to_thread(self._readers.stop)
        self._writing.close()

    async def write(self, job: Job[T], *, before: float | None = None, yields: bool = False) -> T:
        """Run `job` as one transaction; return its result once on disk. Raises StoreFailedError, or the job's own.

        `before`: a moment of `time.monotonic()`; a job not begun by then is withdrawn (JobWithdrawnError, at once).
        `yields`: nobody's answer depends on it; who waits for one goes first (`storage.threads.precedence`).
        """
        return await self.submit(job, before=before, yields=yields)

    def submit(
        self,
        job: Job[T],
        *,
        before: float | None = None,
        late: "Callable[[asyncio.Future[T]], Exception] | None" = None,
        yields: bool = False,
    ) -> "asyncio.Future[T]":
        """Do as `write`, for whoever keeps the future. Raises StoreFailedError when closed.

        `late`: what to tell a caller whose job had begun before `before` and is not done soon after; it is handed the
        future of what the job comes to after all.
        """
        if not self._open_for_jobs:
            raise StoreFailedError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not yields:
            self._courtesy.serve(future)
        waiting = Waiting(job, loop, future, before, late, yields)
        self._jobs.put(waiting)
        waiting.watch()
        return future

    async def read(self, job: Job[T]) -> T:
        """Run `job` on the reading connection, in one consistent view. Raises StoreFailedError, or the job's own."""
        if not self._open_for_jobs:
            raise StoreFailedError("the store is closed")
        looking = self._readers.look(job)
        self._courtesy.serve(looking)
        return await looking

    async def give_way(self) -> None:
        """Return when nobody waits for this store, or soon: long work calls this before each of its pieces."""
        await self._courtesy.give_way()

    def _open(self) -> sqlite3.Connection:
        try:
            make_private(self._path)
            conn = connect(self._path, writing=True, page_bytes=self._schema.page_bytes)
            conn.execute(f"PRAGMA wal_autocheckpoint = {MAX_LOG_PAGES}")
            migrate(conn, self._schema, backup_to=self._path.with_suffix(".before-migration.db"))
            self._lengthen_log()
        except (OSError, sqlite3.Error) as error:
            raise StoreFailedError(f"{self._path}: {error}") from error
        return conn

    def _lengthen_log(self) -> None:
        """Make the log as long as it is wanted; a short one is slower, and a nearly full disk is left alone."""
        try:
            free = shutil.disk_usage(self._path.parent).free
            if free < self._log_bytes * LEFT_FREE:
                log.warning("log_stays_short", extra={"why": f"{free} bytes are free"})
            elif self._log_bytes:
                grow_file(self._path.with_name(f"{self._path.name}-wal"), self._log_bytes)
        except OSError as error:
            log.warning("log_stays_short", extra={"why": str(error)})

    def _live(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001 - a dead writer must not leave callers waiting
            self._open_for_jobs = False
            self._dying(error)
            self._give_up(error)

    def _give_up(self, error: BaseException) -> None:
        """Fail whoever still waits, where `dying` returned; only a test's does."""
        for waiting in (*self._in_hand, *self._jobs.rest()):
            waiting.tell(Ran(error=_failure(error)))

    def _work(self) -> None:
        while group := self._jobs.group():
            self._commit(group)

    def _commit(self, group: list[Waiting]) -> None:
        """Commit the group as one transaction; if SQLite dropped it, commit each job by itself."""
        self._in_hand = group
        ran: list[Ran] = []
        alone, before = len(group) == 1, self._writing.total_changes
        try:
            self._writing.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # busy, read-only, corrupt: nobody has begun, and each alone would fare alike
            return self._answer(group, [Ran(error=_failure(error))] * len(group), wrote=False)
        try:
            for waiting in group:
                ran.append(_run(self._writing, waiting.job, alone=alone) if waiting.begin() else withdrawn())
                if not self._writing.in_transaction:
                    raise sqlite3.OperationalError("transaction was rolled back by the database")
            if alone and ran[0].error is not None:
                self._writing.execute("ROLLBACK")
                return self._answer(group, ran, wrote=False)
            self._reached("before-commit")
            self._writing.execute("COMMIT")
            self._reached("after-commit")
        except sqlite3.Error as error:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
            if not alone:
                for waiting in group:
                    self._commit([waiting])
                return None
            ran = [ran[0] if ran and ran[0].error else Ran(error=_failure(error))]
        changed = self._writing.total_changes - before
        self._answer(group, ran, wrote=changed > 0)
        if changed:
            self._committed()
            self._checkpoints.wrote(changed)
        return None

    def _answer(self, group: list[Waiting], ran: list[Ran], *, wrote: bool) -> None:
        """Tell every caller, and remember whether the store can write."""
        errors = [outcome.error for outcome in ran if not isinstance(outcome.error, JobWithdrawnError)]
        failures = [str(error) for error in errors if isinstance(error, StoreFailedError)]
        if failures or wrote:
            self.failing = failures[-1] if failures else ""
        tell_all(list(zip(group, ran, strict=True)))
