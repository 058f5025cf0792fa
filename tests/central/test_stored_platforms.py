"""A platform's database of an earlier release opens, keeps every fact, and has the books that it would have kept."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest

from central.books.bounds import Bounds
from central.books.rebuilding import rebuild
from central.books.reports import ledger
from central.platform_state import create_state
from central.register import registry
from central.store import SCHEMA, changed, looked
from storage.migrations import statements, steps, version
from storage.sqlite import connect, immediate
from tests.tools.stored import laid_down, stored

STORED = Path(__file__).parent / "stored"
PLATFORMS, REGISTERS = stored(STORED, "platform"), stored(STORED, "register")
NEVER = {9, 18}  # every tree with so many files had two of one number: no program could open a database there

FACTS = "SELECT terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault FROM facts WHERE terminal = ?"


async def stored_at_1(town, folder):
    """Return a folder whose database has the first release's schema and the facts of a platform that served."""
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")
    uses = [{"key": "u|wulong/first|subject:w:1|ever", "n": 1, "max": 1}]
    body = {
        "issuer": "wulong",
        "heads": 1,
        "uses": uses,
        "given": [{"benefit": "wulong/first", "offer": {"off_fen": 5}}],
    }
    for terminal, redemption in ((a, "r-a"), (b, "r-b")):
        await terminal.write(redemption=redemption, body=body)
    await a.write(kind="annulled", redemption="r-a", body={"step": "annulled"})
    for terminal in (a, b):
        await terminal.pusher().drain()
    old = create_state(folder / "old")
    with contextlib.closing(connect(old.database, writing=True)) as conn:
        conn.executescript(steps(SCHEMA)[0].sql + "PRAGMA user_version = 1;")
        with immediate(conn):
            conn.executemany(
                "INSERT INTO terminals VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [row[:8] for row in town.rows("SELECT * FROM terminals")],
            )
            for number, (terminal, epoch, first, last, seal, at_ms) in enumerate(town.rows("SELECT * FROM batches"), 1):
                conn.execute(
                    "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (number, terminal, epoch, first, last, seal, at_ms),
                )
                for row in town.rows(FACTS, terminal):
                    conn.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (*row, number))
            conn.execute("INSERT INTO uses VALUES ('u|x', 'gate-a', 'r-a', 1, 1, 9007199254740991, 1, 0)")
    return old


async def test_a_database_of_the_first_release_is_booked_as_if_the_facts_came_today(town, tmp_path):
    old = await stored_at_1(town, tmp_path)

    def opened():
        return changed(old, lambda tx: tx.rows("SELECT 1")), looked(old, ledger)

    _, found = await asyncio.to_thread(opened)

    kept = town.ledger()
    for name in ("terminals", "redemptions", "records", "by_kind", "findings", "duplicates"):
        assert found[name] == kept[name], name
    with contextlib.closing(connect(old.database, writing=False)) as conn:
        for table in ("uses", "tallies", "totals"):
            assert sorted(conn.execute(f"SELECT * FROM {table}")) == sorted(town.rows(f"SELECT * FROM {table}"))
    assert (old.folder / "central.before-migration.db").stat().st_mode & 0o777 == 0o600


BEFORE_WINDOWS = 26
TALLIED = "SELECT key, spent FROM tallies WHERE key LIKE $1"
OLD, NOW = ("u|wulong/first|subject:wulong:01|window:2026-01-01", "u|wulong/first|subject:wulong:01|window:")


async def test_a_window_that_was_counted_by_its_first_day_is_counted_by_its_name_in_a_stored_platform_as_well(town):
    """A corrected date gives nobody a second first visit, whichever gate, and whichever release told of the first."""
    before, after = await town.terminal("gate-a"), await town.terminal("gate-b")
    for terminal, redemption, key in ((before, "r-a", OLD), (after, "r-b", NOW)):
        body = {"issuer": "wulong", "heads": 1, "uses": [{"key": key, "n": 1, "max": 1}], "given": []}
        await terminal.write(redemption=redemption, body=body)
        await terminal.pusher().drain()
    read = town.rows("SELECT key, spent FROM tallies WHERE key LIKE 'u|%'")
    await town.stack.aclose()
    with contextlib.closing(connect(town.state.database, writing=True)) as conn, immediate(conn):
        for sql in ("UPDATE uses SET key = ? WHERE key = ?", "UPDATE tallies SET key = ? WHERE key = ?"):
            conn.execute(sql, (OLD, NOW))  # as the release before counted it
        for statement in statements(steps(SCHEMA)[BEFORE_WINDOWS].sql):  # the file that a stored platform goes through
            conn.execute(statement)

    kept = await asyncio.to_thread(looked, town.state, lambda tx: tx.rows(TALLIED, "u|%"))

    assert read == [(NOW, 2)]
    assert [tuple(row) for row in kept] == read


EVERY_FACT = "SELECT terminal, epoch, seq, hash, raw FROM facts ORDER BY terminal, epoch, seq, hash"
BOOKS = ("uses", "tallies", "redemptions", "endings", "totals", "daily", "kinds")
TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"


def read(database, *queries):
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as conn:
        return [sorted(conn.execute(sql).fetchall(), key=repr) for sql in queries]


def test_there_is_a_stored_platform_and_register_of_every_schema():
    """Whoever appends a schema file stores what the one before leaves: `tests/tools/stored.py tests/central/stored`."""
    assert set(range(1, len(steps(SCHEMA)))) - NEVER <= PLATFORMS.keys()
    assert set(range(1, len(registry.SCHEMAS))) <= REGISTERS.keys()


@pytest.mark.parametrize("number", sorted(PLATFORMS))
def test_a_platform_of_then_opens_with_every_fact_and_the_books_that_they_make(tmp_path, number):
    """`stored/platform-NN.sql.xz`: what the program of then left of a platform whose gate had served."""
    old = create_state(tmp_path / "old")
    laid_down(PLATFORMS[number], old.database)
    before = read(old.database, EVERY_FACT)

    found = looked(old, ledger)

    with contextlib.closing(connect(old.database, writing=False)) as conn:
        assert version(conn) == len(steps(SCHEMA))
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
    assert before == read(old.database, EVERY_FACT) != [[]]
    assert len(found["redemptions"]) > 1
    kept = read(old.database, *(f"SELECT * FROM {table}" for table in BOOKS))
    changed(old, lambda tx: rebuild(tx, Bounds()))
    assert read(old.database, *(f"SELECT * FROM {table}" for table in BOOKS)) == kept


@pytest.mark.parametrize("number", sorted(REGISTERS))
def test_a_register_of_then_opens_and_loses_nobody(tmp_path, number):
    laid_down(REGISTERS[number], tmp_path / registry.DATABASE)
    tables = [name for (name,) in read(tmp_path / registry.DATABASE, TABLES)[0]]
    counted = [f"SELECT count(*) FROM {name}" for name in tables]
    before = read(tmp_path / registry.DATABASE, *counted)

    with registry.register(tmp_path) as conn:
        assert registry._version(conn) == len(registry.SCHEMAS)
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    assert read(tmp_path / registry.DATABASE, *counted) == before
