"""What an earlier program left is read where it lies: a copy of last night, a rescued card, a file not brought up."""

import contextlib
import hashlib
import json
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal import chain
from cache.texts import from_before
from edge.commands.copies.returning import _judge
from edge.commands.journal import _opened
from storage.sqlite import connect, memory
from sync.push.export import export
from tests.tools.shell import xinguan
from tests.tools.stored import laid_down, stored

FILES = stored(Path(__file__).parent.parent / "cache" / "stored", "terminal")
SCHEMAS = sorted(FILES)[-3:]
LAST_CLEAR = 24


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    return folder


def terminal_of(database):
    with contextlib.closing(connect(database, writing=False)) as conn:
        return chain.current_epoch(conn).terminal


@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_copy_of_an_earlier_program_is_whole_and_is_restored(data, schema):
    draft = laid_down(FILES[schema], data / "draft.db")

    _judge(draft, SimpleNamespace(terminal=terminal_of(draft)))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_the_facts_of_a_rescued_card_are_exported_and_the_card_is_as_it_was(data, tmp_path, schema):
    card = laid_down(FILES[schema], data / "terminal.db")
    before = hashlib.sha256(card.read_bytes()).digest()
    identity = SimpleNamespace(terminal=terminal_of(card), key=Ed25519PrivateKey.generate())

    with contextlib.closing(_opened(card, tmp_path)) as conn:
        lines = list(export(conn, identity))
        facts = [record.kind for record in chain.records(conn)]

    assert len(lines) > 1
    assert "granted" in facts
    assert hashlib.sha256(card.read_bytes()).digest() == before


def test_a_file_that_was_not_yet_brought_up_is_verified_exported_and_looked_at(data, tmp_path):
    laid_down(FILES[LAST_CLEAR], data / "terminal.db")
    config = tmp_path / "terminal.toml"
    config.write_text(
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "https://p.example"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )

    exported = xinguan("journal", "export", "--config", config)
    looked = xinguan("doctor", "--config", config)

    kinds = [json.loads(line)["kind"] for line in exported.stdout.splitlines()]
    assert (exported.returncode, "granted" in kinds) == (0, True), exported.stderr
    assert "no such column" not in looked.stdout + looked.stderr
    assert f"{len(kinds)} records" in looked.stdout


def test_a_database_that_is_none_is_said_to_be_so_by_who_makes_a_copy(data, tmp_path):
    (data / "terminal.db").write_bytes(b"no database" * 1000)
    config = tmp_path / "terminal.toml"
    config.write_text(
        f'[terminal]\ndata = "{data}"\n[platform]\nurl = "https://p.example"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )

    told = xinguan("backup", tmp_path / "copy.db", "--config", config)

    assert (told.returncode, "no copy was made" in told.stderr) == (69, True), told.stderr
    assert not (tmp_path / "copy.db").exists()


def test_a_file_of_today_is_read_as_it_is_and_one_of_before_can_still_only_be_read(data):
    with contextlib.closing(from_before(memory())) as conn:
        assert conn.execute("SELECT count(*) FROM sqlite_temp_schema").fetchone() == (0,)
    with contextlib.closing(connect(laid_down(FILES[LAST_CLEAR], data / "old.db"), writing=False)) as conn:
        assert chain.verify(from_before(conn)) == chain.head(conn)
        with pytest.raises(sqlite3.OperationalError, match="readonly|read-only"):
            conn.execute("DELETE FROM main.journal")
