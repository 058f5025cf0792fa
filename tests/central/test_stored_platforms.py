"""A platform's database of an earlier release opens, keeps every fact, and has the books that it would have kept."""

import asyncio
import contextlib

from central.books.reports import ledger
from central.platform_state import create_state
from central.store import SCHEMA, changed, looked
from storage.migrations import statements, steps
from storage.sqlite import connect, immediate

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
