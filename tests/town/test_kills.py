"""kill -9 at random moments over a site's processes under load: gates, hub, platform (PostgreSQL: `test_failover`).

A closing run kills XINGUAN_KILLS times (six otherwise), from XINGUAN_SEED; each line that it prints is one kill. What a
gate answered stands in its journal, and every fact of every journal is on the platform once.
"""

import asyncio
import contextlib
import json
import os
import random
import sqlite3

import aiohttp
import pytest

from tests.town.two_gates import head_of, held_twice, two_gates, until

KILLS = int(os.environ.get("XINGUAN_KILLS", "6"))
SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
EACH_S = 60.0
ENDS = "SELECT terminal, max(seq) FROM facts WHERE terminal LIKE 'gate-%' GROUP BY terminal"
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600 + KILLS * EACH_S)]


class Load:
    """Visitors at one gate without a pause; `granted` are the redemptions that were answered."""

    def __init__(self, site, gate):
        self.site, self.gate, self.granted = site, gate, []

    async def run(self):
        while True:
            try:
                answer = await self.site.present(self.gate, self.site.resident())
            except (aiohttp.ClientError, TimeoutError):  # it was killed, or is starting
                await asyncio.sleep(0.1)
                continue
            if answer["outcome"] == "GRANT":
                self.granted.append(answer["redemption"])


def rows(path, sql):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as conn:
        return conn.execute(sql).fetchall()


async def again(site, link):
    """Start what was killed, and wait until it answers."""
    if link is site.platform:
        await link.process.start()
        await link.process.until(link._answers, within_s=EACH_S)
    else:
        await link.start()


def journal(gate):
    return {row[0] for row in rows(gate.database, "SELECT redemption FROM journal WHERE kind = 'granted'")}


async def test_whatever_is_killed_at_whatever_moment_nothing_answered_is_lost_and_nothing_counts_twice(tmp_path):
    chance, killed = random.Random(SEED), []
    async with two_gates(tmp_path) as site:
        loads = [Load(site, gate) for gate in site.gates]
        links = {"gate-1": site.gates[0], "gate-2": site.gates[1], "hub": site.hub, "platform": site.platform}
        tasks = [asyncio.create_task(load.run()) for load in loads]
        for number in range(KILLS):
            name = list(links)[number % 4] if KILLS < 20 else chance.choice(sorted(links))
            before = sum(len(load.granted) for load in loads)
            await until(lambda before=before: sum(len(load.granted) for load in loads) > before)
            await asyncio.sleep(chance.random() / 4)
            await links[name].process.pull_the_plug()
            await asyncio.sleep(chance.random() / 4)
            await again(site, links[name])
            killed.append(name)
            print(json.dumps({"kill": number + 1, "of": name, "answered": before}), flush=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        books = site.platform.state / "central.db"

        def home():
            held = dict(rows(books, ENDS))
            return all(held.get(gate.post.terminal) == head_of(gate) for gate in site.gates)

        await until(home)
        for load in loads:
            assert set(load.granted) <= journal(load.gate)
        granted = set().union(*(journal(gate) for gate in site.gates))
        booked = [row[0] for row in rows(books, "SELECT redemption FROM redemptions WHERE terminal LIKE 'gate-%'")]
        assert sorted(booked) == sorted(granted)
        assert held_twice(site) == []
        assert sum(len(load.granted) for load in loads) >= KILLS
