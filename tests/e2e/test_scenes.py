"""The acceptance scenes of docs/scenes.md with real processes, the platform, and QR pictures through the scanner.

`make e2e SCENE=S3` plays one scene and shows it.
"""

import asyncio
import time

import aiohttp
import pytest

from central.clock import now_ms
from central.lists.measure_calls import dispute, repair, undispute
from central.lists.publishing import Repository
from credit.claims import Reservation, SubjectKind

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
SITE = "yunxi-town"


def said(answer):
    return [one["code"] for one in answer["reasons"]]


def brief(answer):
    return answer["outcome"], said(answer)[0]


def booked(order, now, *, start=-600, end=600, heads=1):
    return Reservation(order=order, site=SITE, from_s=now + start, until_s=now + end, heads=heads)


async def test_s1_first_visit_of_each_of_the_seven_groups_is_free_and_the_second_is_not_with_the_network_cut(scenes):
    people = [scenes.holder(groups=(group,)) for group in range(12, 19)]

    for who in people[:2]:
        assert brief(await scenes.at_gate(who)) == ("GRANT", "ok")
    for who in people[2:]:
        assert brief(await scenes.scan(who, "A", intent="enter")) == ("GRANT", "ok")

    await scenes.offline()
    for who in people[2:]:
        answer = await scenes.scan(who, "B", intent="enter")
        assert brief(answer) == ("STANDARD", "limit_used")
        assert answer["reasons"][0]["facts"]["where"] == f"{SITE}/A"
    await scenes.online()


async def test_s2_not_on_a_holiday_but_on_the_day_that_was_made_a_working_day(scenes):
    assert brief(await scenes.scan(scenes.holder(groups=(1,)), "s2", intent="enter"))[0] == "STANDARD"
    assert "holiday_excluded" in said(await scenes.scan(scenes.holder(groups=(1,)), "s2", intent="enter"))
    assert (await scenes.scan(scenes.holder(groups=(2,)), "s2", intent="enter"))["benefit"] == "s2-made-up"


async def test_s3_hotel_check_in_without_deposit_and_check_out_offline(scenes):
    guest, other = scenes.holder(), scenes.holder()
    stay = await scenes.scan(guest, "hotel", intent="open", amount_fen=30_000)
    damaged = await scenes.scan(other, "hotel", intent="open", amount_fen=60_000)
    assert (stay["offer"]["waived_fen"], damaged["obligations"]["to_pay_fen"]) == (30_000, 10_000)

    await scenes.offline()
    assert (await scenes.scan(guest, "hotel", intent="close"))["benefit"] == "s3"
    assert brief(await scenes.scan(other, "hotel", intent="open", amount_fen=1)) == ("STANDARD", "already_open")
    claimed = await scenes.step(damaged["redemption"], "claim", amount_fen=8_000)
    assert claimed["redemption"]["claimed_fen"] == 8_000
    await scenes.online()


async def test_s4_umbrella_lent_returned_overdue(scenes):
    who = scenes.holder()
    assert brief(await scenes.scan(who, "umbrella", intent="lend")) == ("STANDARD", "needs_asset")
    assert brief(await scenes.scan(who, "umbrella", intent="lend", asset="U1")) == ("GRANT", "ok")
    assert "already_open" in said(await scenes.scan(who, "umbrella", intent="lend", asset="U2"))

    async def overdue():
        return "overdue" in said(await scenes.scan(who, "umbrella", intent="lend", asset="U3"))

    await scenes.until(overdue)
    assert said(await scenes.without_code("umbrella", intent="give_back", asset="U1")) == ["ok", "overdue"]
    assert brief(await scenes.scan(who, "umbrella", intent="lend", asset="U4")) == ("GRANT", "ok")


@pytest.mark.parametrize(("tier", "items", "days"), [(3, 3, 30), (4, 4, 60), (6, 5, 60)])
async def test_s5_library_items_and_days_by_tier(scenes, tier, items, days):
    answer = await scenes.scan(scenes.holder(tier=tier), "library", intent="buy")

    assert (answer["offer"]["max_items"], answer["offer"]["days"]) == (items, days)
    assert answer["benefits"] == ["s5-items", "s5-days"]


async def test_s6_second_check_passed_failed_down_and_walking_off(scenes):
    who = scenes.holder()
    assert brief(await scenes.scan(who, "s6", intent="enter")) == ("REFER", "needs_second_check")
    assert brief(await scenes.scan(who, "s6", intent="enter", second="HEALTH-RED")) == ("REFER", "needs_second_check")
    assert brief(await scenes.scan(scenes.holder(), "s6", intent="enter")) == ("REFER", "needs_second_check")
    assert brief(await scenes.scan(who, "s6", intent="enter", second="HEALTH-GREEN")) == ("GRANT", "ok")


@pytest.mark.parametrize(
    ("lane", "policy", "outcome", "reason"),
    [
        ("s6", "refer", "REFER", "needs_second_check"),
        ("s6-ticket", "pass", "GRANT", "ok"),
        ("s6-police", "refuse", "STANDARD", "needs_second_check"),
    ],
)
async def test_s6_the_second_verifier_is_down_and_the_written_policy_counts(scenes, lane, policy, outcome, reason):
    scenes.health.down = True
    scenes.story.happens(f"第二核验方不在线，规定为 {policy}", f"the second verifier is down; the policy says {policy}")

    assert brief(await scenes.scan(scenes.holder(), lane, intent="enter", second="HEALTH-GREEN")) == (outcome, reason)


async def test_s6_two_codes_before_the_camera_and_one_who_walks_off_after_the_first(scenes):
    leaving, staying = scenes.holder(groups=(60,)), scenes.holder(groups=(60,))

    assert brief(await scenes.at_gate(leaving))[0] == "REFER"
    asked = await scenes.at_gate(staying)
    assert (asked["outcome"], "needs_second_check" in said(asked)) == ("REFER", True)
    granted = await scenes.at_gate("HEALTH-GREEN")

    assert (brief(granted), granted["benefit"]) == (("GRANT", "ok"), "s6-camera")
    assert "needs_second_check" in said(await scenes.scan(leaving, "A", intent="check"))
    assert (await scenes.scan(staying, "A", intent="exit"))["outcome"] == "GRANT"


async def test_s7_slot_early_on_time_late_full_and_stopped(scenes):
    early = scenes.holder(reservation=booked(b"early---", int(time.time()), start=600, end=1200))
    late = scenes.holder(reservation=booked(b"late----", int(time.time()), start=-1200, end=-600))
    timely = scenes.holder(reservation=booked(b"timely--", int(time.time())))
    assert brief(await scenes.scan(early, "s7", intent="enter")) == ("REFER", "slot_early")
    assert brief(await scenes.scan(late, "s7", intent="enter")) == ("REFER", "slot_late")
    assert brief(await scenes.scan(timely, "s7", intent="enter")) == ("GRANT", "ok")
    assert brief(await scenes.scan(scenes.holder(), "s7", intent="enter")) == ("STANDARD", "needs_reservation")

    first, second, third = scenes.holder(), scenes.holder(), scenes.holder()
    assert brief(await scenes.scan(first, "s7-room", intent="enter")) == ("GRANT", "ok")
    assert brief(await scenes.scan(second, "s7-room", intent="enter")) == ("GRANT", "ok")
    assert brief(await scenes.scan(third, "s7-room", intent="enter")) == ("REFER", "full")
    assert brief(await scenes.scan(first, "s7-room", intent="exit")) == ("GRANT", "ok")
    await scenes.stop_entry(stopped=True)
    assert brief(await scenes.scan(third, "s7-room", intent="enter")) == ("REFER", "entry_stopped")
    await scenes.stop_entry(stopped=False)
    assert brief(await scenes.scan(third, "s7-room", intent="enter")) == ("GRANT", "ok")


async def restricted(scenes, who, wanted):
    async def holds():
        return (brief(await scenes.scan(who, "s8", intent="check")) == ("REFUSE", "restricted")) is wanted

    await scenes.until(holds, within_s=10.0)


async def test_s8_restricted_and_repaired_reach_the_terminal_by_themselves(scenes):
    who = scenes.holder()
    await scenes.restrict(who)
    await restricted(scenes, who, wanted=True)

    await scenes.measure(repair, who)

    await restricted(scenes, who, wanted=False)
    assert brief(await scenes.scan(who, "s8", intent="enter")) == ("GRANT", "ok")


async def test_s9_a_disputed_entry_has_no_effect_until_the_dispute_is_rejected(scenes):
    who = scenes.holder()
    await scenes.restrict(who)
    await restricted(scenes, who, wanted=True)
    await scenes.measure(dispute, who)
    await restricted(scenes, who, wanted=False)
    await scenes.measure(undispute, who)
    await restricted(scenes, who, wanted=True)


async def test_s11_the_plug_is_pulled_between_commit_and_relay(scenes):
    who = scenes.holder()
    await scenes.rigged("after-commit")

    with pytest.raises(aiohttp.ClientError):
        await scenes.scan(who, "s11", intent="enter")
    assert not scenes.openings.exists()
    await scenes.unrigged()
    again = await scenes.scan(who, "s11", intent="enter")

    assert (brief(again), again["repeat"]) == (("GRANT", "ok"), True)

    async def opened():
        return scenes.openings.exists() and len(scenes.openings.read_text().splitlines()) == 1

    await scenes.until(opened)
    assert len(await scenes.arrived(again["redemption"])) == 1
    other = await scenes.scan(who, "s11", intent="enter", heads=2)
    assert brief(other) == ("STANDARD", "limit_used")


async def test_s12_returns_in_part_as_a_whole_and_too_late(scenes):
    who = scenes.holder()
    assert (await scenes.scan(who, "shop", intent="buy", amount_fen=10_000))["offer"]["off_fen"] == 1_000
    part = await scenes.scan(who, "shop", intent="return", amount_fen=4_000)
    assert part["obligations"]["refund_fen"] == 3_600
    assert brief(await scenes.scan(who, "shop", intent="buy", amount_fen=99)) == ("STANDARD", "limit_used")
    assert (await scenes.scan(who, "shop", intent="return"))["obligations"]["refund_fen"] == 5_400
    assert brief(await scenes.scan(who, "shop", intent="buy", amount_fen=98)) == ("GRANT", "ok")

    late = scenes.holder()
    await scenes.scan(late, "s12-late", intent="buy", amount_fen=1_000)
    assert brief(await scenes.scan(late, "s12-late", intent="return")) == ("STANDARD", "too_late")


async def test_s13_a_tour_of_thirty_in_two_batches(scenes, order):
    tour = scenes.holder(kind=SubjectKind.GROUP, reservation=booked(order, int(time.time()), heads=30))
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=18)) == ("GRANT", "ok")
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=12)) == ("GRANT", "ok")
    assert brief(await scenes.scan(tour, "s13", intent="enter", heads=1)) == ("STANDARD", "limit_used")


async def test_s14_a_copied_paper_code_is_stopped_by_its_use_limit(scenes):
    paper = scenes.paper(2)
    answers = [brief(await scenes.scan(paper, "s14", intent="enter", asset=f"copy{n}")) for n in range(3)]

    assert answers == [("GRANT", "ok"), ("GRANT", "ok"), ("STANDARD", "limit_used")]


async def test_s15_pay_later_offline_caps_of_person_and_terminal(scenes):
    first, second, third = scenes.holder(), scenes.holder(), scenes.holder()
    await scenes.offline()
    assert brief(await scenes.scan(first, "s15", intent="buy", amount_fen=15_000)) == ("GRANT", "ok")
    assert brief(await scenes.scan(first, "s15", intent="buy", amount_fen=5_001)) == ("STANDARD", "offline_limit")
    assert brief(await scenes.scan(second, "s15", intent="buy", amount_fen=20_000)) == ("GRANT", "ok")
    assert brief(await scenes.scan(third, "s15", intent="buy", amount_fen=5_001)) == ("STANDARD", "offline_limit")
    await scenes.restrict(first)
    await scenes.online()

    async def blocked():
        return brief(await scenes.scan(first, "s15", intent="quote", amount_fen=1)) == ("REFUSE", "restricted")

    await scenes.until(blocked)


async def test_s17_a_phone_or_an_issuer_whose_clock_is_minutes_wrong(scenes):
    who, ahead = scenes.holder(), scenes.holder(iat_s=180)

    assert brief(await scenes.scan(who, "s17", clock_s=-180, intent="enter")) == ("STANDARD", "stale_code")
    assert brief(await scenes.scan(who, "s17", clock_s=180, intent="enter")) == ("STANDARD", "not_yet_valid")
    assert brief(await scenes.scan(ahead, "s17", intent="enter")) == ("STANDARD", "not_yet_valid")
    assert brief(await scenes.scan(who, "s17", intent="enter")) == ("GRANT", "ok")


async def test_s10_a_foreign_city_s_token_until_its_key_is_killed(scenes):
    who = scenes.holder(city="nanshan", tier=7)
    assert brief(await scenes.scan(who, "s10", intent="enter")) == ("GRANT", "ok")
    low = scenes.holder(city="nanshan", tier=6)
    assert brief(await scenes.scan(low, "s10", intent="enter")) == ("STANDARD", "not_eligible")

    await scenes.kill("nanshan")

    async def refused():
        return brief(await scenes.scan(who, "s10", intent="check")) == ("REFUSE", "key_revoked")

    await scenes.until(refused)

    await scenes.new_keys("nanshan")
    again = scenes.holder(city="nanshan", tier=7)

    async def granted():
        return brief(await scenes.scan(again, "s10", intent="check")) == ("GRANT", "ok")

    await scenes.until(granted)
    assert await refused(), "what the killed key signed stays refused"


async def test_s24_a_partner_city_publishes_rubbish_and_every_other_gate_goes_on(scenes):
    home, guest = scenes.holder(), scenes.holder(city="nanshan", tier=7)
    assert brief(await scenes.scan(guest, "s10", intent="check")) == ("GRANT", "ok")
    path = "rules/nanshan/calendars.json"
    good = await asyncio.to_thread(lambda: held_by(scenes.state, path))

    await asyncio.to_thread(lambda: signed_by_the_city(scenes.state, {path: b"[" * 10_000}))
    trouble = await scenes.until(lambda: line(scenes, "partners", wanted="partners.trouble"))

    assert (trouble["level"], "rules.nanshan" in trouble["en"], trouble["ready"]) == ("warn", True, True)
    assert brief(await scenes.scan(home, "s8", intent="check")) == ("GRANT", "ok")
    assert brief(await scenes.scan(guest, "s10", intent="check")) == ("GRANT", "ok"), "its version before is in force"
    restless = scenes.holder()
    await scenes.restrict(restless)
    await restricted(scenes, restless, wanted=True)

    await asyncio.to_thread(lambda: signed_by_the_city(scenes.state, {path: good}))
    await scenes.until(lambda: line(scenes, "partners", wanted="partners.well"))


def held_by(state, path):
    """Return the document that is public at `path`."""
    found = {}
    Repository(state).publish_from(lambda _known, held: found.update({path: held(path)}) or {}, now_ms=now_ms())
    return found[path]


def signed_by_the_city(state, documents):
    """Sign and publish what no office could make, by the city's own keys, past every check of content."""
    Repository(state).publish_from(lambda _known, _held: documents, now_ms=now_ms())


async def line(scenes, name, *, wanted):
    """Return the line of readiness when it says that, with whether the terminal is ready; None before."""
    told = await scenes.told("/v1/readiness")
    (found,) = [one for one in told["checks"] if one["name"] == name]
    return {**found, "ready": told["ready"]} if found["cause"] == wanted else None
