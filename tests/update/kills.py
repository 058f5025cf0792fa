"""SIGKILL at random moments of an update, a swap and a restore, with a check after each.

    .venv/bin/python -m tests.update.kills update swap restore --kills 25 --seed 1 --totals build/box.jsonl

What must hold after each kill, by what a technician types next, which is the same words again or a start, or by what
the unit at boot does:

- after a restore or a swap the box starts and becomes ready, who was served before is not served twice, what waited has
  arrived, the journal verifies, and nothing half made stays beside the ledger;
- after an update `current` is a whole version, the verdict is given at the next boot, no fact is gone, nobody goes on
  rehearsing, and no copy of the ledger stays.

Some kills come after a random time, the others just before the n-th name that the process makes, moves or removes
(`killed_at.py`), an update's every fourth before one of those about its switch: the moments between which a half state
could be. A process that was done before its moment is no kill
and counts for nothing. `--totals` adds a line for each run that ended well, and prints what all of them come to.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street
from tests.ill.totals import earlier, noted
from tests.processes.conftest import started_town
from tests.update.box import WELL, serving
from tests.update.killing import arrived, found, killed, outcome, remembers, served, typed, verified, whole

WAYS = ("copy", "platform")
SWITCH = ("os.rename:trial.json", "os.symlink:current.new", "os.rename:current", "os.remove:trial.json")  # of an update
NOTED_EACH = 20


def noting(figures, say):
    """Yield the numbers of the tries until enough were killed."""
    for number in itertools.count():
        if figures["killed"] >= figures["wanted"]:
            return
        if number and number % NOTED_EACH == 0:
            say(dict(figures))
        yield number


async def restores(town, figures, chance, say):
    """Kill `xinguan restore`, from a copy and from the platform in turn."""
    gate = town.gate
    await gate.start()
    first = town.visitors.resident(town.now_s())
    known = {await served(town, gate, first)}
    await town.all_arrived()
    copy = town.folder / "copy.db"
    assert (await typed("backup", copy, "--config", gate.config))[0] == 0
    before, took = found(town), {}
    for number in noting(figures, say):
        way, who = WAYS[number % len(WAYS)], town.visitors.resident(town.now_s())
        if number % 4 > 1:
            town.network.cut()  # this one waits, and goes home with the restore or after it
        known.add(await served(town, gate, who))
        await gate.process.stop()
        town.network.restore()
        words = ["restore", *([copy] if way == "copy" else ["--from-platform"]), "--config", gate.config]
        if way not in took:  # one of each comes to its end, to know how long it takes
            took[way] = await whole(*words)
        else:
            at = chance.randrange(took[way].moments) if number % 3 else None
            figures["killed" if await killed(words, chance, took[way], at=at) else "early"] += 1
            if chance.random() < 0.5:
                code, said = await typed(*words)
                assert code == 0, (number, said)

        await gate.start()
        await remembers(town, gate)
        again = [(await outcome(town, gate, one))[0] for one in (first, who)]
        assert again == ["STANDARD"] * 2, (number, again)
        verified(gate.database)
        assert known <= arrived(town), number
        assert not list(gate.data.glob("restoring*")), number
        for old in gate.data.glob("terminal.db.replaced-*"):
            old.unlink()  # as somebody does who has read what restore says
    assert found(town) == before
    await gate.process.stop()
    return took


async def swaps(town, figures, chance, say):
    """Kill the enrolment of a new box for the same post, and every other time its first start too."""
    await town.gate.start()
    first = town.visitors.resident(town.now_s())
    known = {await served(town, town.gate, first)}
    await town.all_arrived()
    await town.gate.process.stop()
    before, took = found(town), None
    for number in noting(figures, say):
        folder = town.folder / f"box-{number}"
        folder.mkdir()
        box = TerminalLink(street.GATE, folder, free_ports(1)[0], town.gate._session)
        box.config.write_text(box.configuration(platform=town.network_url, source=None, actuator=None))
        code = (await town.platform.code_for(street.GATE, platform=town.network_url)).encode() + b"\n"
        words = ["enrol", "-", "--config", box.config]
        if took is None:
            took = await whole(*words, given=code)
        else:
            at = chance.randrange(took.moments) if number % 3 else None
            figures["killed" if await killed(words, chance, took, at=at, given=code) else "early"] += 1
            again, said = await typed(*words, given=code)
            assert again in (0, 2), (number, said)  # 2: it is enrolled already, and says so
            assert again == 0 or "enrolled" in said, (number, said)
        if number % 2:  # the first start takes the memory from the platform: the plug is pulled within it too
            await box.process.start()
            await asyncio.sleep(chance.uniform(0, 2))
            await box.process.pull_the_plug()
            await town.until(lambda box=box: not box.process.alive)

        await box.start()
        await remembers(town, box)
        assert (await outcome(town, box, first))[0] == "STANDARD", number
        known.add(await served(town, box, town.visitors.resident(town.now_s())))
        await remembers(town, box)
        verified(box.database)
        assert known <= arrived(town), number
        await box.process.stop()
    assert found(town) == before
    return took


async def updates(town, figures, chance, say):
    """Kill `xinguan update`; after each, what the unit at boot does, and every fourth time a start of the service."""
    async with serving(town, town.folder) as box:
        before = box.unsent()
        took = await whole(*box.arguments(box.update(2)))
        for number in noting(figures, say):
            path = box.update(number + 3)
            words = box.arguments(path)
            at, alone = moment(chance, took, number), number % 4 == 1
            figures["killed" if await killed(words, chance, took, at=at, alone=alone) else "early"] += 1
            path.unlink()

            figures["switched"] += box.is_on_trial()
            home = box.root / "current"
            assert (home / "bin/xinguan").read_text() == WELL, number
            assert (home / "lib").exists() or box.current == "0.1.0"
            settled = await box.take("--settle", ready_s=60)
            assert settled.returncode == 0, (number, settled.stderr)
            assert not (box.root / "trial.json").exists()
            await town.until(lambda: not box.rehearsing())
            if number % 4 == 0:
                await box.start()
                assert not list(town.gate.data.glob(".trial-*")), number
            assert box.unsent()[: len(before)] == before, number
        await box.start()
        assert not list(town.gate.data.glob(".trial-*"))
        verified(town.gate.database)
        town.network.restore()
        home = await town.all_arrived()
        assert (home.lost, home.duplicated, home.unsent) == (0, 0, 0)
    return took


def moment(chance, took, number):
    """Return the name before which an update is killed, None for a random time: every fourth one about the switch."""
    if number % 4 < 2:
        return None
    return chance.randrange(took.moments) if number % 4 == 2 else SWITCH[number // 4 % len(SWITCH)]


PLAYS = {"update": updates, "swap": swaps, "restore": restores}


async def play(folder, what, *, kills, seed, say=lambda _figures: None):
    """Kill one kind of command so many times; return the figures, or raise AssertionError."""
    figures = Counter(wanted=kills)
    async with started_town(folder) as town:
        took = await PLAYS[what](town, figures, random.Random(f"{seed} {what}"), say)
    say({"whole": took})
    assert figures["early"] <= kills, figures
    assert what != "update" or kills < 4 * len(SWITCH) or figures["switched"], figures
    return figures


def line_of(what, seed, figures, took_s):
    """Return a run as a line of the file of totals."""
    named = {name: figures[name] for name in ("killed", "early")}
    return json.dumps({"what": what, "seed": seed, "s": round(took_s)} | named)


def sum_of(lines):
    """Return in words what the runs of a file of totals come to; a run that stands twice counts once."""
    runs = {(one["what"], one["seed"], one["killed"]): one for one in map(json.loads, lines)}
    sums = Counter()
    for (what, _, many), one in runs.items():
        sums.update({what: many, "early": one["early"], "s": one["s"]})
    said = ", ".join(f"{what} {sums[what]}" for what in PLAYS if sums[what])
    return f"{len(runs)} runs, killed: {said}; {sums['early']} more were done before their moment; {sums['s']} s"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=PLAYS, nargs="*")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--totals", type=Path)
    asked = parser.parse_args()
    lines = earlier(asked.totals)
    for what in asked.what:
        began = time.monotonic()
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            say = lambda figures: print(what, figures, flush=True)  # noqa: E731, B023 - called within this turn
            figures = asyncio.run(play(folder, what, kills=asked.kills, seed=asked.seed, say=say))
        lines.append(noted(asked.totals, line_of(what, asked.seed, figures, time.monotonic() - began)))
    print(sum_of(lines))


if __name__ == "__main__":
    main()
