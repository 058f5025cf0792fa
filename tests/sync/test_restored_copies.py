"""`xinguan restore`: another database in place of the present one, and nothing that was given is forgotten by it."""

import asyncio
import contextlib
import json
import os
import sqlite3
import uuid
from pathlib import Path

import pytest

from cache.ledger.facts import STORE_LOST, switched
from central.commands.boxes.journal import _take_all
from edge.commands.copies import returning
from edge.commands.copies.returning import DRAFT, CopyError, UnsentError, restore
from edge.config import Config, PlatformTable, TerminalTable
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.transport import UnreachableError
from sync.wire.exports import terminal_of
from tests.tools.shell import xinguan

RECORDS = json.loads((Path(__file__).parent.parent / "vectors" / "records" / "records.json").read_text())
GRANT = next(one["record"]["body"] for one in RECORDS if one["name"].startswith("granted"))
FACTS = "SELECT count(*) FROM facts WHERE terminal = 'gate-a' AND redemption IS NOT NULL"


class Box:
    """A terminal that was stopped, with a copy of its database after `copied` facts of all that it wrote."""

    def __init__(self, town, terminal):
        self.town, self.terminal = town, terminal
        self.copy = town.folder / "copy.db"
        platform = PlatformTable(url=terminal.identity.platform)
        self.config = Config(terminal=TerminalTable(data=str(terminal.folder)), platform=platform, lanes=())

    @property
    def database(self):
        return self.terminal.folder / DATABASE_FILE

    def keep_a_copy(self):
        with contextlib.closing(sqlite3.connect(self.database)) as conn:
            conn.execute("VACUUM INTO ?", (str(self.copy),))

    async def give(self, many):
        for _ in range(many):
            await self.terminal.write(body=GRANT | {"uses": [], "nonce": uuid.uuid4().hex[:16]})

    async def stop(self):
        await self.terminal.store.__aexit__(None, None, None)

    async def restore(self, copy, *, leave_unsent=False):
        return await restore(self.config, self.terminal.identity, copy, leave_unsent=leave_unsent)

    async def asked(self, job):
        async with Store(self.database) as store:
            return await store.read(job)

    async def lost(self):
        return await self.asked(lambda conn: switched(conn, STORE_LOST))


@pytest.fixture
async def box(town):
    """Three facts are at the platform and in the copy; two more are at the platform, two wait."""
    terminal = await town.terminal("gate-a")
    built = Box(town, terminal)
    await built.give(3)
    await terminal.bring_home()
    built.keep_a_copy()
    await built.give(2)
    await terminal.bring_home()
    await built.give(2)
    await built.stop()
    return built


def everything(folder):
    """Return what the folder's databases are called, and every record of the one in force."""
    names = {path.name for path in folder.glob("terminal.db*") if not path.name.endswith(("-shm", "-wal"))}
    with contextlib.closing(sqlite3.connect(folder / DATABASE_FILE)) as conn:
        return names, conn.execute("SELECT * FROM journal").fetchall()


async def test_a_copy_knows_again_what_was_given_since(box):
    done = await box.restore(box.copy)

    assert (done.sent, done.given_back) == (2, 4)
    assert box.town.rows(FACTS) == [(7,)]
    assert not await box.lost()
    assert done.aside.exists()
    assert not (box.terminal.folder / DRAFT).exists()


async def test_from_the_platform_everything_comes_back_into_an_empty_database(box):
    done = await box.restore(None)

    assert (done.sent, done.given_back) == (2, 7)
    assert not await box.lost()


async def test_without_a_network_a_copy_serves_and_refers_what_has_limits_until_it_was_asked(box):
    await box.town.relay.cut()

    done = await box.restore(box.copy, leave_unsent=True)

    assert done.given_back is None
    assert await box.lost()


async def test_what_was_set_aside_keeps_what_had_not_arrived(box):
    await box.town.relay.cut()
    done = await box.restore(box.copy, leave_unsent=True)

    with contextlib.closing(sqlite3.connect(done.aside)) as conn:
        assert conn.execute("SELECT count(*) FROM journal WHERE redemption IS NOT NULL").fetchone() == (7,)


async def test_what_was_set_aside_is_brought_home_as_from_a_rescued_card(box):
    await box.town.relay.cut()
    done = await box.restore(box.copy, leave_unsent=True)
    assert (done.sent, done.left) == (0, 2)
    export = box.town.folder / "card.xgj"

    words = ("journal", "export", "--sealed", export, "--set-aside", done.aside.name, "--data", box.terminal.folder)
    said = await asyncio.to_thread(command, *words)
    lost = await asyncio.to_thread(command, *words[:2], "--sealed", f"{export}2", *words[4:5], "none", *words[6:])

    assert said.returncode == 0, said.stderr
    assert (lost.returncode, "is not there" in lost.stderr) == (2, True)
    with export.open("rb") as file:
        brought = await _take_all(box.town.state, terminal_of(file), file)
    assert brought["fresh"] == 2
    assert box.town.rows(FACTS) == [(7,)]


def command(*words):
    return xinguan(*words)


@pytest.mark.parametrize("copy", [True, False], ids=["copy", "platform"])
async def test_nothing_changes_where_facts_wait_and_nobody_answers(box, copy):
    await box.town.relay.cut()
    before = everything(box.terminal.folder)

    with pytest.raises(UnsentError) as refused:
        await box.restore(box.copy if copy else None)

    assert refused.value.many == 2
    assert everything(box.terminal.folder) == before


async def test_from_the_platform_nothing_changes_where_it_falls_silent(box):
    await box.town.relay.cut()
    before = everything(box.terminal.folder)

    with pytest.raises(UnreachableError):
        await box.restore(None, leave_unsent=True)

    assert everything(box.terminal.folder) == before


def foreign(box):
    with contextlib.closing(sqlite3.connect(box.copy)) as conn:
        conn.execute("UPDATE epoch SET terminal = 'gate-b'")
        conn.commit()


def changed(box):
    with contextlib.closing(sqlite3.connect(box.copy)) as conn:
        conn.execute('UPDATE journal SET body = \'{"benefit":"x"}\' WHERE seq = 2')
        conn.commit()


def newer(box):
    with contextlib.closing(sqlite3.connect(box.copy)) as conn:
        conn.execute("PRAGMA user_version = 9999")
        conn.execute("INSERT OR REPLACE INTO schema_opens VALUES (1, 9999)")
        conn.commit()


def torn(box):
    box.copy.write_bytes(box.copy.read_bytes()[:9000])


def no_database(box):
    box.copy.write_bytes(b"\x00" * 5000)


def a_link(box):
    box.copy.rename(box.copy.with_name("elsewhere"))
    box.copy.symlink_to("elsewhere")


def a_pipe(box):
    box.copy.unlink()
    os.mkfifo(box.copy)


def absent(box):
    box.copy.unlink()


@pytest.mark.parametrize(
    "spoil", [foreign, changed, newer, torn, no_database, a_link, a_pipe, absent], ids=lambda s: s.__name__
)
async def test_what_is_no_copy_of_this_terminal_is_refused_and_nothing_changes(box, spoil):
    spoil(box)
    before = everything(box.terminal.folder)

    with pytest.raises(CopyError):
        await box.restore(box.copy)

    assert everything(box.terminal.folder) == before


async def test_a_database_that_is_damaged_gives_way_in_all_its_parts(box):
    box.database.write_bytes(b"no database at all" * 400)

    done = await box.restore(None)

    assert (done.sent, done.left, done.given_back) == (0, None, 5)  # two never arrived; their bytes lie beside
    assert done.aside.read_bytes().startswith(b"no database")


async def test_a_database_that_was_emptied_comes_back_from_the_platform(box):
    box.database.write_bytes(b"")

    done = await box.restore(None)

    assert (done.sent, done.left, done.given_back) == (0, 0, 5)
    assert not await box.lost()


async def test_a_database_that_cannot_be_read_now_is_not_taken_for_one_that_holds_nothing(box, monkeypatch):
    def held(*_args, **_more):
        raise sqlite3.OperationalError("database is locked")

    before = everything(box.terminal.folder)
    monkeypatch.setattr(returning, "connect", held)

    with pytest.raises(StoreFailedError, match="locked"):
        await box.restore(None)
    monkeypatch.undo()

    assert everything(box.terminal.folder) == before


@pytest.mark.parametrize("step", ["link", "fsync", "replace"])
async def test_cut_anywhere_there_is_a_database_that_opens_and_knows_whether_it_knows(box, monkeypatch, step):
    def cut(*_args, **_more):
        raise OSError(5, "the plug")

    target = returning.os if step != "replace" else returning.Path
    monkeypatch.setattr(target, step, cut)

    with contextlib.suppress(OSError):
        await box.restore(box.copy)
    monkeypatch.undo()

    assert await box.asked(lambda conn: conn.execute("SELECT count(*) FROM journal").fetchone()[0] >= 7)
