"""Where the platform's books are kept: which database, which schema. How, is `storage`'s affair (`storage.jobs`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from central.books.bounds import Catalogue
from central.books.rebuilding import is_due, rebuild
from central.platform_state import PlatformState, StateError
from storage.driven import SqliteJobs
from storage.jobs import JobStore, TxJob
from storage.migrations import Schema

if TYPE_CHECKING:
    from storage.postgres import PostgresJobs

T = TypeVar("T")
SCHEMAS: Final = {"sqlite": Schema("central", "schema/sqlite"), "postgres": Schema("central", "schema/postgres")}
SCHEMA: Final = SCHEMAS["sqlite"]


def sqlite_books(path: Path) -> SqliteJobs:
    """Return books in a SQLite file, with their provisional tables."""
    return SqliteJobs(path, SCHEMAS["sqlite"], provisional=provisional_sql())


def provisional_sql() -> str:
    """Return the tables of provisional claims on SQLite, which live in memory."""
    return resources.files("central").joinpath("schema", "provisional.sql").read_text("utf-8")


def _on_postgres(url: str) -> "PostgresJobs":
    """Return the books on PostgreSQL; its driver is imported only where it is used."""
    postgres = import_module("storage.postgres")
    try:
        jobs: PostgresJobs = postgres.PostgresJobs(url, SCHEMAS["postgres"])
    except ValueError as error:
        raise StateError(f"the database's address: {error}") from error
    return jobs


def books_at(path: Path, url: str | None = None) -> AbstractAsyncContextManager[JobStore]:
    """Return books in a SQLite file, or on PostgreSQL where `url` names one: a hub's."""
    return sqlite_books(path) if url is None else _on_postgres(url)


@asynccontextmanager
async def open_books(state: PlatformState) -> AsyncIterator[JobStore]:
    """Open the platform's database. Raises on entering: SchemaTooNewError, StoreFailedError."""
    url = state.database_url
    jobs = sqlite_books(state.database) if url is None else _on_postgres(url)
    async with jobs as books:
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
