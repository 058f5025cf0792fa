"""Coroutine jobs on SQLite: the same texts and jobs as on PostgreSQL, on the one writer of `storage.sqlite`.

A job's coroutine is driven to its end by one `send(None)` on the writer's thread. A statement costs no hop between
threads, and a job that awaits anything but its transaction is caught in the act: "ask, then write" is not a habit here.
"""

import fcntl
import os
import re
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from storage.files import PRIVATE
from storage.jobs import (
    PLAIN_VALUES,
    ConstraintError,
    JobSuspendedError,
    Row,
    StoreFailedError,
    TxJob,
    Value,
    checked,
    checked_columns,
)
from storage.migrations import Schema, statements
from storage.sqlite import Job, Store

T = TypeVar("T")
READERS: Final = 4  # a long report must not keep a terminal's short question waiting
NUMBERED: Final = re.compile(r"\$([0-9]+)")
FEW: Final = 8  # rows below which putting their columns together costs more than it saves
AT_ONCE: Final = (64, 8, 1)  # rows that one statement inserts: a row takes a third of one by itself


@cache
def numbered(sql: str) -> str:
    """Return `sql` with `?1` for `$1`, as SQLite has it."""
    return NUMBERED.sub(r"?\1", sql)


@cache
def rows_of(sql: str, rows: int) -> str:
    """Return `sql`, which inserts one row, for so many at once: its VALUES several times, with marks in their order."""
    return PLAIN_VALUES.sub(lambda found: "VALUES " + ", ".join([NUMBERED.sub("?", f"({found[1]})")] * rows), sql)


def _checked(many: Sequence[Sequence[Value]]) -> None:
    """Raise BadValueError for a value that is not storable everywhere; few rows are looked at one by one."""
    if len(many) < FEW:
        for values in many:
            checked(values)
    else:
        checked_columns(many)


def translated(error: sqlite3.Error) -> Exception:
    """Return an error of SQLite's by the name that every engine's has."""
    if isinstance(error, sqlite3.IntegrityError):
        return ConstraintError(str(error))
    return StoreFailedError(f"the store failed: {error}")


class SqliteTx:
    """`storage.jobs.Tx` over the connection whose transaction is open."""

    def __init__(self, conn: sqlite3.Connection) -> None:
        self._conn = conn

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return every row."""
        try:
            return self._conn.execute(numbered(sql), checked(values)).fetchall()
        except sqlite3.Error as error:
            raise translated(error) from error

    async def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row or None."""
        found = await self.rows(sql, *values)
        return found[0] if found else None

    async def execute(self, sql: str, *values: Value) -> int:
        """Run `sql`; return how many rows it touched."""
        try:
            return self._conn.execute(numbered(sql), checked(values)).rowcount
        except sqlite3.Error as error:
            raise translated(error) from error

    async def execute_many(self, sql: str, many: Sequence[Sequence[Value]]) -> None:
        """Run `sql` once for each."""
        _checked(many)
        try:
            self._conn.executemany(numbered(sql), many)
        except sqlite3.Error as error:
            raise translated(error) from error

    async def rows_many(self, sql: str, many: Sequence[Sequence[Value]]) -> list[Row]:
        """Run `sql` for all of `many`, several rows a statement, and return what all give."""
        if not PLAIN_VALUES.search(sql):
            return [row for values in many for row in await self.rows(sql, *values)]
        _checked(many)
        found: list[Row] = []
        done = 0
        try:
            for size in AT_ONCE:
                while len(many) - done >= size:
                    values = list(chain.from_iterable(many[done : done + size]))
                    found += self._conn.execute(rows_of(sql, size), values).fetchall()
                    done += size
        except sqlite3.Error as error:
            raise translated(error) from error
        return found

    async def rows_each(self, sql: str, many: Sequence[Sequence[Value]]) -> list[list[Row]]:
        """Return what a SELECT gives for each."""
        return [await self.rows(sql, *values) for values in many]

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the inside alone when it raises; a transaction that is gone altogether stays gone."""
        self._conn.execute("SAVEPOINT inner_job")
        try:
            yield
        except BaseException:
            if self._conn.in_transaction:
                self._conn.execute("ROLLBACK TO inner_job")
                self._conn.execute("RELEASE inner_job")
            raise
        self._conn.execute("RELEASE inner_job")


def drive(job: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine `job` returns, without a loop; raise JobSuspendedError when it suspends."""
    try:
        job.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    job.close()
    raise JobSuspendedError("a job waits for nothing but its transaction; ask first, then write")


def driven(job: TxJob[T]) -> Job[T]:
    """Return the coroutine job as a plain job of the connection."""
    return lambda conn: drive(job(SqliteTx(conn)))


def _execute(sql: str, conn: sqlite3.Connection) -> None:
    conn.execute(sql)


class SqliteJobs:
    """`storage.jobs.JobStore` on one SQLite file. Enter it to open and migrate; leave it to finish and close.

    `provisional` is SQL of TEMP tables: what lives as long as this process and needs no disk.
    Raises on entering: `SchemaTooNewError`, `StoreFailedError`.
    """

    def __init__(
        self,
        path: Path,
        schema: Schema,
        *,
        provisional: str = "",
        reached: Callable[[str], None] = lambda _point: None,
    ) -> None:
        self._provisional = provisional
        self._path = path
        self._held: dict[str, int] = {}
        self._store = Store(path, schema=schema, readers=READERS, reached=reached)

    async def __aenter__(self) -> Self:
        await self._store.__aenter__()
        for statement in statements(self._provisional):
            await self._store.write(partial(_execute, statement))
        return self

    async def __aexit__(self, *exc: object) -> None:
        for descriptor in self._held.values():
            os.close(descriptor)
        self._held.clear()
        await self._store.__aexit__(*exc)

    async def write(self, job: TxJob[T], *, before: float | None = None) -> T:
        """Run `job` as one transaction; return its result once on disk."""
        return await self._store.write(driven(job), before=before)

    async def read(self, job: TxJob[T]) -> T:
        """Run `job` on one consistent view."""
        return await self._store.read(driven(job))

    async def hold(self, name: str) -> bool:
        """Return whether this process alone holds `name`, by a lock on a file beside the database."""
        if name not in self._held:
            descriptor = os.open(
                self._path.with_name(f"{self._path.name}.{name}.lock"), os.O_RDWR | os.O_CREAT, PRIVATE
            )
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            self._held[name] = descriptor
        return True
