"""A terminal's database of every schema there was opens, with every fact, what is unsent, and the ledger they make.

`stored/terminal-NN.sql.xz`: what the program of then left of a gate that had served (`tests/tools/stored.py`).
"""

from contextlib import closing
from pathlib import Path

import pytest

from cache.journal.batches import batch
from cache.journal.chain import current_epoch, cursor, unsent, verify
from cache.memory.checking import contradictions
from cache.texts import from_before
from storage.migrations import migrate, steps, version
from storage.sqlite import connect, memory
from tests.tools.stored import laid_down, stored

FOLDER = Path(__file__).parent / "stored"
STORED = stored(FOLDER, "terminal")
NEVER = {1, 2, 3, 7}  # the first three had no terminal yet that could be started; the seventh came with the eighth
FACTS = "SELECT seq, id, at_ms, kind, redemption, body, hash FROM journal ORDER BY seq"
WAITING = "SELECT count(*) FROM journal WHERE seq > (SELECT sent_through FROM cursor)"
MADE = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY type, name"


def test_there_is_a_stored_database_of_every_schema():
    """Whoever appends a schema file stores what the one before leaves: `tests/tools/stored.py tests/cache/stored`."""
    assert set(range(1, len(steps()))) - NEVER <= STORED.keys()


@pytest.mark.parametrize("number", sorted(STORED))
def test_a_database_of_then_opens_whole_and_nothing_that_waits_is_lost(tmp_path, number):
    path = laid_down(STORED[number], tmp_path / "terminal.db")
    with closing(connect(path, writing=True)) as conn:
        before, waiting = conn.execute(FACTS).fetchall(), conn.execute(WAITING).fetchone()[0]
        assert version(conn) == number

        migrate(conn, backup_to=tmp_path / "before.db")

        assert conn.execute(FACTS).fetchall() == before
        assert verify(conn).seq == before[-1][0]
        assert unsent(conn).count == len(batch(conn, after=cursor(conn).sent_through).records) == waiting > 0
        assert contradictions(conn, current_epoch(conn).terminal) == []
        assert conn.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert conn.execute("PRAGMA foreign_key_check").fetchall() == []
        assert conn.execute(MADE).fetchall() == memory().execute(MADE).fetchall()


@pytest.mark.parametrize("number", sorted(STORED))
def test_a_database_of_then_that_was_not_brought_up_is_verified_as_it_lies(tmp_path, number):
    """A rescued card, a copy: `journal verify` looks at the file and changes nothing in it."""
    path = laid_down(STORED[number], tmp_path / "terminal.db")
    with closing(connect(path, writing=True)) as conn:
        from_before(conn)
        assert contradictions(conn, current_epoch(conn).terminal) == []

        conn.execute("INSERT INTO tallies (key, n) VALUES ('u|nobody', 1)")
        assert contradictions(conn, "gate")[0] == "u|nobody: the tally says 1, the uses say 0"
