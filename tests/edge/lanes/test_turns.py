"""Whose turn it is at a lane: visitors of several tills side by side, one code after itself."""

import asyncio
import time

import pytest

from edge.lanes.codes.turns import AT_ONCE, NoTurnError, Turns

LATER_S = 60.0


class Inside:
    """Presentations that stay in their turn until they are let go."""

    def __init__(self):
        self.turns, self.go, self.order, self.now, self.most = Turns(), asyncio.Event(), [], 0, 0

    async def show(self, what, until_s=LATER_S):
        async with self.turns.of(what, until=time.monotonic() + until_s):
            self.order.append(what)
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await self.go.wait()
            finally:
                self.now -= 1


async def settled(inside, many):
    """Wait until so many are in their turn, and nobody else can come in."""
    async with asyncio.timeout(10):
        while inside.now < many:
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)


async def test_visitors_are_decided_side_by_side_and_no_more_than_so_many():
    inside = Inside()
    shown = [asyncio.create_task(inside.show(f"code-{n}")) for n in range(AT_ONCE + 3)]
    await settled(inside, AT_ONCE)

    assert inside.most == AT_ONCE
    inside.go.set()
    await asyncio.gather(*shown)
    assert len(inside.order) == AT_ONCE + 3


async def test_one_code_has_one_turn_after_the_other():
    inside = Inside()
    shown = [asyncio.create_task(inside.show("code")) for _ in range(3)]
    await settled(inside, 1)

    assert inside.most == 1
    inside.go.set()
    await asyncio.gather(*shown)
    assert (inside.most, len(inside.order)) == (1, 3)


async def test_whose_turn_does_not_come_in_time_is_told_and_holds_nothing_up():
    inside = Inside()
    first = asyncio.create_task(inside.show("code"))
    await settled(inside, 1)

    with pytest.raises(NoTurnError):
        await inside.show("code", until_s=0.0)

    inside.go.set()
    await first
    await inside.show("code")


@pytest.mark.parametrize("waits_for", ["its own code", "room"])
async def test_one_that_goes_away_while_it_waits_leaves_nothing_behind(waits_for):
    inside = Inside()
    others = ["code"] if waits_for == "its own code" else [f"code-{n}" for n in range(AT_ONCE)]
    shown = [asyncio.create_task(inside.show(one)) for one in others]
    await settled(inside, len(others))
    waiting = asyncio.create_task(inside.show("code"))
    await settled(inside, len(others))

    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    inside.go.set()
    await asyncio.gather(*shown)

    assert inside.turns._turns == {}
    inside.go.clear()
    again = [asyncio.create_task(inside.show(f"again-{n}")) for n in range(AT_ONCE)]
    await settled(inside, AT_ONCE)
    inside.go.set()
    await asyncio.gather(*again)
