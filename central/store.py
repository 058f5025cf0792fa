"""The platform's database: one SQLite file, one thread, plain SQL (`central/schema/NNNN_*.sql`).

Rules of this file:

- a job is a plain function of the connection and is one whole transaction, committed with synchronous=FULL before
  `run` returns;
- `PRAGMA user_version` holds the number of the last schema file applied; a newer database is refused.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Self, TypeVar

from central.durable import make_private

T = TypeVar("T")
BUSY_TIMEOUT_MS = 10_000  # a command beside the running server waits this long for it


class CentralTooNewError(Exception):
    """The database was written by a newer Xinguan. Nothing was changed."""


def _schema() -> list[str]:
    folder = resources.files("central").joinpath("schema")
    return [f.read_text("utf-8") for f in sorted(folder.iterdir(), key=lambda f: f.name) if f.name.endswith(".sql")]


def _statements(sql: str) -> Iterator[str]:
    pending = ""
    for line in sql.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""


@contextmanager
def transaction(conn: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Run the body as one BEGIN IMMEDIATE transaction; any exception rolls it back and goes on."""
    conn.execute("BEGIN IMMEDIATE")
    try:
        yield conn
        conn.execute("COMMIT")
    except BaseException:
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        raise


def connect(path: Path) -> sqlite3.Connection:
    """Open the platform's database and bring its schema up to date; raise CentralTooNewError, sqlite3.Error."""
    make_private(path)
    conn = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False)
    conn.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    conn.execute("PRAGMA journal_mode = WAL")
    conn.execute("PRAGMA synchronous = FULL")
    conn.execute("PRAGMA foreign_keys = ON")
    files = _schema()
    with transaction(conn):
        have = int(conn.execute("PRAGMA user_version").fetchone()[0])
        if have > len(files):
            raise CentralTooNewError(f"{path}: schema {have} is newer than this program's {len(files)}")
        for number, sql in enumerate(files[have:], have + 1):
            for statement in _statements(sql):
                conn.execute(statement)
            conn.execute(f"PRAGMA user_version = {number}")
    return conn


class CentralStore:
    """The database for an event loop. Enter it to open it, leave it to close it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="central-store")

    async def __aenter__(self) -> Self:
        self._conn = await asyncio.get_running_loop().run_in_executor(self._thread, connect, self._path)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._conn.close()

    async def run(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run `job` as one transaction and return its result once it is on disk. Raises what the job raises."""

        def committed() -> T:
            with transaction(self._conn):
                return job(self._conn)

        return await asyncio.get_running_loop().run_in_executor(self._thread, committed)
