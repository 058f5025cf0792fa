"""Row 20 of the ill states, with real processes at default settings: facts, orders and measures are prompt.

Each prints what it measured; `tests/e2e/test_ill_figures.py` plays 200 of each.
"""

import asyncio
import time

from central.demo.street import town as street
from central.lists.measure_calls import Listed, list_as_member
from central.register.warrants import Warrant

BY_TWO = Warrant.by_two("li", "han")
MEASURES = 20
ORDERS = 6  # each is obeyed before the next is given
COMMITTED_S, OBEYED_S, PUBLISHED_S = 0.5, 2.0, 2.0


def p99(seconds):
    return sorted(seconds)[max(0, -(-99 * len(seconds) // 100) - 1)]


def told(what, seconds):
    ordered = sorted(seconds)
    print(f"{what}: n={len(ordered)} p50={ordered[len(ordered) // 2]:.3f} s p99={p99(ordered):.3f} s")


async def facts_take(town, many):
    """Return how long each of so many facts took from the answer about it to the platform's holding it."""
    await town.gate.start()
    await town.all_arrived()
    took = []
    for _ in range(many):
        who = town.visitors.resident(town.now_s())
        await town.gate.present(who.code(town.now_s()), intent="enter")
        began = time.monotonic()
        await town.all_arrived()
        took.append(time.monotonic() - began)
    told("commit → platform", took)
    return took


async def measures_take(town, many):
    """Return how long each of so many publications took from its being public to its being in force at the gate."""
    await town.gate.start()
    await town.all_arrived()
    who = town.visitors.resident(town.now_s())
    took = []

    async def refused():
        return (await town.gate.present(who.code(town.now_s()), intent="check"))["outcome"] == "REFUSE"

    for number in range(many):
        change = town.platform.repair if number % 2 else town.platform.restrict
        await change(who)
        began = time.monotonic()
        while await refused() is bool(number % 2):
            assert time.monotonic() - began < 20.0
        took.append(time.monotonic() - began)
    told("publication → gate", took)
    return took


async def orders_take(town, many):
    """Return how long each of so many orders took from its being given to its being obeyed."""
    await town.gate.start()
    await town.all_arrived()
    took = []
    for number in range(many):
        action = "resume" if number % 2 else "suspend"
        await town.platform._call("POST", f"/v1/admin/terminals/{town.gate.post.terminal}/state", {"action": action})
        began = time.monotonic()
        await town.until(lambda wanted=action == "suspend": suspended(town, wanted))
        took.append(time.monotonic() - began)
    told("order → obeyed", took)
    return took


async def suspended(town, wanted):
    return (await town.gate.status())["suspended"] is wanted


async def test_a_fact_is_on_the_platform_half_a_second_after_its_commit(xinguan_town):
    assert p99(await facts_take(xinguan_town, MEASURES)) <= COMMITTED_S


async def test_a_measure_is_at_the_gate_two_seconds_after_its_publication(xinguan_town):
    assert p99(await measures_take(xinguan_town, MEASURES)) <= PUBLISHED_S


async def test_an_order_is_obeyed_within_two_seconds(xinguan_town):
    assert p99(await orders_take(xinguan_town, ORDERS)) <= OBEYED_S


async def test_a_tier_that_a_list_takes_changes_the_answer_within_two_seconds_and_nobody_is_called_revoked(
    xinguan_town,
):
    town = xinguan_town
    await town.gate.start()
    await town.all_arrived()
    who = town.visitors.resident(town.now_s())
    taken, given = Listed(0, ()), Listed(3, (street.TRUSTED_GROUP,))
    about = (town.platform.state, who.issuer, who.subject.hex())
    took, answers = [], []

    async def said():
        answer = await town.gate.present(who.code(town.now_s()), intent="check")
        return answer["outcome"], answer["reasons"][0]["code"]

    assert await said() == ("GRANT", "ok")
    for number in range(MEASURES):
        lost = number % 2 == 0
        said_now = {"warrant": BY_TWO, "now_ms": time.time_ns() // 1_000_000}
        await asyncio.to_thread(list_as_member, *about, taken if lost else given, **said_now)
        began = time.monotonic()
        while (answer := await said())[0] == ("GRANT" if lost else "STANDARD"):
            assert time.monotonic() - began < 20.0
        took.append(time.monotonic() - began)
        answers.append(answer)

    told("member list → gate", took)
    assert set(answers[0::2]) == {("STANDARD", "not_eligible")}
    assert set(answers[1::2]) == {("GRANT", "ok")}
    assert p99(took) <= PUBLISHED_S


async def test_sync_now_interrupts_the_wait_and_says_what_moved(xinguan_town):
    town = xinguan_town
    await town.gate.start()
    await town.all_arrived()
    town.network.cut()
    who = town.visitors.resident(town.now_s())
    await town.gate.present(who.code(town.now_s()), intent="enter")
    cut = await sync_now(town)
    town.network.restore()

    moved = await sync_now(town)

    assert (cut["sent"], cut["unsent"] > 0) == (0, True)
    assert cut["problem"]
    assert moved["unsent"] == 0
    assert moved["problem"] == ""


async def sync_now(town):
    headers = {"Authorization": f"Bearer {town.gate.tokens['service']}"}
    async with town.gate._session.post(f"{town.gate.url}/v1/sync", headers=headers) as answer:
        assert answer.status == 200
        return await answer.json()
