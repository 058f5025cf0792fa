"""Any sequence of presentations, steps, clock moves and restarts against a count kept by hand.

The oracle knows nothing of keys, tallies and ordinals: it keeps who was granted what and when, and what came back, and
says of each presentation whether it must be granted and what must be left. So a use that is lost, given back twice or
not given back at all is a difference, whatever the ledger believes of itself.
"""

import itertools
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from cache.journal.chain import begin_epoch, verify
from cache.ledger import settle, steps, upkeep
from cache.ledger.visit import Visit
from cache.pen import Pen
from credit.claims import Token, TokenClass
from credit.inputs import Intent, Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from storage.sqlite import immediate, memory

T0 = 1_790_000_000_000
DAY_MS, SHANGHAI_MS, ROLLING_MS = 86_400_000, 8 * 3_600_000, 30 * 3_600_000
PLACE = Place(site="park", scene="gate", lane="A", terminal="t")
EVER, DAILY, ROLLING, DAILY_OF_ALL, MONEY = 5, 2, 3, 3, 500
PERCENT = 30
COUNTED = {
    "id": "b",
    "code": 1,
    "issuer": "w",
    "offer": {"kind": "free"},
    "limits": [
        {"max": EVER},
        {"period": "day", "max": DAILY},
        {"period": {"rolling_h": 30}, "max": ROLLING},
        {"per": "all", "period": "day", "max": DAILY_OF_ALL},
    ],
}
PRICED = {
    "id": "b",
    "code": 1,
    "issuer": "w",
    "offer": {"kind": "percent", "percent_off": PERCENT},
    "limits": [{"count": "amount", "max": MONEY}],
}


class NoLists:
    def measures(self, issuer, subject):
        return ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def age_s(self, issuer, now_s):
        return 0


@dataclass
class Granted:
    """What the oracle remembers of a grant: whose, when, and what of it is still out."""

    subject: bytes
    at_ms: int
    heads: int
    fen: int
    amount: int | None
    returned_fen: int = 0
    passed: bool = False
    over: bool = False
    annulled: tuple[int, int] | None = None


class Oracle(RuleBasedStateMachine):
    granted = Bundle("granted")
    row: dict

    @initialize()
    def start(self):
        self.conn = memory()
        with immediate(self.conn):
            begin_epoch(self.conn, epoch="e", terminal="t", reason="test")
        self.policy = Policy.compile(benefits=parse_benefits([self.row]))
        self.at_ms, self.numbers, self.known = T0, itertools.count(1), {}

    def make_id(self, at_ms):
        return f"id-{next(self.numbers):06d}"

    def now(self):
        return Now(utc_ms=self.at_ms)

    def settle(self, subject, request):
        number = next(self.numbers).to_bytes(8, "big")  # a fresh nonce: no grace, no replay
        token = Token(
            issuer="w",
            kid=b"k" * 8,
            token_id=subject.ljust(8),
            token_class=TokenClass.BOUND,
            subject=subject,
            tier=3,
            issued_at=0,
            expires=2**40,
            nonce=number,
        )
        place = Place(site="park", scene="gate", lane=number.hex(), terminal="t")
        with self.writing() as pen:
            return settle.settle(pen, Visit(token, request, place), NoLists(), self.policy)

    @contextmanager
    def writing(self):
        with immediate(self.conn):
            yield Pen(self.conn, self.now(), self.make_id)

    @rule(seconds=st.sampled_from([1, 11, 3_600, 40_000, 86_400, 108_000, -5, -7_200, -90_000]))
    def time_moves(self, seconds):
        self.at_ms += seconds * 1000

    @rule()
    def restart(self):
        again = memory()
        self.conn.backup(again)
        self.conn.close()
        self.conn = again
        with self.writing() as pen:
            upkeep.renew_grace(self.conn, pen.now)
            upkeep.mark_overdue(pen)

    @rule(redemption=granted)
    def passes(self, redemption):
        with self.writing() as pen:
            stepped = steps.passed(pen, redemption)

        one = self.known[redemption]
        if one.annulled is not None and not one.passed:  # went through all the same: what came back is taken again
            assert stepped.error is None
            one.heads, one.fen = one.annulled
            one.annulled, one.over, one.passed = None, False, True
            return
        assert (stepped.error is None) == (not one.over and not one.passed)
        one.passed = one.passed or stepped.error is None

    @rule(redemption=granted)
    def does_not_turn(self, redemption):
        with self.writing() as pen:
            stepped = steps.annul(pen, redemption)

        one = self.known[redemption]
        assert (stepped.error is None) == (not one.over and not one.passed)
        if stepped.error is None:
            one.annulled = (one.heads, one.fen)
            one.heads, one.fen, one.over = 0, 0, True

    @invariant()
    def the_journal_holds(self):
        if hasattr(self, "conn"):
            verify(self.conn)

    def teardown(self):
        if hasattr(self, "conn"):
            self.conn.close()


class Heads(Oracle):
    """Uses: for ever, per day, per rolling day and a bit, and a daily bound of all together."""

    row = COUNTED
    granted = Bundle("granted")

    def rooms(self, subject):
        today = (self.at_ms + SHANGHAI_MS) // DAY_MS
        of_today = [one for one in self.known.values() if (one.at_ms + SHANGHAI_MS) // DAY_MS == today]
        own = [one for one in self.known.values() if one.subject == subject]
        rolling = [one for one in own if one.at_ms > self.at_ms - ROLLING_MS]
        return [
            EVER - sum(one.heads for one in own),
            DAILY - sum(one.heads for one in of_today if one.subject == subject),
            ROLLING - sum(one.heads for one in rolling),
            DAILY_OF_ALL - sum(one.heads for one in of_today),
        ]

    @rule(target=granted, subject=st.sampled_from([b"wang", b"li"]), heads=st.integers(1, 3))
    def present(self, subject, heads):
        rooms = self.rooms(subject)

        settled = self.settle(subject, Request(intent=Intent.ENTER, heads=heads, heads_named=True))

        fits = min(rooms) >= heads
        assert settled.decision.outcome is (Outcome.GRANT if fits else Outcome.STANDARD), rooms
        assert settled.decision.left == {"b": max(min(rooms) - (heads if fits else 0), 0)}
        if not fits:
            assert settled.decision.reasons == (Reason.LIMIT_USED,)
            return multiple()
        self.known[settled.redemption] = Granted(subject, self.at_ms, heads, 0, None)
        return settled.redemption

    @rule(redemption=granted, heads=st.sampled_from([None, 1, 2]))
    def comes_back(self, redemption, heads):
        with self.writing() as pen:
            stepped = steps.reverse(pen, redemption, heads=heads)

        one = self.known[redemption]
        can = not one.over and not one.passed and (heads or 0) <= one.heads
        assert (stepped.error is None) == can
        if can:
            one.heads -= heads if heads is not None else one.heads
            one.over = one.heads == 0


class Money(Oracle):
    """Fen: a percentage of each purchase, bounded for ever; what is returned comes back in proportion, rounded down."""

    row = PRICED
    granted = Bundle("granted")

    @rule(target=granted, subject=st.sampled_from([b"wang", b"li"]), amount=st.integers(0, 1200))
    def buy(self, subject, amount):
        off = (amount * PERCENT + 50) // 100
        held = sum(one.fen for one in self.known.values() if one.subject == subject)

        settled = self.settle(subject, Request(intent=Intent.BUY, amount_fen=amount))

        fits = held + off <= MONEY
        assert settled.decision.outcome is (Outcome.GRANT if fits else Outcome.STANDARD), held
        if not fits:
            return multiple()
        assert settled.decision.offer["off_fen"] == off
        assert settled.decision.offer["to_pay_fen"] == amount - off
        self.known[settled.redemption] = Granted(subject, self.at_ms, 1, off, amount)
        return settled.redemption

    @rule(redemption=granted, fen=st.one_of(st.none(), st.integers(1, 700)))
    def comes_back(self, redemption, fen):
        with self.writing() as pen:
            stepped = steps.reverse(pen, redemption, amount_fen=fen)

        one = self.known[redemption]
        same_day = (self.at_ms + SHANGHAI_MS) // DAY_MS <= (one.at_ms + SHANGHAI_MS) // DAY_MS
        can = not one.over and same_day and (fen or 0) <= one.amount - one.returned_fen
        assert (stepped.error is None) == can
        if can:
            off = (one.amount * PERCENT + 50) // 100
            one.returned_fen += fen if fen is not None else one.amount - one.returned_fen
            one.over = one.returned_fen == one.amount
            one.fen = 0 if one.over else off - off * one.returned_fen // one.amount


TestHeads, TestMoney = Heads.TestCase, Money.TestCase
TestHeads.settings = TestMoney.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
