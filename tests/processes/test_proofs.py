"""Real platform, real gate, and its owner, who is root: what he makes up is taken in, named, and settles nothing."""

import asyncio
import contextlib
import json
import secrets
import shutil
import sqlite3
import sys
import time
from contextlib import asynccontextmanager

from cache.ids import uuid7
from cache.journal.chain import NewFact, append
from cache.journal.proofs import newest
from storage.sqlite import Store
from sync.enrol.identity import load_identity
from sync.peer import Peer
from sync.push.carrying import ALONE_S, Carrier
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.transport import UnreachableError, open_session

FORGOTTEN = ("uses", "tallies", "graces", "nonces", "redemptions")


class Wall:
    def now_ms(self):
        return time.time_ns() // 1_000_000


@asynccontextmanager
async def hands_on(town):
    """The gate is stopped, and its owner has its database and its key."""
    await town.gate.process.stop()
    async with Store(town.gate.database) as store:
        yield store
    await town.gate.start()


async def bring(town, store):
    """Send facts and proofs as the gate does by itself within five minutes: only that time is made to pass faster."""
    identity, running = load_identity(town.gate.data), [0.0]
    async with open_session() as session:
        line = Line(store, Peer(session, identity.platform), identity, Wall())
        pusher = Pusher(line, carrier=Carrier(store, now=lambda: running[0]))
        await town.until(lambda: drained(pusher))
        running[0] += ALONE_S
        while await store.read(newest):
            await drained(pusher)


async def drained(pusher):
    """Whether all has gone; a busy machine may be silent for a while."""
    try:
        await pusher.drain()
    except UnreachableError:
        return False
    return True


async def enters(town, person):
    """Show a fresh code; return the outcome."""
    return (await town.gate.present(person.code(town.now_s())))["outcome"]


async def enters_alone(town, person):
    """The same while the platform cannot be asked: it would remember."""
    town.network.cut()
    try:
        return await enters(town, person)
    finally:
        town.network.restore()


async def report(town):
    command = (sys.executable, "-I", "-m", "central", "report", "--state", str(town.platform.state), "--zone", "UTC")
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    said, _ = await child.communicate()
    found = json.loads(said)
    sums = {
        name: sum(line[name] for line in found["lines"])
        for name in ("granted", "waiting", "settled", "settled_off_fen", "settled_waived_fen")
    }
    return sums, found, child.returncode


async def judged(town):
    """The report once nothing waits for its verdict any more."""

    async def nothing_waits():
        sums, found, code = await report(town)
        return sums["waiting"] == 0 and (settled(sums), sums["granted"], found, code)

    return await town.until(nothing_waits)


def settled(sums):
    return {name: figure for name, figure in sums.items() if name.startswith("settled")}


def invent(conn, many=100):
    """Grants of people that nobody ever issued a token to."""
    for _ in range(many):
        now_ms = Wall().now_ms()
        body = {"issuer": "wulong", "class": "bound", "clock": "trusted", "heads": 1, "uses": [], "sums": []}
        body |= {"token": secrets.token_hex(8), "subject": secrets.token_hex(16), "nonce": secrets.token_hex(8)}
        body |= {"site": "s", "scene": "gate", "lane": "A", "outcome": "GRANT", "reasons": ["ok"], "offline": True}
        body |= {"intent": "enter", "due_ms": None}
        offer = {"kind": "free", "off_fen": 6000}
        body["given"] = [
            {"benefit": "first-visit", "issuer": "wulong", "code": 1, "version": 1, "local": False, "offer": offer}
        ]
        append(conn, NewFact("granted", body, now_ms, uuid7(now_ms), uuid7(now_ms)))


def forget_what_was_given(conn):
    for table in FORGOTTEN:
        conn.execute(f"DELETE FROM {table}")


async def test_invented_and_repeated_grants_settle_nothing_and_are_named(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    visitor, other = town.visitors.resident(town.now_s()), town.visitors.resident(town.now_s())
    assert [await enters(town, one) for one in (visitor, other)] == ["GRANT", "GRANT"]
    async with hands_on(town) as store:
        await bring(town, store)
        honest, granted, found, code = await judged(town)
        assert (granted, code) == (honest["settled"], 0)
        assert granted >= 2
        assert found["findings"] == []

        await store.write(invent)
        await store.write(forget_what_was_given)
    assert await enters_alone(town, visitor) == "GRANT"
    async with hands_on(town) as store:
        await bring(town, store)

    after, in_all, found, code = await judged(town)

    [gate] = found["terminals"]
    assert after == honest
    assert in_all >= granted + 101
    assert gate["unproved"] == 100
    assert "over_bound" in {one["kind"] for one in found["findings"]}
    assert code == 1


async def test_cloned_and_after_revocation_grants_settle_nothing_and_are_named(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    visitor, late = town.visitors.resident(town.now_s()), town.visitors.resident(town.now_s())
    await town.gate.process.stop()
    clone = town.gate.data.with_name("clone")
    shutil.copytree(town.gate.data, clone)
    await town.gate.start()
    assert await enters(town, visitor) == "GRANT"
    async with hands_on(town) as store:
        await bring(town, store)
        honest, *_ = await judged(town)
    await town.gate.process.stop()
    shutil.rmtree(town.gate.data)
    shutil.move(clone, town.gate.data)
    town.network.cut()
    await town.gate.start()
    assert await enters_alone(town, visitor) == "GRANT"
    async with hands_on(town) as store:
        await bring(town, store)
    after_clone, _granted, found, _code = await judged(town)
    assert after_clone == honest
    assert "over_bound" in {one["kind"] for one in found["findings"]}
    assert found["terminals"][0]["forks"] == 1

    await town.platform._call("POST", f"/v1/admin/terminals/{town.gate.post.terminal}/state", {"action": "revoke"})
    await town.until(lambda: is_suspended(town))
    await town.all_arrived()
    await town.gate.process.stop()
    with contextlib.closing(sqlite3.connect(town.gate.database)) as conn, conn:
        for table in ("orders", "switches"):
            conn.execute(f"DELETE FROM {table}")
    await town.gate.start()
    assert await enters(town, late) == "GRANT"
    async with hands_on(town) as store:
        await bring(town, store)

    after, _granted, found, code = await judged(town)

    assert after == honest
    assert "apart" in {one["kind"] for one in found["findings"]}
    assert found["terminals"][0]["apart"] >= 1
    assert code == 1


async def is_suspended(town):
    return (await town.gate.status())["suspended"]
