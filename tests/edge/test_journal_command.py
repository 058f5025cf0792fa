"""`xinguan journal export --sqlite FILE`: the journal as a clean file for auditors."""

import contextlib
import sqlite3

import pytest

from cache.journal import chain
from credit.records import encode
from storage.sqlite import Store, connect
from tests.tools.shell import xinguan


@pytest.fixture
async def terminal(tmp_path):
    """The configuration of a terminal with three facts in its journal."""
    data = tmp_path / "data"
    data.mkdir(mode=0o700)

    def write(conn):
        chain.begin_epoch(conn, epoch="e", terminal="gate-1", reason="test")
        for number in range(3):
            chain.append(conn, chain.NewFact("note", {"said": "您好"}, 1_790_000_000_000 + number, str(number)))

    async with Store(data / "terminal.db") as store:
        await store.write(write)
    path = tmp_path / "terminal.toml"
    path.write_text(
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "https://p.example"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return path


def test_an_auditor_reads_every_fact_as_it_was_signed_and_the_file_is_not_overwritten(terminal, tmp_path):
    out = tmp_path / "audit.db"

    first = xinguan("journal", "export", "--sqlite", out, "--config", terminal)
    again = xinguan("journal", "export", "--sqlite", out, "--config", terminal)

    assert (first.returncode, again.returncode) == (0, 2), first.stderr
    with contextlib.closing(sqlite3.connect(out)) as conn:
        found = conn.execute("SELECT seq, at, kind, record FROM journal ORDER BY seq").fetchall()
    with contextlib.closing(connect(terminal.parent / "data" / "terminal.db", writing=False)) as conn:
        kept = [encode(record).decode() for record in chain.records(conn)]
    assert [row[3] for row in found] == kept
    assert found[0][:3] == (1, "2026-09-21T14:13:20.000+00:00", "note")
