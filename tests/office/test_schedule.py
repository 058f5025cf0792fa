"""What the office does by itself goes on, whatever one of its duties stumbles over."""

import asyncio
import contextlib
import json
import threading
import time

import pytest
from office_town import CITY, OTHER, Office

from central.commands import serve
from central.lists.cities import CITIES
from central.office import changing
from central.office.drafts import deciding, keeping
from central.office.drafts.states import State
from central.office.rounds import schedule
from central.platform_state import open_state
from central.store import sqlite_books

PATIENCE_S = 10


@pytest.fixture
async def office(tmp_path):
    async with sqlite_books(tmp_path / "central.db") as books:
        yield Office(tmp_path / "state", books)


async def until(task, holds, what):
    """Wait until `holds` says so, or the schedule has ended."""
    end = time.monotonic() + PATIENCE_S
    while not await holds():
        assert not task.done(), f"the schedule ended: {task}"
        assert time.monotonic() < end, f"waited for {what}"
        await asyncio.sleep(0.01)


async def test_a_draft_comes_into_force_although_another_duty_fails_each_time(office, monkeypatch, caplog):
    monkeypatch.setattr(schedule, "EVERY_S", 0)
    (office.folder / CITIES / OTHER / "measure-codes.json").write_text("[" * 100_000)  # no reader foresees this
    files = json.dumps({"sites.json": office.rules("sites.json") | {"site_sets": {"hill": ["yunling-shan"]}}})
    form = {"city": CITY, "files": files, "force": True, "from_ms": office.at.ms + 3_600_000}
    draft = (await office.call(office.publisher, "rules", **form))["number"]
    await office.call(office.second, "approve", draft=draft, force=True)

    async def held(_what):
        return True

    async def failed():
        return "a duty of the office's schedule failed" in caplog.text

    async def in_force():
        return "hill" in office.rules("sites.json").get("site_sets", {})

    task = asyncio.create_task(schedule.keep_schedule(office.desk, held, alone=True))
    try:
        await until(task, failed, "the duty that fails")
        assert not await in_force()
        office.at.ms += 3_600_000
        await until(task, in_force, "the draft")
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_platform_without_the_office_s_pages_puts_drafts_in_force_as_well(office, monkeypatch):
    monkeypatch.setattr(schedule, "EVERY_S", 0)
    monkeypatch.setattr(serve, "now_ms", lambda: office.at.ms)
    files = json.dumps({"sites.json": office.rules("sites.json") | {"site_sets": {"hill": ["yunling-shan"]}}})
    form = {"city": CITY, "files": files, "force": True, "from_ms": office.at.ms + 3_600_000}
    draft = (await office.call(office.publisher, "rules", **form))["number"]
    await office.call(office.second, "approve", draft=draft, force=True)
    office.at.ms += 3_600_000

    async def in_force():
        return "hill" in office.rules("sites.json").get("site_sets", {})

    task = asyncio.create_task(serve.keep_office(open_state(office.folder), office.books, None))
    try:
        await until(task, in_force, "the draft")
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_draft_that_a_page_and_the_schedule_put_in_force_in_one_moment_is_in_force_once(office, monkeypatch):
    """Seen under load: the checker was told "duplicate" of the very measure that had just been taken."""
    both, taken = threading.Barrier(2), changing.taken

    def looked(*about):
        found = taken(*about)
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(timeout=0.2)  # where both come so far, neither has done anything yet
        return found

    draft = (await office.measure())["number"]
    monkeypatch.setattr(deciding, "put_in_force", lambda _desk, _who, approved: held(approved))
    approved = await office.call(office.checker, "approve", draft=draft)
    monkeypatch.undo()
    monkeypatch.setattr(changing, "taken", looked)

    ended = await asyncio.gather(
        deciding.put_in_force(office.desk, office.checker, await read(office, approved["number"])),
        deciding.apply_due(office.desk),
    )

    assert ended[0].state is State.IN_FORCE
    assert (await read(office, draft)).state is State.IN_FORCE
    assert len(office.published()["entries"]) == 1


async def held(draft):
    return draft


async def read(office, number):
    return await office.books.read(lambda tx: keeping.get(tx, number))
