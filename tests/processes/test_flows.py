"""The flows beyond "once" over the API of a real terminal (issue 4): passes, holds, loans, tours, overrides, paper."""

import json
import secrets
import sqlite3
from contextlib import closing

import pytest
import pytest_asyncio

from cache.texts import BODY, clear
from central.demo.street import town
from central.lists.cities import publish, put_rules
from central.lists.issuing import Wanted, issue
from central.register.warrants import Warrant
from credit.claims import Reservation, SubjectKind

BY_TWO = Warrant.by_two("li", "han")

pytestmark = pytest.mark.asyncio(loop_scope="module")


def benefit(name, code, scene, offer=None, **more):
    return {
        "id": name,
        "code": code,
        "issuer": town.CITY,
        "title": {"zh": name},
        "offer": offer or {"kind": "free"},
        "where": {"sites": [town.SITE], "scenes": [scene]},
        **more,
    }


BENEFITS = [
    benefit("pass", 1, "pass", lifecycle={"pass": {"entries": 2, "reentry_min": 60}}),
    benefit("hold", 2, "hold", {"kind": "hold", "until": "24:00"}),
    benefit(
        "books",
        3,
        "books",
        {"kind": "raise_limit", "max_items": 2},
        lifecycle={"open_close": {"due": "P30D"}},
        limits=[{"count": "open", "per": "subject", "max": 2}],
    ),
    benefit("staff", 4, "staff", needs=["staff-confirm"]),
    benefit("once", 5, "once", needs=["staff-confirm"], limits=[{"max": 1}]),
    benefit("room", 6, "room", capacity=[{"per": "occupancy", "scope": "benefit", "max": 3, "warn": 2}]),
    benefit("tour", 7, "tour", who={"subject": "group"}, needs=["reservation"]),
    benefit("paper", 8, "paper"),
    benefit(
        "later",
        9,
        "later",
        {"kind": "pay_later", "cap_fen": 20_000},
        limits=[{"count": "amount", "per": "subject", "period": "month", "max": 30_000}],
    ),
]
OVERRIDE = {"by": "sup-7", "why": "当面核对证件"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    lanes = [{"id": row["id"], "scene": row["id"]} for row in BENEFITS]
    async with running_town(tmp_path_factory.mktemp("flows"), lanes=lanes) as built:
        rules = {"issuer": town.CITY, "version": 2, "benefits": BENEFITS}
        put_rules(
            built.platform.state, town.CITY, {"benefits.json": json.dumps(rules).encode()}, warrant=BY_TWO, now_ms=0
        )
        publish(built.platform.state, now_ms=built.now_s() * 1000, cities=(town.CITY,))
        await built.gate.start()
        yield built


async def shown(served, who, lane, intent="enter", **more):
    code = who if isinstance(who, str) else who.code(served.now_s())
    return await served.gate.present(code, lane=lane, intent=intent, **more)


def brief(answer):
    return answer["outcome"], answer["reasons"][0]["code"]


def facts(served, kind):
    """Return (redemption, body) of every fact of this kind in the terminal's own journal."""
    with closing(sqlite3.connect(f"file:{served.gate.database}?mode=ro", uri=True)) as conn:
        rows = conn.execute(f"SELECT redemption, {BODY} FROM journal WHERE kind = ? ORDER BY seq", (kind,)).fetchall()
    return [(redemption, json.loads(clear(body))) for redemption, body in rows]


async def passes(served, answer):
    await served.gate.step(answer["redemption"], "passed")


async def test_a_pass_lets_in_again_but_nobody_twice_and_ends_when_it_is_spent(served):
    who = served.visitors.person(served.now_s())
    first = await shown(served, who, "pass")
    await passes(served, first)
    assert brief(await shown(served, who, "pass")) == ("REFER", "already_inside")
    assert brief(await shown(served, who, "pass", "exit")) == ("GRANT", "ok")

    again = await shown(served, who, "pass")
    assert brief(again) == ("GRANT", "ok")
    await passes(served, again)
    assert brief(await shown(served, who, "pass", "exit")) == ("GRANT", "ok")

    assert brief(await shown(served, who, "pass")) == ("STANDARD", "limit_used")


async def test_a_turnstile_that_did_not_turn_gives_the_entry_back(served):
    who = served.visitors.person(served.now_s())
    first = await shown(served, who, "pass")

    await served.gate.step(first["redemption"], "annul")

    assert brief(await shown(served, who, "pass")) == ("GRANT", "ok")


async def test_a_room_is_held_until_midnight(served):
    answer = await shown(served, served.visitors.person(served.now_s()), "hold", "buy")

    assert answer["offer"]["kind"] == "hold"
    assert answer["offer"]["until"].endswith("T00:00:00+08:00")


async def test_two_books_at_once_and_a_third_when_one_is_back(served):
    who = served.visitors.person(served.now_s())
    for book in ("B1", "B2"):
        assert brief(await shown(served, who, "books", "lend", asset=book)) == ("GRANT", "ok")
    assert (await shown(served, who, "books", "lend", asset="B3"))["outcome"] == "STANDARD"

    assert (await shown(served, "", "books", "give_back", asset="B1"))["benefit"] == "books"

    assert brief(await shown(served, who, "books", "lend", asset="B3")) == ("GRANT", "ok")


async def test_a_supervisor_s_override_is_a_fact_with_name_and_reason(served):
    who = served.visitors.person(served.now_s())
    assert brief(await shown(served, who, "staff")) == ("REFER", "needs_staff")

    answer = await shown(served, who, "staff", override=OVERRIDE)

    assert (brief(answer), answer["obligations"]["override"]) == (("GRANT", "ok"), True)
    assert facts(served, "override") == [(answer["redemption"], OVERRIDE)]


async def test_an_override_breaks_no_limit(served):
    who = served.visitors.person(served.now_s())
    first = await shown(served, who, "once", confirmed=["staff-confirm"])
    await passes(served, first)

    assert brief(await shown(served, who, "once", override=OVERRIDE)) == ("STANDARD", "limit_used")


async def test_staff_hear_that_a_room_is_nearly_full_before_it_is_full(served):
    people = [served.visitors.person(served.now_s()) for _ in range(4)]

    answers = [await shown(served, who, "room") for who in people]

    assert [one["obligations"].get("nearly_full") for one in answers] == [
        None,
        {"used": 2, "max": 3},
        {"used": 3, "max": 3},
        None,
    ]
    assert brief(answers[3]) == ("STANDARD", "full")
    assert brief(await shown(served, people[0], "room", "exit")) == ("GRANT", "ok")
    assert brief(await shown(served, people[3], "room")) == ("GRANT", "ok")


async def test_a_tour_passes_in_batches_and_not_one_more(served):
    now = served.now_s()
    booked = Reservation(order=secrets.token_bytes(8), site=town.SITE, from_s=now - 60, until_s=now + 3600, heads=30)
    wanted = Wanted(subject="tour", tier=3, max_uses=99, kind=SubjectKind.GROUP, reservation=booked, test=True)
    paper = issue(served.platform.state, town.CITY, wanted, now_s=now).text

    answers = [await shown(served, paper, "tour", heads=heads) for heads in (18, 12, 1)]

    assert [brief(one) for one in answers] == [("GRANT", "ok"), ("GRANT", "ok"), ("STANDARD", "limit_used")]


async def test_a_printed_code_works_as_often_as_it_says(served):
    wanted = Wanted(subject="elder", tier=3, max_uses=2, test=True)
    paper = issue(served.platform.state, town.CITY, wanted, now_s=served.now_s()).text

    outcomes = []
    for _ in range(3):
        answer = await shown(served, paper, "paper")
        outcomes.append(brief(answer))
        if answer["redemption"]:
            await passes(served, answer)

    assert outcomes == [("GRANT", "ok"), ("GRANT", "ok"), ("STANDARD", "limit_used")]


async def test_pay_later_up_to_the_month_s_amount_and_a_return_frees_it(served):
    who = served.visitors.person(served.now_s())
    first = await shown(served, who, "later", "buy", amount_fen=20_000)
    assert (first["offer"]["later_fen"], first["obligations"]["to_pay_fen"]) == (20_000, 0)
    assert brief(await shown(served, who, "later", "buy", amount_fen=10_001)) == ("STANDARD", "limit_used")

    await served.gate.step(first["redemption"], "reverse")

    assert brief(await shown(served, who, "later", "buy", amount_fen=10_001)) == ("GRANT", "ok")


async def test_the_gate_opens_for_everybody_who_leaves_however_soon_they_ask_again(served):
    who = served.visitors.person(served.now_s())
    before = len(served.openings)

    for _ in range(2):
        assert brief(await shown(served, who, "A", "exit")) == ("GRANT", "ok")

    await served.until(lambda: len(served.openings) == before + 2)


async def test_the_platform_holds_every_step(served):
    figures = await served.all_arrived()

    assert (figures.lost, figures.duplicated, figures.unsent) == (0, 0, 0)


async def test_a_loan_that_fell_due_while_the_terminal_was_off_is_overdue_soon_after_the_start(served):
    lent = await shown(served, served.visitors.person(served.now_s()), "books", "lend", asset="B9")
    assert brief(lent) == ("GRANT", "ok")
    await served.gate.process.stop()
    with closing(sqlite3.connect(served.gate.database)) as conn:
        conn.execute("UPDATE redemptions SET due_ms = at_ms WHERE id = ?", (lent["redemption"],))
        conn.commit()

    await served.gate.start()

    await served.until(lambda: lent["redemption"] in [of for of, _body in facts(served, "overdue")], 5)
