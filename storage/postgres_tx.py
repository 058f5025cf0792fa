"""The transaction of a coroutine job on PostgreSQL, and asyncpg's errors by the names that every engine's have."""

import re
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
MAX_SHAPES: Final = 1_000
PARAMETER: Final = re.compile(r"\$([0-9]+)")
Alike = tuple[bool, ...]  # of each column, whether all rows have one value there
Shapes = dict[tuple[str, Alike], str]  # statement for one row -> statement for many of that shape


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


async def undo(conn: asyncpg.Connection) -> None:
    """Roll a transaction back; a connection that cannot do so is ended, for the next job must not go on in this one."""
    try:
        with translated():
            if not conn.is_closed():
                await conn.execute("ROLLBACK")
    except BaseException:
        conn.terminate()
        raise


class PostgresTx:
    """`storage.jobs.Tx` over one connection whose transaction is open."""

    def __init__(self, conn: asyncpg.Connection, shapes: Shapes) -> None:
        self._conn = conn
        self._shapes = shapes

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
        if len(many) == 1:
            return await self.rows(sql, *many[0])
        columns = checked_columns(many)
        alike = tuple(column.count(column[0]) == len(many) for column in columns)
        if all(alike):  # rows that are one and the same: something has to say how many
            alike = (False, *alike[1:])
        with translated():
            at_once = self._shapes.get((sql, alike)) or await self._as_arrays(sql, alike)
            values = [column[0] if same else column for column, same in zip(columns, alike, strict=True)]
            return [tuple(row) for row in await self._conn.fetch(at_once, *values)]

    async def rows_each(self, sql: str, many: Sequence[Sequence[Value]]) -> list[list[Row]]:
        """Return what a SELECT gives for each, by one statement."""
        if len(many) < 2:  # noqa: PLR2004 - one needs no statement for several
            return [await self.rows(sql, *values) for values in many]
        columns = checked_columns(many)
        found: list[list[Row]] = [[] for _ in many]
        with translated():
            at_once = self._shapes.get((sql, ())) or await self._for_each(sql)
            for at, *row in await self._conn.fetch(at_once, *columns):
                found[at - 1].append(tuple(row))
        return found

    async def _for_each(self, sql: str) -> str:
        """Return a SELECT for one row of values as one for many, which looks into one partition for each of them."""
        kinds = [kind.name for kind in (await self._conn.prepare(sql)).get_parameters()]
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(kinds, 1))
        named = ", ".join(f"c{n}" for n in range(1, len(kinds) + 1))
        one = PARAMETER.sub(r"many.c\1", sql)
        at_once = (
            f"SELECT many.at, found.* FROM unnest({arrays}) WITH ORDINALITY AS many({named}, at)"  # noqa: S608 - types, told by the server
            f" CROSS JOIN LATERAL ({one} OFFSET 0) AS found"  # OFFSET: not to be planned as a join of whole tables
        )
        if len(self._shapes) < MAX_SHAPES:
            self._shapes[sql, ()] = at_once
        return at_once

    async def _as_arrays(self, sql: str, alike: Alike) -> str:
        """Return `sql` for many rows: a value where they are all alike, an array where they are not.

        An element of an array costs half a microsecond to encode, and of a batch's columns most are alike.
        """
        kinds = [f"${n}::{kind.name}" for n, kind in enumerate((await self._conn.prepare(sql)).get_parameters(), 1)]
        several = [at for at, same in enumerate(alike) if not same]
        chosen = ", ".join(f"c{at}" if at in several else kind for at, kind in enumerate(kinds))
        arrays = ", ".join(f"{kinds[at]}[]" for at in several)
        rows = f"SELECT {chosen} FROM unnest({arrays}) AS many({', '.join(f'c{at}' for at in several)})"  # noqa: S608 - types, told by the server
        at_once = PLAIN_VALUES.sub(rows, sql)
        if len(self._shapes) < MAX_SHAPES:
            self._shapes[sql, alike] = at_once
        return at_once

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo the inside alone when it raises."""
        await self._say("SAVEPOINT inner_job")
        try:
            yield
        except BaseException:
            await self._say("ROLLBACK TO inner_job; RELEASE inner_job")
            raise
        await self._say("RELEASE inner_job")

    async def _say(self, sql: str) -> None:
        with translated():
            await self._conn.execute(sql)
