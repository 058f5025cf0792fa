"""One answer to one request, also where the store cannot be asked."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from cache.ledger.recall import Asking, OtherRequestError
from credit.inputs import Now
from edge.api.once import Once, Told
from storage.sqlite import Store

ASKING = Asking("till-7-000123", b"\x01" * 32)


class Clock:
    def now(self):
        return Now(utc_ms=1_790_000_000_000)


async def closed_store(tmp_path):
    async with AsyncExitStack() as stack:
        return await stack.enter_async_context(Store(tmp_path / "terminal.db"))


async def test_who_leaves_is_answered_also_when_the_store_cannot_be_read(tmp_path):
    once = Once(await closed_store(tmp_path), Clock())

    async def decide():
        return Told("GRANT", gave=True)

    assert await once.answer("A", ASKING, decide=decide, look=True) == "GRANT"


async def test_the_next_decides_when_the_first_is_interrupted_and_another_request_is_a_mistake(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        once, started = Once(store, Clock()), asyncio.Event()

        async def never():
            started.set()
            await asyncio.Event().wait()

        async def decide():
            return Told("GRANT", gave=True)

        first = asyncio.create_task(once.answer("A", ASKING, decide=never, look=True))
        await started.wait()
        second = asyncio.create_task(once.answer("A", ASKING, decide=decide, look=True))
        with pytest.raises(OtherRequestError):
            await once.answer("A", Asking(ASKING.id, b"\x02" * 32), decide=decide, look=True)
        first.cancel()

        assert await second == "GRANT"


async def test_one_bad_second_does_not_stick_to_a_request_for_ever(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        once, told = Once(store, Clock()), [Told("REFER store_failed", gave=False), Told("GRANT", gave=True)]

        async def decide():
            return told.pop(0)

        first = await once.answer("A", ASKING, decide=decide, look=True)
        second = await once.answer("A", ASKING, decide=decide, look=True)
        third = await once.answer("A", ASKING, decide=decide, look=True)

        assert (first, second, third) == ("REFER store_failed", "GRANT", "GRANT")


async def test_who_waits_for_an_answer_that_gives_nothing_hears_it_too(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        once, go = Once(store, Clock()), asyncio.Event()

        async def decide():
            await go.wait()
            return Told("STANDARD", gave=False)

        both = [asyncio.create_task(once.answer("A", ASKING, decide=decide, look=True)) for _ in range(2)]
        await asyncio.sleep(0)
        go.set()

        assert await asyncio.gather(*both) == ["STANDARD", "STANDARD"]
