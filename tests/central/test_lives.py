"""Who writes under a terminal's name: expected epochs, bare ones, twins (illness.md 4)."""

import pytest

from central.books.bounds import Bounds
from central.books.rebuilding import rebuild
from central.lives import twins
from central.lives.epochs import Grown, judge_all
from central.register.enrolment import make_code
from central.register.former import settle_twin
from central.register.standing import hear_obeyed, standing_orders
from central.store import SCHEMA, provisional_sql
from credit.records import Record
from storage.driven import driven
from storage.migrations import migrate, statements
from storage.sqlite import connect, immediate
from sync.wire.messages import AuthClaims, decode
from sync.wire.profiles import Profile

NOW = 1_790_000_000_000
HASH = b"h" * 32
PROFILE = b'{"site": "s", "title": {"en": "S"}, "issuer": "w", "lanes": []}'


@pytest.fixture
def books():
    conn = connect(":memory:", writing=True)
    migrate(conn, SCHEMA, backup_to=None)
    for statement in statements(provisional_sql()):
        conn.execute(statement)
    books = Books(conn)
    books.run(lambda tx: make_code(tx, terminal="gate-1", profile=decode(PROFILE, Profile), now_ms=NOW))
    return books


class Books:
    def __init__(self, conn):
        self.conn = conn

    def run(self, job):
        with immediate(self.conn):
            return driven(job)(self.conn)

    def rows(self, sql):
        return self.conn.execute(sql).fetchall()

    def holds(self, epoch, seq=5):
        """Let the platform hold an end of this epoch."""
        self.conn.execute("INSERT INTO epochs VALUES ('gate-1', ?, 1, ?, ?)", (epoch, seq, seq))
        self.conn.execute(
            "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, received_ms)"
            " VALUES ('gate-1', ?, ?, ?, x'', ?, 0, 'note', 0)",
            (epoch, seq, HASH, f"id-{epoch}"),
        )

    def grows(self, epoch, *records, held=False, former=False):
        self.conn.execute("INSERT INTO epochs VALUES ('gate-1', ?, 1, 1, 1) ON CONFLICT DO NOTHING", (epoch,))
        self.run(lambda tx: judge_all(tx, [(Grown("gate-1", epoch, held, tuple(records), NOW), former)]))

    @property
    def standing(self):
        return dict(self.rows("SELECT epoch, standing FROM lives"))

    @property
    def findings(self):
        return [kind for (kind,) in self.rows("SELECT kind FROM findings ORDER BY kind")]

    @property
    def twin(self):
        return self.rows("SELECT twin_ms FROM terminals")[0][0] is not None

    def orders(self):
        found = []

        async def job(tx):
            found.extend(await standing_orders(tx, "gate-1"))

        self.run(job)
        return found

    def hears(self, instance, made_s, at_ms=NOW):
        name = instance * 22
        claims = AuthClaims(
            iss="gate-1", aud="p", iat=made_s, exp=made_s + 60, jti="12345678", body="0" * 64, instance=name
        )
        self.run(lambda tx: twins.hear(tx, claims, now_ms=at_ms))


def note(seq=1, at_ms=NOW, **body):
    return Record(seq=seq, id=f"n-{seq}", at_ms=at_ms, kind="note", redemption=None, body=body)


def head(epoch, seq=5, hashed=HASH):
    return {"epoch": epoch, "seq": seq, "hash": hashed.hex()}


class TestEpochs:
    def test_the_first_epoch_of_a_terminal_is_expected(self, books):
        books.grows("e1", note())

        assert (books.standing, books.findings) == ({"e1": "first"}, [])

    def test_another_that_nobody_ordered_or_declared_is_bare_and_a_finding(self, books):
        books.holds("e1")

        books.grows("e2", note())

        assert (books.standing, books.findings) == ({"e2": "bare"}, ["bare_epoch"])

    def test_its_finding_outlives_the_making_of_the_books_anew_and_what_booking_found_is_found_again(self, books):
        books.holds("e1")
        books.grows("e2", note())
        books.conn.execute("INSERT INTO findings VALUES ('gate-1', 'e1', 5, 'granted_again', 'redemption r', 0)")

        books.run(lambda tx: rebuild(tx, Bounds()))

        assert books.findings == ["bare_epoch"]

    def test_one_that_obeys_our_order_is_expected_and_one_that_obeys_none_of_ours_is_not(self, books):
        books.holds("e1")
        books.conn.execute("INSERT INTO commands VALUES ('gate-1', 7, 'new_epoch', '', 0)")

        books.grows("e2", note(order=7, action="new_epoch", epoch="e2"))
        books.grows("e3", note(order=8, action="new_epoch", epoch="e3"))

        assert books.standing == {"e2": "ordered", "e3": "bare"}

    def test_one_that_names_a_head_we_hold_is_declared(self, books):
        books.holds("e1")

        books.grows("e2", note(declares="e2", heads=[head("e0"), head("e1")]))

        assert (books.standing, books.findings, books.twin) == ({"e2": "declared"}, [], False)

    def test_a_declaration_that_comes_later_takes_the_finding_away(self, books):
        books.holds("e1")
        books.grows("e2", note(declares="e2", heads=[]))
        assert books.findings == ["bare_epoch"]

        books.grows("e2", note(9, declares="e2", heads=[head("e1")]), held=True)

        assert (books.standing, books.findings) == ({"e2": "declared"}, [])

    @pytest.mark.parametrize(("restored", "standing"), [(False, "bare"), (True, "declared")])
    def test_a_head_that_we_never_held_is_a_finding_and_no_twin(self, books, restored, standing):
        books.holds("e1")
        if restored:
            books.conn.execute("INSERT INTO marks VALUES ('restored', '1')")

        books.grows("e2", note(declares="e2", heads=[head("e1", hashed=b"x" * 32)]))

        assert books.standing == {"e2": standing}
        assert "declared_unheld" in books.findings
        assert not books.twin

    @pytest.mark.parametrize(
        "heads", ["x", 7, [7], [{}], [{"epoch": "e1", "seq": "5", "hash": "zz"}], [head("e1")] * 99]
    )
    def test_a_declaration_of_any_form_is_judged(self, books, heads):
        books.holds("e1")

        books.grows("e2", note(declares="e2", heads=heads))

        assert books.standing["e2"] in ("bare", "declared")

    def test_an_accepted_loss_is_declared_and_told(self, books):
        books.holds("e1")

        books.grows("e2", note(declares="e2", heads=[], accepts_loss=True, by="zhang"))

        assert (books.standing, books.findings) == ({"e2": "declared"}, ["loss_accepted"])

    def test_an_older_epoch_that_grows_by_records_after_the_declaration_is_a_twin_and_before_it_is_late(self, books):
        books.holds("e1")
        books.grows("e2", note(at_ms=NOW, declares="e2", heads=[head("e1")]))

        books.grows("e1", note(6, at_ms=NOW - 1), held=True)
        assert not books.twin
        books.grows("e1", note(7, at_ms=NOW + 1), held=True)

        assert books.twin
        assert books.rows("SELECT action FROM commands") == [("twin",)]
        books.grows("e1", note(8, at_ms=NOW + 2), held=True)
        assert books.rows("SELECT count(*) FROM commands") == [(1,)]

    def test_whoever_was_enrolled_anew_goes_on_in_an_older_epoch_than_the_one_that_is_gone_had_declared(self, books):
        books.holds("e1")
        books.grows("e2", note(at_ms=NOW, declares="e2", heads=[head("e1")]))

        books.run(lambda tx: settle_twin(tx, "gate-1"))
        books.grows("e1", note(7, at_ms=NOW + 1), held=True)
        books.grows("e3", note(at_ms=NOW + 2, declares="e3", heads=[head("e1")]), former=True)  # late, of the other
        books.grows("e1", note(8, at_ms=NOW + 3), held=True)

        assert not books.twin
        books.grows("e4", note(at_ms=NOW + 4, declares="e4", heads=[head("e1")]))
        books.grows("e1", note(9, at_ms=NOW + 5), held=True)
        assert books.twin

    def test_a_declaration_under_a_clock_that_is_not_trusted_counts_from_when_it_came(self, books):
        books.holds("e1")
        books.grows("e2", note(at_ms=0, declares="e2", heads=[head("e1")], clock="unsure"))

        books.grows("e1", note(6, at_ms=NOW - 1), held=True)

        assert not books.twin


class TestInstances:
    def test_a_terminal_that_is_restarted_is_no_twin(self, books):
        for number, instance in enumerate("abcde"):
            books.hears(instance, 1_000 + number)
            books.hears(instance, 1_000 + number)

        assert not books.twin

    def test_an_instance_heard_again_after_a_newer_one_twice_within_an_hour_is_a_twin(self, books):
        books.hears("a", 1_000)
        books.hears("b", 1_001)
        books.hears("a", 1_002)
        assert not books.twin

        books.hears("a", 1_003, at_ms=NOW + 3_600_000)

        assert books.twin

    def test_once_and_again_after_more_than_an_hour_is_none(self, books):
        for instance, made_s, at_ms in (("a", 1, 0), ("b", 2, 0), ("a", 3, 0), ("a", 4, 3_600_001)):
            books.hears(instance, made_s, at_ms=NOW + at_ms)

        assert not books.twin

    def test_what_was_under_way_when_a_terminal_was_restarted_accuses_nobody(self, books):
        books.hears("a", 1_000)
        books.hears("b", 1_005)

        for made_s in (1_001, 1_004, 1_005):
            books.hears("a", made_s)

        assert not books.twin

    def test_what_one_of_the_two_obeyed_is_still_told_to_the_other_until_the_name_is_one_s_again(self, books):
        for instance, made_s in (("a", 1), ("b", 2), ("a", 3), ("a", 4)):
            books.hears(instance, made_s)
        (number,) = books.rows("SELECT number FROM commands")[0]
        books.run(lambda tx: hear_obeyed(tx, "gate-1", {"order": number}))

        assert [one.action for one in books.orders()] == ["twin"]
        books.run(lambda tx: settle_twin(tx, "gate-1"))
        assert books.orders() == []

    def test_once_the_office_has_enrolled_one_anew_it_is_over(self, books):
        for instance, made_s in (("a", 1), ("b", 2), ("a", 3), ("a", 4)):
            books.hears(instance, made_s)
        assert books.twin

        books.run(lambda tx: settle_twin(tx, "gate-1"))
        books.hears("c", 5)
        books.hears("c", 6)

        assert not books.twin
