"""The ledger with a real (in-memory) database: check and write in one step."""

import json
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest
from msgspec import structs

from cache.ids import uuid7
from cache.journal.chain import begin_epoch, head, mark_sent, verify
from cache.ledger import listing, settle, steps, upkeep
from cache.ledger.counting.keys import used
from cache.ledger.visit import Visit
from cache.pen import Pen
from cache.texts import BODY, clear
from credit.claims import Token, TokenClass
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.rules.measures import MeasureEntry
from storage.sqlite import immediate, memory

T0 = 1_790_000_000_000
GATE = Place(site="xiannvshan", scene="gate", lane="A", terminal="t1")
BENEFITS = [
    {
        "id": "first",
        "code": 7,
        "issuer": "wulong",
        "offer": {"kind": "free"},
        "who": {"groups_any": [12]},
        "where": {"sites": ["xiannvshan"], "scenes": ["gate"]},
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


@dataclass
class OpenLists:
    entries: tuple[MeasureEntry, ...] = ()
    gone: set[bytes] = field(default_factory=set)

    def measures(self, issuer, subject):
        return self.entries

    def revoked(self, issuer, token_id, status_index):
        return token_id in self.gone

    def age_s(self, issuer, now_s):
        return 0


def token(nonce=b"n1", subject=b"wang", **more):
    return Token(
        issuer="wulong",
        kid=b"k" * 8,
        token_id=subject.ljust(8, b"-"),
        token_class=TokenClass.BOUND,
        subject=subject.ljust(16, b"-"),
        tier=3,
        issued_at=0,
        expires=2**40,
        groups=frozenset({12}),
        nonce=nonce,
        **more,
    )


class Terminal:
    def __init__(self):
        self.conn: sqlite3.Connection = memory()
        with immediate(self.conn):
            begin_epoch(self.conn, epoch="e1", terminal="t1", reason="enrolled")
        self.policy = Policy.compile(benefits=parse_benefits(BENEFITS))
        self.lists = OpenLists()

    @contextmanager
    def writing(self, at=0):
        with immediate(self.conn):
            yield Pen(self.conn, Now(utc_ms=T0 + at), uuid7)

    def present(self, shown=None, *, at=0, place=GATE, **request):
        visit = Visit(shown or token(), Request(**request), place)
        with self.writing(at) as pen:
            return settle.settle(pen, visit, self.lists, self.policy)

    def step(self, what, redemption, *, at=0, **more):
        with self.writing(at) as pen:
            return what(pen, redemption, **more)

    def body(self, stepped):
        row = self.conn.execute(f"SELECT {BODY} FROM journal WHERE seq = ?", (stepped.journal_seq,)).fetchone()
        return json.loads(clear(row[0]))


@pytest.fixture
def terminal():
    return Terminal()


class TestGrace:
    def test_the_same_code_within_ten_seconds_is_the_same_redemption(self, terminal):
        first = terminal.present()

        again = terminal.present(token(nonce=b"n2"), at=9_999)

        assert (again.repeat, again.redemption) == (True, first.redemption)
        assert again.decision.outcome is Outcome.GRANT

    def test_ten_seconds_after_the_first_grant_it_is_a_second_try(self, terminal):
        terminal.present()
        terminal.present(token(nonce=b"n2"), at=9_000)

        late = terminal.present(token(nonce=b"n3"), at=10_000)

        assert late.decision.reasons == (Reason.LIMIT_USED,)
        assert late.decision.findings[0].facts["where"] == "xiannvshan/A"

    def test_a_repeat_opens_the_gate_only_while_nothing_has_opened_it(self, terminal):
        first = terminal.present()

        assert terminal.present(at=1).open_gate
        terminal.step(steps.actuated, first.redemption, at=2)
        assert not terminal.present(at=3).open_gate

    def test_a_gate_is_not_said_to_have_opened_for_what_was_given_back(self, terminal):
        annulled = terminal.present().redemption
        terminal.step(steps.annul, annulled, at=1)
        reversed_ = terminal.present(
            token(subject=b"li"), place=structs.replace(GATE, scene="shop"), intent=Intent.BUY, amount_fen=1000
        ).redemption
        terminal.step(steps.reverse, reversed_, at=1)

        for redemption, state in ((annulled, "annulled"), (reversed_, "reversed")):
            told = terminal.step(steps.actuated, redemption, at=2)
            assert (told.error, told.state) == (Reason.NOTHING_OPEN, state)
            fact = terminal.conn.execute("SELECT kind, body FROM journal WHERE seq = ?", (told.journal_seq,)).fetchone()
            assert fact == ("note", f'{{"error":"nothing_open","state":"{state}","step":"actuated"}}')
        assert terminal.conn.execute("SELECT count(*) FROM redemptions WHERE actuated_ms > 0").fetchone() == (0,)

    def test_passing_ends_the_grace(self, terminal):
        first = terminal.present()
        terminal.step(steps.passed, first.redemption, at=1)

        assert terminal.present(token(nonce=b"n2"), at=2).decision.outcome is Outcome.STANDARD

    def test_after_a_restart_a_waiting_visitor_is_let_through(self, terminal):
        first = terminal.present()
        with terminal.writing(200_000) as pen:
            assert upkeep.renew_grace(pen.conn, pen.now) == 1

        assert terminal.present(token(nonce=b"n2"), at=259_999).redemption == first.redemption
        assert not terminal.present(token(nonce=b"n3"), at=260_000).repeat

    def test_after_a_restart_a_visitor_waits_on_although_others_were_granted_since(self, terminal):
        first = terminal.present()
        terminal.present(token(subject=b"li"), at=60_000)
        with terminal.writing(120_000) as pen:
            assert upkeep.renew_grace(pen.conn, pen.now) == 2

        assert terminal.present(token(nonce=b"n2"), at=121_000).redemption == first.redemption

    def test_a_grant_of_five_minutes_ago_is_renewed_by_no_restart(self, terminal):
        terminal.present()
        with terminal.writing(300_000) as pen:
            assert upkeep.renew_grace(pen.conn, pen.now) == 0

        assert terminal.present(token(nonce=b"n2"), at=300_001).decision.reasons == (Reason.LIMIT_USED,)

    def test_a_grace_of_leaving_is_let_go_when_it_is_over(self, terminal):
        terminal.present(intent=Intent.EXIT)
        with terminal.writing() as pen:
            assert upkeep.forget_graces(pen.conn, Now(utc_ms=T0 + 9_999), at_most=9) == 0
            assert upkeep.forget_graces(pen.conn, Now(utc_ms=T0 + 10_000), at_most=9) == 1


class TestReplay:
    def test_the_same_nonce_at_the_same_lane_is_used_up(self, terminal):
        terminal.present()

        assert terminal.present(at=20_000).decision.reasons == (Reason.LIMIT_USED,)

    def test_the_same_nonce_at_another_lane_is_refused(self, terminal):
        terminal.present()

        other = terminal.present(at=1_000, place=structs.replace(GATE, lane="B"))

        assert (other.decision.outcome, other.decision.reasons) == (Outcome.REFUSE, (Reason.REPLAYED,))

    def test_a_code_that_was_used_stays_used_whoever_came_since(self, terminal):
        terminal.present()
        terminal.present(token(subject=b"li", nonce=b"n2"), at=3_600_000)

        other = terminal.present(at=3_600_001, place=structs.replace(GATE, lane="B"))

        assert (other.decision.outcome, other.decision.reasons) == (Outcome.REFUSE, (Reason.REPLAYED,))

    def test_what_was_not_granted_burns_no_nonce(self, terminal):
        stranger = replace(token(), groups=frozenset())
        terminal.present(stranger)

        assert terminal.present(stranger, at=1).decision.reasons == (Reason.NOT_ELIGIBLE,)


class TestAnnulment:
    def test_a_gate_that_did_not_turn_gives_the_use_back_once(self, terminal):
        first = terminal.present()

        assert terminal.step(steps.annul, first.redemption).error is None
        assert terminal.step(steps.annul, first.redemption).error is Reason.NOTHING_OPEN
        assert terminal.present(token(nonce=b"n2"), at=60_000).decision.outcome is Outcome.GRANT
        assert terminal.present(token(nonce=b"n3"), at=120_000).decision.outcome is Outcome.STANDARD

    def test_the_same_code_shown_again_after_the_gate_did_not_turn_lets_its_visitor_in(self, terminal):
        first = terminal.present()
        terminal.step(steps.annul, first.redemption, at=1_000)

        again = terminal.present(at=2_000)
        assert (again.decision.outcome, again.repeat) == (Outcome.GRANT, False)
        assert again.redemption != first.redemption
        assert terminal.present(at=20_000).decision.reasons == (Reason.LIMIT_USED,)

    def test_who_passes_after_the_annulment_has_used_it(self, terminal):
        first = terminal.present()
        terminal.step(steps.annul, first.redemption, at=1_000)

        passed = terminal.step(steps.passed, first.redemption, at=1_500)

        assert (passed.error, passed.state) == (None, "passed")
        assert "excess" not in terminal.body(passed)
        assert terminal.present(token(nonce=b"n2"), at=60_000).decision.reasons == (Reason.LIMIT_USED,)
        elsewhere = terminal.present(at=60_000, place=structs.replace(GATE, lane="B"))
        assert elsewhere.decision.reasons == (Reason.REPLAYED,)  # and the code is burnt again

    def test_who_passes_when_the_use_has_gone_to_somebody_else_is_counted_beyond_the_bound(self, terminal):
        first = terminal.present()
        terminal.step(steps.annul, first.redemption, at=1_000)
        second = terminal.present(token(nonce=b"n2"), at=2_000)

        passed = terminal.step(steps.passed, first.redemption, at=3_000)

        assert terminal.body(passed)["excess"] is True
        (key,) = terminal.conn.execute("SELECT DISTINCT key FROM uses").fetchone()
        assert used(terminal.conn, key, None).n == 2
        terminal.step(steps.annul, second.redemption, at=4_000)
        late = terminal.present(token(nonce=b"n3"), at=60_000)
        assert late.decision.reasons == (Reason.LIMIT_USED,)  # one still stands

    def test_after_passing_it_is_an_error_fact_and_changes_nothing(self, terminal):
        first = terminal.present()
        terminal.step(steps.passed, first.redemption)

        late = terminal.step(steps.annul, first.redemption)

        assert late.error is Reason.TOO_LATE
        assert terminal.present(token(nonce=b"n2"), at=60_000).decision.outcome is Outcome.STANDARD


class TestOpenClose:
    stand = structs.replace(GATE, scene="stand")

    def lend(self, terminal, asset, at=0, **more):
        return terminal.present(
            token(nonce=str(at).encode(), **more), at=at, place=self.stand, intent=Intent.LEND, asset=asset
        )

    def test_a_second_loan_while_one_is_open(self, terminal):
        self.lend(terminal, "U1")

        assert self.lend(terminal, "U2", at=20_000).decision.reasons == (Reason.ALREADY_OPEN,)

    def test_bringing_back_by_asset_frees_the_holder(self, terminal):
        lent = self.lend(terminal, "U1")
        back = terminal.present(
            token(nonce=b"b", subject=b"friend"), at=3_600_000, place=self.stand, intent=Intent.GIVE_BACK, asset="U1"
        )

        assert (back.decision.outcome, back.redemption) == (Outcome.GRANT, lent.redemption)
        assert listing.open_redemptions(terminal.conn) == ()
        assert self.lend(terminal, "U2", at=7_200_000).decision.outcome is Outcome.GRANT

    def test_what_falls_due_is_a_fact_and_can_still_be_closed(self, terminal):
        lent = self.lend(terminal, "U1")
        with terminal.writing(86_400_000) as pen:
            due = upkeep.mark_overdue(pen)

        assert due == (lent.redemption,)
        assert terminal.step(steps.close, lent.redemption, at=90_000_000).state == "closed"


class TestReturn:
    shop = structs.replace(GATE, scene="shop")

    def test_a_part_gives_its_share_of_the_amount_back_and_the_rest_the_use(self, terminal):
        bought = terminal.present(place=self.shop, intent=Intent.BUY, amount_fen=10_000)
        assert bought.decision.offer["off_fen"] == 1_000

        part = terminal.present(token(nonce=b"r1"), at=60_000, place=self.shop, intent=Intent.RETURN, amount_fen=4_000)
        assert part.decision.obligations == {"refund_fen": 3_600, "returned_fen": 4_000}
        assert (
            terminal.present(
                token(nonce=b"b2"), at=61_000, place=self.shop, intent=Intent.BUY, amount_fen=4_001
            ).decision.outcome
            is Outcome.GRANT
        )  # 400 of the month's 1000 fen are free again

    def test_whoever_counts_beyond_is_told_which_uses_and_amounts_stand_here_and_which_came_back(self, terminal):
        """He has not heard of it yet: without that word he holds what came back against the visitor who asks again."""
        bought = terminal.present(place=self.shop, intent=Intent.BUY, amount_fen=4_000)
        asks = Visit(token(nonce=b"b2"), Request(intent=Intent.BUY, amount_fen=1_000), self.shop)

        def told():
            with terminal.writing(1_000) as pen:
                said = settle.dry(pen, asks, terminal.lists, terminal.policy)
            assert len(said.mine) == 2  # the month's visits, and its amount
            return [{name for (name, _n) in one} for one in said.mine.values()], set(said.back.values())

        assert told() == ([{bought.redemption}] * 2, {()})
        terminal.step(steps.reverse, bought.redemption, at=500)
        assert told() == ([set()] * 2, {(bought.redemption,)})
        with terminal.writing(1_000) as pen:
            mark_sent(pen.conn, head(pen.conn).seq)  # a hub holds it, and the platform has not signed for it
        assert told() == ([set()] * 2, {(bought.redemption,)})

    def test_the_window_is_half_open(self, terminal):
        bought = terminal.present(place=self.shop, intent=Intent.BUY, amount_fen=1_000)

        assert terminal.step(steps.reverse, bought.redemption, at=86_400_000).error is Reason.TOO_LATE
        assert terminal.step(steps.reverse, bought.redemption, at=86_399_999).error is None


class TestUnverified:
    def test_what_is_no_token_is_one_summary_per_lane_and_minute(self, terminal):
        for at, reason in (
            (0, Reason.NOT_A_CODE),
            (1, Reason.NOT_A_CODE),
            (2, Reason.BAD_SIGNATURE),
            (60_000, Reason.EXPIRED),
        ):
            with terminal.writing(at) as pen:
                upkeep.refuse_unverified(pen, "A", reason)

        bodies = [clear(row[0]).decode() for row in terminal.conn.execute(f"SELECT {BODY} FROM journal")]
        assert len(bodies) == 1
        assert '"unverified":{"bad_signature":1,"not_a_code":2}' in bodies[0]

    def test_a_refusal_that_was_only_counted_is_not_called_unverified(self, terminal):
        for count, reason in ((upkeep.count_refusal, Reason.EXPIRED), (upkeep.refuse_unverified, Reason.EXPIRED)):
            with terminal.writing() as pen:
                count(pen, "A", reason)
        with terminal.writing(60_000) as pen:
            upkeep.summarise(pen, before_minute=pen.now.utc_ms // 60_000)

        [body] = [json.loads(clear(row[0])) for row in terminal.conn.execute(f"SELECT {BODY} FROM journal")]
        assert (body["refused"], body["unverified"]) == ({"expired": 1}, {"expired": 1})


def test_the_journal_holds_together_after_all_of_it(terminal):
    first = terminal.present()
    terminal.step(steps.annul, first.redemption)
    terminal.step(steps.passed, first.redemption)

    assert verify(terminal.conn).seq == 3


def test_the_list_of_recent_passages_is_in_order_also_when_the_clock_was_set_back_a_little(terminal):
    first = terminal.present(at=40)
    second = terminal.present(token(subject=b"li"), at=0)

    assert [one.id for one in listing.recent(terminal.conn, 5)] == [second.redemption, first.redemption]


def test_what_is_brought_back_late_is_told_its_due_time_in_the_city_s_zone(terminal):
    stand = structs.replace(GATE, scene="stand")
    terminal.present(place=stand, intent=Intent.LEND, asset="U1")

    late = terminal.present(token(nonce=b"n2"), at=2 * 86_400_000, place=stand, intent=Intent.GIVE_BACK, asset="U1")

    assert late.decision.reasons == (Reason.OK, Reason.OVERDUE)
    assert late.decision.findings[1].facts["due"] == "2026-09-22T22:13:20+08:00"


def test_a_passage_that_is_reported_a_day_late_counts_when_it_was_given_not_when_it_was_heard_of(terminal):
    """Else a controller that catches up after a night takes tomorrow's free visit from an honest visitor."""
    rolling = [{**BENEFITS[0], "limits": [{"scope": "site", "max": 1, "period": {"rolling_h": 24}}]}]
    terminal.policy = Policy.compile(benefits=parse_benefits(rolling))
    first = terminal.present()
    terminal.step(steps.annul, first.redemption, at=1000)
    terminal.step(steps.passed, first.redemption, at=30 * 3_600_000)

    again = terminal.present(token(nonce=b"n2"), at=31 * 3_600_000)

    assert again.decision.outcome is Outcome.GRANT
