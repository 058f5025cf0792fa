"""The ill states with the figures of the table, where short ones are played elsewhere: rows 11, 15, 19, 20 and 21.

.venv/bin/python -m pytest -m "e2e or root" tests/e2e/test_ill_figures.py -s
"""

import asyncio
import contextlib
import os
import time

import aiohttp
import pytest

from central.demo.street import town as street
from tests.ill import readings
from tests.ill.burdens import carried
from tests.ill.disks import disk_of_its_own, missing
from tests.ill.harness import Beat, TerminalLink, code_of, enter, held, leave, line, readiness
from tests.ill.kills import line_of, play
from tests.processes import test_promptness as prompt
from tests.processes.conftest import started_town
from tests.sync.conftest import build_town
from tests.sync.test_promptness import windows_move

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

HELD_S = 45.0
FROZEN_S = 12.0
LISTENERS = 1_000
ANSWERED_S = 1.0
LEFT_S = 0.3
PACE_S = 0.5
SILENT_S = 45.0
MEASURES = int(os.environ.get("XINGUAN_MEASURES", "200"))
UNSENT = int(os.environ.get("XINGUAN_UNSENT", "200000"))
LOANS = 3_000
SEED, CUTS = 20261127, 3


class Served:
    """What visitors met: how long presents and exits took, where the harness itself was not stalled."""

    def __init__(self):
        self.codes, self.entered, self.left, self.stalled = set(), [], [], 0

    async def for_a_while(self, town, beat, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            who = town.visitors.resident(town.now_s())
            for how, took in ((enter, self.entered), (leave, self.left)):
                began = time.monotonic()
                answer, took_s = await how(town, who)
                if how is enter:
                    self.codes.add(code_of(answer))
                else:
                    assert answer["obligations"] == {"open_gate": True}
                if beat.fair(began, took_s):
                    took.append(took_s)
                else:
                    self.stalled += 1
            await asyncio.sleep(PACE_S)

    def told(self, what):
        print(
            f"{what}: {len(self.entered)} presents, slowest {max(self.entered):.3f} s; {len(self.left)} exits, slowest"
            f" {max(self.left):.3f} s; {self.stalled} left out; {sorted(self.codes)}"
        )


async def test_the_database_is_held_for_45_seconds(tmp_path):
    async with started_town(tmp_path, gate=TerminalLink) as town, Beat() as beat:
        await town.gate.start()
        served = Served()
        with held(town):
            await served.for_a_while(town, beat, HELD_S)
            causes, ready = await readiness(town)
        served.told("held for 45 s")
        await line(town, "store", "store.well")
        again, _ = await enter(town, town.visitors.resident(town.now_s()))

        assert (served.codes, causes["store"], ready) == ({"store_failed"}, "store.busy", False)
        assert max(served.entered) < ANSWERED_S
        assert max(served.left) < LEFT_S
        assert again["outcome"] == "GRANT"


@pytest.mark.root
@pytest.mark.skipif(bool(missing()), reason="needs Debian's util-linux and e2fsprogs")
async def test_the_file_system_is_frozen_for_12_seconds(tmp_path):
    with disk_of_its_own(tmp_path / "town" / street.GATE.terminal, tmp_path / "disk.img") as disk:
        async with started_town(tmp_path / "town", gate=TerminalLink) as town, Beat() as beat:
            await town.gate.start()
            pid, served = town.gate.process.pid, Served()
            disk.frozen("--freeze")
            try:
                await served.for_a_while(town, beat, FROZEN_S)
                causes, ready = await readiness(town)
            finally:
                disk.frozen("--unfreeze")
            served.told("frozen for 12 s")
            await line(town, "store", "store.well")
            again, _ = await enter(town, town.visitors.resident(town.now_s()))

            assert (served.codes, causes["store"], ready) == ({"store_failed"}, "store.busy", False)
            assert max(served.entered) < ANSWERED_S
            assert max(served.left) < LEFT_S
            assert (again["outcome"], town.gate.process.pid) == ("GRANT", pid)


async def test_a_thousand_listeners_cost_nobody_time(tmp_path):
    async with started_town(tmp_path, gate=TerminalLink) as town, Beat() as beat:
        await town.gate.start()
        usual = Served()
        await usual.for_a_while(town, beat, 5.0)
        headers = {"Authorization": f"Bearer {town.gate.tokens['display']}"}
        answers, crowded = [], Served()
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            contextlib.AsyncExitStack() as stack,
        ):
            for _ in range(LISTENERS):
                answer = await stack.enter_async_context(session.get(f"{town.gate.url}/v1/events", headers=headers))
                answers.append(answer.status)
            await crowded.for_a_while(town, beat, 10.0)
        usual.told("nobody listens")
        crowded.told(f"{LISTENERS} listeners, {answers.count(200)} let in, {answers.count(429)} turned away")

        assert set(answers) == {200, 429}
        assert crowded.codes == {"ok"}
        assert max(crowded.entered) <= max(3 * max(usual.entered), 0.1)


async def test_each_good_window_of_three_seconds_moves_data_between_silences_of_45(tmp_path):
    async with build_town(tmp_path) as town:
        assert all(await windows_move(town, silent_s=SILENT_S))


TAKE = {
    "a fact is held": (prompt.facts_take, prompt.COMMITTED_S),
    "an order is obeyed": (prompt.orders_take, prompt.OBEYED_S),
    "a measure is in force": (prompt.measures_take, prompt.PUBLISHED_S),
}


@pytest.mark.parametrize(("take", "within_s"), TAKE.values(), ids=TAKE)
async def test_of_200_news_99_of_a_hundred_are_prompt(take, within_s, tmp_path):
    async with started_town(tmp_path) as town:
        assert prompt.p99(await take(town, MEASURES)) <= within_s


@pytest.mark.timeout(1800)
async def test_200_000_unsent_facts_200_000_that_may_leave_and_3_000_overdue_make_nobody_wait(tmp_path):
    async with started_town(tmp_path, gate=TerminalLink) as town, Beat() as beat:
        await town.gate.start()
        since = len(readings.MEASURED)

        found = await carried(town, unsent=UNSENT, loans=LOANS)

        readings.in_time(beat, since)
        print(readings.told())
        usual_s = found.pop("nothing")[1]
        assert max(slowest_s for _came, slowest_s in found.values()) <= max(3 * usual_s, 0.25)


@pytest.mark.root
@pytest.mark.skipif(bool(missing()), reason="needs Debian's util-linux and e2fsprogs")
async def test_a_gate_whose_disk_loses_its_power_loses_nothing_and_gives_nothing_twice(tmp_path):
    """Three cuts; `python -m tests.ill.kills --cuts 200` plays as many as one likes."""
    figures = await play(tmp_path, SEED, CUTS, cuts=True)

    print(line_of(SEED, cuts=True, figures=figures, took_s=0))
    assert (figures["ended"], figures["lost"], figures["twice"]) == (CUTS, 0, 0)
    assert figures["given"] >= CUTS
