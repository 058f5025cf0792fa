"""How long a PostgreSQL that is slow to take a connection is waited for: a busy machine takes seconds."""

import asyncio

import asyncpg
import pytest

from central.store import SCHEMAS
from storage import postgres
from storage.jobs import StoreFailedError
from storage.migrations import Step, steps
from storage.postgres import HOST_S, ONLY_HOST_S, PostgresJobs
from storage.servers import schema


@pytest.mark.parametrize(
    ("hosts", "waited_s"), [("a", [ONLY_HOST_S]), ("a,b", [HOST_S, HOST_S]), ("a,b,c", [HOST_S] * 3)]
)
async def test_the_only_server_is_waited_for_and_one_of_several_is_given_up(monkeypatch, hosts, waited_s):
    """Under load the office's tests once failed with StoreFailed: the one server there was had a second to answer."""
    asked = []

    async def nobody(*, timeout, **_where):  # noqa: ASYNC109 - asyncpg's own parameter
        asked.append(timeout)
        raise OSError("nobody answers")

    monkeypatch.setattr(asyncpg, "connect", nobody)

    with pytest.raises(StoreFailedError):
        async with PostgresJobs(f"postgresql://u@{hosts}/x", SCHEMAS["postgres"]):
            pass

    assert asked == waited_s
    assert ONLY_HOST_S > HOST_S


@pytest.mark.postgres
async def test_a_schema_file_that_takes_longer_than_any_statement_may_is_waited_for_by_all_who_open_the_books(
    postgres_url, monkeypatch
):
    """A founding failed: its platform waited ten seconds for the command that made the tables, and gave up."""
    every = steps(SCHEMAS["postgres"])
    slow = Step(len(every) + 1, "slow", "SELECT pg_sleep(0.5); CREATE TABLE made_slowly (n BIGINT)")
    monkeypatch.setattr(schema, "steps", lambda _schema: (*every, slow))
    monkeypatch.setattr(postgres, "STATEMENT_S", 0.25)

    async def opened():
        async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
            return await jobs.read(lambda tx: tx.row("SELECT count(*) FROM made_slowly"))

    assert await asyncio.gather(opened(), opened(), opened()) == [(0,)] * 3
