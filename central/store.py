"""Where the platform's books are kept: which database, which schema. How, is `storage`'s affair (`storage.jobs`)."""

import asyncio
from contextlib import AbstractAsyncContextManager
from typing import Final, TypeVar

from central.platform_state import PlatformState
from storage.driven import SqliteJobs
from storage.jobs import JobStore, TxJob
from storage.migrations import Schema

T = TypeVar("T")
SCHEMA: Final = Schema("central", "schema/sqlite")


def open_books(state: PlatformState) -> AbstractAsyncContextManager[JobStore]:
    """Return the platform's database, to be entered. Raises on entering: SchemaTooNewError, StoreFailedError."""
    return SqliteJobs(state.database, SCHEMA)


def changed(state: PlatformState, job: TxJob[T]) -> T:
    """Open the books, run `job` as one transaction and return its result: what a command does."""

    async def run() -> T:
        async with open_books(state) as books:
            return await books.write(job)

    return asyncio.run(run())


def looked(state: PlatformState, job: TxJob[T]) -> T:
    """Open the books, look with `job` and return its result: what a reporting command does."""

    async def run() -> T:
        async with open_books(state) as books:
            return await books.read(job)

    return asyncio.run(run())
