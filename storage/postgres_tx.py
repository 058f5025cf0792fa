"""The transaction of a coroutine job on PostgreSQL, and asyncpg's errors by the names that every engine's have."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from types import NoneType
from typing import Final

import asyncpg

from storage.jobs import (
    BAD_TEXT,
    PLAIN_VALUES,
    BadValueError,
    ConstraintError,
    Row,
    StoreFailedError,
    Value,
    check_column,
    checked,
    checked_columns,
    storable,
)

GONE: Final = (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
MAX_SHAPES: Final = 1_000
PARAMETER: Final = re.compile(r"\$([0-9]+)")
INTEGERS: Final = frozenset({"int2", "int4", "int8"})
TEXT: Final = frozenset({str, NoneType})
FIGURE: Final = frozenset({int, NoneType})
BETWEEN: Final = "\x1f"  # two texts of a column that goes over as one
NOTHING: Final = "\x1e"  # in the place of one that is missing
ALIKE: Final = "="
LISTED: Final = "["
FIGURES: Final = "i"
TEXTS: Final = "t"
FORMS: Final = {  # how a column of many rows goes over
    LISTED: "${n}::{kind}[]",
    FIGURES: "${n}::text::{kind}[]",
    TEXTS: "string_to_array(${n}::text, E'\\x1f', E'\\x1e')",
}


class Shapes:
    """Statements for one row as statements for many, by the forms of their columns; and their parameters' types."""

    def __init__(self) -> None:
        self.kinds: dict[str, tuple[str, ...]] = {}
        self.texts: dict[tuple[str, str], str] = {}

    def keep(self, sql: str, forms: str, text: str) -> str:
        """Keep and return a statement for many rows."""
        if len(self.texts) < MAX_SHAPES:
            self.texts[sql, forms] = text
        return text


def formed(kind: str, column: tuple[Value, ...]) -> tuple[str, object]:
    """Return how a column goes over, and as what: one text where that says the same as an array.

    Raises BadValueError for a value that is not storable everywhere: both look at each value, and do so once.
    asyncpg asks each element of an array whether it is a collection, half a microsecond; a text it just sends.
    """
    if column[0] == column[-1] and column.count(column[0]) == len(column):
        checked(column[:1])
        return ALIKE, column[0]
    kinds = set(map(type, column))
    if kind == "text" and kinds <= TEXT:
        missing = column.count(None) if NoneType in kinds else 0
        joined = BETWEEN.join([NOTHING if one is None else str(one) for one in column] if missing else column)  # type: ignore[arg-type]
        if not storable(joined):
            raise BadValueError(BAD_TEXT)
        if joined.count(BETWEEN) == len(column) - 1 and joined.count(NOTHING) == missing:
            return TEXTS, joined
        return LISTED, column
    check_column(column, kinds)
    if kind in INTEGERS and kinds <= FIGURE:
        said = str(list(column))[1:-1]
        return FIGURES, "{" + (said.replace("None", "NULL") if NoneType in kinds else said) + "}"
    return LISTED, column


class AgainError(StoreFailedError):
    """The database asks to run the job again: somebody else was faster with the same rows."""


@contextmanager
def translated() -> Iterator[None]:
    """Give asyncpg's errors the names that every engine's have.

    A value beyond the server's own limits (an index row of 2 704 bytes) is the value's fault: the store is well, and
    who is written together with it need not wait.
    """
    try:
        yield
    except (asyncpg.DataError, asyncpg.ProgramLimitExceededError) as error:
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
        columns: list[tuple[Value, ...]] = list(zip(*many, strict=True))
        with translated():
            formed_columns = [formed(*one) for one in zip(await self._kinds(sql), columns, strict=True)]
            if all(form == ALIKE for form, _value in formed_columns):  # something has to say how many there are
                formed_columns[0] = LISTED, columns[0]
            forms = "".join(form for form, _value in formed_columns)
            at_once = self._shapes.texts.get((sql, forms)) or await self._for_many(sql, forms)
            return list(map(tuple, await self._conn.fetch(at_once, *(value for _form, value in formed_columns))))

    async def rows_each(self, sql: str, many: Sequence[Sequence[Value]]) -> list[list[Row]]:
        """Return what a SELECT gives for each, by one statement."""
        if len(many) < 2:  # noqa: PLR2004 - one needs no statement for several
            return [await self.rows(sql, *values) for values in many]
        columns = checked_columns(many)
        found: list[list[Row]] = [[] for _ in many]
        with translated():
            at_once = self._shapes.texts.get((sql, "")) or await self._for_each(sql)
            for at, *row in await self._conn.fetch(at_once, *columns):
                found[at - 1].append(tuple(row))
        return found

    async def _kinds(self, sql: str) -> tuple[str, ...]:
        """Return the types of a statement's parameters."""
        kinds = self._shapes.kinds.get(sql)
        if kinds is None:
            kinds = tuple(kind.name for kind in (await self._conn.prepare(sql)).get_parameters())
            self._shapes.kinds[sql] = kinds
        return kinds

    async def _for_each(self, sql: str) -> str:
        """Return a SELECT for one row of values as one for many, which looks into one partition for each of them."""
        kinds = await self._kinds(sql)
        arrays = ", ".join(f"${n}::{kind}[]" for n, kind in enumerate(kinds, 1))
        named = ", ".join(f"c{n}" for n in range(1, len(kinds) + 1))
        one = PARAMETER.sub(r"many.c\1", sql)
        at_once = (
            f"SELECT many.at, found.* FROM unnest({arrays}) WITH ORDINALITY AS many({named}, at)"  # noqa: S608 - types, told by the server
            f" CROSS JOIN LATERAL ({one} OFFSET 0) AS found"  # OFFSET: not to be planned as a join of whole tables
        )
        return self._shapes.keep(sql, "", at_once)

    async def _for_many(self, sql: str, forms: str) -> str:
        """Return `sql` for many rows: a value where they are all alike, an array or a text of them where not."""
        kinds = await self._kinds(sql)
        several = [at for at, form in enumerate(forms) if form != ALIKE]
        chosen = ", ".join(f"c{at}" if at in several else f"${at + 1}::{kind}" for at, kind in enumerate(kinds))
        arrays = ", ".join(FORMS[forms[at]].format(n=at + 1, kind=kinds[at]) for at in several)
        rows = f"SELECT {chosen} FROM unnest({arrays}) AS many({', '.join(f'c{at}' for at in several)})"  # noqa: S608 - types, told by the server
        return self._shapes.keep(sql, forms, PLAIN_VALUES.sub(lambda _found: rows, sql))

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
