"""Scenes in which days pass, or clocks are wrong: the terminal's process runs under another clock.

Its boot clock stands later in a time namespace, its boot id is another one, its wall clock is wrong; see
tests/tools/other_clock.py. The platform keeps the machine's time, so the network is cut while time is moved.
"""

import pytest
from scene_town import DAY_S, TOMORROW, midnight_s, now_s, town

from central.lists.measure_calls import repair

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]
HOUR_S = 3_600
BORN_BROKEN_S = 20  # a terminal without a battery starts here: 1970-01-01 00:00:20


def brief(answer):
    return answer["outcome"], answer["reasons"][0]["code"]


async def test_s2_free_until_midnight_and_not_from_midnight_on(own_town):
    who = own_town.holder()
    await own_town.offline()
    await own_town.later(midnight_s(TOMORROW) - 10)

    first = await own_town.scan(who, "s2-eve", intent="check")

    async def refused():
        answer = await own_town.scan(who, "s2-eve", intent="check")
        assert (answer["outcome"] == "GRANT") is (answer["at_ms"] < midnight_s(TOMORROW) * 1000)
        return brief(answer) == ("STANDARD", "holiday_excluded")

    assert brief(first) == ("GRANT", "ok")
    await own_town.until(refused)


async def test_s3_check_in_at_23_40_and_check_out_the_next_day_offline(own_town):
    guest, late = own_town.holder(), own_town.holder()
    await own_town.offline()
    await own_town.later(midnight_s(TOMORROW) - 20 * 60)

    stay = await own_town.scan(guest, "hotel", intent="open", amount_fen=30_000)
    assert (stay["offer"]["waived_fen"], stay["obligations"]["due"]) == (30_000, f"{TOMORROW}T12:00:00+08:00")
    assert brief(await own_town.scan(late, "hotel", intent="open", amount_fen=10_000)) == ("GRANT", "ok")

    await own_town.later(midnight_s(TOMORROW) + 9 * HOUR_S)
    out = await own_town.scan(guest, "hotel", intent="close")
    assert (brief(out), out["benefit"], out["offline"]) == (("GRANT", "ok"), "s3", True)

    await own_town.later(midnight_s(TOMORROW) + 13 * HOUR_S)
    out = await own_town.scan(late, "hotel", intent="close")
    assert [one["code"] for one in out["reasons"]] == ["ok", "overdue"]


async def test_s8_repaired_while_the_terminal_is_two_days_offline_expiry_flips_the_answer_by_itself(own_town):
    who = own_town.holder()
    await own_town.restrict(who, until=TOMORROW)

    async def refused():
        return brief(await own_town.scan(who, "s8", intent="check")) == ("REFUSE", "restricted")

    await own_town.until(refused)
    await own_town.offline()
    await own_town.measure(repair, who)

    await own_town.later(midnight_s(TOMORROW) + DAY_S - 60)
    last = await own_town.scan(who, "s8", intent="enter")
    await own_town.later(midnight_s(TOMORROW) + DAY_S + 1)
    then = await own_town.scan(who, "s8", intent="enter")

    assert (brief(last), last["offline"], last["clock"]) == (("REFUSE", "restricted"), True, "trusted")
    assert last["reasons"][0]["facts"]["until"] == TOMORROW.isoformat()
    assert (brief(then), then["offline"], then["clock"]) == (("GRANT", "ok"), True, "trusted")


async def test_a_terminal_that_was_off_for_a_month_says_how_old_all_is_and_gives_what_the_signed_ages_allow(own_town):
    ages = {"issuer": town.CITY, "ages": {"24": {}, "960": {"offers": ["percent"]}}}
    await own_town.signed({"list-ages.json": ages})
    who = own_town.paper(9, valid_s=90 * DAY_S)  # nobody has told this clock the time for a month: a phone's code waits

    async def known():
        return any(one["up_to_h"] == 960 for one in (await own_town.told("/v1/lists"))["ages"])

    await own_town.until(known)
    await own_town.offline()
    await own_town.later(now_s() + 30 * DAY_S)

    free = await own_town.scan(who, "s8", intent="check")
    cheap = await own_town.scan(who, "shop", intent="quote", amount_fen=10_000)
    status, readiness = await own_town.told("/v1/status"), await own_town.told("/v1/readiness")

    assert (brief(free), brief(cheap)) == (("REFER", "list_too_old"), ("GRANT", "ok"))
    assert (free["lists_age_s"] // DAY_S, free["reasons"][0]["facts"]["max_s"]) == (30, DAY_S)
    assert {one["allows"] for one in status["lists"]} == {"some"}
    (news,) = [one for one in readiness["checks"] if one["name"] == "news"]
    assert (news["level"], news["cause"], "720 h" in news["en"]) == ("warn", "news.withheld", True)


async def test_s17_the_terminal_boots_in_1970_without_a_network(own_town):
    inside, who, paper = own_town.holder(), own_town.holder(), own_town.paper(9)
    assert brief(await own_town.scan(inside, "s17", intent="enter")) == ("GRANT", "ok")
    await own_town.offline()

    own_town.story.happens("断电；开机时时钟在 1970 年", "the plug is pulled; it boots in 1970")
    await own_town.restart("--reboot", "--wall-at", str(BORN_BROKEN_S))
    for code in (who, paper):
        answer = await own_town.scan(code, "s17", intent="enter")
        assert (brief(answer), answer["clock"]) == (("REFER", "clock_not_trusted"), "wrong")
    assert brief(await own_town.scan(inside, "s17", intent="exit")) == ("GRANT", "ok")

    await own_town.online()
    await own_town.clock_is("trusted")
    assert brief(await own_town.scan(who, "s17", intent="enter")) == ("GRANT", "ok")
    assert abs((await own_town.terminal.status())["now_ms"] / 1000 - now_s()) < 5


async def test_s17_the_terminal_s_clock_is_minutes_wrong_after_a_power_cut(own_town):
    who, paper = own_town.holder(), own_town.paper(9)
    await own_town.offline()

    own_town.story.happens("断电；开机后时钟快 3 分钟", "the plug is pulled; its clock is 3 minutes fast after that")
    await own_town.restart("--reboot", "--wall", "180")
    answer = await own_town.scan(who, "s17", intent="enter")
    assert (brief(answer), answer["clock"]) == (("REFER", "clock_not_trusted"), "unsure")
    assert brief(await own_town.scan(paper, "s17", intent="enter")) == ("GRANT", "ok")

    await own_town.online()
    await own_town.clock_is("trusted")
    assert brief(await own_town.scan(who, "s17", intent="enter")) == ("GRANT", "ok")


async def test_s17_a_wall_clock_set_wrong_changes_nothing_while_the_terminal_has_power(own_town):
    who = own_town.holder()
    await own_town.offline()

    own_town.story.happens("有人把系统时钟拨慢 3 分钟", "somebody sets the system's clock 3 minutes back")
    await own_town.restart("--wall", "-180")

    answer = await own_town.scan(who, "s17", intent="enter")
    assert (brief(answer), answer["clock"]) == (("GRANT", "ok"), "trusted")
