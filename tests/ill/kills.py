"""A gate that is killed, or loses its power, while people are shown: lost 0, twice 0. With real processes.

    python -m tests.ill.kills --kills 500 --seed 1 --totals build/kills.jsonl
    python -m tests.ill.kills --cuts 200 --seed 1 --totals build/cuts.jsonl          (as root, on an ext4 of its own)

Rules of this file:

- a kill is SIGKILL at any moment from the first code that is shown on; a cut takes the disk's power first (the ioctl of
  ext4: what was not synced is gone), then the process, and mounts what is left;
- who was told GRANT has it: it stands in the journal, at the platform in the end, and nobody is given another one;
- who heard nothing shows again after the start: the same redemption, or the first one;
- in the end both books agree byte for byte, and the platform knows of no conflict and no finding;
- after each start readiness is read before and after each visitor, and says what they meet; all that the living
  process answered, it answered in time (`tests/ill/readings.py`).

`--totals` adds a line for each run that ended well, and prints what all of them come to.
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
import tempfile
import time
from collections import Counter
from pathlib import Path

import aiohttp

from central.demo.street import town as street
from tests.ill import harness, readings
from tests.ill.disks import disk_of_its_own, missing
from tests.ill.totals import earlier, noted
from tests.processes.conftest import started_town

SHOWN_AT_ONCE = 4
LATEST_S = 0.4  # after the first code is shown; four decisions side by side take 20 to 300 ms
ASKED_AGAIN = 3  # of those who were shown before, after each start
AROUND = 40  # rounds between two looks at both books
NOTED_EACH = 25
READ = ("readings", "late", "a moment", "presents", "exits", "left out")
SLOWEST = {"slowest_s": False, "slowest_exit_s": True}
QUIET = ("conflicts", "findings")
NOT_ONCE = "SELECT redemption, count(*) FROM facts WHERE kind = 'granted' GROUP BY redemption HAVING count(*) > 1"


class BrokenError(AssertionError):
    """What must hold does not."""


class Killed:
    """One run: the town, and what each visitor was told. `power`: the disk that the gate stands on, to be cut."""

    def __init__(self, town, beat, seed, power=None):
        self.town, self.beat, self.random, self.power = town, beat, random.Random(seed), power
        self.given, self.figures = {}, Counter()  # visitor -> redemptions that they were told

    async def rounds(self, many, say):
        await self.town.gate.start()
        for number in range(1, many + 1):
            await self.once()
            if number % AROUND == 0:
                await self.look()
            if number % NOTED_EACH == 0:
                say(f"{number} of {many}: {dict(self.figures)}")
        await self.look()

    async def once(self):
        """Show some, end it in the middle, start it again, and ask who was shown."""
        new = [self.town.visitors.resident(self.town.now_s()) for _ in range(SHOWN_AT_ONCE)]
        known = self.random.sample(list(self.given), min(len(self.given), ASKED_AGAIN))
        since, before = len(readings.MEASURED), readings.COUNTED.copy()
        self.given |= {who: set() for who in new}
        showing = [asyncio.create_task(self.show(who)) for who in (*new, *known)]
        await asyncio.sleep(self.random.uniform(0, LATEST_S))
        await self.ended()
        await asyncio.gather(*showing)
        self.figures["ended"] += 1
        await self.town.gate.start()
        for who in (*new, *known):
            await harness.until(lambda who=who: self.decided(who))
        await harness.leave(self.town, self.town.visitors.resident(self.town.now_s()))
        readings.in_time(self.beat, since)
        self.figures.update(readings.COUNTED - before)

    async def ended(self):
        if self.power is None:
            await self.town.gate.process.pull_the_plug()
            return
        self.power.lose_power()
        await self.town.gate.process.pull_the_plug()
        self.power.power_returns()

    async def show(self, who):
        """Show a fresh code; note what was given, and that nobody is given two."""
        try:
            answer = await self.town.gate.present(who.code(self.town.now_s()), intent="enter")
        except (aiohttp.ClientError, TimeoutError):
            self.figures["unanswered"] += 1
            return
        self.told(who, answer)

    async def decided(self, who):
        """Show a fresh code after the start, and return whether it was decided: perhaps the old one was in hand."""
        answer, _took_s = await harness.enter(self.town, who, interrupted=True)
        self.told(who, answer)
        return not readings.a_moment(answer)

    def told(self, who, answer):
        self.figures["answered"] += 1
        if answer["outcome"] != "GRANT":
            return
        self.given[who].add(answer["redemption"])
        self.figures["given"] += not answer["repeat"]
        if len(self.given[who]) > 1:
            self.figures["twice"] += 1
            raise BrokenError(f"{who} was given {self.given[who]}")

    async def look(self):
        """Let everything go home, and lay both books side by side."""
        figures = await self.town.all_arrived()
        self.figures["lost"] += figures.lost
        self.figures["twice"] += figures.duplicated
        told = {one for redemptions in self.given.values() for one in redemptions}
        with contextlib.closing(self.books()) as conn:
            held = {row[0] for row in conn.execute("SELECT redemption FROM facts WHERE kind = 'granted'")}
            again = conn.execute(NOT_ONCE).fetchall()
            strange = [row for name in QUIET for row in conn.execute(f"SELECT * FROM {name}")]
        if figures.lost or figures.duplicated or told - held or again or strange:
            raise BrokenError(f"{figures}, told and not held {told - held}, twice {again}, {strange}")

    def books(self):
        return sqlite3.connect(f"file:{self.town.platform.state / 'central.db'}?mode=ro", uri=True)


async def play(folder, seed, many, *, cuts=False, say=lambda _text: None):
    """Kill a gate so many times, or cut its power; return the figures, or raise BrokenError."""
    with contextlib.ExitStack() as stack:
        place, power = folder / "town", None
        if cuts:
            power = stack.enter_context(disk_of_its_own(place / street.GATE.terminal, folder / "disk.img"))
        place.mkdir(exist_ok=True)
        async with started_town(place, gate=readings.MeasuredGate) as town, readings.Beat() as beat:
            killed = Killed(town, beat, seed, power)
            try:
                await killed.rounds(many, say)
            except BaseException:
                with contextlib.suppress(shutil.Error):  # what cannot be copied was the trouble
                    shutil.copytree(place, folder / "left", dirs_exist_ok=True)
                raise
    return killed.figures


def line_of(seed, *, cuts, figures, took_s):
    """Return a run as a line of the file of totals."""
    named = {name: figures[name] for name in ("ended", "given", "answered", "unanswered", "lost", "twice", *READ)}
    slowest = {name: round(readings.SLOWEST[leaving], 3) for name, leaving in SLOWEST.items()}
    return json.dumps({"seed": seed, "what": "cuts" if cuts else "kills", "s": round(took_s)} | named | slowest)


def sum_of(lines):
    """Return in words what the runs of a file of totals come to; a run that stands twice counts once."""
    runs = {(one["what"], one["seed"], one["ended"]): one for one in map(json.loads, lines)}.values()
    sums = Counter()
    for one in runs:
        sums.update({one["what"]: one["ended"]})
        sums.update({name: one.get(name, 0) for name in ("given", "unanswered", "lost", "twice", "s", *READ)})
    slowest = {name: max((one.get(name, 0) for one in runs), default=0) for name in SLOWEST}
    what = " and ".join(f"{sums[name]} {name}" for name in ("kills", "cuts") if sums[name])
    return (
        f"{len(runs)} runs, {what}: {sums['given']} given, {sums['unanswered']} codes unanswered, lost {sums['lost']},"
        f" twice {sums['twice']}; readiness agreed with {sums['readings']}, {sums['late']} came late,"
        f" {sums['a moment']} waited a moment; {sums['presents']} presents, slowest {slowest['slowest_s']} s,"
        f" {sums['exits']} exits, slowest {slowest['slowest_exit_s']} s, {sums['left out']} left out; {sums['s']} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--cuts", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--totals", type=Path)
    parser.add_argument("--folder", type=Path, help="kept when something broke; else a temporary one")
    asked = parser.parse_args()
    if asked.cuts and missing():
        parser.error(f"a disk of its own needs {missing()}")
    lines = earlier(asked.totals)
    if many := asked.cuts or asked.kills:
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.mkdir(parents=True, exist_ok=True)
            say = lambda text: print(text, flush=True)  # noqa: E731
            figures = asyncio.run(play(folder, asked.seed, many, cuts=bool(asked.cuts), say=say))
        line = line_of(asked.seed, cuts=bool(asked.cuts), figures=figures, took_s=time.monotonic() - began)
        lines.append(noted(asked.totals, line))
    print(sum_of(lines))


if __name__ == "__main__":
    main()
