"""Redemptions leave after their facts, with the uses of periods that are over; what is used for ever stays."""

import pytest

from cache.ledger.keeping.leaving import KEPT_S, forget_over
from cache.memory.checking import contradictions
from credit.inputs import Intent
from credit.reasons import Outcome
from tests.town.two_deciders import benefit, two_gates

DAY_MS = 86_400_000
BENEFITS = [
    benefit(
        2,
        "daily",
        "free",
        where={"scenes": ["gate"]},
        limits=[{"max": 1, "per": "subject", "period": "day"}],
        capacity=[{"per": "day", "max": 99}],
    ),
    benefit(3, "first", "free", where={"scenes": ["shop"]}, limits=[{"max": 1, "per": "subject", "period": "ever"}]),
    benefit(
        4,
        "lent",
        "deposit_waiver",
        offer={"cap_fen": 5000},
        where={"scenes": ["stand"]},
        lifecycle={"open_close": {"due": "P1D"}},
        limits=[{"max": 1, "per": "subject", "period": "day"}],
    ),
]


@pytest.fixture
async def gate(tmp_path, monkeypatch):
    async with two_gates(tmp_path, BENEFITS, monkeypatch) as (authority, one, _two):
        authority.silent = True
        for lane, intent in (("A", Intent.ENTER), ("T", Intent.BUY), ("S", Intent.OPEN)):
            assert (await one.shows(lane=lane, intent=intent)).decision.outcome is Outcome.GRANT
        one.clock.at_ms += DAY_MS
        assert (await one.shows(holder=2)).decision.outcome is Outcome.GRANT
        yield one


async def left(gate, *, days, facts_gone=True):
    """Let time pass, and the facts before the last one leave; return the benefits of what is still there."""
    at_ms = gate.clock.at_ms + days * DAY_MS

    def job(conn):
        if facts_gone:
            conn.execute("DELETE FROM journal WHERE seq < (SELECT max(seq) FROM journal)")
        after = 1
        while after:
            after = forget_over(conn, at_ms, 0 if after == 1 else after, at_most=2)

    await gate.store.write(job)
    rows = await gate.store.read(lambda conn: conn.execute("SELECT benefit FROM redemptions ORDER BY seq").fetchall())
    return [row[0] for row in rows]


async def test_what_is_over_leaves_with_its_uses_and_what_is_open_or_for_ever_stays(gate):
    assert await left(gate, days=200) == ["first", "lent", "daily"]

    uses = await gate.store.read(lambda c: sorted({row[0].split("|")[1] for row in c.execute("SELECT key FROM uses")}))
    counted = await gate.store.read(lambda c: c.execute("SELECT key, n FROM tallies WHERE n <> 0").fetchall())
    assert uses == ["wulong/daily", "wulong/first", "wulong/lent"]
    assert [n for key, n in counted if "wulong/daily|day" in key] == [1]  # the second holder's fact is here


async def test_while_the_fact_is_here_or_the_period_is_not_over_for_long_nothing_leaves(gate):
    every = ["daily", "first", "lent", "daily"]

    assert await left(gate, days=200, facts_gone=False) == every
    assert await left(gate, days=KEPT_S // 86_400 - 2) == every


async def test_the_ledger_still_says_what_the_journal_says(gate):
    await left(gate, days=200)

    assert await gate.store.read(lambda conn: contradictions(conn, "one")) == []
