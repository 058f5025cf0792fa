"""Where the platform's books are kept: which database, which schema. How, is `storage`'s affair (`storage.jobs`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TypeVar

from central.books.bounds import Catalogue
from central.books.rebuilding import is_due, rebuild
from central.platform_state import PlatformState
from storage.driven import SqliteJobs
from storage.jobs import JobStore, TxJob
from storage.migrations import Schema

T = TypeVar("T")
SCHEMA: Final = Schema("central", "schema/sqlite")


@asynccontextmanager
async def open_books(state: PlatformState) -> AsyncIterator[JobStore]:
    """Open the platform's database. Raises on entering: SchemaTooNewError, StoreFailedError."""
    async with SqliteJobs(state.database, SCHEMA) as books:
        if await books.read(is_due):
            bounds = Catalogue(state.folder).bounds()
            await books.write(lambda tx: rebuild(tx, bounds))
        yield books


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
