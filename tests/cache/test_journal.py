import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.ids import uuid7
from cache.journal import chain
from cache.journal.batches import batch
from cache.journal.chain import ForeignReceiptError, JournalError
from credit.records import encode
from storage.sqlite import memory

HOUR_MS = 3_600_000


@pytest.fixture
def conn():
    conn = memory()
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    return conn


def fill(conn, count, *, size=0, at_ms=0):
    for number in range(count):
        body, named = {"n": number, "x": "x" * size}, f"{chain.head(conn).seq + 1:08}"
        chain.append(conn, chain.NewFact("note", body, at_ms + number, named))


def test_a_terminal_without_epoch_says_to_enrol():
    with pytest.raises(JournalError, match="xinguan enrol"):
        chain.head(memory())


def test_the_chain_is_what_the_contract_says(conn):
    fill(conn, 2)

    zero = hashlib.sha256(b"xinguan-journal-1\x00gate1\x00e1").digest()
    one = hashlib.sha256(
        zero + b'{"at_ms":0,"body":{"n":0,"x":""},"id":"00000001","kind":"note","redemption":null,"seq":1}'
    )
    two = hashlib.sha256(
        one.digest() + b'{"at_ms":1,"body":{"n":1,"x":""},"id":"00000002","kind":"note","redemption":null,"seq":2}'
    )
    assert chain.head(conn).hash == two.digest()
    assert chain.verify(conn).seq == 2


def test_a_new_epoch_goes_on_counting_and_starts_its_own_chain(conn):
    fill(conn, 2)
    chain.begin_epoch(conn, epoch="e2", terminal="gate1", reason="fork")
    fill(conn, 1)

    assert chain.head(conn).seq == 3
    assert chain.verify(conn).seq == 3
    first, second = batch(conn, after=0), batch(conn, after=2)
    assert (first.epoch, first.first, first.last) == ("e1", 1, 2)
    assert (second.epoch, second.first, second.last) == ("e2", 3, 3)
    assert second.prev_hash == hashlib.sha256(b"xinguan-journal-1\x00gate1\x00e2").digest()


@pytest.mark.parametrize("column", ["id", "kind", "body"])
def test_a_changed_record_is_found(conn, column):
    fill(conn, 5)
    conn.execute(f"UPDATE journal SET {column} = ? WHERE seq = 3", ('{"n":9}',))

    with pytest.raises(JournalError, match="record 3"):
        chain.verify(conn)


def test_a_removed_record_is_found(conn):
    fill(conn, 5)
    conn.execute("DELETE FROM journal WHERE seq = 3")

    with pytest.raises(JournalError, match="record 3 is missing"):
        chain.verify(conn)


class TestBatch:
    def test_is_bounded_by_count_and_bytes(self, conn):
        fill(conn, 20, size=1000)

        assert batch(conn, after=0, max_records=7).last == 7
        assert batch(conn, after=0, max_bytes=5000).last == 4
        assert batch(conn, after=19).last == 20
        assert batch(conn, after=20) is None

    def test_always_moves_even_when_one_record_exceeds_the_bytes(self, conn):
        fill(conn, 2, size=1000)

        assert batch(conn, after=0, max_bytes=10).last == 1

    @pytest.mark.parametrize("name", [None, "r", 'a"b', "a\\b", "一号", "\n"])
    def test_carries_the_very_bytes_that_were_hashed_whatever_a_name_holds(self, conn, name):
        wrote = chain.append(conn, chain.NewFact("not\\ed", {"z": [1, '"'], "a": "票"}, 5, 'i"d', name))

        assert batch(conn, after=0).records == (encode(wrote),)

    def test_reads_a_body_that_was_kept_in_another_form(self, conn):
        wrote = chain.append(conn, chain.NewFact("noted", {"b": 1, "a": [2]}, 5, "id", None))
        conn.execute("UPDATE journal SET body = ?", ('{"b": 1, "a": [ 2 ]}',))

        assert batch(conn, after=0).records == (encode(wrote),)

    def test_chains_to_the_one_before(self, conn):
        fill(conn, 4)

        one, two = batch(conn, after=0, max_records=2), batch(conn, after=2)

        assert two.prev_hash == one.head_hash
        assert two.head_hash == chain.head(conn).hash
        assert json.loads(two.records[0])["seq"] == 3


class TestAcknowledge:
    def test_a_receipt_with_our_hash_moves_the_cursor(self, conn):
        fill(conn, 3)

        chain.acknowledge(conn, through=3, head_hash=chain.head(conn).hash, receipt="r", at_ms=9)

        assert chain.cursor(conn) == chain.Cursor(3, 3, 9)
        assert chain.unsent(conn) == chain.Unsent(0, None)

    def test_a_foreign_hash_or_a_number_we_never_wrote_is_an_alarm(self, conn):
        fill(conn, 3)

        with pytest.raises(ForeignReceiptError):
            chain.acknowledge(conn, through=3, head_hash=bytes(32), receipt="r", at_ms=9)
        with pytest.raises(ForeignReceiptError):
            chain.acknowledge(conn, through=4, head_hash=chain.head(conn).hash, receipt="r", at_ms=9)
        assert chain.cursor(conn).acked_through == 0

    def test_a_peers_word_moves_the_sending_cursor_only(self, conn):
        fill(conn, 3)

        chain.mark_sent(conn, 2)

        assert chain.cursor(conn) == chain.Cursor(2, 0, 0)
        assert chain.unsent(conn).count == 3


class TestRetire:
    def sign(self, conn, through, signed_ms):
        """Let the platform sign for all up to `through` at that time."""
        (end,) = conn.execute("SELECT hash FROM journal WHERE seq = ?", (through,)).fetchone()
        chain.acknowledge(conn, through=through, head_hash=end, receipt="r", at_ms=9)
        chain.signed_at(conn, through, signed_ms)

    def test_only_facts_that_were_signed_for_long_ago_leave_and_the_newest_of_them_stays(self, conn):
        fill(conn, 10)
        head = chain.head(conn)
        self.sign(conn, 4, 10 * HOUR_MS)
        self.sign(conn, 6, 20 * HOUR_MS)

        assert chain.retire(conn, signed_before_ms=10 * HOUR_MS) == 0
        assert chain.retire(conn, signed_before_ms=10 * HOUR_MS + 1, at_most=3) == 3
        assert chain.retire(conn, signed_before_ms=10 * HOUR_MS + 1) == 1
        assert chain.retire(conn, signed_before_ms=10**15) == 1
        assert chain.head(conn) == head
        assert chain.verify(conn) == head
        assert batch(conn, after=6).first == 7

    @pytest.mark.parametrize("said_ms", [0, 10**15])
    def test_what_a_wrong_clock_wrote_stays_as_long_as_all_else(self, conn, said_ms):
        fill(conn, 4, at_ms=said_ms)
        self.sign(conn, 4, 100 * HOUR_MS)

        assert chain.retire(conn, signed_before_ms=100 * HOUR_MS) == 0
        assert chain.retire(conn, signed_before_ms=100 * HOUR_MS + 1) == 3

    def test_receipts_of_an_hour_are_one_row_and_keep_what_came_with_the_last_of_them(self, conn):
        fill(conn, 4)
        self.sign(conn, 2, 100 * HOUR_MS)
        self.sign(conn, 4, 100 * HOUR_MS + 60_000)

        assert conn.execute("SELECT count(*) FROM receipts").fetchone() == (1,)
        assert chain.retire(conn, signed_before_ms=100 * HOUR_MS + 60_000) == 0
        assert chain.retire(conn, signed_before_ms=100 * HOUR_MS + 60_001) == 3

    def test_what_is_unsent_never_leaves(self, conn):
        fill(conn, 10)
        self.sign(conn, 1, 0)

        assert chain.retire(conn, signed_before_ms=10**15) == 0


def test_ids_sort_by_time_and_have_the_form_of_version_7():
    early, late = uuid7(1_000), uuid7(2_000)

    assert early < late
    assert early[14] == "7"
    assert early[19] in "89ab"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(
    said=st.dictionaries(st.text(max_size=9), ANYTHING, max_size=4),
    size=st.sampled_from([0, 0, 70_000, 2_000_000]),
    redemption=st.none() | st.text(max_size=300),
)
def test_no_fact_is_lost_or_refused_for_what_it_says(said, size, redemption):
    """A body that no record holds stands in the chain by its hash, and beside it in full."""
    conn = memory()
    chain.begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")
    body = {**said, "long": "x" * size}

    record = chain.append(conn, chain.NewFact("note", body, 1, "id-1", redemption))
    chain.append(conn, chain.NewFact("note", {"n": 1}, 2, "id-2"))

    assert chain.verify(conn).seq == 2
    assert len(batch(conn, after=0).records) == 2
    beside = conn.execute("SELECT original FROM beside WHERE seq = 1").fetchone()
    if "replaced" in record.body:
        assert beside[0].startswith(b"{") or beside[0] == b"dict"
        assert size < 64_000 or record.body["replaced"]["bytes"] > size
    else:
        assert (beside, record.body) == (None, body)
    if size > 64_000:
        assert "replaced" in record.body
