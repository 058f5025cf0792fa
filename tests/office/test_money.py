"""The money of the report: random lives of redemptions, and what stands at the end, to the fen."""

import random
from datetime import date

import pytest
from drawn_lives import NOW, SITES, a_grant, a_life, from_report, from_scratch
from hypothesis import given, settings
from hypothesis import strategies as st

from central.books.bounds import Bounds
from central.books.rebuilding import rebuild
from central.books.reconciliation import reconcile
from central.books.settling.accounts import (
    FIGURES,
    UNTOUCHED,
    Figures,
    Grant,
    Item,
    Steps,
    packed,
    stepped,
    unpacked,
    worth,
)
from central.books.settling.half_year import JUDGED, LINES, half_year, line_of
from credit.records import Record


def record(kind, body, redemption="r"):
    return Record(seq=1, id="x", at_ms=NOW, kind=kind, redemption=redemption, body=body)


async def by_quarters(books):
    """Return the lines of everything, which lies within the period, as the quarters add up."""

    async def job(tx):
        judged = {row[:4]: row[4:] for row in await tx.rows(JUDGED, 0, 2**40)}
        return [line_of(row, judged.get(row[:4], ())) for row in await tx.rows(LINES, 0, 2**40)]

    return await books.read(job)


@pytest.mark.parametrize("seed", range(4))
async def test_the_report_is_the_sum_over_the_journal_whatever_came_late_or_elsewhere(books, journal, seed):
    rng = random.Random(seed)
    terminals = [await journal(f"t{n}", SITES[n]) for n in range(3)]
    queues, everything = {one: [] for one in terminals}, []
    for number in range(40):
        own, at_ms = rng.choice(terminals), NOW + rng.randrange(48) * 3_600_000
        body = a_grant(rng, rng.choice(SITES))  # terminals move: the fact says where
        told = [(own, (rng.choice(["granted", "opened"]), f"r{number}", body, at_ms))]
        for kind, said in a_life(rng, body):
            told.append((rng.choice([own, own, rng.choice(terminals)]), (kind, f"r{number}", said, at_ms + 1)))
        for terminal, fact in told:
            queues[terminal].append(fact)
            everything.append(fact)
    while any(queues.values()):
        terminal = rng.choice([one for one in terminals if queues[one]])
        size = rng.randrange(1, 9)
        batch, queues[terminal] = queues[terminal][:size], queues[terminal][size:]
        await terminal.bring(*batch, now_ms=NOW + rng.randrange(96) * 3_600_000)

    days = {"first": date(2026, 9, 1), "last": date(2026, 10, 10), "zone": "Asia/Shanghai"}
    told = await books.read(lambda tx: reconcile(tx, **days))
    await books.write(lambda tx: rebuild(tx, Bounds()))
    again = await books.read(lambda tx: reconcile(tx, **days))

    assert await books.read(lambda tx: tx.rows("SELECT kind, detail FROM findings")) == []
    assert from_report(told) == from_scratch(everything)
    assert again.lines == told.lines
    assert (await books.read(lambda tx: half_year(tx, **days))).lines == await by_quarters(books)


MONEY = st.integers(0, 2**40)
STEPS = st.lists(
    st.one_of(
        st.sampled_from([("passed", {}), ("annulled", {}), ("annulled", {"cause": "unpaid"}), ("overdue", {})]),
        st.sampled_from([("closed", {}), ("reversed", {"whole": True}), ("reversed", {"whole": 1}), ("note", {})]),
        st.builds(lambda fen: ("reversed", {"whole": False, "fen": fen}), MONEY),
        st.builds(lambda fen: ("closed", {"step": "claimed", "fen": fen}), MONEY),
        st.builds(lambda fen: ("paid", {"amount_fen": fen}), MONEY),
    ),
    max_size=6,
)


@given(pay=MONEY, parts=st.lists(st.tuples(MONEY, MONEY, MONEY), min_size=1, max_size=3), steps=STEPS, data=st.data())
@settings(max_examples=150, deadline=None)
def test_no_fen_is_lost_between_visitor_and_benefits_and_no_order_of_facts_matters(pay, parts, steps, data):
    items = tuple(Item(f"b{at}", at == 1, *one) for at, one in enumerate(parts))
    amount = pay + sum(map(sum, parts))
    grant = Grant(
        issuer="w", site="s", heads=1, amount_fen=amount, to_pay_fen=pay, awaiting=data.draw(st.booleans()), items=items
    )
    heard, other = Steps(), Steps()
    for one in steps:
        heard = stepped(heard, record(*one))
    for one in data.draw(st.permutations(steps)):
        other = stepped(other, record(*one))

    told = sum(worth(grant, heard).values(), Figures())

    assert other == heard
    assert worth(grant, UNTOUCHED) == worth(grant, Steps())  # which is the same, and worked out the long way
    assert unpacked(packed(heard)) == heard
    assert min(getattr(told, name) for name in FIGURES) >= 0
    if heard.stands and (heard.paid or not grant.awaiting):
        came_back = min(heard.returned_fen, amount)
        assert told.off_fen + told.waived_fen + told.later_fen + told.back_fen == amount - pay
        assert told.refund_fen + told.back_fen == came_back
    if not heard.stands:
        assert (told.off_fen, told.waived_fen, told.later_fen, told.repaid_fen, told.overdue_fen) == (0, 0, 0, 0, 0)
