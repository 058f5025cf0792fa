"""SIGKILL at random moments of a restore and of a swap, with a check after each. `XINGUAN_KILLS`, 100 of each kind.

What must hold after each, by whatever a technician types next, which is the same words again or a start:
the box starts and becomes ready; who was served before is not served twice; what waited has arrived; nothing half made
stays beside the ledger. The seed is said; `XINGUAN_SEED` takes another. Two of three kills come just before the n-th
name that the process makes, moves or removes (`killed_at.py`): the moments between which a half state could be.
"""

import asyncio
import contextlib
import itertools
import os
import random
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from cache.journal import chain
from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street
from storage.sqlite import connect

KILLS = int(os.environ.get("XINGUAN_KILLS", "100"))
SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
RIGGED = Path(__file__).with_name("killed_at.py")
WAYS = ("copy", "platform")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(3600)]


async def killed(words, chance, whole_s, at=None, given=b""):
    """Run the program and kill it after a random time, or at its n-th file operation; return its code, None if so."""
    rigged = [] if at is None else [str(RIGGED), str(at)]
    start = [sys.executable, "-I", *(rigged or ["-m", "edge.cli"]), *map(str, words)]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*start, stdin=pipe, stdout=null, stderr=null, start_new_session=True)
    limit = 120 if at is not None else chance.uniform(0, whole_s * 1.1)
    try:
        await asyncio.wait_for(process.communicate(given), limit)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
    return process.returncode if process.returncode >= 0 else None


async def typed(*words, given=b""):
    """Type words as a technician does; return the code and what was said."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-m",
        "edge.cli",
        *map(str, words),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate(given))[0].decode()
    assert "Traceback" not in said, said
    return process.returncode, said


async def whole(*words, given=b""):
    """Let the program come to its end; return how long that took, and at how many moments it can be killed exactly."""
    began, pipe = time.monotonic(), asyncio.subprocess.PIPE
    start = [sys.executable, "-I", RIGGED, "-1", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*start, stdin=pipe, stdout=pipe)
    said = (await process.communicate(given))[0].decode()
    assert process.returncode == 0, said
    return time.monotonic() - began, int(said.rsplit("moments ", 1)[1])


async def remembers(town, link):
    """Wait until the box is ready, knows what it gave and has sent what it has."""

    async def settled():
        async with link._session.get(f"{link.url}/readyz") as answer:
            told = await answer.json()
        memory = next(one for one in told["checks"] if one["name"] == "memory")
        status = await link.status()
        return told["ready"] and memory["level"] == "well" and status and status["unsent"] == 0

    await town.until(settled, 60)


async def outcome(town, link, who):
    """Show a fresh code until a busy disk has let it be decided."""
    for _ in range(10):
        answer = await link.present(who.code(town.now_s()), intent="enter", ticket="adult")
        if answer["outcome"] != "REFER":
            break
    return answer["outcome"], answer


async def served(town, link, who):
    said, answer = await outcome(town, link, who)
    assert said == "GRANT", answer
    await link.step(answer["redemption"], "passed")
    return answer["redemption"]


def arrived(town):
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return {row[0] for row in conn.execute("SELECT redemption FROM redemptions")}


def found(town):
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        doubles = conn.execute("SELECT count(*) FROM conflicts").fetchone()[0]
        return doubles, [row[0] for row in conn.execute("SELECT kind FROM findings")]


def verified(database):
    with contextlib.closing(connect(database, writing=False)) as conn:
        chain.verify(conn)


async def test_a_restore_killed_at_any_moment_serves_nobody_twice_and_keeps_every_fact(xinguan_town, tmp_path):
    town, gate, chance = xinguan_town, xinguan_town.gate, random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    await gate.start()
    first = town.visitors.resident(town.now_s())
    known = {await served(town, gate, first)}
    await town.all_arrived()
    copy = tmp_path / "copy.db"
    assert (await typed("backup", copy, "--config", gate.config))[0] == 0
    before = found(town)
    took, ended, done = {}, 0, 0
    for number in itertools.count():
        if done == KILLS:
            break
        way = WAYS[number % len(WAYS)]
        who = town.visitors.resident(town.now_s())
        if number % 4 > 1:
            town.network.cut()  # this one waits, and goes home with the restore or after it
        known.add(await served(town, gate, who))
        await gate.process.stop()
        town.network.restore()
        words = ["restore", *([copy] if way == "copy" else ["--from-platform"]), "--config", gate.config]
        if way not in took:  # one of each comes to its end, to know how long it takes
            took[way] = await whole(*words)
        else:
            at = chance.randrange(took[way][1]) if number % 3 else None
            if await killed(words, chance, took[way][0], at) is None:
                done += 1
            else:
                ended += 1  # it was done before its moment came, which is no kill
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
    print(f"killed {done}, and {ended} were done before their moment, whole (s, moments) {took}")
    assert found(town) == before
    assert ended <= KILLS / 2
    await gate.process.stop()


async def test_a_swap_killed_at_any_moment_is_finished_by_the_same_words(xinguan_town):
    town, chance = xinguan_town, random.Random(SEED)
    print(f"seed {SEED}, {KILLS} kills")
    await town.gate.start()
    first = town.visitors.resident(town.now_s())
    known = {await served(town, town.gate, first)}
    await town.all_arrived()
    await town.gate.process.stop()
    before, took, ended, done = found(town), None, 0, 0
    for number in itertools.count():
        if done == KILLS:
            break
        folder = town.folder / f"box-{number}"
        folder.mkdir()
        box = TerminalLink(street.GATE, folder, free_ports(1)[0], town.gate._session)
        box.config.write_text(box.configuration(platform=town.network_url, source=None, actuator=None))
        code = (await town.platform.code_for(street.GATE, platform=town.network_url)).encode() + b"\n"
        words = ["enrol", "-", "--config", box.config]
        if took is None:
            took = await whole(*words, given=code)
        else:
            at = chance.randrange(took[1]) if number % 3 else None
            if await killed(words, chance, took[0], at, given=code) is None:
                done += 1
            else:
                ended += 1
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
    print(f"killed {done}, and {ended} were done before their moment, whole (s, moments) {took}")
    assert found(town) == before
    assert ended <= KILLS / 2
