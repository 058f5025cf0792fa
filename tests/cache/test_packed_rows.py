"""Long texts lie packed in a terminal's database: read everywhere as before, beside what was written clear."""

import json
from pathlib import Path

import pytest

from cache.ids import uuid7
from cache.journal.batches import DamagedRecordError, batch
from cache.journal.bodies import said_in
from cache.journal.chain import NewFact, append, begin_epoch, head, records, verify
from cache.ledger import attempts, listing, paying
from cache.ledger.elsewhere import ended
from cache.memory.damage import mend
from cache.pen import Pen
from cache.texts import BODY, KINDS, OF_STEPS
from credit.inputs import Now
from storage.migrations import migrate
from storage.sqlite import connect, immediate, memory
from tests.tools.stored import laid_down, stored

AT_MS = 1_790_000_000_000
STORED = stored(Path(__file__).parent / "stored", "terminal")[24]  # the last whose texts all lie clear
LONG = {"lane": "A", "reasons": ["ok"], "subject": "1f99ee812ff7a4bb6f23bd40f17f9ef6", "said": "早上好" * 20}


@pytest.fixture
def conn():
    conn = memory()
    begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    return conn


def write(conn, kind):
    return append(conn, NewFact(kind, LONG, AT_MS, uuid7(AT_MS), "r-1"))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_a_fact_about_a_visit_lies_packed_and_goes_out_as_it_was_hashed(conn, kind):
    wrote = write(conn, kind)

    body, packed = conn.execute("SELECT body, packed FROM journal").fetchone()
    assert (body, len(packed) < len(json.dumps(LONG, ensure_ascii=False).encode()) / 2) == ("", True)
    assert [json.loads(raw)["body"] for raw in batch(conn, after=0).records] == [LONG]
    assert list(records(conn)) == [wrote]
    assert verify(conn) == head(conn)
    assert said_in(conn.execute(f"SELECT {BODY} FROM journal").fetchone()[0]) == LONG


@pytest.mark.parametrize("kind", ["note", "suspended", "annulled", "corrupt"])
def test_every_other_fact_lies_clear_for_statements_look_into_it(conn, kind):
    write(conn, kind)

    assert conn.execute("SELECT json_extract(body, '$.lane'), packed FROM journal").fetchone() == ("A", None)


@pytest.mark.parametrize(
    "damage", ["x'01'", "NULL", "x'0100'", "substr(packed, 1, 9)", "CAST(packed || x'00' AS BLOB)", "x'7b7d'"]
)
def test_a_packed_fact_that_was_damaged_is_set_aside_and_the_rest_flows(conn, damage):
    for _ in range(3):
        write(conn, "granted")
    conn.execute(f"UPDATE journal SET packed = {damage} WHERE seq = 2")

    assert len(batch(conn, after=0).records) == 1
    with pytest.raises(DamagedRecordError):
        batch(conn, after=1)
    while (ready := _ready(conn, after=1)) is None:
        mend(Pen(conn, Now(utc_ms=AT_MS), uuid7), 2)

    assert [json.loads(raw)["kind"] for raw in ready.records] == ["corrupt"]
    assert [record.kind for record in records(conn)] == ["granted", "corrupt", "granted"]
    assert conn.execute("SELECT packed FROM journal WHERE seq = 2").fetchone() == (None,)
    assert verify(conn) == head(conn)


def _ready(conn, after):
    try:
        return batch(conn, after=after)
    except DamagedRecordError:
        return None


def test_what_was_written_clear_stays_and_is_listed_beside_what_lies_packed(tmp_path):
    conn = connect(laid_down(STORED, tmp_path / "terminal.db"), writing=True)
    clear = conn.execute("SELECT id, answer FROM redemptions ORDER BY rowid").fetchall()

    migrate(conn, backup_to=None)
    with immediate(conn):
        write(conn, "granted")

    assert len(clear) > 1
    told = [(listed.id, listed.answer) for listed in listing.recent(conn, len(clear))]
    assert told[::-1] == [(one, json.loads(answer)) for one, answer in clear]
    assert conn.execute("SELECT id, answer FROM redemptions ORDER BY rowid").fetchall() == clear
    kinds = {bool(packed) for (packed,) in conn.execute("SELECT packed FROM journal WHERE kind = 'granted'")}
    assert kinds == {False, True}
    assert verify(conn) == head(conn)


STEPS = {attempts.TRIED: 1, ended.OWN_WORD: 1, paying.PAID_AT: 1}


@pytest.mark.parametrize("sql", STEPS, ids=["attempts", "endings", "payments"])
def test_facts_of_a_redemption_s_steps_are_found_by_their_index(sql):
    plan = [row[3] for row in memory().execute(f"EXPLAIN QUERY PLAN {sql}", [None] * STEPS[sql])]

    assert "SEARCH journal USING INDEX journal_steps (redemption=?)" in plan
    assert OF_STEPS in sql
