"""What a store promises to whoever hands it a job. Written before it was coded; one test class holds each engine to it.

The contract:

1. A *job* is a function of the transaction it is given. It is one whole transaction: all of it happens, or none of it.
2. Jobs change nothing but the database, and may run twice: a full disk takes a whole group of them back, another
   process may win a race for the same rows. Nothing in a job waits for a network, a lock or a person.
3. `write` returns only when the job is on disk, as the engine is told to mean it (SQLite: COMMIT returned with
   `synchronous=FULL`; PostgreSQL: COMMIT returned, and the synchronous standbys that are named have it).
4. A job that raises undoes only itself, whoever was committed together with it.
5. A cancelled caller does not cancel its job. The job's effects stand; only the answer has nobody to go to.
6. `write(job, before=deadline)`: a job that has not begun by the deadline (seconds of `time.monotonic()`, as
   `loop.time()`) is withdrawn, and its caller gets `JobWithdrawnError` there and then: it never runs. Withdrawing and
   beginning exclude each other. A job that has begun is waited for, also beyond its deadline: whoever cannot wait
   keeps the task (`asyncio.wait({task}, timeout=…)`) and undoes what it did in a next job.
7. `read` sees one consistent state of what is committed, and cannot change it. Reading never waits for a writer.
8. What the database itself refuses reaches the caller as `StoreFailedError`; any other exception of a job as itself.
9. What no job may raise (SystemExit, KeyboardInterrupt, an error of the store's own) ends the process at once: a dead
   writer would leave every later caller waiting for ever.

Two kinds of job keep this contract. The terminal's are plain functions of the SQLite connection: one file is all it
will ever have, and a decision must not pay for another engine. The platform's and the hub's are coroutines,
`async def job(tx)`: on SQLite nothing in them ever suspends and the writer's thread drives each to its end; on
PostgreSQL they run on a pooled connection.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Hashable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from types import NoneType
from typing import Any, Final, Generic, Protocol, Self, TypeVar

MAX_INTEGER: Final = 2**63 - 1
BAD_TEXT: Final = "text with NUL or a lone surrogate cannot be stored"
BAD_INTEGER: Final = "an integer beyond 64 bits cannot be stored"
PLAIN_VALUES: Final = re.compile(r"VALUES \(((?:\$[0-9]+(?:, )?)+)\)")  # one row, which several may stand for
_TEXT: Final = frozenset({str, NoneType})
_FIGURES: Final = frozenset({int, NoneType})
_BYTES: Final = frozenset({bytes, NoneType})
Value = int | str | bytes | None
Row = tuple[Any, ...]
T = TypeVar("T")


class StoreFailedError(Exception):
    """The store could not do what it was asked (full, corrupt, read-only, closed, away). Nothing was written."""


class JobWithdrawnError(StoreFailedError):
    """The job had not begun by its deadline. It never ran and never will."""


class BadValueError(ValueError):
    """A value that no engine stores alike: NUL or a lone surrogate in text, an integer beyond 64 bits."""


class ConstraintError(Exception):
    """A constraint of the schema forbids it. The job may go on only where a savepoint undid the statement."""


class JobSuspendedError(Exception):
    """A job awaited something that is not its transaction. That is a mistake in the job: ask first, then write."""


def checked(values: Sequence[Value]) -> Sequence[Value]:
    """Return `values` unless one is not storable everywhere; raise BadValueError."""
    for value in values:
        if isinstance(value, str):
            if not storable(value):
                raise BadValueError(BAD_TEXT)
        elif isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise BadValueError(BAD_INTEGER)
    return values


def checked_columns(many: Sequence[Sequence[Value]]) -> list[tuple[Value, ...]]:
    """Return the columns of `many` rows unless a value is not storable everywhere; raise BadValueError.

    A column of one type is looked at as a whole: each value by itself took a fifth of what taking a journal in cost.
    """
    columns: list[tuple[Any, ...]] = list(zip(*many, strict=True))
    for column in columns:
        check_column(column, set(map(type, column)))
    return columns


def check_column(column: tuple[Any, ...], kinds: AbstractSet[type]) -> None:
    """Raise BadValueError where a value is not storable everywhere; `kinds` are the types of the column's values."""
    if kinds <= _TEXT:
        if not storable("".join(filter(None, column) if NoneType in kinds else column)):
            raise BadValueError(BAD_TEXT)
    elif kinds <= _FIGURES:
        figures = [one for one in column if one is not None] if NoneType in kinds else column
        checked((max(figures), min(figures)))
    elif not kinds <= _BYTES:
        checked(column)


def storable(text: str) -> bool:
    """Return whether every engine stores a text alike: what somebody else wrote may hold NUL or a lone surrogate."""
    return "\0" not in text and (text.isascii() or _is_utf8(text))


def _is_utf8(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


class Tx(Protocol):
    """The transaction that a coroutine job is given. It is the only thing that a job may await.

    SQL is one text for both engines, with `$1, $2, …`: what is understood alike by SQLite 3.40 and PostgreSQL 15
    (docs/scale.md lists what is not). Raises StoreFailedError, BadValueError, ConstraintError.
    """

    async def rows(self, sql: str, *values: Value) -> list[Row]:
        """Return every row that `sql` gives."""
        ...

    async def row(self, sql: str, *values: Value) -> Row | None:
        """Return the first row that `sql` gives, None when there is none."""
        ...

    async def execute(self, sql: str, *values: Value) -> int:
        """Run `sql` and return how many rows it touched."""
        ...

    async def execute_many(self, sql: str, many: Sequence[Sequence[Value]]) -> None:
        """Run `sql` once for each of `many`."""
        ...

    async def rows_many(self, sql: str, many: Sequence[Sequence[Value]]) -> list[Row]:
        """Run an INSERT … RETURNING once for each of `many`, no two of them for one row; return what all give."""
        ...

    async def rows_each(self, sql: str, many: Sequence[Sequence[Value]]) -> list[list[Row]]:
        """Return what a SELECT gives for each of `many`, in their order. Its LIMIT is no parameter."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Undo what happens inside when it raises, and nothing before."""
        ...


class JointJob(ABC, Generic[T]):
    """A job that can be done together with others of its `kind` that wait: one statement for all of them.

    Of one `whose` no two are done together. Engines where a statement is a message do so (PostgreSQL).
    """

    @property
    @abstractmethod
    def kind(self) -> Hashable:
        """Return what is equal for jobs that can be done together."""

    @property
    @abstractmethod
    def whose(self) -> Hashable:
        """Return what is equal for jobs that cannot."""

    async def __call__(self, tx: Tx) -> T:
        """Do this job alone."""
        (found,) = await self.together(tx, [self])
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def weight(self) -> int:
        """Return how much it is to do, about in rows."""
        return 1

    @abstractmethod
    async def together(self, tx: Tx, jobs: Sequence[Self]) -> list[T | Exception]:
        """Do all of `jobs`; return what each comes to. An error stands for a job of which nothing was taken.

        Raises what befell all of them: then each is done alone.
        """


TxJob = Callable[[Tx], Coroutine[Any, Any, T]]


class JobStore(Protocol):
    """A store for coroutine jobs, whatever is behind it: the platform and the hub know no more of their database."""

    async def write(self, job: TxJob[T], *, before: float | None = None) -> T:
        """Run `job` as one transaction and return its result once it is kept."""
        ...

    async def read(self, job: TxJob[T]) -> T:
        """Run `job` on one consistent view of what is committed; it cannot change anything."""
        ...

    async def hold(self, name: str) -> bool:
        """Return whether, of all processes on this database, this one holds `name` now; taken if nobody does."""
        ...
