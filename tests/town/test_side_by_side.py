"""Claims on PostgreSQL while another connection is in the middle of the same thing: nothing is taken or freed twice."""

import asyncio
import itertools

import pytest

from central.books import pledges
from central.books.bounds import Bounds
from central.hub.claims import Asker, answer_claim, release
from central.store import SCHEMAS
from storage.postgres import PostgresJobs
from sync.wire.claims import ClaimKey, ClaimRequest

pytestmark = pytest.mark.postgres
NOW = 1_790_000_000_000
LATER = NOW + pledges.LAPSE_MS
KEYS = ("u|w/first|subject:w:1|ever", "u|w/second|subject:w:1|ever")
WAITS = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
PLACES = "SELECT key, held, lapsed FROM pledges WHERE held <> 0 OR lapsed <> 0 ORDER BY key"
CLAIM = pledges.Claim("R", "g1", "run")


@pytest.fixture
async def jobs(postgres_url):
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as made:
        yield made


async def asks(tx, redemption="R", gate="g1"):
    keys = [ClaimKey(key=key, n=1, bound=1, borne="grant") for key in KEYS]
    ask = ClaimRequest(run="run", hub_no=1, redemption=redemption, at_ms=NOW, keys=keys)
    return await answer_claim(tx, Asker(gate), ask, Bounds(), now_ms=NOW)


async def lapses(tx):
    await pledges.lapse(tx, now_ms=LATER)


async def releases(tx):
    await release(tx, CLAIM, now_ms=LATER)


async def commits(tx):
    await pledges.confirm(tx, "g1", ["R"])


async def starts(tx):
    await pledges.begin_run(tx, "g1", "later", now_ms=LATER)


async def waits_for_us(jobs):
    async with asyncio.timeout(10):
        while not await jobs.read(lambda tx: tx.row(WAITS)):
            await asyncio.sleep(0.01)


async def side_by_side(jobs, first, second):
    """Do `first` and commit it only once `second` waits for it; return what both gave."""

    async def leads(tx):
        said = await first(tx)
        follower = asyncio.create_task(jobs.repeated(second))
        waiting = asyncio.create_task(waits_for_us(jobs))
        await asyncio.wait({follower, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        return said, follower

    said, follower = await jobs.transacted(leads)
    return said, await follower


async def test_the_places_of_a_claim_are_given_back_once_whoever_ends_it_at_the_same_moment(jobs):
    for first, second in itertools.product((lapses, releases, commits, starts), repeat=2):
        for table in ("claims", "claimed", "pledges", "runs"):
            await jobs.repeated(lambda tx, table=table: tx.execute(f"DELETE FROM {table}"))
        await jobs.repeated(lambda tx: pledges.begin_run(tx, "g1", "run", now_ms=NOW))
        assert (await jobs.repeated(asks)).granted

        await side_by_side(jobs, first, second)

        lapsed = (first, second) == (lapses, lapses)
        stands = [(key, 0, 1) for key in KEYS] if lapsed else []
        assert (first, second, await jobs.read(lambda tx: tx.rows(PLACES))) == (first, second, stands)


async def test_an_ask_that_comes_twice_at_the_same_moment_holds_one_place_and_hears_the_same_answer(jobs):
    first, second = await side_by_side(jobs, asks, asks)

    assert (first.granted, second.granted) == (True, True)
    assert await jobs.read(lambda tx: tx.rows(PLACES)) == [(key, 1, 0) for key in KEYS]


@pytest.mark.parametrize("pair", [(asks, releases), (releases, asks)])
async def test_a_release_is_heard_also_while_its_ask_is_being_answered(jobs, pair):
    await side_by_side(jobs, *pair)

    assert await jobs.read(lambda tx: tx.rows(PLACES)) == []
    assert (await jobs.repeated(asks)).gone
