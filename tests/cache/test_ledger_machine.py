"""Any sequence of presentations, steps, clock moves and restarts on a real ledger: no bound is ever exceeded."""

import itertools
import json
from contextlib import closing, contextmanager

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from cache.journal.chain import begin_epoch, records, verify
from cache.ledger import settle, steps, upkeep
from cache.ledger.visit import Visit
from cache.memory.absorbing import absorb
from cache.memory.checking import contradictions
from cache.pen import Pen
from cache.texts import BODY, clear
from credit.claims import Token, TokenClass
from credit.inputs import ENDING, Intent, Now, Place, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from credit.rules.documents import parse_measure_codes
from credit.rules.measures import MeasureEntry
from storage.sqlite import immediate, memory

T0 = 1_790_000_000_000
SUBJECTS = [b"wang", b"li"]
CATALOGUES = [
    [{"offer": {"kind": "free"}, "limits": [{"max": 2}]}],
    [{"offer": {"kind": "free"}, "limits": [{"period": "day", "max": 1}, {"period": {"rolling_h": 30}, "max": 2}]}],
    [{"offer": {"kind": "percent", "percent_off": 30}, "limits": [{"count": "amount", "period": "month", "max": 500}]}],
    [
        {"offer": {"kind": "free"}, "limits": [{"scope": "programme", "max": 3}], "stacks": "x"},
        {"offer": {"kind": "percent", "percent_off": 7}, "limits": [{"scope": "programme", "max": 3}], "stacks": "y"},
    ],
    [
        {
            "offer": {"kind": "free"},
            "capacity": [{"per": "occupancy", "scope": "site", "max": 2}, {"per": "day", "max": 5}],
        }
    ],
    [{"offer": {"kind": "deposit_waiver", "cap_fen": 100}, "lifecycle": {"open_close": {"due": "PT2H"}}}],
    [{"offer": {"kind": "free"}, "lifecycle": {"pass": {"entries": 3, "reentry_min": 90, "anti_pass_back": False}}}],
    [
        {"offer": {"kind": "gift", "stock": 3}, "limits": [{"per": "all", "max": 4}]},
        {"offer": {"kind": "free"}, "limits": [{"max": 1}]},
    ],
]
SAME = {
    "uses": "key, redemption, given_back_by IS NULL",
    "sums": "key, redemption, fen, given_back_fen",
    "tallies": "key, n",
    "redemptions": "id, state, passed_ms, due_ms, returned_fen, returned_heads, pass_of, pass_root, heads, amount_fen",
}
CODES = parse_measure_codes({"302": {"effect": "restrict"}})


class Lists:
    def __init__(self):
        self.restricted = set()

    def measures(self, issuer, subject):
        return (MeasureEntry(issuer="w", code=302),) if subject in self.restricted else ()

    def revoked(self, issuer, token_id, status_index):
        return False

    def age_s(self, issuer, now_s):
        return 0


class LedgerMachine(RuleBasedStateMachine):
    granted = Bundle("granted")

    @initialize(rows=st.sampled_from(CATALOGUES))
    def start(self, rows):
        self.conn = memory()
        with immediate(self.conn):
            begin_epoch(self.conn, epoch="e", terminal="t", reason="test")
        benefits = parse_benefits([{"id": f"b{n}", "code": n, "issuer": "w", **row} for n, row in enumerate(rows)])
        self.policy = Policy.compile(benefits=benefits, codes=CODES)
        self.lists = Lists()
        self.at_ms = T0
        self.numbers = itertools.count(1)
        self.limits = {}  # key → (limit, rolling milliseconds or None)
        self.beyond = set()

    def make_id(self, at_ms):
        return f"id-{next(self.numbers):06d}"

    @rule(seconds=st.sampled_from([1, 9, 10, 11, 3_600, 40_000, 90_000, -5, -7_200]))
    def time_moves(self, seconds):
        self.at_ms += seconds * 1000

    @rule(
        target=granted,
        who=st.sampled_from(SUBJECTS),
        intent=st.sampled_from(Intent),
        heads=st.integers(1, 3),
        amount=st.sampled_from([None, 0, 100, 999]),
        nonce=st.integers(0, 5),
        lane=st.sampled_from(["A", "B"]),
        uses=st.sampled_from([None, None, 2]),
    )
    def present(self, who, intent, heads, amount, nonce, lane, uses):
        token = Token(
            issuer="w",
            kid=b"k" * 8,
            token_id=who.ljust(8),
            token_class=TokenClass.BOUND,
            subject=who,
            tier=3,
            issued_at=0,
            expires=2**40,
            nonce=bytes([nonce]) * 8,
            max_uses=uses,
        )
        place = Place(site="park", scene="gate", lane=lane, terminal="t")
        request = Request(intent=intent, heads=heads, heads_named=True, amount_fen=amount)
        with self.writing() as pen:
            settled = settle.settle(pen, Visit(token, request, place), self.lists, self.policy)
        decision = settled.decision
        if who in self.lists.restricted and intent not in ENDING:
            assert decision.outcome is not Outcome.GRANT
        for one in (*decision.consumption.uses, *decision.consumption.sums):
            if one.limit is not None:
                rolling = None if one.since_ms is None else self.at_ms - one.since_ms
                self.limits[one.key] = (one.limit, rolling)
        if settled.redemption and not settled.repeat and intent not in ENDING:
            return settled.redemption
        return multiple()

    @rule(redemption=granted, what=st.sampled_from([steps.passed, steps.annul, steps.close, steps.actuated]))
    def step(self, redemption, what):
        with self.writing() as pen:
            stepped = what(pen, redemption)
        if what is steps.passed and stepped.error is None:
            self.note_excess()

    @contextmanager
    def writing(self):
        with immediate(self.conn):
            yield Pen(self.conn, Now(utc_ms=self.at_ms), self.make_id)

    def note_excess(self):
        """What somebody who passed after an annulment took beyond its bound is counted, and known to be beyond it."""
        rows = self.conn.execute("SELECT DISTINCT key FROM uses WHERE excess = 1").fetchall()
        self.beyond |= {row[0] for row in rows}
        newest = self.conn.execute(f"SELECT {BODY} FROM journal ORDER BY seq DESC LIMIT 1").fetchone()[0]
        if json.loads(clear(newest)).get("excess"):
            self.beyond |= {row[0] for row in self.conn.execute("SELECT key FROM sums")}

    @rule(redemption=granted, fen=st.sampled_from([None, 1, 50]), heads=st.sampled_from([None, 1]))
    def reverse(self, redemption, fen, heads):
        with self.writing() as pen:
            steps.reverse(pen, redemption, amount_fen=fen, heads=None if fen else heads)

    @rule(redemption=consumes(granted))
    def annul_twice_gives_back_once(self, redemption):
        with self.writing() as pen:
            steps.annul(pen, redemption)
            before = self.conn.execute("SELECT key, n FROM tallies ORDER BY key").fetchall()
            again = steps.annul(pen, redemption)
        assert again.error in (Reason.NOTHING_OPEN, Reason.TOO_LATE)
        assert self.conn.execute("SELECT key, n FROM tallies ORDER BY key").fetchall() == before

    @rule()
    def restart(self):
        with self.writing() as pen:
            upkeep.renew_grace(self.conn, pen.now)
            upkeep.mark_overdue(pen)

    @rule(who=st.sampled_from(SUBJECTS), on=st.booleans())
    def restrict_or_repair(self, who, on):
        (self.lists.restricted.add if on else self.lists.restricted.discard)(who)

    @invariant()
    def no_bound_is_exceeded(self):
        for key, (limit, rolling) in getattr(self, "limits", {}).items():
            if rolling is None and key not in self.beyond:
                assert self._held(key, -(2**62)) <= limit, key

    @invariant()
    def tallies_are_the_rows(self):
        if not hasattr(self, "conn"):
            return
        for key, n in self.conn.execute("SELECT key, n FROM tallies").fetchall():
            assert n == self._held(key, -(2**62)), key

    def _held(self, key, since_ms):
        if key.startswith("a|"):
            sql = "SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE key = ? AND at_ms > ?"
        else:
            sql = "SELECT count(*) FROM uses WHERE key = ? AND at_ms > ? AND given_back_by IS NULL"
        return self.conn.execute(sql, (key, since_ms)).fetchone()[0]

    def teardown(self):
        if hasattr(self, "conn"):
            verify(self.conn)
            assert contradictions(self.conn, "t") == []
            self.what_comes_back_is_what_was_lost()
            self.conn.close()

    def what_comes_back_is_what_was_lost(self):
        """An empty terminal that is given these facts has the same ledger, however often it is given them."""
        facts = list(records(self.conn))
        with closing(memory()) as anew:
            for _ in range(2):
                with immediate(anew):
                    absorbed = absorb(Pen(anew, Now(utc_ms=self.at_ms), self.make_id), "t", facts, ())
                assert absorbed.left_out == 0
                for table, columns in SAME.items():
                    sql = f"SELECT {columns} FROM {table} ORDER BY {columns}"
                    assert anew.execute(sql).fetchall() == self.conn.execute(sql).fetchall(), table
            burnt = "SELECT issuer, token, nonce, redemption FROM nonces WHERE freed = 0"
            assert set(self.conn.execute(burnt)) <= set(anew.execute(burnt))  # here old ones were forgotten


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
