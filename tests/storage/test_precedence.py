"""Who waits for an answer goes before what can wait, and nothing waits for ever."""

import asyncio
import threading

import pytest

from storage.sqlite import Store
from storage.threads import courtesy
from storage.threads.precedence import AT_MOST_PASSED, MAX_GROUP, Precedence
from storage.threads.waiting import Waiting

WAIT_S = 10


def job(name, *, yields=False):
    return Waiting(name, None, None, yields=yields)


def names(group):
    return [waiting.job for waiting in group]


class TestTheOrder:
    def test_visitors_go_together_before_a_job_that_yields_and_came_first(self):
        jobs = Precedence()
        for one in (job("cursor", yields=True), job("a"), job("b")):
            jobs.put(one)

        assert names(jobs.group()) == ["a", "b"]
        assert names(jobs.group()) == ["cursor"]

    def test_jobs_that_yield_are_committed_alone_in_their_order(self):
        jobs = Precedence()
        for number in range(3):
            jobs.put(job(number, yields=True))

        assert [names(jobs.group()) for _ in range(3)] == [[0], [1], [2]]

    def test_one_that_yields_has_its_turn_however_many_visitors_come(self):
        jobs = Precedence()
        jobs.put(job("cursor", yields=True))
        jobs.put(job("receipt", yields=True))
        gone = []
        for number in range(2 * AT_MOST_PASSED + 2):
            jobs.put(job(number))
            gone.append(names(jobs.group()))

        assert gone.index(["cursor"]) == AT_MOST_PASSED
        assert gone.index(["receipt"]) == 2 * AT_MOST_PASSED + 1

    def test_a_crowd_is_not_kept_together_beyond_a_group(self):
        jobs = Precedence()
        for number in range(MAX_GROUP + 1):
            jobs.put(job(number))

        assert [len(jobs.group()), len(jobs.group())] == [MAX_GROUP, 1]

    def test_what_waits_when_it_is_closed_has_its_turn_and_then_nobody(self):
        jobs = Precedence()
        jobs.put(job("cursor", yields=True))
        jobs.put(job("a"))
        jobs.close()

        assert [names(jobs.group()) for _ in range(3)] == [["a"], ["cursor"], []]


@pytest.fixture
async def held(tmp_path):
    """A store whose writer is held by a job of nobody's, and what lets it go."""
    free = threading.Event()
    async with Store(tmp_path / "terminal.db") as store:
        began = threading.Event()

        def hold(_conn):
            began.set()
            free.wait(3 * WAIT_S)  # longer than any test here waits

        holding = asyncio.ensure_future(store.write(hold, yields=True))
        await asyncio.to_thread(began.wait, WAIT_S)
        yield store, free
        free.set()
        await holding


class TestTheStore:
    async def test_a_visitor_s_job_is_run_before_a_waiting_one_that_yields(self, held):
        store, free = held
        ran = []
        waiting = [
            asyncio.ensure_future(store.write(lambda _conn: ran.append("cursor"), yields=True)),
            asyncio.ensure_future(store.write(lambda _conn: ran.append("visitor"))),
        ]
        await asyncio.sleep(0)
        free.set()
        await asyncio.gather(*waiting)

        assert ran == ["visitor", "cursor"]

    async def test_leaving_finishes_what_yields(self, tmp_path):
        async with Store(tmp_path / "t.db") as store:
            task = asyncio.ensure_future(store.write(lambda _conn: "done", yields=True))
            await asyncio.sleep(0)

        assert await task == "done"


class TestGivingWay:
    async def test_long_work_goes_on_only_when_the_visitor_has_his_answer(self, held, monkeypatch):
        monkeypatch.setattr(courtesy, "GIVE_WAY_S", 1000.0)
        store, free = held
        told = []
        store.submit(lambda _conn: None).add_done_callback(lambda _done: told.append("visitor"))

        async def piece():
            await store.give_way()
            told.append("piece")

        working = asyncio.ensure_future(piece())
        for _ in range(3):  # rounds of the loop in which it would go on
            await asyncio.sleep(0)
        free.set()
        async with asyncio.timeout(WAIT_S):
            await working

        assert told == ["visitor", "piece"]

    async def test_a_job_that_yields_itself_is_nobody_to_wait_for(self, held, monkeypatch):
        monkeypatch.setattr(courtesy, "GIVE_WAY_S", 1000.0)
        store, _free = held

        async with asyncio.timeout(WAIT_S):
            await store.give_way()

    async def test_somebody_who_is_always_in_hand_does_not_stop_it(self, held):
        store, free = held
        visitor = asyncio.ensure_future(store.write(lambda _conn: "let in"))
        await asyncio.sleep(0)

        async with asyncio.timeout(WAIT_S):
            await store.give_way()

        assert not visitor.done()
        free.set()
        assert await visitor == "let in"
