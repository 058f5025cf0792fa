"""The restore matrix with real processes: {terminal, platform} × {older, empty, clone}.

Whatever came back, and whatever stood in for it meanwhile: who was served before is not served again, somebody new is,
everybody may leave, every fact that stands anywhere arrives once, and a twin decides alone until the office has spoken.
"""

import asyncio
import contextlib
import json
import shutil
import sqlite3
import time

import pytest

from central.commands.backup import pack
from central.commands.restore import unpack
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports, python, run_once
from central.demo.street import town as street
from tests.ill import test_memory as memory
from tests.ill.harness import code_of, decided, line, readiness
from tests.processes.conftest import started_town

pytestmark = pytest.mark.e2e

SERVED = ("STANDARD", "limit_used")
NEW = ("GRANT", "ok")
TWICE = "SELECT redemption, count(*) FROM facts WHERE kind = 'granted' GROUP BY redemption HAVING count(*) > 1"


async def outcome(link, town, who):
    answer = await decided(lambda: link.present(who.code(town.now_s()), intent="enter"))
    return answer["outcome"], code_of(answer)


async def served(town):
    """Let somebody new in, and say who."""
    who = town.visitors.resident(town.now_s())
    answer = await decided(lambda: town.gate.present(who.code(town.now_s()), intent="enter"))
    assert answer["outcome"] == "GRANT", answer
    await town.gate.step(answer["redemption"], "passed")
    return who


async def leaves(town, who):
    return (await town.gate.present(who.code(town.now_s()), intent="exit"))["obligations"] == {"open_gate": True}


# the terminal


async def stopped_with_a_copy(town, folder):
    """Serve one, keep the terminal's folder, serve another; both are at the platform, and the gate is down."""
    first = await served(town)
    await town.all_arrived()
    await town.gate.process.stop()
    shutil.copytree(town.gate.data, folder / "kept")
    await town.gate.start()
    second = await served(town)
    await town.all_arrived()
    await town.gate.process.stop()
    return first, second


async def terminal_older(town, folder):
    people = await stopped_with_a_copy(town, folder)
    memory.older_folder(town, folder / "kept")
    await town.gate.start()
    return people


async def terminal_empty(town, folder):
    people = await stopped_with_a_copy(town, folder)
    memory.delete(town, folder / "kept")
    await town.gate.start()
    return people


async def two_machines(town):
    """Run both, until both know; return who was served. The gate is down, and the clone is gone."""
    people = [await served(town), await served(town)]
    await town.all_arrived()
    async with memory.cloned(town) as clone:
        await town.gate.start()
        await clone.process.start()
        await town.until((clone.data / "api-tokens.json").exists)
        clone.tokens = json.loads((clone.data / "api-tokens.json").read_bytes())
        await town.until(lambda: memory.both_serve_until_told(town, clone), 90.0)
        who = town.visitors.resident(town.now_s())
        assert [await outcome(link, town, who) for link in (town.gate, clone)] == [("REFER", "twin")] * 2
        assert not (await readiness(town))[1]
        assert await leaves(town, people[0])
    await town.until(lambda: memory.unsent(town), 60.0)
    await town.gate.process.stop()
    return people


async def terminal_clone(town, folder):
    """Let the office send a new box in their place."""
    people = await two_machines(town)
    shutil.rmtree(town.gate.data)
    await town.gate.enrol(await town.platform.code_for(street.GATE, platform=town.network_url))
    await town.gate.start()
    return people


async def terminal_clone_kept(town, folder):
    """Let the office enrol one of them anew, with all that it holds: it may be the one that began its epoch first."""
    people = await two_machines(town)
    code = await town.platform.code_for(street.GATE, platform=town.network_url)
    again = python("edge.cli", "enrol", "-", "--again", "--config", str(town.gate.config))
    await run_once("enrol again", again, folder / "again.log", given=f"{code}\n")
    await town.gate.start()
    return [*people, await served(town), await served(town)]


# the platform


async def backed_up(town, folder):
    """Serve one, back the platform up, serve another: the backup knows of one alone."""
    first = await served(town)
    await town.all_arrived()
    backup = folder / "platform.tar"
    await asyncio.to_thread(pack, town.platform.state, backup, at_ms=time.time_ns() // 1_000_000)
    second = await served(town)
    await town.all_arrived()
    await town.platform.process.stop()
    return backup, (first, second)


async def restored(town, backup):
    await asyncio.to_thread(unpack, town.platform.state, backup, root=None, at_ms=time.time_ns() // 1_000_000)
    await town.platform_returns()


async def platform_older(town, folder):
    backup, people = await backed_up(town, folder)
    await restored(town, backup)
    return people


async def platform_empty(town, folder):
    """Let it begin without books, where nobody is known: the gate serves on and says so; then a backup is restored."""
    backup, people = await backed_up(town, folder)
    for path in town.platform.state.glob("central.db*"):
        path.unlink()
    await town.platform_returns()
    await line(town, "push", "push.refused")
    assert (await readiness(town))[1]
    third = await served(town)
    await town.platform.process.stop()
    await restored(town, backup)
    return [*people, third]


async def platform_clone(town, folder):
    """Let a copy of the platform answer in its place for a while, then the first one again: each lacks something."""
    people = [await served(town)]
    await town.all_arrived()
    await town.platform.process.stop()
    shutil.copytree(town.platform.state, folder / "clone" / town.platform.state.name)
    (port,) = free_ports(1)
    clone = PlatformLink(folder / "clone", port, town.gate._session)
    first, town.network._upstream = town.network._upstream, port
    await clone.process.start()
    await clone.process.until(clone._answers, within_s=30.0)
    try:
        people.append(await served(town))
        await town.until(lambda: knows(clone, 2), 30.0)
        await town.platform_returns()  # both are on now
        people.append(await served(town))
        await town.until(lambda: knows(clone, 3), 30.0)
        town.network._upstream = first
        town.network.cut()
        town.network.restore()
        people.append(await served(town))
    finally:
        await clone.process.stop()
    return people


async def knows(platform, many):
    with contextlib.closing(sqlite3.connect(f"file:{platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return conn.execute("SELECT count(*) FROM facts WHERE kind = 'granted'").fetchone() == (many,)


CELLS = {
    f"{who} {what}": globals()[f"{who}_{what}"]
    for who in ("terminal", "platform")
    for what in ("older", "empty", "clone", "clone_kept")
    if f"{who}_{what}" in globals()
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
async def test_who_was_served_is_not_served_again_somebody_new_is_and_every_fact_arrives_once(cell, tmp_path):
    (tmp_path / "street").mkdir()
    async with started_town(tmp_path / "street") as town:
        await town.gate.start()

        people = await cell(town, tmp_path)

        await town.until(lambda: memory.unsent(town), 60.0)
        await line(town, "memory", "memory.well")
        await line(town, "platform", "platform.well")
        assert [await outcome(town.gate, town, who) for who in people] == [SERVED] * len(people)
        assert await outcome(town.gate, town, town.visitors.resident(town.now_s())) == NEW
        assert await leaves(town, people[0])
        figures = await town.all_arrived()
        assert figures.lost == 0
        assert memory.books(town, TWICE) == []
        assert memory.books(town, "SELECT count(*) FROM conflicts") == [(0,)]
        assert memory.books(town, "SELECT twin_ms FROM terminals") == [(None,)]
