"""A visitor without a phone, and one who is told no: through the platform's and the terminal's real processes."""

import asyncio
import json

import aiohttp
import pytest
import pytest_asyncio

from central.demo.street import town
from central.proofs.holding import challenge_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        await built.gate.start()
        yield built


async def made(served, **more):
    """Let the office make a short code."""
    token = (served.platform.state / "operator-token").read_text().strip()
    body = {"city": town.CITY, "subject": "granny-li", "tier": 5, "groups": [town.TRUSTED_GROUP], "test": True} | more
    async with served.gate._session.post(
        f"{served.platform.url}/v1/admin/short", json=body, headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        return (await answer.json())["short"]


async def post(served, body, role="desk"):
    head = {"Authorization": f"Bearer {served.gate.tokens[role]}"}
    async with (
        aiohttp.ClientSession(served.gate.url, headers=head) as session,
        session.post("/v1/present", json={"code": "", "lane": "A"} | body) as answer,
    ):
        return answer.status, await answer.json()


async def test_a_short_code_goes_the_usual_way_once_and_a_repeat_of_the_request_gets_the_same(served):
    short = await made(served)
    before = len(served.openings)

    status, answer = await post(
        served, {"short": f"{short[:4]}-{short[4:]}".lower(), "intent": "check", "request_id": "s1"}
    )
    again = await post(served, {"short": f"{short[:4]}-{short[4:]}".lower(), "intent": "check", "request_id": "s1"})

    assert (status, answer["outcome"] in ("GRANT", "STANDARD"), again[1]["reasons"]) == (200, True, answer["reasons"])
    assert "not_a_code" not in [one["code"] for one in answer["reasons"]]
    assert len(served.openings) == before


async def test_a_code_that_is_none_is_told_to_whoever_typed_it_and_decides_nothing(served):
    before = served.kinds().count("not_granted")

    typo = await post(served, {"short": "7K3M9QXU"})
    none = await post(served, {"short": "00000000"})
    both = await post(served, {"short": "00000000", "code": "XG1:X"})

    assert (typo[0], none[0], both[0]) == (400, 404, 400)
    assert served.kinds().count("not_granted") == before


async def test_offline_staff_decide_and_nobody_who_leaves_is_kept(served):
    short = await made(served)
    served.network.cut()
    try:
        await served.until(lambda: _offline(served))
        status, answer = await post(served, {"short": short})
        leaving = await post(served, {"short": short, "intent": "exit"})
    finally:
        served.network.restore()

    assert (status, answer["outcome"], [one["code"] for one in answer["reasons"]]) == (200, "REFER", ["needs_staff"])
    assert leaving[1]["outcome"] == "GRANT"


async def test_a_denial_has_a_page_of_its_own_that_names_nobody(served):
    who = served.visitors.person(served.now_s(), tier=0)
    answer = await served.gate.present(who.code(served.now_s()))
    assert answer["outcome"] == "STANDARD"
    status = await served.gate.status()

    assert status["notices"].endswith("/n/")
    assert answer["redemption"] is None
    page = await served.until(lambda: _page(served, answer["notice"]))
    assert "本次没有可用的优惠" in page
    assert answer["notice"] not in str(served.gate.tokens)


async def test_the_phone_it_is_about_opens_the_rest_of_a_notice_and_no_other_code_does(served):
    who = served.visitors.person(served.now_s(), tier=0)
    answer = await served.gate.present(who.code(served.now_s()))
    notice, now_s = answer["notice"], served.now_s()
    await served.until(lambda: _page(served, notice))
    reason = answer["reasons"][0]["zh"]

    someone = served.visitors.person(now_s, tier=0)
    shown = {
        "photographed at the gate": who.code(now_s),
        "of somebody else": someone.code(now_s, challenge=challenge_of(notice)),
        "for another notice": who.code(now_s, challenge=challenge_of("A" * 22)),
        "of an hour ago": who.code(now_s - 3600, challenge=challenge_of(notice)),
        "no code": "XG1:",
    }
    refused = {name: await _proved(served, notice, code) for name, code in shown.items()}
    status, page = await _proved(served, notice, who.code(served.now_s(), challenge=challenge_of(notice)))

    assert {name: one[0] for name, one in refused.items()} == dict.fromkeys(shown, 403)
    assert len({one[1] for one in refused.values()}) == 1
    assert all(reason not in one[1] for one in refused.values())
    assert (status, reason in page) == (200, True)
    assert reason not in await _page(served, notice)


async def _proved(served, notice, code):
    async with served.gate._session.post(f"{served.platform.url}/n/{notice}", data={"code": code}) as answer:
        return answer.status, await answer.text()


async def test_who_is_let_in_has_no_notice(served):
    who = served.visitors.resident(served.now_s())

    assert "notice" not in await served.gate.present(who.code(served.now_s()))


async def _page(served, notice):
    async with served.gate._session.get(f"{served.platform.url}/n/{notice}") as answer:
        return await answer.text() if answer.status == 200 else None


async def _offline(served):
    return (await served.gate.status() or {}).get("offline")


async def heard_by(served, role, act):
    """Let `act` happen; return the decision that a screen with this token is told of."""
    head = {"Authorization": f"Bearer {served.gate.tokens[role]}"}
    async with (
        aiohttp.ClientSession(served.gate.url, headers=head) as session,
        session.get("/v1/events") as stream,
    ):
        acting = None
        async for raw in stream.content:
            if raw.startswith(b"event: hello"):
                acting = asyncio.ensure_future(act())
            elif raw.startswith(b"event: decision"):
                told = json.loads((await stream.content.readline()).removeprefix(b"data: "))
                return told, await acting
    raise AssertionError("the stream ended")


async def test_a_public_screen_is_not_told_what_stands_against_a_person(served):
    who = served.visitors.resident(served.now_s())
    await served.platform.restrict(who)
    await served.until(lambda: _restricted(served, who))

    public, whole = await heard_by(served, "display", lambda: served.gate.present(who.code(served.now_s())))
    staff, _ = await heard_by(served, "desk", lambda: served.gate.present(who.code(served.now_s())))

    assert whole["reasons"][0]["facts"]["authority"] == town.AUTHORITIES[town.CITY]
    assert staff["reasons"][0]["facts"]["authority"] == town.AUTHORITIES[town.CITY]
    assert (public["reasons"][0]["code"], public["reasons"][0]["facts"]) == ("restricted", {})
    assert public["notice"] == whole["notice"]


async def _restricted(served, who):
    return (await served.gate.present(who.code(served.now_s()), intent="check"))["outcome"] == "REFUSE"
