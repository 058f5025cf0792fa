"""Books on each engine; grants as honest terminals write them, and as others do (grants.py)."""

import pytest

from central.store import SCHEMAS, sqlite_books
from storage.postgres import PostgresJobs
from tests.proofs.grants import Platform


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
async def platform(request, tmp_path):
    """A platform's books on each engine, with two terminals."""
    if request.param == "sqlite":
        jobs = sqlite_books(tmp_path / "central.db")
    else:
        jobs = PostgresJobs(request.getfixturevalue("postgres_url"), SCHEMAS["postgres"])
    async with jobs as books:
        found = Platform(books)
        await found.enrols("gate-a", "gate-b")
        yield found
