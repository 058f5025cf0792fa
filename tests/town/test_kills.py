"""kill -9 at random moments over a site's processes under load: gates, hub, platform (PostgreSQL: `test_failover`).

`make town` kills each of them twice; a closing run kills XINGUAN_KILLS times, from XINGUAN_SEED (then it is e2e). Each
line that it prints is one kill. What must hold in the end: `under_load.py`.
"""

import asyncio
import contextlib
import json
import os
import random

import pytest

from tests.town.two_gates import two_gates
from tests.town.under_load import SqliteBooks, again, all_holds, goes_on, let_in, under_load

TWICE = 8
KILLS = int(os.environ.get("XINGUAN_KILLS", str(TWICE)))
SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
EACH_S = 60.0
CLOSING = [pytest.mark.e2e] if "XINGUAN_KILLS" in os.environ else []
pytestmark = [*CLOSING, pytest.mark.timeout(600 + KILLS * EACH_S)]


async def test_whatever_is_killed_at_whatever_moment_nothing_answered_is_lost_and_nothing_counts_twice(tmp_path):
    chance = random.Random(SEED)
    async with two_gates(tmp_path) as site:
        links = {"gate-1": site.gates[0], "gate-2": site.gates[1], "hub": site.hub, "platform": site.platform}
        async with under_load(site) as (line, loads):
            for number in range(KILLS):
                name = list(links)[number % 4] if KILLS <= TWICE else chance.choice(sorted(links))
                await goes_on(loads)
                async with line.shut() if name == "platform" else contextlib.nullcontext():
                    await asyncio.sleep(chance.random() / 4)
                    await links[name].process.pull_the_plug()
                    await asyncio.sleep(chance.random() / 4)
                    await again(site, links[name])
                print(json.dumps({"kill": number + 1, "of": name, "granted": let_in(loads)}), flush=True)
        await all_holds(site, SqliteBooks(site.platform.state / "central.db"), loads)
        assert let_in(loads) >= KILLS
