"""PostgreSQL without connections, without room on its disk, and gone for a minute: nobody is told done who is not."""

import asyncio
import os
import signal
import subprocess
import time
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg
import pytest

from cache.ids import uuid7
from central.books.intake import take_in
from central.http.app import serving
from central.platform_state import create_state, keep_database_url, open_state
from central.store import SCHEMAS
from storage import groups
from storage.jobs import StoreFailedError
from storage.postgres import RETRIES, PostgresJobs
from sync.auth import Authenticator
from sync.beyond.asking import AuthorityError
from sync.beyond.authority import NetworkAuthority
from sync.beyond.rounds import BUDGET_S
from sync.transport import RefusedError, open_session
from sync.wire.claims import ClaimKey, ClaimRequest
from tests.ill.readings import Beat
from tests.proofs.grants import BOUNDS, NOW_MS, Gate, Phone, Platform
from tests.town.test_failover import enrolled, sync_town

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


class Asking:
    """A terminal before a platform on this server, asking as terminals do."""

    def __init__(self, terminal, session):
        auth = Authenticator(terminal.identity, terminal.clock)
        self.authority = NetworkAuthority(session, terminal.identity, auth, versions=dict, ids=uuid7)
        self.terminal, self.run, self.asked = terminal, terminal.identity.instance, 0

    async def ask(self):
        """Ask under a key of its own; return whether it was granted, and how long that took. Refusals count as no."""
        self.asked += 1
        keys = [ClaimKey(key=f"u|w/first|subject:w:{self.asked}|ever", n=1, bound=1, borne="grant")]
        ask = ClaimRequest(run=self.run, hub_no=0, redemption=f"R{self.asked}", at_ms=1, keys=keys)
        began = time.monotonic()
        try:
            granted = (await self.authority.claim(ask)).granted
        except (AuthorityError, RefusedError):
            granted = False
        return granted, began, time.monotonic() - began

    async def until_granted(self):
        async with asyncio.timeout(WITHIN_S):
            while not (await self.ask())[0]:
                await asyncio.sleep(0.05)


@asynccontextmanager
async def asking(server, folder):
    await asyncio.to_thread(lambda: server.create().start().psql("CREATE DATABASE x STRATEGY FILE_COPY"))
    keep_database_url(create_state(folder / "platform"), server.url("x"))
    state = open_state(folder / "platform")
    (state.public / "metadata").mkdir(parents=True)
    (state.public / "metadata" / "1.root.json").write_bytes(sync_town.ROOT)
    async with AsyncExitStack() as stack:
        clock = sync_town.TestClock()
        url = await stack.enter_async_context(serving(state, host="127.0.0.1", port=0, now_ms=clock.now_ms))
        session = await stack.enter_async_context(open_session())
        yield Asking(await enrolled(stack, state, url, session, folder / "gate-1"), session)


async def gone(server):
    await asyncio.to_thread(server.kill)
    return lambda: asyncio.to_thread(server.start)


async def hung(server):
    await asyncio.to_thread(server.kill, signal.SIGSTOP)
    return lambda: asyncio.to_thread(server.kill, signal.SIGCONT)


async def without_connections(server):
    hogs = await taken_up(server)
    return lambda: asyncio.gather(*(one.close() for one in hogs))


@pytest.mark.parametrize("ill", [gone, hung, without_connections])
async def test_whatever_it_suffers_from_no_gate_waits_for_an_answer_longer_than_its_budget(server, tmp_path, ill):
    async with asking(server, tmp_path) as gate:
        await gate.until_granted()
        well_again = await ill(server)
        async with Beat() as beat:
            answers = [await gate.ask() for _ in range(12)]  # more than there are connections to hang on
        await well_again()
        await gate.until_granted()

    assert not any(granted for granted, _, _ in answers)
    assert [took_s for _, began, took_s in answers if took_s > 2 * BUDGET_S and beat.fair(began, took_s)] == []


BROKEN = "DO $$ BEGIN RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END $$"
COUNT = "UPDATE counted SET n = n + 1 WHERE name = $1"


@pytest.fixture
async def counted(postgres_url):
    """Books with two rows to count in; PostgreSQL looks for deadlocks soon."""
    conn = await asyncpg.connect(postgres_url)
    await conn.execute("CREATE TABLE counted (name TEXT PRIMARY KEY, n BIGINT NOT NULL)")
    await conn.execute("INSERT INTO counted VALUES ('a', 0), ('b', 0)")
    await conn.execute(
        f"ALTER DATABASE {postgres_url.partition('@/')[2].partition('?')[0]} SET deadlock_timeout = '50ms'"
    )
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        yield jobs, conn
    await conn.close()


async def counts(conn):
    return dict(await conn.fetch("SELECT name, n FROM counted"))


@pytest.mark.parametrize("before", [None, WITHIN_S])
async def test_a_deadlock_with_another_process_is_tried_again_and_counts_once(counted, before):
    jobs, other = counted
    tries, locked, theirs = 0, asyncio.Event(), other.transaction()
    await other.execute("SET deadlock_timeout = '60s'")  # it is the books' connection that notices, and gives way
    await theirs.start()
    await other.execute(COUNT, "b")

    async def job(tx):
        nonlocal tries
        tries += 1
        await tx.execute(COUNT, "a")
        locked.set()
        await tx.execute(COUNT, "b")

    writing = asyncio.ensure_future(jobs.write(job, before=before and time.monotonic() + before))
    await locked.wait()
    await other.execute(COUNT, "a")
    await theirs.commit()
    await writing

    assert tries > 1
    assert await counts(other) == {"a": 2, "b": 2}


@pytest.mark.parametrize("before", [None, WITHIN_S])
async def test_a_serialization_failure_is_tried_again_three_times_and_counts_once(counted, before):
    jobs, conn = counted
    tries = {"soon": 0, "never": 0}

    def job(name, failures):
        async def run(tx):
            tries[name] += 1
            await tx.execute(COUNT, "a")
            if tries[name] <= failures:
                await tx.execute(BROKEN)

        return jobs.write(run, before=before and time.monotonic() + before)

    await job("soon", RETRIES)
    with pytest.raises(StoreFailedError, match="serialize"):
        await job("never", WITHIN_S)

    assert tries == {"soon": RETRIES + 1, "never": RETRIES + 1}
    assert await counts(conn) == {"a": 1, "b": 0}


async def test_of_a_group_that_the_database_gives_up_each_job_runs_again_by_itself_and_counts_once(
    counted, monkeypatch
):
    monkeypatch.setattr(groups, "GROUP_S", WITHIN_S)  # however slow this machine is, all that wait are one group
    jobs, conn = counted
    tries = []

    def job(number):
        async def run(tx):
            tries.append(number)
            await tx.execute(COUNT, "a")
            if tries.count(number) == 1 and number == 7:
                await tx.execute(BROKEN)

        return jobs.write(run)

    await asyncio.gather(*map(job, range(12)))

    assert len(tries) > 13  # others of its group ran again as well
    assert await counts(conn) == {"a": 12, "b": 0}
