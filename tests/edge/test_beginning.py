"""Rows 6, 7 and 12: a database that opens and lacks what everything takes for granted is a state, not an end."""

import asyncio
import contextlib
import os
import sqlite3
from contextlib import AsyncExitStack
from types import SimpleNamespace

import pytest

from cache.ledger.paying import AWAITING
from credit.inputs import Now
from edge import aside, beginning
from edge.beginning import Beginning
from edge.clock import Clock, Memory
from edge.commands.run import innermost
from edge.lanes.together import resume
from edge.watch.alive import Rounds, Tasks
from edge.watch.network import Outage
from edge.watch.store import Fault, StoreHealth
from storage.sqlite import Store

NOW = Now(utc_ms=1_790_000_000_000)


async def until(true, what):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)
    assert true(), what


class Nothing:
    """The lists and the orders of a terminal that has none: there is nothing to restore or to uphold."""

    async def restore(self):
        return None

    async def once(self):
        return False


def started(folder):
    """Return a start on this folder, and the parts that it tells."""
    store = Store(folder / "terminal.db")
    clock = Clock(store, Memory(), boot_id="this")
    parts = SimpleNamespace(
        store=store,
        clock=clock,
        database=folder / "terminal.db",
        decider=SimpleNamespace(now=lambda: NOW),
        bounds=SimpleNamespace(clock=clock, outage=Outage(), health=StoreHealth()),
        sync=SimpleNamespace(pull=Nothing(), orders=Nothing()),
        tasks=Tasks(),
    )
    return Beginning(SimpleNamespace(terminal="gate1", instance="i", folder=folder, platform_keys={}), parts), parts


@pytest.mark.parametrize("table", ["clock", "cursor"])
async def test_a_row_that_somebody_deleted_keeps_the_start_waiting_and_ends_nothing(tmp_path, monkeypatch, table):
    monkeypatch.setattr(beginning, "RETRY_S", 0.01)
    first, _ = started(tmp_path)
    async with AsyncExitStack() as stack:
        await first.run(stack)
    with contextlib.closing(sqlite3.connect(tmp_path / "terminal.db")) as conn, conn:
        names = [row[1] for row in conn.execute(f"PRAGMA table_info({table})")]
        (row,) = conn.execute(f"SELECT {', '.join(names)} FROM {table}").fetchall()
        conn.execute(f"DELETE FROM {table}")
    again, parts = started(tmp_path)

    async with AsyncExitStack() as stack:
        starting = asyncio.create_task(again.run(stack))
        await again.first_try()
        await until(lambda: parts.bounds.health.standing.fault is Fault.OTHER, "the store's line says what is wrong")
        assert not parts.bounds.health.begun
        assert not starting.done()
        assert parts.tasks.faults.told().startswith("start: TypeError")

        with contextlib.closing(sqlite3.connect(tmp_path / "terminal.db")) as conn, conn:
            conn.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        await starting

    assert parts.bounds.health.standing is None


async def test_a_store_that_fails_when_payments_are_resumed_is_tried_again_and_ends_nothing(tmp_path):
    rounds, tasks = Rounds(), Tasks(pause=lambda _s: asyncio.sleep(0))
    resumed = []
    lane = SimpleNamespace(payments=SimpleNamespace(resume=resumed.extend))
    store, tried = Store(tmp_path / "terminal.db"), []

    async def run():
        tried.append(1)
        if len(tried) == 1:  # the store is not open: StoreFailedError
            await resume({"A": lane}, store, rounds.done)
        async with store:
            await store.write(lambda conn: conn.execute(AWAITING).fetchall())
            await resume({"A": lane}, store, rounds.done)

    await tasks.keep("payments", run, worked=lambda: rounds.n)

    assert (len(tried), rounds.n, dict(tasks.alarms)) == (2, 1, {})


def test_every_task_that_is_kept_alive_has_a_figure_by_which_its_alarm_ends():
    """One without would stay in alarm for good after a single failure, however well it works since."""
    import inspect

    from edge import terminal

    assert "worked=lambda: None" not in inspect.getsource(terminal)


async def test_what_a_restore_was_making_when_the_plug_was_pulled_does_not_stay(tmp_path, caplog):
    """It is a copy of every visitor's uses, and as long as the ledger."""
    for name in ("restoring.db", "restoring.db-wal", "restoring.db-shm", "restoring.before-migration.db"):
        (tmp_path / name).write_bytes(b"half")
    first, _ = started(tmp_path)

    async with AsyncExitStack() as stack:
        await first.run(stack)

    assert list(tmp_path.glob("restoring*")) == []
    assert "restore_was_cut_off" in caplog.text


async def test_the_copy_of_an_update_that_was_cut_off_does_not_stay_and_one_under_way_does(tmp_path, caplog):
    """It is a copy of the ledger too; a service that restarts beside an update leaves that update its copy."""
    for name in ("cut-off", "under-way"):
        (tmp_path / f"{aside.TRIAL}{name}/data").mkdir(parents=True)
        (tmp_path / f"{aside.TRIAL}{name}/data/terminal.db").write_bytes(b"copy")
    held = aside.hold(tmp_path / f"{aside.TRIAL}under-way")
    first, _ = started(tmp_path)

    async with AsyncExitStack() as stack:
        await first.run(stack)

    assert [path.name for path in tmp_path.glob(f"{aside.TRIAL}*")] == [f"{aside.TRIAL}under-way"]
    assert "update_was_cut_off" in caplog.text
    os.close(held)
    assert aside.remove_trials(tmp_path)
    assert not aside.remove_trials(tmp_path)


def test_a_port_that_is_taken_is_said_and_not_that_tasks_ended():
    taken = OSError(98, "address already in use")

    assert innermost(ExceptionGroup("unhandled", [ExceptionGroup("unhandled", [taken])])) is taken
