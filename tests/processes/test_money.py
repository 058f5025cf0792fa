"""Money at the gate, through the API of a real terminal: nobody with a rest to pay walks in unpaid (lane.md)."""

import aiohttp
import pytest
import pytest_asyncio

from central.demo.street import town

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        text = built.gate.config.read_text()
        built.gate.config.write_text(text.replace("[[lanes]]\n", "[[lanes]]\npay_within_s = 3\n"))
        await built.gate.start()
        yield built


async def post(served, path, body, **headers):
    token = {"Authorization": f"Bearer {served.gate.tokens['integrator']}"} | headers

    async def asked():
        async with session.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async with aiohttp.ClientSession(served.gate.url, headers=token) as session:
        return await served.decided(asked)


async def owing(served):
    """Return somebody at the gate who has half the price to pay: a visitor of the partner city."""
    who = served.visitors.person(served.now_s(), city=town.PARTNER, tier=town.PARTNER_TIER)
    return who, await served.gate.present(who.code(served.now_s()), intent="enter")


def step(served, answer, name, body, **headers):
    return post(served, f"/v1/redemptions/{answer['redemption']}/{name}", body, **headers)


async def test_a_rest_is_told_and_the_gate_stays_shut_until_it_is_paid(served):
    _, answer = await owing(served)
    before = len(served.openings)
    assert answer["outcome"] == "GRANT"
    assert answer["obligations"]["pay_fen"] == 3000
    assert "open_gate" not in answer["obligations"]

    little = await step(served, answer, "paid", {"order": "o-1", "amount_fen": 2999})
    assert (little[0], little[1]["reason"]) == (409, "wrong_amount")
    assert little[1]["detail"]
    assert len(served.openings) == before

    status, paid = await step(served, answer, "paid", {"order": "o-1", "amount_fen": 3000, "request_id": "p-1"})
    assert (status, paid["state"]) == (200, "granted")
    await served.until(lambda: answer["redemption"] in served.openings)

    again = await step(served, answer, "paid", {"order": "o-1", "amount_fen": 3000, "request_id": "p-1"})
    header = {"Idempotency-Key": "p-1"}
    by_header = await step(served, answer, "paid", {"order": "o-1", "amount_fen": 3000}, **header)
    other = await step(served, answer, "paid", {"order": "o-9", "amount_fen": 3000, "request_id": "p-1"})
    assert (again, by_header) == ((200, paid), (200, paid))
    assert other[0] == 409
    assert served.openings.count(answer["redemption"]) == 1


async def test_a_payment_pays_for_its_own_redemption_and_once(served):
    _, one = await owing(served)
    _, two = await owing(served)
    await step(served, one, "paid", {"order": "o-2", "amount_fen": 3000})

    assert (await step(served, two, "paid", {"order": "o-2", "amount_fen": 3000}))[1]["reason"] == "order_used"
    assert (await step(served, one, "paid", {"order": "o-3", "amount_fen": 3000}))[1]["reason"] == "nothing_open"
    assert "paid_late" in served.kinds()


async def test_who_does_not_pay_in_time_has_used_nothing_and_may_still_pay(served):
    _, answer = await owing(served)
    await served.until(lambda: served.kinds().count("annulled") >= 1)

    status, paid = await step(served, answer, "paid", {"order": "o-4", "amount_fen": 3000})

    assert (status, paid["state"]) == (200, "granted")
    await served.until(lambda: answer["redemption"] in served.openings)


async def test_a_step_that_cannot_happen_is_a_problem_and_a_fact(served):
    _, answer = await owing(served)

    status, problem = await step(served, answer, "close", {})

    assert (status, problem["reason"], problem["status"]) == (409, "nothing_open", 409)
    assert problem["journal_seq"] > 0


async def test_a_person_opens_once_more_under_their_name(served):
    before = served.kinds().count("actuated")
    _, answer = await owing(served)
    await step(served, answer, "paid", {"order": "o-5", "amount_fen": 3000})
    await served.until(lambda: served.kinds().count("actuated") > before)  # else a person joins the opening under way

    status, opened = await step(served, answer, "open", {"by": "Wang", "request_id": "w-1"})
    again = await step(served, answer, "open", {"by": "Wang", "request_id": "w-1"})

    assert (status, opened["attempt"], opened["outcome"]) == (200, f"{answer['redemption']}.2", "actuated")
    assert again == (200, opened)
    assert served.openings.count(answer["redemption"]) == 2


async def test_everything_is_opened_in_an_emergency(served):
    before = len(served.openings)

    status, told = await post(served, "/v1/emergency", {"open": True, "by": "guard-7"})

    assert status == 200
    assert told["lanes"] == {"A": {"outcome": "actuated", "detail": ""}}
    await served.until(lambda: "emergency" in served.kinds())
    assert len(served.openings) == before + 1


async def test_after_a_restart_the_time_to_pay_runs_anew_and_ends(served):
    _, answer = await owing(served)
    await served.gate.process.stop()
    await served.gate.start()

    async def given_back():
        return await served.gate.state_of(answer["redemption"]) == "annulled"

    await served.until(given_back)
