"""PostgreSQL without connections, without room on its disk, and gone for a minute: nobody is told done who is not."""

import asyncio
import os
import subprocess
import time
from contextlib import asynccontextmanager

import asyncpg
import pytest

from central.books.intake import take_in
from central.store import SCHEMAS
from storage.jobs import StoreFailedError
from storage.postgres import PostgresJobs
from tests.proofs.grants import BOUNDS, NOW_MS, Gate, Phone, Platform

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]
FEW = "8"
DISK_MB = 72
HELD = "SELECT CAST(count(DISTINCT seq) AS BIGINT) FROM facts WHERE terminal = 'gate-a'"
CLAIM_S = 0.15  # what a terminal gives an authority
WITHIN_S = 60.0


@pytest.fixture
def server(postgres_tool):
    made = postgres_tool.Server(settings={**postgres_tool.FAST, "max_connections": FEW})
    yield made
    made.remove()


class Taking:
    """A terminal that brings one grant after the other, and what it was told is kept."""

    def __init__(self, jobs):
        self.jobs, self.gate, self.phone, self.signed = jobs, Gate("gate-a"), Phone(), 0

    async def brings(self):
        number = len(self.gate.records) + 1
        self.gate.grants(self.phone, f"r{number}")
        await self.again()

    async def again(self):
        batch = self.gate.batch()
        taken = await self.jobs.write(lambda tx: take_in(tx, batch, now_ms=NOW_MS, bounds=BOUNDS))
        self.signed = taken.receipt.acked_through

    async def held(self):
        return (await self.jobs.read(lambda tx: tx.row(HELD)))[0]


@asynccontextmanager
async def begun(server, create=None):
    await asyncio.to_thread(create or (lambda: server.create().start()))
    await asyncio.to_thread(server.psql, "CREATE DATABASE x STRATEGY FILE_COPY")
    jobs = PostgresJobs(server.url("x"), SCHEMAS["postgres"])
    await until(jobs.__aenter__)  # a connection has a second, which a busy machine may not have
    try:
        yield jobs
    finally:
        await jobs.__aexit__(None, None, None)


async def taken_up(server):
    """Take every connection that there is, those of the books too; return them.

    A backend that is told to end holds its place for a moment longer: it is waited for, or the books would get it.
    """
    hogs = [await asyncpg.connect(server.url("postgres"))]
    most = int(await hogs[0].fetchval("SHOW max_connections"))
    async with asyncio.timeout(WITHIN_S):
        while len(hogs) < most:
            try:
                hogs.append(await asyncpg.connect(server.url("postgres")))
            except asyncpg.TooManyConnectionsError:
                await hogs[0].execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'x'")
                await asyncio.sleep(0.02)
    return hogs


async def test_without_a_connection_left_calls_fail_in_time_and_work_again_when_there_is_one(server):
    async with begun(server) as jobs:
        await Platform(jobs).enrols("gate-a")
        taking = Taking(jobs)
        await taking.brings()
        hogs = await taken_up(server)

        with pytest.raises(StoreFailedError):
            await jobs.write(lambda tx: tx.rows("SELECT 1"), before=time.monotonic() + CLAIM_S)
        with pytest.raises(StoreFailedError):
            await taking.brings()
        for one in hogs:
            await one.close()
        await until(taking.again)

        assert (taking.signed, await taking.held()) == (2, 2)


async def until(call):
    """Call until it works: whoever was away is looked for again."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                return await call()
            except StoreFailedError:
                await asyncio.sleep(0.05)


@pytest.mark.e2e
@pytest.mark.root
async def test_a_full_disk_loses_nothing_that_was_signed_for_and_goes_on_when_there_is_room(server, postgres_tool):
    await ran("mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", server.folder)
    try:
        own = postgres_tool.as_its_user()
        os.chown(server.folder, own["user"], own["group"])
        server.folder.chmod(0o700)
        server.settings |= postgres_tool.SMALL
        async with begun(server, lambda: server.create(*postgres_tool.SMALL_WAL).start()) as jobs:
            await Platform(jobs).enrols("gate-a")
            taking = Taking(jobs)
            await taking.brings()
            filler = server.folder / "filler"
            fill(filler)
            with pytest.raises(StoreFailedError):
                async with asyncio.timeout(WITHIN_S):
                    while True:
                        await taking.brings()
            signed = taking.signed
            filler.unlink()
            if server.process.poll() is not None:
                await asyncio.to_thread(server.start)
            await until(taking.again)

            assert signed <= taking.signed == len(taking.gate.records) == await taking.held()
    finally:
        server.stop()
        await ran("umount", "-l", server.folder)


async def ran(*command):
    await asyncio.to_thread(subprocess.run, command, check=True)


def fill(path):
    """Take all room there is."""
    with path.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096):
            try:
                while True:
                    out.write(bytes(size))
            except OSError:
                continue


@pytest.mark.parametrize("gone_s", [0.0, pytest.param(60.0, marks=pytest.mark.e2e)])
async def test_while_it_is_gone_claims_end_within_their_budget_and_everything_arrives_after(server, gone_s):
    async with begun(server) as jobs:
        await Platform(jobs).enrols("gate-a")
        taking = Taking(jobs)
        await taking.brings()
        await asyncio.to_thread(server.kill)

        end, asked = time.monotonic() + gone_s, 0
        while asked < 3 or time.monotonic() < end:  # three times at least
            with pytest.raises(StoreFailedError):
                await jobs.write(lambda tx: tx.rows("SELECT 1"), before=time.monotonic() + CLAIM_S)
            asked += 1
            await asyncio.sleep(min(1.0, gone_s / 60))
        with pytest.raises(StoreFailedError):
            await taking.brings()
        await asyncio.to_thread(server.start)
        await until(taking.again)

        assert (taking.signed, await taking.held()) == (2, 2)
