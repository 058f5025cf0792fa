"""What the plays of `kills.py` have in common: a command that is killed, one that is typed, and what must hold."""

import asyncio
import contextlib
import os
import sqlite3
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from cache.journal import chain
from storage.sqlite import connect

RIGGED = Path(__file__).with_name("killed_at.py")
EXACT_S = 120  # for a command that kills itself


@dataclass(frozen=True)
class Whole:
    """A command that came to its end: how long it took, and at how many moments it can be killed exactly."""

    took_s: float
    moments: int


async def killed(words, chance, whole, *, at=None, given=b"", alone=False):
    """Run the program and kill it after a random time, or just before its n-th name; return whether that was a kill.

    One that was done before its moment came is none. `alone`: what it started itself is not killed with it.
    """
    rigged = [] if at is None else [str(RIGGED), str(at)]
    start = [sys.executable, "-I", *(rigged or ["-m", "edge.cli"]), *map(str, words)]
    pipe, null = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*start, stdin=pipe, stdout=null, stderr=null, start_new_session=True)
    limit = EXACT_S if at is not None else chance.uniform(0, whole.took_s * 1.1)
    try:
        await asyncio.wait_for(process.communicate(given), limit)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            (os.kill if alone else os.killpg)(process.pid, 9)
        await process.wait()
    return process.returncode < 0


async def typed(*words, given=b""):
    """Type words as a technician does; return the code and what was said."""
    start, pipe = [sys.executable, "-I", "-m", "edge.cli", *map(str, words)], asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*start, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT)
    said = (await process.communicate(given))[0].decode()
    assert "Traceback" not in said, said
    return process.returncode, said


async def whole(*words, given=b""):
    """Let the program come to its end, and measure it."""
    began, pipe = time.monotonic(), asyncio.subprocess.PIPE
    start = [sys.executable, "-I", RIGGED, "-1", *map(str, words)]
    process = await asyncio.create_subprocess_exec(*start, stdin=pipe, stdout=pipe)
    said = (await process.communicate(given))[0].decode()
    assert process.returncode == 0, said
    return Whole(time.monotonic() - began, int(said.rsplit("moments ", 1)[1]))


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
    """Let somebody in who has not been; return the redemption."""
    said, answer = await outcome(town, link, who)
    assert said == "GRANT", answer
    await link.step(answer["redemption"], "passed")
    return answer["redemption"]


def arrived(town):
    """Return the redemptions that the platform has booked."""
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return {row[0] for row in conn.execute("SELECT redemption FROM redemptions")}


def found(town):
    """Return how many conflicts and which findings the platform knows."""
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        doubles = conn.execute("SELECT count(*) FROM conflicts").fetchone()[0]
        return doubles, [row[0] for row in conn.execute("SELECT kind FROM findings")]


def verified(database):
    """Verify a journal; raise where it does not hold."""
    with contextlib.closing(connect(database, writing=False)) as conn:
        chain.verify(conn)
