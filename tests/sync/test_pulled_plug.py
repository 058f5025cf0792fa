"""The plug is pulled, the network breaks anywhere: on the platform every fact stands once, in order."""

import asyncio
import random
import signal
import sys
from pathlib import Path

import pytest

from cache.journal.chain import verify
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.push.pusher import PushState

CHILD = Path(__file__).with_name("pushing_child.py")


async def child(terminal, point):
    """Run a pusher in its own process until it ends or kills itself; return its exit code."""
    process = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), str(terminal.folder), point)
    return await process.wait()


async def stands_once(town, terminal):
    head = await terminal.store.read(verify)
    seqs = [row[0] for row in town.rows("SELECT seq FROM facts ORDER BY seq")]
    row = town.ledger()["terminals"][0]
    assert seqs == list(range(1, head.seq + 1))
    assert (row["acked_through"], row["head_hash"]) == (head.seq, head.hash.hex())
    assert (await terminal.cursor()).acked_through == head.seq
    assert town.ledger()["duplicates"] == 0


@pytest.mark.parametrize("point", ["before-upload", "after-upload", "before-commit", "after-commit"])
async def test_killed_at_a_named_point_and_started_again(town, point):
    terminal = await town.terminal()
    await terminal.write(many=700)

    killed = await child(terminal, point)
    ended = await child(terminal, "none")

    assert (killed, ended) == (-signal.SIGKILL, 0)
    await stands_once(town, terminal)


async def test_killed_while_the_platform_was_reading_the_upload(town):
    terminal = await town.terminal()
    await terminal.write(many=500, body={"text": "".join(random.Random(7).choices("abcdefghij", k=300))})
    process = await asyncio.create_subprocess_exec(sys.executable, str(CHILD), str(terminal.folder), "none")
    town.relay.on_upload = process.kill

    killed = await process.wait()
    town.relay.on_upload = None
    ended = await child(terminal, "none")

    assert (killed, ended) == (-signal.SIGKILL, 0)
    await stands_once(town, terminal)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_5000_facts_of_two_days_through_a_network_that_breaks_anywhere(town, seed):
    """Scene S18: bursts of network; each connection dies after some bytes, in either direction."""
    terminal = await town.terminal()
    await terminal.write(many=5000)
    luck = random.Random(seed)
    breaks = iter([luck.randrange(1, 60_000) for _ in range(40)])
    town.relay.break_after = lambda: next(breaks, None)
    pusher = terminal.pusher()

    async with asyncio.timeout(90):
        while (await terminal.cursor()).acked_through < 5000:
            await pusher._turn()

    assert pusher.status.state is not PushState.ALARM
    await stands_once(town, terminal)


async def test_the_store_is_whole_after_every_kill(town):
    terminal = await town.terminal()
    await terminal.write(many=50)
    for point in ("after-upload", "before-commit", "after-upload"):
        await child(terminal, point)

    async with Store(terminal.folder / DATABASE_FILE) as again:
        head = await again.read(verify)

    assert head.seq == 50
