"""What runs beside and nobody waits for: what ends it is a fault in readiness, and not a line nobody reads."""

import ast
import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from edge.actuators.gate import Heard
from edge.lanes.openings import Openings
from edge.lanes.payments import Payments
from edge.lanes.punctual import LateError, Punctual
from edge.watch.alive import Errands, Faults
from tests.edge.lanes.test_openings import Clock, Controller, MemoryStore, World

ROOT = Path(__file__).parent.parent.parent
ROOMS = ("edge", "scanner", "cache", "sync", "credit", "storage", "central")
BEGUN = {"create_task", "ensure_future"}
HEARD = {
    "central/demo/street/turnstile.py": "the demo's turnstile: it is the visitor of a show",
    "central/site/standings.py": "awaited in the same call",
    "edge/api/serving.py": "kept by Tasks.keep",
    "edge/lanes/beside/signs.py": "gathered in the same call",
    "edge/watch/alive.py": "Errands itself",
    "scanner/camera/starting.py": "awaited in the same call",
    "storage/groups.py": "tells every job's caller what it met",
    "storage/postgres.py": "tells every job's caller what it met; the watch says so in the log and goes on",
    "sync/peer.py": "its end is judged in the same call",
    "sync/push/listener.py": "its end is judged in the same call",
    "sync/times.py": "waits for signals, and raises nothing",
    "sync/way.py": "waits for signals, and raises nothing",
}
"""Where a task is begun outside a task group, and who hears of its end."""


def begun_alone(path):
    """Return the calls of this module that begin a task which no task group waits for."""
    found, text = [], path.read_text()
    for node in ast.walk(ast.parse(text)) if any(word in text for word in BEGUN) else ():
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in BEGUN:
            grouped = isinstance(node.func.value, ast.Name) and node.func.value.id == "group"
            found += [] if grouped else [node]
    return found


def test_no_task_is_begun_whose_end_nobody_hears():
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]

    assert {str(path.relative_to(ROOT)) for path in files if begun_alone(path)} == set(HEARD)


class Broken:
    """A store that fails as nobody foresaw."""

    async def write(self, _job, *, before=None):
        raise ZeroDivisionError

    def submit(self, _job, *, before=None):
        return asyncio.get_running_loop().create_future()


async def come_to_an_end(errands):
    await errands.finish(within_s=5.0)
    await asyncio.sleep(0)


async def test_a_gates_word_that_cannot_be_written_as_nobody_foresaw_is_told_and_the_gate_is_heard_on():
    world = World(Controller([]))
    await world.show()
    await world.settled()
    usual, world.openings._store = world.store, Broken()

    world.controller.hear(Heard.TURNED)
    await come_to_an_end(world.clock.errands)
    told, world.openings._store = world.clock.faults.told(), usual
    world.controller.hear(Heard.FIRE)
    await come_to_an_end(world.clock.errands)
    await world.stop()

    assert told == "gate A: ZeroDivisionError × 1"
    assert world.kinds()[-1] == "emergency"


async def test_a_payment_whose_end_cannot_be_written_as_nobody_foresaw_is_told():
    clock = Clock()
    payments = Payments(within_s=lambda: 0.0, clock=clock, store=Broken(), told=lambda *_said: None)

    payments.await_("r-1")
    await come_to_an_end(clock.errands)

    assert clock.faults.told() == "payment: ZeroDivisionError × 1"
    assert payments.waiting == frozenset()


async def test_a_late_job_that_ends_as_nobody_foresaw_is_told_and_who_was_let_out_is_written_down():
    faults, store, owed = Faults(), Broken(), []
    punctual = Punctual(store, Clock().now)
    punctual.errands = Errands(faults)
    written = asyncio.get_running_loop().create_future()

    def submit(_job, *, before, late):
        waited = asyncio.get_running_loop().create_future()
        waited.set_exception(late(written))
        return waited

    store.submit = submit
    with pytest.raises(LateError):
        await punctual.write(lambda conn: None, before=time.monotonic(), failed=lambda: owed.append("exit"))

    written.set_exception(ZeroDivisionError())
    await come_to_an_end(punctual.errands)

    assert (faults.told(), owed) == ("late grant: ZeroDivisionError × 1", ["exit"])


async def test_what_is_out_at_the_end_is_waited_for_and_what_hangs_is_cancelled_and_named(caplog):
    errands, done = Errands(Faults()), []

    async def work():
        await asyncio.sleep(0)
        done.append(True)

    errands.send("quick", work())
    hanging = errands.send("hangs", asyncio.Event().wait())
    await errands.finish(within_s=0.05)

    assert (done, hanging.cancelled()) == ([True], True)
    assert [record.where for record in caplog.records if record.msg == "errand_left"] == ["hangs"]


async def dropped(error):
    """Let a future end with an error that nobody asks for, as a library does."""
    future = asyncio.get_running_loop().create_future()
    future.set_exception(error)
    del future


async def test_what_the_loop_says_of_an_error_that_nobody_asked_for_is_a_fault_and_a_broken_wire_is_none(caplog):
    faults, loop = Faults(), asyncio.get_running_loop()
    loop.set_exception_handler(faults.lost)

    await dropped(ZeroDivisionError())
    await dropped(aiohttp.ServerDisconnectedError())
    await dropped(ConnectionResetError())

    assert faults.told() == "nobody asked: ZeroDivisionError × 1"
    assert len([record for record in caplog.records if record.name == "asyncio"]) == 2


async def test_fire_that_cannot_be_passed_on_is_told():
    clock = Clock()
    openings = Openings("A", gate=Controller([]), decider=clock, store=MemoryStore(), told=lambda *_said: None)

    async def broken(_open):
        raise ZeroDivisionError

    openings.on_fire = broken
    openings._hear(Heard.FIRE)
    await come_to_an_end(clock.errands)

    assert clock.faults.told() == "gate A: ZeroDivisionError × 1"
