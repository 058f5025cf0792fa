"""A record that was damaged on the disk is set aside by name, and everything else goes out (illness.md 12)."""

import base64
import contextlib
import hashlib
import json
import sqlite3

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.ids import uuid7
from cache.journal.batches import DamagedRecordError, batch
from cache.journal.chain import (
    JournalError,
    NewFact,
    acknowledge,
    append,
    begin_epoch,
    current_epoch,
    epoch_of,
    head,
    records,
    set_aside_count,
    verify,
)
from cache.memory.damage import PIECE, Damage, damaged_count, mend
from cache.memory.lives import End, unknown
from cache.pen import Pen
from credit.inputs import Now
from credit.records import chain_next, chain_start
from edge.api.calls.looking import DAMAGED, _records
from edge.api.calls.looking_bodies import JournalAnswer
from storage.sqlite import memory

AT_MS = 1_790_000_000_000
COLUMNS = ("id", "at_ms", "kind", "redemption", "body", "hash")


@pytest.fixture
def conn():
    return begun()


def begun():
    conn = memory()
    begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    return conn


def write(conn, many, *, kind="note"):
    for _ in range(many):
        seq = head(conn).seq + 1
        append(conn, NewFact(kind, {"n": seq, "said": "早上好"}, AT_MS + seq, f"id-{seq:06}", f"r-{seq}"))


def flip(conn, seq, column, bit):
    """Turn one bit over in one column of one record, as it lies on the disk."""
    (value,) = conn.execute(f"SELECT CAST({column} AS BLOB) FROM journal WHERE seq = ?", (seq,)).fetchone()
    raw = bytearray(value)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    kind = {"hash": "BLOB", "at_ms": "INTEGER"}.get(column, "TEXT")
    told = int(raw) if column == "at_ms" and raw.isdigit() else bytes(raw)
    conn.execute(f"UPDATE journal SET {column} = CAST(? AS {kind}) WHERE seq = ?", (told, seq))


def pen(conn):
    return Pen(conn, Now(utc_ms=AT_MS), uuid7)


def sent(conn, *, after=0, found=None):
    """Return every batch as it goes out; what is in the way is set aside as the pusher does it."""
    batches = []
    while True:
        try:
            ready = batch(conn, after=after, max_records=50)
        except DamagedRecordError as error:
            damage = mend(pen(conn), error.seq)
            if damage and found is not None:
                found.append(damage)
            continue
        if ready is None:
            return batches
        batches.append(ready)
        after = ready.last


def as_a_platform_reads(batches):
    """Return (epoch, seq, kind) of every record, having checked the chain with nothing but the batches."""
    ends, read = {}, []
    for one in batches:
        assert one.prev_hash == ends.get(one.epoch, chain_start("gate1", one.epoch))
        current = one.prev_hash
        for seq, raw in enumerate(one.records, one.first):
            current = chain_next(current, raw)
            record = json.loads(raw)
            assert record["seq"] == seq
            read.append((one.epoch, seq, record["kind"], record["body"]))
        assert current == one.head_hash
        ends[one.epoch] = current
    return read


@pytest.mark.parametrize("column", ["id", "kind", "redemption", "body"])
@pytest.mark.parametrize("seq", [1, 4, 10])
def test_one_bit_costs_one_record_and_the_platform_gets_its_bytes_and_both_hashes(conn, seq, column):
    write(conn, 10)
    stood = conn.execute("SELECT hash FROM journal WHERE seq = ?", (seq,)).fetchone()[0]
    flip(conn, seq, column, 13)

    found = []
    read = as_a_platform_reads(sent(conn, found=found))

    assert found == [Damage(seq, hash_alone=False)]
    assert [(at, kind) for _epoch, at, kind, _body in read] == [
        (at, "corrupt" if at == seq else "note") for at in range(1, 11)
    ]
    body = read[seq - 1][3]
    raw = base64.b64decode(body["raw"])
    row = conn.execute("SELECT hash FROM journal WHERE seq = ?", (seq - 1,)).fetchone()
    before = row[0] if row else chain_start("gate1", "e1")
    assert (body["hash"], body["found"]) == (stood.hex(), chain_next(before, raw).hex())
    assert body["sha256"] == hashlib.sha256(raw).hexdigest()
    assert "早上好".encode() in raw or column == "body"
    assert {epoch for epoch, at, _kind, _body in read if at > seq} <= {body["next"]}
    assert (set_aside_count(conn), damaged_count(conn)) == (1, 1)
    assert verify(conn) == head(conn)


def put_anything(conn, seq, column, value):
    """Let anything stand in a column, as when a bit turned over that says of what kind the value is."""
    loose = "UPDATE sqlite_schema SET sql = replace(replace(replace(sql, 'NOT NULL', ''), 'STRICT', ''), ?, '')"
    conn.execute("PRAGMA writable_schema = ON")
    conn.execute(f"{loose} WHERE name = 'journal'", ("CHECK (length(hash) = 32)",))
    conn.execute("PRAGMA writable_schema = RESET")
    conn.execute(f"UPDATE journal SET {column} = {value} WHERE seq = ?", (seq,))


NO_TEXT = "CAST(x'ff' || substr(hash, 2) AS TEXT)"  # a BLOB whose head says TEXT is one bit away
ANYTHING = [
    *(("at_ms", value) for value in ("NULL", "'x'", "CAST(x'fffe' AS TEXT)", "1.5")),
    *((column, "NULL") for column in ("id", "kind", "body", "hash")),
    *(("hash", value) for value in ("x'00'", "5", NO_TEXT)),
    *(("body", value) for value in ("''", "'1'", "'{\"a\":1e999}'", f"'{'[' * 50_000}'")),
]


@pytest.mark.parametrize(("column", "value"), ANYTHING, ids=[f"{at} {value[:24]}" for at, value in ANYTHING])
@pytest.mark.parametrize("seq", [4, 6])
def test_a_row_whose_values_are_of_another_kind_stops_nothing_either(conn, seq, column, value):
    write(conn, 6)
    put_anything(conn, seq, column, value)
    write(conn, 1)  # hangs on to what stands there, whatever it is

    read = as_a_platform_reads(sent(conn))
    write(conn, 1)

    corrupt = [at for _epoch, at, kind, _body in read if kind == "corrupt"]
    assert [at for _epoch, at, _kind, _body in read] == [1, 2, 3, 4, 5, 6, 7]
    assert corrupt in ([], [seq]) if column == "hash" else corrupt == [seq]
    assert verify(conn) == head(conn)


def test_the_epoch_that_the_damaged_record_names_is_the_one_that_goes_on(conn):
    write(conn, 3)
    flip(conn, 3, "body", 5)

    read = as_a_platform_reads(sent(conn))
    write(conn, 2)
    later = as_a_platform_reads(sent(conn, after=3))

    assert current_epoch(conn).id == read[2][3]["next"]
    assert [at for _epoch, at, _kind, _body in later] == [4, 5]
    assert {epoch for epoch, *_ in later} == {current_epoch(conn).id}


@pytest.mark.parametrize("seq", [2, 3, 5])
def test_a_hash_that_record_and_next_one_contradict_is_put_right_and_costs_nothing(conn, seq):
    write(conn, 6)
    before = head(conn)
    flip(conn, seq, "hash", 77)

    found = []
    read = as_a_platform_reads(sent(conn, found=found))

    assert found == [Damage(seq, hash_alone=True)]
    assert {kind for _epoch, _at, kind, _body in read} == {"note"}
    assert verify(conn) == before


def test_the_last_signed_hash_that_turned_over_costs_no_record_either(conn):
    write(conn, 6)
    (end,) = conn.execute("SELECT hash FROM journal WHERE seq = 3").fetchone()
    acknowledge(conn, through=3, head_hash=end, receipt="r", at_ms=AT_MS)
    flip(conn, 3, "hash", 8)

    found = []
    (one,) = sent(conn, after=3, found=found)

    assert found == [Damage(3, hash_alone=True)]
    assert (one.first, one.prev_hash) == (4, end)


def test_records_that_are_gone_are_named_at_once_and_the_rest_goes_out(conn):
    write(conn, 9)
    conn.execute("DELETE FROM journal WHERE seq IN (4, 5, 6)")

    read = as_a_platform_reads(sent(conn))

    assert [(at, kind) for _epoch, at, kind, _body in read] == [
        *((at, "note") for at in (1, 2, 3)),
        (4, "corrupt"),
        *((at, "note") for at in (7, 8, 9)),
    ]
    assert (read[3][3]["hash"], read[3][3]["raw"], read[3][3]["through"]) == (None, "", 6)
    assert verify(conn) == head(conn)


def test_the_chain_behind_is_made_anew_in_pieces_and_is_whole_at_each_of_them(conn):
    write(conn, 2 * PIECE + 50)
    flip(conn, 2, "body", 3)
    with pytest.raises(DamagedRecordError) as error:
        batch(conn, after=1)
    assert mend(pen(conn), error.value.seq) == Damage(2, hash_alone=False)

    write(conn, 1)  # a visitor comes meanwhile
    first = batch(conn, after=2)
    with pytest.raises(DamagedRecordError):
        batch(conn, after=2 + PIECE)
    assert verify(conn) == head(conn)

    read = as_a_platform_reads(sent(conn, after=2))
    assert first.last == 2 + PIECE
    assert [at for _epoch, at, _kind, _body in read] == list(range(3, 2 * PIECE + 52))
    assert verify(conn) == head(conn)


@pytest.mark.parametrize("pieces", [1, 2])
def test_what_is_written_after_the_last_whole_piece_fits_the_chain(conn, pieces):
    write(conn, 2 + pieces * PIECE)
    flip(conn, 2, "body", 3)
    sent(conn)

    write(conn, 1)  # nobody has asked for it yet: there is no network

    assert verify(conn) == head(conn)


def test_what_is_changed_while_the_chain_is_made_anew_is_not_hashed_over(conn):
    write(conn, 2 * PIECE)
    flip(conn, 2, "body", 3)
    mend(pen(conn), 2)
    flip(conn, PIECE + 70, "body", 40)

    with pytest.raises(JournalError, match=str(PIECE + 70)):
        verify(conn)
    read = as_a_platform_reads(sent(conn))
    assert [at for _epoch, at, kind, _body in read if kind == "corrupt"] == [2, PIECE + 70]


def test_a_later_epoch_stands_as_it_was(conn):
    write(conn, 4)
    begin_epoch(conn, epoch="e2", terminal="gate1", reason="ordered")
    write(conn, 4)
    flip(conn, 2, "body", 9)

    read = as_a_platform_reads(sent(conn))

    assert [epoch for epoch, *_ in read] == ["e1", "e1", read[1][3]["next"], read[1][3]["next"], *["e2"] * 4]
    assert current_epoch(conn).id == "e2"
    assert epoch_of(conn, 3).id == read[1][3]["next"]


def test_the_end_of_an_epoch_that_is_damaged_names_the_epoch_that_was_there_already(conn):
    write(conn, 4)
    begin_epoch(conn, epoch="e2", terminal="gate1", reason="ordered")
    write(conn, 1)
    flip(conn, 4, "body", 9)

    assert as_a_platform_reads(sent(conn))[3][3]["next"] == "e2"
    assert conn.execute("SELECT count(*) FROM epoch").fetchone() == (2,)


def test_a_signed_record_that_is_sent_again_and_was_damaged_makes_no_stranger_of_the_receipt(conn):
    write(conn, 6)
    end = head(conn)
    acknowledge(conn, through=6, head_hash=end.hash, receipt="r", at_ms=AT_MS)
    flip(conn, 3, "body", 9)

    read = as_a_platform_reads(sent(conn))

    assert [at for _epoch, at, kind, _body in read if kind == "corrupt"] == [3]
    assert unknown(conn, [End("e1", 6, end.hash)]) == []


def test_a_record_as_large_as_they_get_is_cut_where_it_travels_and_whole_beside_it(conn):
    append(conn, NewFact("note", {"said": "长" * 21_000}, AT_MS, "id-1"))
    write(conn, 2)
    flip(conn, 1, "id", 2)

    read = as_a_platform_reads(sent(conn))

    body, (beside,) = read[0][3], conn.execute("SELECT original FROM beside").fetchone()
    assert (len(beside), hashlib.sha256(beside).hexdigest()) == (body["bytes"], body["sha256"])
    assert beside.startswith(base64.b64decode(body["raw"]))


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.sampled_from(COLUMNS), st.integers(0, 8 * 40)), min_size=1, max_size=4)
)
def test_whatever_turns_over_everything_goes_out_once_and_only_what_was_touched_is_set_aside(flips):
    conn = begun()
    write(conn, 30)
    for seq, column, bit in flips:
        with contextlib.suppress(sqlite3.IntegrityError):  # the id of another record: such a row cannot stand there
            flip(conn, seq, column, bit)

    read = as_a_platform_reads(sent(conn))

    assert [at for _epoch, at, _kind, _body in read] == list(range(1, 31))
    touched = {seq for seq, _column, _bit in flips}
    hashes = {seq + 1 for seq, column, _bit in flips if column == "hash"}
    assert {at for _epoch, at, kind, _body in read if kind == "corrupt"} <= touched | hashes
    assert verify(conn) == head(conn)
    assert [record.seq for record in records(conn)] == list(range(1, 31))


@pytest.mark.parametrize("column", ["id", "kind", "redemption", "body"])
def test_who_looks_into_the_journal_is_told_of_a_damaged_row_and_sees_the_others(conn, column):
    write(conn, 3)
    flip(conn, 2, column, 7)

    told = _records(conn, 1, 50)

    assert [one["seq"] for one in told["records"]] == [2, 3]
    assert msgspec.convert(told, JournalAnswer).records[0].kind == DAMAGED
    assert _records(conn, 2, 1)["records"][0]["body"] == {"n": 3, "said": "早上好"}
