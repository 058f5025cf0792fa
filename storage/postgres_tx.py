"""The transaction of a coroutine job on PostgreSQL, and asyncpg's errors by the names that every engine's have."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import asyncpg

from storage.jobs import (
    PLAIN_VALUES,
    BadValueError,
    ConstraintError,
    Row,
    StoreFailedError,
    Value,
    checked,
    checked_columns,
)

GONE: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)


class AgainError(StoreFailedError):
    """The database asks to run the job again: somebody else was faster with the same rows."""


@contextmanager
def translated() -> Iterator[None]:
    """Give asyncpg's errors the names that every engine's have."""
    try:
        yield
    except asyncpg.DataError as error:
        raise BadValueError(str(error)) from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise ConstraintError(str(error)) from error
    except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
        raise AgainError(f"the store asks to try again: {error}") from error
    except (asyncpg.PostgresError, *GONE) as error:
        raise StoreFailedError(f"the store failed: {error or type(error).__name__}") from error


class PostgresTx:
    """`storage.jobs.Tx` over one connection whose transaction is open."""

    def __init__(self, conn: asyncpg.Connection, types: dict[str, str]) -> None:
        self._conn = conn
        self._types = types  # statement for one row -> statement for arrays

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return every row."""
        with translated():
            return [tuple(row) for row in await self._conn.fetch(sql, *checked(values))]

    async def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row or None."""
        with translated():
            row = await self._conn.fetchrow(sql, *checked(values))
        return None if row is None else tuple(row)

    async def execute(self, sql: str, *values: Value) -> int:
        """Run `sql`; return how many rows it touched."""
        with translated():
            status = await self._conn.execute(sql, *checked(values))
        count = status.rpartition(" ")[2]
        return int(count) if count.isdecimal() else -1

    async def execute_many(self, sql: str, many: Sequence[Sequence[Value]]) -> None:
        """Run `sql` once for each."""
        if many and PLAIN_VALUES.search(sql):
            await self.rows_many(sql, many)
        elif many:
            with translated():
                await self._conn.executemany(sql, [checked(values) for values in many])

    async def rows_many(self, sql: str, many: Sequence[Sequence[Value]]) -> list[Row]:
        """Insert all of `many` with one statement, where its VALUES are plain; return what it gives."""
        if not many:
            return []
        if not PLAIN_VALUES.search(sql):
            return [row for values in many for row in await self.rows(sql, *values)]
        columns = checked_columns(many)
        with translated():
            at_once = self._types.get(sql) or await self._as_arrays(sql)
            return [tuple(row) for row in await self._conn.fetch(at_once, *columns)]

    async def _as_arrays(self, sql: str) -> str:
        prepared = await self._conn.prepare(sql)
        arrays = ", ".join(f"${n}::{kind.name}[]" for n, kind in enumerate(prepared.get_parameters(), 1))
        at_once = PLAIN_VALUES.sub(f"SELECT * FROM unnest({arrays})", sql)  # noqa: S608 - types, told by the server
        self._types[sql] = at_once
        return at_once

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the inside alone when it raises."""
        inner = self._conn.transaction()
        with translated():
            await inner.start()
        try:
            yield
        except BaseException:
            with translated():
                await inner.rollback()
            raise
        with translated():
            await inner.commit()
