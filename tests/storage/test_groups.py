"""Writes that wait on PostgreSQL: who waits for whom, and where."""

import asyncio

import pytest

from central.store import SCHEMAS
from storage.postgres import PostgresJobs

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]
CONNECTED = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"


async def test_writes_that_wait_for_a_group_hold_no_connection(postgres_url):
    """A claim needs one, however many gates come home: each lane used to wait on one of its own."""

    async def job(tx):
        return (await tx.row(CONNECTED))[0]

    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        seen = await asyncio.gather(*(jobs.write(job) for _ in range(400)))

    assert set(seen) == {seen[0]}
