"""What one grant writes, in frames and bytes; what writes less forgets nothing; a stored database comes along."""

import hashlib
import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cache.ids import earliest, uuid7
from cache.journal import proofs
from cache.journal.batches import batch
from cache.journal.chain import begin_epoch, unsent, verify
from cache.ledger import attempts, facts, paying, recall, settle, steps, upkeep, writing
from cache.ledger.counting import keys
from cache.ledger.recall import Asking
from cache.ledger.visit import Visit
from cache.pen import Pen
from central.register.minting import to_text
from credit.claims import Token, TokenClass
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.reasons import Reason
from credit.rules.benefits import parse_benefits
from edge.clock import raise_floor
from edge.lanes.presented import Presented, answer_of
from storage.migrations import migrate, version
from storage.sqlite import Store, connect, immediate, memory

STORED = Path(__file__).parent / "stored"
T0 = 1_790_000_000_000
SHOWN = to_text(b"s" * 330)
BENEFITS = [
    {
        "id": "first",
        "code": 7,
        "issuer": "wulong",
        "offer": {"kind": "free"},
        "who": {"groups_any": [12]},
        "where": {"sites": ["park"], "scenes": ["gate"]},
        "limits": [{"scope": "site", "max": 1}],
    },
    {
        "id": "umbrella",
        "code": 8,
        "issuer": "wulong",
        "offer": {"kind": "deposit_waiver", "cap_fen": 5000},
        "where": {"scenes": ["stand"]},
        "needs": ["asset"],
        "lifecycle": {"open_close": {"due": "P1D"}},
    },
    {
        "id": "shop",
        "code": 9,
        "issuer": "wulong",
        "offer": {"kind": "percent", "percent_off": 10},
        "where": {"scenes": ["shop"]},
        "reversal": {"within_h": 24},
        "limits": [{"count": "amount", "period": "month", "max": 1000}, {"period": "month", "max": 2}],
    },
]
DAILY = {**BENEFITS[0], "capacity": [{"per": "day", "max": 100}]}


class NoLists:
    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def age_s(self, issuer, now_s):
        return 0


def token(who, nonce=b"n"):
    return Token(
        issuer="wulong",
        kid=b"k" * 8,
        token_id=who.ljust(8, b"-"),
        token_class=TokenClass.BOUND,
        subject=who.ljust(16, b"-"),
        tier=3,
        issued_at=0,
        expires=2**40,
        groups=frozenset({12}),
        nonce=nonce,
    )


class Gate:
    """A ledger at one gate, whose visitors show themselves."""

    def __init__(self, conn, benefits=BENEFITS):
        self.conn = conn
        self.policy = Policy.compile(benefits=parse_benefits(benefits))

    def present(self, shown, at=0, *, scene="gate", asking=None, text="", **request):
        asked = Request(named=asking is not None, **request)
        visit = Visit(shown, asked, Place(site="park", scene=scene, lane="A", terminal="gate1"), text=text)
        pen = Pen(self.conn, Now(utc_ms=T0 + at), uuid7)
        settled = settle.settle(pen, visit, NoLists(), self.policy)
        answer = answer_of(Presented(text="", lane="A", request=asked), settled, pen.now, lists_age_s=0)
        if asking is not None and settled.redemption is not None:
            recall.remember(pen, asking, answer.given(), lane="A")
        raise_floor(self.conn, pen.now)
        return settled, answer.to_json()


@pytest.fixture
def gate():
    made = Gate(memory())
    with immediate(made.conn):
        begin_epoch(made.conn, epoch="e-1", terminal="gate1", reason="enrolled")
    return made


class TestForgetsNothing:
    def test_an_answer_is_told_again_to_the_letter_though_only_a_part_of_it_is_kept(self, gate):
        asking = Asking("till-1", b"\x01" * 32)
        settled, answer = gate.present(token(b"wang"), asking=asking)

        known = recall.answered(gate.conn, asking, lane="A", at_ms=T0 + 1)

        assert json.loads(known.answer) == answer
        assert list(json.loads(known.answer)) == list(answer)
        assert (known.redemption, known.in_grace) == (settled.redemption, True)
        (kept,) = gate.conn.execute("SELECT answer FROM requests").fetchone()
        assert len(kept) < len(json.dumps(answer)) / 2

    def test_a_repeat_and_what_is_brought_back_are_told_again_whole(self, gate):
        again, back = Asking("till-2", b"\x02" * 32), Asking("till-3", b"\x03" * 32)
        gate.present(token(b"wang"))
        _, repeated = gate.present(token(b"wang", b"n2"), 1, asking=again)
        gate.present(token(b"li"), scene="stand", intent=Intent.OPEN, asset="u-7")
        _, brought = gate.present(token(b"li", b"n2"), 2, scene="stand", intent=Intent.CLOSE, asset="u-7", asking=back)

        assert json.loads(recall.answered(gate.conn, again, lane="A", at_ms=T0 + 3).answer) == repeated
        assert json.loads(recall.answered(gate.conn, back, lane="A", at_ms=T0 + 3).answer) == brought

    @pytest.mark.parametrize("after_h", [0, 1, 2, 3, 5, 8, 11, 14, 17, 20, 23])
    def test_an_answer_is_found_for_a_day_in_whichever_three_hours_it_was_given(self, gate, after_h):
        asking = Asking("till-1", b"\x01" * 32)
        gate.present(token(b"wang"), asking=asking)
        later = T0 + after_h * 3_600_000

        recall.forget_old(gate.conn, later, at_most=10)

        assert recall.answered(gate.conn, asking, lane="A", at_ms=later) is not None

    def test_answers_are_forgotten_after_a_day_a_few_at_a_time(self, gate):
        for number in range(5):
            gate.present(token(b"w%d" % number), asking=Asking(f"till-{number}", b"\x01" * 32))
        later = T0 + 28 * 3_600_000

        assert [recall.forget_old(gate.conn, later, at_most=3) for _ in range(3)] == [3, 2, 0]

    def test_a_nonce_burns_for_its_time_forgotten_or_not(self, gate):
        gate.present(token(b"wang"))
        shown = token(b"wang")

        day = T0 + 86_400_000
        assert facts._burnt(gate.conn, shown, Now(utc_ms=day - 1)) is not None
        assert facts._burnt(gate.conn, shown, Now(utc_ms=day)) is None
        settled, _ = gate.present(shown, 86_400_000)  # its limit is ever: what stands in its way is no nonce
        assert settled.decision.reasons == (Reason.LIMIT_USED,)

    def test_a_grant_on_a_nonce_whose_time_is_over_burns_it_anew(self, gate):
        gate.policy = Policy.compile(benefits=parse_benefits([{**BENEFITS[0], "limits": []}]))
        gate.present(token(b"wang"))

        settled, _ = gate.present(token(b"wang"), 86_400_000)

        assert settled.decision.reasons == (Reason.OK,)
        assert gate.conn.execute("SELECT redemption FROM nonces").fetchall() == [(settled.redemption,)]

    def test_nonces_are_forgotten_round_and_round(self, gate):
        for number in range(7):
            gate.present(token(b"w%d" % number), at=number * 1000)
        now, after = Now(utc_ms=T0 + 86_400_000 + 3_500), upkeep.FIRST

        for _ in range(4):
            after = upkeep.forget_nonces(gate.conn, now, after, at_most=3)

        assert gate.conn.execute("SELECT count(*) FROM nonces").fetchone() == (3,)

    def test_after_it_passed_or_was_taken_back_a_grant_has_no_grace(self, gate):
        first, _ = gate.present(token(b"wang"))
        second, _ = gate.present(token(b"li"))
        pen = Pen(gate.conn, Now(utc_ms=T0 + 1), uuid7)

        steps.passed(pen, first.redemption)
        steps.annul(pen, second.redemption)

        assert not gate.present(token(b"wang", b"n2"), 2)[0].repeat
        anew, _ = gate.present(token(b"li", b"n2"), 2)
        assert (anew.repeat, anew.decision.reasons) == (False, (Reason.OK,))

    def test_whoever_has_paid_shows_the_code_again_and_may_go_in(self, gate):
        half = {**BENEFITS[0], "offer": {"kind": "percent", "percent_off": 50}}
        gate.policy = Policy.compile(benefits=parse_benefits([half]))
        owing, answer = gate.present(token(b"wang"), amount_fen=10_000)
        assert answer["obligations"]["pay_fen"] == 5_000
        before, _ = gate.present(token(b"wang", b"n2"), 1_000, amount_fen=10_000)
        assert (before.repeat, before.open_gate) == (True, False)

        paying.paid(Pen(gate.conn, Now(utc_ms=T0 + 9_000), uuid7), owing.redemption, order="o-1", amount_fen=5_000)

        after, told = gate.present(token(b"wang", b"n3"), 60_000, amount_fen=10_000)
        assert (after.redemption, after.repeat, after.open_gate) == (owing.redemption, True, True)
        assert "pay_fen" not in told["obligations"]
        late, _ = gate.present(token(b"wang", b"n4"), 69_000, amount_fen=10_000)
        assert late.decision.reasons == (Reason.LIMIT_USED,)

    def test_ids_of_a_day_are_found_by_their_beginning(self):
        ids = sorted(uuid7(at_ms) for at_ms in (T0 - 1, T0, T0 + 1))

        assert [one for one in ids if one >= earliest(T0)] == ids[1:]


class TestStored:
    """A database of the schema before, with unsent facts, graces, answers and proofs."""

    @pytest.fixture
    def gate(self, tmp_path):
        conn = connect(tmp_path / "terminal.db", writing=True)
        conn.executescript((STORED / "schema-22.sql").read_text())
        assert version(conn) == 22
        migrate(conn, backup_to=tmp_path / "before.db")
        return Gate(conn, [DAILY, *BENEFITS[1:]])

    def test_it_opens_whole_with_all_that_is_unsent(self, gate):
        assert verify(gate.conn).seq == unsent(gate.conn).count == len(batch(gate.conn, after=0).records)
        assert gate.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",)

    def test_a_use_stands_a_grace_repeats_and_what_was_annulled_is_free(self, gate):
        with immediate(gate.conn):
            wang, _ = gate.present(token(b"wang", b"n7"), 7_000)
            li, _ = gate.present(token(b"li", b"n8"), 8_000)
            zhao, _ = gate.present(token(b"zhao", b"n9"), 9_000)
            again, _ = gate.present(token(b"li", b"n2"), 60_000)

        assert wang.decision.reasons == (Reason.LIMIT_USED,)
        assert (li.repeat, li.decision.reasons) == (True, (Reason.OK,))
        assert (zhao.repeat, zhao.decision.reasons) == (False, (Reason.OK,))
        assert again.decision.reasons == (Reason.LIMIT_USED,)

    def test_the_third_of_two_is_not_written_and_shared_counts_stand(self, gate):
        stand = {row[0] for row in gate.conn.execute("SELECT DISTINCT key FROM uses WHERE given_back_by IS NULL")}
        mine = next(key for key in stand if "|subject:" in key and key.startswith("u|wulong/first"))
        shared = next(key for key in stand if "|day:" in key)

        assert keys.used(gate.conn, mine, None).n == 1
        assert keys.used(gate.conn, shared, None).n == 2
        assert gate.conn.execute("SELECT n FROM tallies WHERE key = ?", (shared,)).fetchone() == (2,)
        with pytest.raises(sqlite3.IntegrityError, match="bound"):
            gate.conn.execute(
                "INSERT INTO uses (key, ordinal, redemption, at_ms, bound) VALUES (?, 9, 'r', 1, 1)", (mine,)
            )

    def test_answers_given_before_are_given_again_as_they_were(self, gate):
        known = recall.answered(gate.conn, Asking("till-1", b"\x01" * 32), lane="A", at_ms=T0 + 9_000)
        sold = recall.answered(gate.conn, Asking("till-2", b"\x02" * 32), lane="A", at_ms=T0 + 9_000)

        assert json.loads(known.answer)["redemption"] == known.redemption
        assert (known.in_grace, sold.in_grace) == (True, False)
        assert json.loads(sold.answer)["amount_fen"] == 5000

    def test_proofs_go_on_waiting_and_leave_by_name(self, gate):
        waiting = proofs.waiting(gate.conn, proofs.Aboard(proofs.newest(gate.conn), 2**40, 4096))
        assert list(waiting.values()) == [b"shown by wang", b"shown by sun"]

        proofs.forget(gate.conn, list(waiting))

        assert proofs.newest(gate.conn) == 0


PLANS = {
    facts.GRACE: 9,
    facts.GRACE_OF_GRANT: 11,
    facts.BOUGHT: 3,
    facts.PASS_ROOT: 3,
    writing.INSIDE: 3,
    facts.NONCE: 4,
    keys.TALLIES.format("?,?"): 2,
    keys.COUNTED.format("?", "?,?"): 3,
    keys.NEWEST_USE: 1,
    keys.NEWEST_OF_HOLDER: 1,
    keys.ROLLING_USES: 2,
    keys.ROLLING_OF_HOLDER: 2,
    keys.LIVING: 1,
    keys.LIVING_OF_HOLDER: 1,
    keys.LIVING_SUMS: 1,
    keys.NEWEST_SUM: 1,
    keys.ROLLING_SUMS: 2,
    keys.GIVEN_BACK: 1,
    keys.LEFT_HERE: 1,
    keys.SUMS_GIVEN_BACK: 1,
    facts.OPEN_OF_SUBJECT: 2,
    recall.KNOWN: 5,
    upkeep.NONCES: 4,
    upkeep.WAITING: 1,
    attempts.TRIED: 1,
    proofs.WAITING: 4,
    proofs.FORGET: 1,
}


TABLES = frozenset(
    ["redemptions", "journal", "uses", "u", "j", "sums", "s", "tallies", "nonces", "requests", "q", "graces", "proofs"]
)


@pytest.mark.parametrize("sql", PLANS, ids=lambda sql: sql.strip()[:60])
def test_nothing_asked_of_the_ledger_reads_a_whole_table(sql):
    plan = [row[3] for row in memory().execute(f"EXPLAIN QUERY PLAN {sql}", [None] * PLANS[sql])]

    assert not [one for one in plan if one.startswith("SCAN") and one.split()[1] in TABLES]


class Log:
    """The frames that each commit of a store has written to its log. While somebody reads it never begins anew."""

    HEAD, FRAME_HEAD = 32, 24

    def __init__(self, path):
        self._path = path.with_name(path.name + "-wal")
        self._reader = connect(path, writing=False)
        self._reader.execute("BEGIN")
        self._reader.execute("SELECT count(*) FROM switches").fetchone()
        self._at = self.size

    @property
    def size(self):
        return self._path.stat().st_size

    @property
    def page_bytes(self):
        with self._path.open("rb") as file:
            return int.from_bytes(file.read(12)[8:], "big")

    def frames(self):
        """Return how many frames were written since the last call, and their bytes."""
        before, self._at = self._at, self.size
        written = self._at - before
        return written // (self.page_bytes + self.FRAME_HEAD), written

    def close(self):
        """Let the log begin anew."""
        self._reader.close()


async def test_a_grant_and_its_attempt_write_so_many_frames_and_no_more(tmp_path):
    """A count, not a time. Structure alone: the fewest of thirty, in which no page was full and had to be divided."""
    async with Store(tmp_path / "terminal.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e-1", terminal="gate1", reason="enrolled"))
        log, told = Log(tmp_path / "terminal.db"), {"grant": [], "asked": [], "attempt": []}

        for number in range(60):
            who, at = token(b"w%06d" % (number * 7919 % 1000), b"n%d" % number), number * 30_000
            asking = Asking(f"till-{number}", b"\x01" * 32) if number % 2 else None

            def present(conn, who=who, at=at, asking=asking):
                return Gate(conn).present(who, at, asking=asking, text=SHOWN)[0].redemption

            redemption = await store.write(present)
            told["asked" if asking else "grant"].append(log.frames())
            await store.write(
                lambda conn, one=redemption, at=at: attempts.begin(Pen(conn, Now(utc_ms=T0 + at), uuid7), one, "A")
            )
            told["attempt"].append(log.frames())

        log.close()
        assert log.page_bytes == 1024
        fewest = {what: min(frames for frames, _ in counted) for what, counted in told.items()}
        assert fewest == {"grant": 11, "asked": 12, "attempt": 3}
        for counted in told.values():
            assert all(written == frames * (1024 + Log.FRAME_HEAD) for frames, written in counted)
        mean = {what: sum(written for _, written in counted) / len(counted) for what, counted in told.items()}
        assert mean["grant"] < 21 * 1024
        assert mean["attempt"] < 6 * 1024


GROWTH = (
    "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name"
    " WHERE m.tbl_name IN ('journal', 'redemptions', 'uses') GROUP BY m.tbl_name"
)


def test_a_grant_and_its_attempt_stay_with_a_kilobyte_and_a_quarter(tmp_path):
    """Pages of each table with its indexes: what a grant leaves beyond its first day, until its facts may leave."""
    conn, many = connect(tmp_path / "terminal.db", writing=True, page_bytes=1024), 300
    migrate(conn, backup_to=None)
    gate = Gate(conn)
    with immediate(conn):
        begin_epoch(conn, epoch="e-1", terminal="gate1", reason="enrolled")
    before = dict(conn.execute(GROWTH).fetchall())
    with immediate(conn):
        for number in range(many):
            who = hashlib.sha256(b"%d" % number).digest()[:8]
            settled, _ = gate.present(
                token(who, who), at=number * 30_000, asking=Asking(f"till-{number}", b"\x01" * 32)
            )
            attempts.begin(Pen(conn, Now(utc_ms=T0 + number * 30_000), uuid7), settled.redemption, "A")

    each = {table: (size - before[table]) / many for table, size in conn.execute(GROWTH)}

    assert each["journal"] < 700
    assert each["redemptions"] < 350
    assert each["uses"] < 240
    assert sum(each.values()) < 1_250


TREES = "SELECT name, sum(pgsize) FROM dbstat WHERE name IN ('uses_holder', 'redemptions_holder') GROUP BY name"


def test_the_two_trees_that_no_two_visitors_share_are_narrow(tmp_path):
    """Each visitor writes pages of them alone: the fewer there are, the more often one is written for several."""
    conn, many = connect(tmp_path / "terminal.db", writing=True, page_bytes=1024), 1_000
    migrate(conn, backup_to=None)
    gate = Gate(conn)
    with immediate(conn):
        begin_epoch(conn, epoch="e-1", terminal="gate1", reason="enrolled")
        for number in range(many):
            drawn = hashlib.sha256(b"%d" % number).digest()[:16]
            gate.present(replace(token(drawn), token_id=b"%08d" % number), at=number)

    each = {name: size / many for name, size in conn.execute(TREES)}

    assert each.keys() == {"uses_holder", "redemptions_holder"}
    assert max(each.values()) < 40  # of the key and the whole pseudonym it was 100 and 45, and is 65 where all is new
