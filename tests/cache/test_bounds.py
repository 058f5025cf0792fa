"""The bound stands in the schema: the third of two cannot be written, whatever the program believes (house.md, 5)."""

import json
import sqlite3
import time
from pathlib import Path

import pytest

from cache.journal.batches import batch
from cache.journal.chain import current_epoch, unsent, verify
from cache.ledger import settle, steps
from cache.ledger.counting.keys import used
from cache.ledger.entries import read_back
from cache.ledger.visit import Visit
from cache.ledger.writing import take
from cache.pen import Pen
from credit.claims import Token, TokenClass
from credit.decision import Sum, Use
from credit.inputs import Now, Place, Request
from credit.policy import Policy
from credit.reasons import Reason
from credit.records import Record
from credit.rules.benefits import parse_benefits
from storage.migrations import migrate, version
from storage.sqlite import connect, immediate, memory

STORED = Path(__file__).parent / "stored"
RECORDS = json.loads((Path(__file__).parent.parent / "vectors" / "records" / "records.json").read_text())
KEY = "u|wulong/b|subject:wulong:77|ever"
DAY = "u|wulong/b|day:2026-01-03"  # everybody's
PLAIN = "INSERT INTO uses (key, ordinal, redemption, at_ms, bound, since_ms, excess) VALUES (?, ?, ?, ?, ?, ?, ?)"
MONEY = "INSERT INTO sums (key, redemption, fen, at_ms, bound, since_ms, excess) VALUES (?, ?, ?, ?, ?, ?, ?)"
GIVE_BACK = "UPDATE uses SET given_back_by = 'r' WHERE redemption = ?"


@pytest.fixture
def conn():
    return memory()


def use(conn, number, *, bound=2, at_ms=1_000, since_ms=None, excess=0, key=KEY):
    conn.execute(PLAIN, (key, number, f"r{number}", at_ms, bound, since_ms, excess))


class TestUses:
    @pytest.mark.parametrize("key", [KEY, DAY], ids=["a holder's", "everybody's"])
    def test_the_third_of_two_is_not_written(self, conn, key):
        use(conn, 1, key=key)
        use(conn, 2, key=key)

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            use(conn, 3, key=key)
        conn.execute(GIVE_BACK, ("r1",))
        use(conn, 3, key=key)
        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            use(conn, 4, key=key)

    def test_what_was_accepted_beyond_the_bound_counts_too(self, conn):
        for number, excess in ((1, 0), (2, 0), (3, 1)):
            use(conn, number, excess=excess)
        conn.execute(GIVE_BACK, ("r1",))

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            use(conn, 4)  # a free number is no free place: two still stand
        conn.execute(GIVE_BACK, ("r3",))
        use(conn, 4)

    def test_a_rolling_bound_counts_by_time(self, conn):
        for number, at_ms in ((1, 1_000), (2, 5_000)):
            use(conn, number, at_ms=at_ms, since_ms=at_ms - 10_000)

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            use(conn, 3, at_ms=10_000, since_ms=0)
        use(conn, 3, at_ms=11_000, since_ms=1_000)

    def test_a_bound_of_none_gives_none_and_no_bound_gives_any(self, conn):
        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            use(conn, 1, bound=0)
        for number in range(1, 10):
            use(conn, number, bound=None)

    def test_a_use_cannot_be_made_into_another_one(self, conn):
        use(conn, 1)

        for change in ("key = 'u|x'", "bound = 9", "excess = 1", "since_ms = 1"):
            with pytest.raises(sqlite3.IntegrityError, match="taken as"):
                conn.execute(f"UPDATE uses SET {change}")
        conn.execute(GIVE_BACK, ("r1",))
        with pytest.raises(sqlite3.IntegrityError, match="given back only once"):
            conn.execute("UPDATE uses SET given_back_by = NULL")


class TestSums:
    def test_one_fen_above_the_bound_is_not_written(self, conn):
        conn.execute(MONEY, ("a|k", "r1", 60, 1, 100, None, 0))

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            conn.execute(MONEY, ("a|k", "r2", 41, 1, 100, None, 0))
        conn.execute(MONEY, ("a|k", "r2", 40, 1, 100, None, 0))

    def test_a_rolling_sum_counts_by_time(self, conn):
        conn.execute(MONEY, ("a|k", "r1", 60, 1_000, 100, 0, 0))

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            conn.execute(MONEY, ("a|k", "r2", 41, 2_000, 100, 999, 0))
        conn.execute(MONEY, ("a|k", "r2", 41, 2_000, 100, 1_000, 0))


class TestTake:
    def test_the_program_cannot_take_past_the_bound_either(self, conn):
        take(conn, Use(KEY, 2, 2), "r1", 1)

        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            take(conn, Use(KEY, 1, 2), "r2", 2)
        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            take(conn, Sum("a|k", 5, 4), "r2", 2)

    def test_a_fact_that_has_happened_is_kept_counted_and_known_to_be_beyond_the_bound(self, conn):
        assert take(conn, Use(KEY, 1, 2), "r1", 1, accepted=True) is False
        assert take(conn, Use(KEY, 3, 2), "r2", 2, accepted=True) is True

        assert used(conn, KEY, None).n == 4
        assert conn.execute("SELECT excess FROM uses ORDER BY ordinal").fetchall() == [(0,), (0,), (1,), (1,)]

    def test_a_gap_among_twenty_thousand_uses_costs_nothing(self, conn):
        with immediate(conn):
            for number in range(20_000):
                take(conn, Use(DAY, 1, 30_000), f"r{number}", number)
        conn.execute(GIVE_BACK, ("r7",))

        started = time.process_time()
        for number in range(50):
            take(conn, Use(DAY, 1, 30_000), f"s{number}", 30_000)
        assert (time.process_time() - started) / 50 < 0.005  # 56 ms each when every ordinal was loaded


def visit(nonce):
    token = Token(
        issuer="wulong",
        kid=b"k" * 8,
        token_id=b"wang----",
        token_class=TokenClass.BOUND,
        subject=b"wang".ljust(16, b"-"),
        tier=3,
        issued_at=0,
        expires=2**40,
        nonce=nonce,
    )
    return Visit(token, Request(), Place(site="park", scene="gate", lane="A", terminal="gate1"))


class NoLists:
    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def age_s(self, issuer, now_s):
        return 0


def test_a_second_grant_on_one_nonce_raises(conn):
    row = ("wulong", b"t", b"n", "gate1", "A", 1, 2, "r1")
    sql = (
        "INSERT INTO nonces (issuer, token, nonce, terminal, lane, at_ms, until_ms, redemption)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    )
    conn.execute(sql, row)

    with pytest.raises(sqlite3.IntegrityError):
        conn.execute(sql, row)


FIRST = {
    "id": "first",
    "code": 7,
    "issuer": "wulong",
    "offer": {"kind": "free"},
    "where": {"scenes": ["gate"]},
    "when": {"from": "2026-01-03"},
    "limits": [{"period": "window", "max": 2}],
}


class TestStored:
    """A database of the schema before, with facts that nobody has signed for yet."""

    @pytest.fixture
    def stored(self, tmp_path):
        conn = connect(tmp_path / "terminal.db", writing=True)
        conn.executescript((STORED / "schema-6.sql").read_text())
        assert version(conn) == 6
        migrate(conn, backup_to=tmp_path / "before.db")
        return conn

    def test_it_opens_and_its_facts_are_whole_and_can_be_sent(self, stored):
        assert unsent(stored).count == 7
        assert verify(stored).seq == 7
        assert len(batch(stored, after=0).records) == 7
        assert current_epoch(stored).id == "e-1"
        assert stored.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_a_corrected_date_has_given_nobody_a_second_first_visit(self, stored):
        policy = Policy.compile(benefits=parse_benefits([FIRST]))
        with immediate(stored):
            pen = Pen(stored, Now(utc_ms=1_790_000_100_000), lambda _at_ms: f"new-{stored.total_changes}")
            settled = settle.settle(pen, visit(b"n9"), NoLists(), policy)

        assert settled.decision.reasons == (Reason.LIMIT_USED,)
        wang = f"u|wulong/first|subject:wulong:{visit(b'').token.subject.hex()}|window:"
        assert used(stored, wang, None).n == 2
        living = stored.execute("SELECT ordinal FROM uses WHERE key = ? AND given_back_by IS NULL", (wang,))
        assert sorted(row[0] for row in living) == [1, 2]
        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            take(stored, Use(wang, 1, 2), "r9", 9)

    def test_what_was_granted_before_can_be_annulled_and_brought_back(self, stored):
        ids = [row[0] for row in stored.execute("SELECT id FROM redemptions ORDER BY rowid")]
        with immediate(stored):
            pen = Pen(stored, Now(utc_ms=1_790_000_100_000), lambda _at_ms: f"new-{stored.total_changes}")
            assert steps.close(pen, ids[2]).error is None
            assert steps.annul(pen, ids[4]).error is None
            assert steps.reverse(pen, ids[3]).error is None
            assert steps.annul(pen, ids[0]).error is Reason.TOO_LATE

        keys = [row[0] for row in stored.execute("SELECT DISTINCT key FROM uses")]
        assert sorted(used(stored, key, None).n for key in keys) == [0, 0, 1]


def test_an_old_fact_counts_under_the_label_of_today_wherever_it_is_read_again():
    """It is read when a lost store is rebuilt, and when the journal is verified."""
    dated = [{"key": "u|wulong/first|subject:wulong:01|window:2026-01-01", "n": 1, "max": 1}]
    named = next(one["record"] for one in RECORDS if one["name"].startswith("granted"))
    record = Record(**named | {"body": named["body"] | {"uses": dated}})

    (use,) = read_back(record, "gate-a").consumption.uses

    assert use.key == "u|wulong/first|subject:wulong:01|window:"
