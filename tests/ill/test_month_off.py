"""Switched off for thirty days, and on again before there is a network: says how old all is, then is current at once.

The box lost its clock's trust with its power; the platform went on for the month. Both run under a clock that stands
thirty days later (tests/tools/other_clock.py).
"""

import asyncio
import json
import subprocess
import sys
import time
from datetime import date

import pytest

from central.demo.running.processes import Child
from central.demo.street import town as street
from central.lists.issuing import Wanted, issue
from central.lists.measure_calls import Measure, restrict
from central.lists.publishing import Repository
from central.register.warrants import Warrant

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.root]

DAY_S = 86_400
MONTH_S = 30 * DAY_S
CURRENT_S = 60.0
AGES = {"issuer": street.CITY, "ages": {"24": {}, "960": {"offers": ["percent"]}}}
BY_TWO = Warrant.by_two("li", "han")


def paper(town):
    """A paper code, which needs no clock of a phone; free entrance asks for a phone, half price does not."""
    said = Wanted(subject="zhao", tier=street.PARTNER_TIER, max_uses=9, valid_s=90 * DAY_S)
    return issue(town.platform.state, street.PARTNER, said, now_s=town.now_s() - 60, warrant=BY_TWO)


async def lists(town):
    return (await town.gate.status())["lists"]


@pytest.fixture
def aged_town(town):
    """The town, which is at its end afterwards: what it has signed and written is of a month that has yet to come."""
    return town


async def test_a_month_off_is_told_and_is_over_within_a_minute_of_a_network(aged_town, ill):
    town = aged_town
    if lacks := ill.other_clock.missing():
        pytest.skip(f"other clocks need {lacks}")
    state, visitor = town.platform.state, paper(town)
    document = {f"rules/{street.CITY}/list-ages.json": json.dumps(AGES).encode()}
    Repository(state).publish(document, now_ms=town.now_s() * 1000)

    async def check():
        answer = await town.gate.present(visitor.text, intent="check")
        return answer["outcome"], answer["reasons"][0]["code"]

    await town.until(lambda: is_known(town))
    assert await check() == ("GRANT", "ok")
    town.network.cut()
    await town.gate.process.stop()
    await town.platform.process.stop()
    gate, platform = town.gate.process, town.platform.process
    try:
        ill.run_under(town, "--reboot", "--wall", MONTH_S)
        await ill.start_ill(town)
        causes, _ready = await ill.readiness(town)
        ages = [one["age_s"] // DAY_S for one in await lists(town)]
        allowed = {one["allows"] for one in await lists(town)}
        old = await town.gate.present(visitor.text, intent="check")

        town.platform.process = Child("platform", under(platform._command[3:]), town.platform._log)
        await town.platform.process.start()
        await town.platform.process.until(town.platform._answers, within_s=60.0)
        later_ms = (town.now_s() + MONTH_S) * 1000
        measure = Measure(code=street.RESTRICTING, until=date(2099, 1, 1), authority="南山")
        restrict(state, street.PARTNER, visitor.subject.hex(), measure, warrant=BY_TWO, now_ms=later_ms)
        await asyncio.to_thread(subprocess.run, under(["central", "publish", "--state", str(state)]), check=True)
        town.network.restore()
        began = time.monotonic()
        await town.until(lambda: is_current(town), CURRENT_S)
        took_s = time.monotonic() - began
        now = await check()
        print(
            f"ages {set(ages)} d, allowed {allowed}, offline {old['outcome']}; current {took_s:.2f} s after the network"
        )
    finally:
        await town.gate.process.stop()
        await town.platform.process.stop()
        town.gate.process, town.platform.process = gate, platform
        town.network.restore()

    assert set(ages) == {30}
    assert allowed == {"some"}
    assert causes["news"] == "news.withheld"
    assert (old["outcome"], old["lists_age_s"] // DAY_S) == ("GRANT", 30)
    assert now == ("REFUSE", "restricted")
    assert took_s <= CURRENT_S


def under(words):
    """Return a command of the platform's under the clock of thirty days later."""
    module, *arguments = words
    clock = [str(other_clock()), "--wall", str(MONTH_S), "--module", module, "--"]
    return [sys.executable, "-I", *clock, *arguments]


def other_clock():
    return sys.modules["ill_harness"].OTHER_CLOCK


async def is_known(town):
    return len((await told(town, "/v1/lists"))["ages"]) == len(AGES["ages"])


async def is_current(town):
    every = await lists(town)
    return all(one["age_s"] < 60 for one in every)


async def told(town, path):
    return await town.gate._call("GET", path)
