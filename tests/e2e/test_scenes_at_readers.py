"""Scenes that end at a reader of their own: an exit turnstile, an umbrella stand, a machine for payment.

Each reader is a serial scanner (a pseudo terminal); what a code means there is the lane's intent, which the profile
says. Nobody names an intent: the visitor only shows the code.
"""

import time

import pytest

from credit.claims import Reservation, SubjectKind

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
SITE = "yunxi-town"


def brief(answer):
    return answer["outcome"], answer["reasons"][0]["code"]


def booked(order, now, *, heads):
    return Reservation(order=order, site=SITE, from_s=now - 600, until_s=now + 600, heads=heads)


async def test_s4_the_umbrella_goes_back_into_the_stand_and_its_own_reader_ends_the_loan(scenes):
    who = scenes.holder()
    lent = await scenes.scan(who, "umbrella", intent="lend", asset="U7")
    assert brief(lent) == ("GRANT", "ok")

    back = await scenes.shown(who, "stand")

    assert (brief(back), back["benefit"]) == (("GRANT", "ok"), "s4")
    assert await scenes.terminal.state_of(lent["redemption"]) in ("closed", "overdue")
    assert brief(await scenes.scan(who, "umbrella", intent="lend", asset="U8")) == ("GRANT", "ok")
    await scenes.shown(who, "stand")
    nothing = await scenes.shown(scenes.holder(), "stand")
    assert brief(nothing) == ("STANDARD", "nothing_open")


async def test_s4_the_stand_takes_back_while_the_network_is_cut(scenes):
    who = scenes.holder()
    await scenes.scan(who, "umbrella", intent="lend", asset="U9")
    await scenes.offline()

    back = await scenes.shown(who, "stand")

    assert (back["outcome"], back["offline"]) == ("GRANT", True)
    await scenes.online()


async def test_s7_who_leaves_by_the_exit_reader_makes_room_for_the_next(scenes):
    people = [scenes.holder() for _ in range(3)]
    for who in people[:2]:
        assert brief(await scenes.scan(who, "s7-room", intent="enter")) == ("GRANT", "ok")
    assert brief(await scenes.scan(people[2], "s7-room", intent="enter")) == ("REFER", "full")

    left = await scenes.shown(people[0], "s7-out")

    assert (left["outcome"], left["benefit"], left["intent"]) == ("GRANT", None, "exit")
    assert brief(await scenes.scan(people[2], "s7-room", intent="enter")) == ("GRANT", "ok")
    for who in people[1:]:
        await scenes.shown(who, "s7-out")


async def test_s7_nobody_is_kept_in_by_the_stop_entry_switch(scenes):
    who = scenes.holder()
    await scenes.scan(who, "s7-room", intent="enter")
    await scenes.stop_entry(stopped=True)

    assert (await scenes.shown(who, "s7-out"))["outcome"] == "GRANT"
    await scenes.stop_entry(stopped=False)


async def test_s13_a_tour_enters_in_batches_and_leaves_by_the_exit_reader(scenes, order):
    tour = scenes.holder(kind=SubjectKind.GROUP, reservation=booked(order, int(time.time()), heads=30))
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=20)) == ("GRANT", "ok")
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=10)) == ("GRANT", "ok")

    assert (await scenes.shown(tour, "s13-out"))["outcome"] == "GRANT"
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=1)) == ("STANDARD", "limit_used")


async def test_s14_a_paper_code_is_spoken_to_and_its_copy_is_stopped(scenes):
    paper, other = scenes.paper(1), scenes.paper(1)

    first = await scenes.shown(paper, "s14-voice")
    await scenes.until(lambda: scenes.heard("grant"))
    assert brief(first) == ("GRANT", "ok")
    assert brief(await scenes.scan(paper, "s14", intent="enter")) == ("STANDARD", "limit_used")

    assert brief(await scenes.scan(other, "s14", intent="enter")) == ("GRANT", "ok")
    copied = await scenes.shown(other, "s14-voice")
    await scenes.until(lambda: scenes.heard("standard"))
    assert brief(copied) == ("STANDARD", "limit_used")


async def test_s19_half_the_price_is_paid_at_the_machine_and_the_gate_opens_once(scenes):
    who = scenes.holder()
    asked = await scenes.shown(who, "s19")
    assert (asked["outcome"], asked["obligations"]["pay_fen"]) == ("GRANT", 3_000)
    assert "open_gate" not in asked["obligations"]
    assert scenes.opened("s19") == []

    short = await scenes.refused_step(asked["redemption"], "paid", order="m-1", amount_fen=2_000)
    assert short["reason"] == "wrong_amount"
    await scenes.step(asked["redemption"], "paid", order="m-1", amount_fen=3_000, request_id="machine-1")
    await scenes.step(asked["redemption"], "paid", order="m-1", amount_fen=3_000, request_id="machine-1")

    async def once():
        return scenes.opened("s19") == [asked["redemption"]]

    await scenes.until(once)
    assert len(await scenes.arrived(asked["redemption"])) == 1


async def test_s19_who_does_not_pay_has_used_nothing_and_who_pays_late_is_let_in(scenes):
    who = scenes.holder()
    asked = await scenes.shown(who, "s19")

    async def given_back():
        return await scenes.terminal.state_of(asked["redemption"]) == "annulled"

    await scenes.until(given_back)
    assert asked["redemption"] not in scenes.opened("s19")
    await scenes.step(asked["redemption"], "paid", order="m-2", amount_fen=3_000)

    async def opened():
        return asked["redemption"] in scenes.opened("s19")

    await scenes.until(opened)


async def test_s19_the_money_counts_at_the_platform_only_once_it_is_paid(scenes):
    paying, walking = scenes.holder(), scenes.holder()
    before = await scenes.taken("s19")
    paid, left = [await scenes.shown(who, "s19") for who in (paying, walking)]
    await scenes.step(paid["redemption"], "paid", order="m-3", amount_fen=3_000)

    async def given_back():
        return await scenes.terminal.state_of(left["redemption"]) == "annulled"

    assert await scenes.taken("s19") == (before[0] + 3_000, before[1] + 3_000)
    await scenes.until(given_back)
    await scenes.arrived(left["redemption"])
    assert await scenes.taken("s19") == (before[0] + 3_000, before[1] + 3_000)
