"""The money of the report: random lives of redemptions, and what stands at the end, to the fen."""

import random
from collections import Counter, defaultdict
from datetime import date

import pytest
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

NOW = 1_790_000_000_000
SITES = ("gate", "hotel", "shop")
HOUR_MS = 3_600_000


def record(kind, body, redemption="r"):
    return Record(seq=1, id="x", at_ms=NOW, kind=kind, redemption=redemption, body=body)


def a_grant(rng, site):
    """A grant whose parts add up: amount = to pay + off + waived + later."""
    items, pay = [], rng.choice([0, rng.randrange(50_000)])
    for at in range(rng.choice([1, 1, 2])):
        money = {name: rng.choice([0, 0, rng.randrange(30_000)]) for name in ("off_fen", "waived_fen", "later_fen")}
        items.append({"benefit": f"b{at}", "issuer": "w", "local": rng.random() < 0.1, "offer": money})
    total = pay + sum(sum(one["offer"].values()) for one in items)
    items[0]["offer"]["to_pay_fen"] = pay
    body = {"issuer": rng.choice("wx"), "site": site, "heads": rng.randrange(1, 4), "given": items, "amount_fen": total}
    if len(items) > 1:
        body["offer"] = {"to_pay_fen": pay}
    if rng.random() < 0.2:
        body["awaiting"] = True
    return body


def a_life(rng, body):
    """Steps that a terminal could write, and some that it could not."""
    steps, left = [], body["amount_fen"]
    if body.get("awaiting"):
        steps += rng.choice([[], [("annulled", {"cause": "unpaid"})], [("paid", {"amount_fen": 100})]])
        if steps and steps[0][0] == "annulled" and rng.random() < 0.5:
            steps.append(("paid", {"amount_fen": 100}))
    for _ in range(rng.randrange(4)):
        kind = rng.choice(["passed", "annulled", "part", "part", "whole", "closed", "claimed", "overdue"])
        if kind == "part":
            fen = rng.randrange(left + 1)
            left -= fen
            steps.append(("reversed", {"step": "reversed_part", "whole": False, "fen": fen, "heads": 0}))
        elif kind == "whole":
            steps.append(("reversed", {"step": "reversed", "whole": True, "fen": left, "heads": 1}))
        elif kind == "claimed":
            steps.append(("closed", {"step": "claimed", "fen": rng.randrange(9_000)}))
        else:
            steps.append((kind, {"step": kind}))
    return steps


def from_scratch(facts):
    """Sum the journal without the books: every redemption's facts together, whatever their order."""
    by_redemption, found = defaultdict(list), Counter()
    for kind, redemption, body, _at in facts:
        by_redemption[redemption].append((kind, body))
    for told in by_redemption.values():
        body = next(body for kind, body in told if kind in ("granted", "opened"))
        dead, money = Counter(kind for kind, _ in told), Counter()
        unpaid = all(one.get("cause") == "unpaid" for kind, one in told if kind == "annulled")
        gone = dead["annulled"] and not dead["passed"] and not (unpaid and dead["paid"])
        whole = any(kind == "reversed" and one["whole"] for kind, one in told)
        claims = [one["fen"] for kind, one in told if kind == "closed" and one["step"] == "claimed"]
        shut = any(kind == "closed" and one["step"] != "claimed" for kind, one in told)
        part = sum(one["fen"] for kind, one in told if kind == "reversed" and not one["whole"])
        counts = not body.get("awaiting") or dead["paid"]
        pay, amount = (body.get("offer") or body["given"][0]["offer"])["to_pay_fen"], body["amount_fen"]
        stood = sum(one["offer"][name] for one in body["given"] for name in ("off_fen", "waived_fen", "later_fen"))
        if counts and whole:
            money |= {"refund": pay, "back": stood}
        elif counts and not gone:
            refund = 0 if not part else pay if part == amount else pay * part // amount
            money |= {"refund": refund, "back": part - refund if part else 0}
            money["stands"] = stood - money["back"]
        money |= {"claim": sum(claims), "claims": len(claims), "undone": int(bool(gone or whole)), "granted": 1}
        money["overdue"] = int(dead["overdue"] > 0 and not (gone or whole or claims or shut))
        money["paid"] = sum(one["amount_fen"] for kind, one in told if kind == "paid")
        for name, figure in money.items():
            found[body["site"], body["issuer"], name] += figure
    return {key: figure for key, figure in found.items() if figure}


def from_report(report):
    names = {"refund": "refund_fen", "back": "back_fen", "claim": "claim_fen", "claims": "claims", "paid": "paid_fen"}
    found = Counter()
    for line in report.lines:
        first = line.benefit == "b0"  # what belongs to a redemption as a whole stands at its first benefit
        for name, column in names.items():
            found[line.site, line.issuer, name] += getattr(line, column)
        found[line.site, line.issuer, "stands"] += line.off_fen + line.waived_fen + line.later_fen
        if first:
            for name in ("undone", "granted", "overdue"):
                found[line.site, line.issuer, name] += getattr(line, name)
    return {key: figure for key, figure in found.items() if figure}


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
        own, at_ms = rng.choice(terminals), NOW + rng.randrange(48) * HOUR_MS
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
        await terminal.bring(*batch, now_ms=NOW + rng.randrange(96) * HOUR_MS)

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
