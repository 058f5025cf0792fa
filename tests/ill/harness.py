"""What is done to real processes in these tests, as pieces: held, slow, full, broken, poisoned, crowded, another clock.

Each piece is a context manager or a plain call that leaves nothing behind; what is asked afterwards is asked of the
real API. Figures are measured at the caller and kept only while the harness itself is not stalled (`Beat`).
"""

import asyncio
import contextlib
import importlib.util
import json
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from central.demo.running.processes import Child, python
from tests.ill import readings

HERE = Path(__file__).parent
TESTS = HERE.parent
OTHER_CLOCK = TESTS / "tools" / "other_clock.py"
PATIENCE_S = 20.0
ALARMS = frozenset({"push.alarm", "tasks.alarm", "faults.seen", "orders.contradicted"})


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


processes = load("processes_town", TESTS / "processes" / "conftest.py")
other_clock = load("other_clock", OTHER_CLOCK)
Town, until, decided = processes.Town, processes.until, processes.decided
TerminalLink = readings.MeasuredGate  # asked once: what an ill store answers is what these tests are about
Beat = readings.Beat


# The terminal's process


def built(source, folder):
    """Compile a C shim of this folder and return the shared object."""
    target = folder / f"{source}.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", target, HERE / f"{source}.c", "-ldl"]
    subprocess.run(command, check=True, timeout=60)
    return target


def run_with(town, *before):
    """Let the gate be run by another command line: `before` stands in front of its own."""
    command = [*map(str, before), *python("edge.cli", "run", "--config", str(town.gate.config))]
    command[0] = shutil.which(command[0])
    town.gate.process = Child("gate", command, town.gate._log)


def run_under(town, *clock):
    """Let the gate be run under another clock (tests/tools/other_clock.py)."""
    words = ["run", "--config", str(town.gate.config)]
    command = [sys.executable, "-I", str(OTHER_CLOCK), *map(str, clock), "--", *words]
    town.gate.process = Child("gate", command, town.gate._log)


async def start_ill(town, within_s=PATIENCE_S):
    """Start the gate and wait until it answers at all; it need not be ready."""
    await town.gate.process.start()
    await town.gate.process.until(lambda: answers(town), within_s=within_s)
    town.gate.tokens = json.loads((town.gate.data / "api-tokens.json").read_bytes())


async def answers(town):
    try:
        async with town.gate._session.get(f"{town.gate.url}/healthz") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def readiness(town):
    """Return ({line: cause}, whether it says ready)."""
    async with town.gate._session.get(f"{town.gate.url}/readyz") as answer:
        told = await answer.json()
    assert (answer.status == 200) is told["ready"]
    causes = {check["name"]: check["cause"] for check in told["checks"]}
    assert len(ALARMS.intersection(causes.values())) <= 1, told  # one trouble is told once
    return causes, told["ready"]


async def line(town, name, cause, within_s=PATIENCE_S):
    """Wait until a line of readiness has this cause, and return all of them."""

    async def stands():
        causes, _ready = await readiness(town)
        return causes if causes.get(name) == cause else None

    try:
        return await until(stands, within_s)
    except TimeoutError:
        raise AssertionError(f"{name} did not become {cause}: {await readiness(town)}") from None


async def enter(town, who, *, first=lambda: None, interrupted=False, **more):
    """Show a fresh code at the gate, `first` done just before; return the answer and how long it took.

    What readiness says before and after, where it is the same, must be what the visitor meets: its light is no lie.
    `interrupted`: the power went while they were decided.
    """
    before = await readiness(town)
    first()
    began = time.monotonic()
    answer = await town.gate.present(who.code(town.now_s()), intent="enter", **more)
    took_s = time.monotonic() - began
    after = await readiness(town)
    if before[1] is not after[1]:
        return answer, took_s
    if interrupted and readings.a_moment(answer):
        readings.COUNTED["a moment"] += 1
    elif readings.came_late(after[1], answer):
        readings.COUNTED["late"] += 1
        await agreed(town)
    else:
        assert readings.agrees(after[1], answer), (after, answer)
        readings.COUNTED["readings"] += 1
    return answer, took_s


async def agreed(town, within_s=PATIENCE_S):
    """Read readiness and show somebody new, until the reading is the same before and after: then both must agree."""

    async def compared():
        before = (await readiness(town))[1]
        who = town.visitors.resident(town.now_s())
        answer = await town.gate.present(who.code(town.now_s()), intent="enter")
        after, ready = await readiness(town)
        if before is not ready or readings.came_late(ready, answer):
            return None
        assert readings.agrees(ready, answer), (after, answer)
        readings.COUNTED["readings"] += 1
        return answer

    return await until(compared, within_s)


async def ends_well(town, left=frozenset(), within_s=4 * PATIENCE_S):
    """Wait until no line of readiness is ill but those of `left`, and whoever has a right is let in."""

    async def stands():
        causes, ready = await readiness(town)
        ill = {cause for cause in causes.values() if not cause.endswith(".well")}
        return ready and ill == set(left)

    if not town.gate.process.alive or not await answers(town):
        raise AssertionError("the gate does not live after the test")
    try:
        await until(stands, within_s)
    except TimeoutError:
        raise AssertionError(f"after the test readiness says {await readiness(town)}, not {left}") from None
    assert (await agreed(town))["outcome"] == "GRANT"
    await leave(town, town.visitors.resident(town.now_s()))


async def let_in(town, who):
    """Show fresh codes until this visitor is decided; return the answer."""
    return await decided(lambda: town.gate.present(who.code(town.now_s()), intent="enter"))


async def leave(town, who):
    """Show a fresh code to leave; return the answer and how long it took. Nobody is kept in, whatever it says."""
    began = time.monotonic()
    answer = await town.gate.present(who.code(town.now_s()), intent="exit")
    took_s = time.monotonic() - began
    assert answer["obligations"] == {"open_gate": True}, answer
    readings.COUNTED["let out"] += 1
    return answer, took_s


def redemptions(town, kind, cause):
    """Return the redemptions that facts of this kind and cause are about."""
    told = "SELECT redemption FROM journal WHERE kind = ? AND json_extract(body, '$.cause') = ?"
    with contextlib.closing(sqlite3.connect(f"file:{town.gate.database}?mode=ro", uri=True)) as conn:
        return [row[0] for row in conn.execute(told, (kind, cause))]


def facts(town):
    """Return (kind, cause) of every fact of the gate; facts about a visit lie packed, and have no cause."""
    told = "SELECT kind, CASE WHEN json_valid(body) THEN json_extract(body, '$.cause') END FROM journal ORDER BY seq"
    with contextlib.closing(sqlite3.connect(f"file:{town.gate.database}?mode=ro", uri=True)) as conn:
        return conn.execute(told).fetchall()


def code_of(answer):
    return answer["reasons"][0]["code"]


# Its disk


@contextlib.contextmanager
def held(town):
    """Hold the database from outside: nobody else can write, as a forgotten shell does."""
    conn = sqlite3.connect(town.gate.database, isolation_level=None, check_same_thread=False)
    conn.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        conn.execute("ROLLBACK")
        conn.close()


@contextlib.contextmanager
def full(town, room=4_000):
    """Let no file of the gate's process grow beyond `room` bytes; room for the log."""
    pid = town.gate.process.pid
    usual = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, usual)


def break_table(database, table):
    """Destroy the root page of a table, as a bad sector does."""
    with contextlib.closing(sqlite3.connect(database)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = conn.execute("PRAGMA page_size").fetchone()[0]
        root = conn.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()[0]
    with database.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


def flip_bit(database, seq):
    """Flip one bit in the body of one record of the journal."""
    with contextlib.closing(sqlite3.connect(database)) as conn, conn:
        body, packed = conn.execute("SELECT body, packed FROM journal WHERE seq = ?", (seq,)).fetchone()
        if packed:
            half = len(packed) // 2
            changed = packed[:half] + bytes([packed[half] ^ 1]) + packed[half + 1 :]
            conn.execute("UPDATE journal SET packed = ? WHERE seq = ?", (changed, seq))
            return
        at = body.index('":') - 1
        changed = body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1 :]
        conn.execute("UPDATE journal SET body = ? WHERE seq = ?", (changed, seq))


@contextlib.contextmanager
def kept(folder):
    """Keep a copy of a folder; `put_back` inside restores it over whatever stands there then."""
    copy = folder.with_name(f"{folder.name}.kept")
    shutil.copytree(folder, copy)

    def put_back():
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)

    try:
        yield put_back
    finally:
        shutil.rmtree(copy)


# Its callers


@contextlib.asynccontextmanager
async def crowd(port, count, said=b""):
    """Open connections that say `said` and then nothing; yields how many were opened."""
    with contextlib.ExitStack() as stack:
        opened = 0
        for _ in range(count):
            client = stack.enter_context(socket.socket())
            client.settimeout(2)
            with contextlib.suppress(OSError):
                client.connect(("127.0.0.1", port))
                client.sendall(said)
                opened += 1
            await asyncio.sleep(0)
        yield opened
