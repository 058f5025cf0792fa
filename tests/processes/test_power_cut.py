"""The plug is pulled at every named point of a redemption; there is one redemption, and the visitor is served once."""

import aiohttp
import pytest

POINTS = ("before-commit", "after-commit", "after-actuator", "before-upload", "after-upload")


async def shown(town, who):
    """Show a fresh code at the gate; None when the plug was pulled before the answer."""
    try:
        return await town.gate.present(who.code(town.now_s()), intent="enter", ticket="adult")
    except aiohttp.ClientError:
        return None


async def decided(town, who):
    """Show codes until one is decided: what a first life claimed is in use until the platform hears of the next."""

    async def once():
        answer = await shown(town, who)
        return answer if answer["reasons"][0]["code"] != "in_use" else None

    return await town.until(once, 5)


@pytest.mark.parametrize("point", POINTS)
async def test_one_redemption_whenever_the_plug_is_pulled(xinguan_town, point):
    town = xinguan_town
    who = town.visitors.resident(town.now_s())
    town.rig(point)
    await town.gate.start()
    await town.all_arrived()
    town.arm()

    first = await shown(town, who)
    await town.until(lambda: not town.gate.process.alive)
    town.unrig()
    await town.gate.start()
    again = await decided(town, who)

    assert again["outcome"] == "GRANT"
    if first is not None:
        assert again["redemption"] == first["redemption"]
        assert again["repeat"]
    # after-actuator: the arm moved, and the power went before it was noted; the gate is asked, and nothing moves twice
    await town.until(lambda: town.openings)
    figures = await town.all_arrived()
    assert town.openings == [again["redemption"]]
    assert (figures.lost, figures.duplicated, figures.unsent) == (0, 0, 0)
    ledger = await town.platform.ledger()
    assert [one["redemption"] for one in ledger["redemptions"]] == [again["redemption"]]
    later = await shown(town, who)
    assert later["repeat"] or later["reasons"][0]["code"] == "limit_used"


async def test_a_till_that_asks_again_after_a_power_cut_hears_the_same_and_the_gate_opens_once(xinguan_town):
    town = xinguan_town
    who = town.visitors.resident(town.now_s())
    town.rig("after-commit")
    await town.gate.start()
    await town.all_arrived()
    town.arm()
    asked = {"code": who.code(town.now_s()), "intent": "enter", "ticket": "adult", "request_id": "till-7-000124"}

    with pytest.raises(aiohttp.ClientError):
        await town.gate.present(**asked)
    await town.until(lambda: not town.gate.process.alive)
    town.unrig()
    await town.gate.start()
    first = await town.gate.present(**asked)
    second = await town.gate.present(**asked)

    assert (first["outcome"], first["repeat"]) == ("GRANT", False)
    assert second == first
    await town.until(lambda: town.openings)
    await town.all_arrived()
    assert town.openings == [first["redemption"]]
    ledger = await town.platform.ledger()
    assert [one["redemption"] for one in ledger["redemptions"]] == [first["redemption"]]


async def test_after_the_gate_moved_a_till_that_asks_again_after_a_restart_moves_nothing(xinguan_town):
    town = xinguan_town
    who = town.visitors.resident(town.now_s())
    await town.gate.start()
    asked = {"code": who.code(town.now_s()), "intent": "enter", "ticket": "adult", "request_id": "till-7-000125"}
    first = await town.gate.present(**asked)
    await town.until(lambda: "actuated" in town.kinds())

    await town.gate.process.stop()
    await town.gate.start()
    again = await town.gate.present(**asked)
    other = town.visitors.resident(town.now_s())
    after = await town.gate.present(other.code(town.now_s()), intent="enter", ticket="adult")

    assert again == first
    await town.until(lambda: after["redemption"] in town.openings)
    assert town.openings == [first["redemption"], after["redemption"]]
