"""A merchant writes own offers over a real terminal's API: they give, count, survive a restart and a list switch."""

import json

import aiohttp
import pytest
import pytest_asyncio

from central.demo import audit
from central.demo.street import town
from central.lists.cities import publish, put_rules
from central.register.warrants import Warrant

BY_TWO = Warrant.by_two("li", "han")

pytestmark = pytest.mark.asyncio(loop_scope="module")
TEA = {"title": {"zh": "赠龙井一杯", "en": "A cup of tea"}, "offer": {"kind": "gift", "item": "龙井"}, "stock": 2}
TWENTY = {"title": {"zh": "本店八折"}, "offer": {"kind": "percent", "percent_off": 20}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("shop"), lanes=[{"id": "C", "scene": "shop"}]) as built:
        await built.gate.start()
        yield built


async def call(served, method, path, body=None, role="desk"):
    headers = {"Authorization": f"Bearer {served.gate.tokens[role]}"}
    async with (
        aiohttp.ClientSession(served.gate.url, headers=headers) as session,
        session.request(method, path, json=body) as answer,
    ):
        return answer.status, await answer.json()


async def created(served, body, **more):
    status, made = await call(served, "POST", "/v1/offers", body | {"lane": "C"} | more)
    assert status == 201, made
    return made


async def withdrawn(served, made):
    assert (await call(served, "DELETE", f"/v1/offers/{made['id']}"))[0] == 200


async def buys(served, who=None, **more):
    who = who or served.visitors.person(served.now_s(), tier=1)
    return await served.gate.present(who.code(served.now_s()), lane="C", intent="buy", **more)


async def test_a_gift_is_given_until_the_stock_is_gone_and_marked_local(served):
    made = await created(served, TEA)

    answers = [await buys(served) for _ in range(3)]

    assert [one["outcome"] for one in answers] == ["GRANT", "GRANT", "STANDARD"]
    assert answers[0]["offers"][0] | {"title": None} == {
        "benefit": made["id"],
        "issuer": town.CITY,
        "code": made["code"],
        "version": 1,
        "local": True,
        "title": None,
        "offer": {"kind": "gift", "item": "龙井"},
    }
    assert "out_of_stock" in [one["code"] for one in answers[2]["reasons"]]
    _, [listed] = await call(served, "GET", "/v1/offers", role="display")
    assert (listed["stock"], listed["left"], listed["in_force"]) == (2, 0, True)
    granted = [fact for fact in audit.read_terminal(served.gate.database).facts if fact.kind == "granted"]
    assert granted
    await withdrawn(served, made)


async def test_an_undone_sale_gives_the_stock_back(served):
    made = await created(served, TEA | {"stock": 1})
    first = await buys(served)

    await served.gate.step(first["redemption"], "annul")

    assert (await buys(served))["outcome"] == "GRANT"
    await withdrawn(served, made)


async def test_it_is_there_after_a_restart_and_after_the_city_publishes_anew(served):
    made = await created(served, TWENTY)
    await served.gate.process.pull_the_plug()
    await served.gate.start()
    assert (await buys(served, amount_fen=1_000))["benefit"] == made["id"]

    before = (await served.gate.status())["lists"]
    rules = {"issuer": town.CITY, "version": 2, "benefits": town.BENEFITS}
    put_rules(served.platform.state, town.CITY, {"benefits.json": json.dumps(rules).encode()}, warrant=BY_TWO, now_ms=0)
    publish(served.platform.state, now_ms=served.now_s() * 1000, cities=(town.CITY,))
    await served.until(lambda: _newer(served, before), 30.0)

    assert (await buys(served, amount_fen=1_000))["benefit"] == made["id"]
    await withdrawn(served, made)


async def _newer(served, before):
    now = (await served.gate.status())["lists"]
    return [one["version"] for one in now] != [one["version"] for one in before]


async def test_the_better_of_the_city_s_and_the_shop_s_is_given_and_equal_ones_are_the_city_s(served):
    made = await created(served, TWENTY)
    who = served.visitors.person(served.now_s(), tier=3)
    assert (await buys(served, who, amount_fen=1_000))["benefit"] == made["id"]

    ten = {**TWENTY, "offer": {"kind": "percent", "percent_off": 10}}
    await call(served, "PUT", f"/v1/offers/{made['id']}", ten | {"lane": "C"})

    assert (await buys(served, who, amount_fen=2_000))["benefit"] == "yunxi.shop"
    await withdrawn(served, made)


async def test_so_many_for_each_visitor(served):
    made = await created(served, TWENTY | {"limits": [{"max": 1, "period": "day"}]})
    who = served.visitors.person(served.now_s(), tier=1)
    assert (await buys(served, who, amount_fen=100))["outcome"] == "GRANT"

    second = await buys(served, who, amount_fen=200)

    assert (second["outcome"], second["reasons"][0]["code"]) == ("STANDARD", "limit_used")
    await withdrawn(served, made)


async def test_a_withdrawn_one_is_given_no_more_and_undo_brings_it_back(served):
    made = await created(served, TWENTY)
    await withdrawn(served, made)
    assert (await buys(served, amount_fen=100))["outcome"] == "STANDARD"

    status, back = await call(served, "POST", f"/v1/offers/{made['id']}/undo", {"by": "mei"})

    assert (status, back["in_force"], back["change"], back["by"]) == (200, True, "undone", "mei")
    assert (await buys(served, amount_fen=100))["benefit"] == made["id"]
    status, answer = await call(served, "POST", f"/v1/offers/{made['id']}/undo", {})
    assert (status, "already" in answer["detail"]) == (409, True)
    await withdrawn(served, made)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "title"),
        ({**TWENTY, "offer": {"kind": "free"}}, "$.offer.kind"),
        ({**TWENTY, "offer": {"kind": "percent", "percent_off": 150}}, "$.offer.percent_off: must be from 0 to 100"),
        ({**TWENTY, "offer": {"kind": "percent", "percent_off": 1.5}}, "$.offer"),
        ({**TWENTY, "when": {"from": "2026-02-30"}}, "$.when.from"),
        ({**TWENTY, "limits": [{"max": 1, "scope": "site"}]}, "scope"),
        ({**TWENTY, "stock": -1}, "$.stock"),
        ({**TWENTY, "lane": "Z"}, "$.lane"),
        ({**TWENTY, "issuer": "nanshan"}, "issuer"),
    ],
)
async def test_what_is_wrong_says_where_and_nothing_is_written(served, body, says):
    status, answer = await call(served, "POST", "/v1/offers", body)

    assert status == 400
    assert says in answer["detail"]
    _, listed = await call(served, "GET", "/v1/offers")
    assert not any(one["in_force"] for one in listed)


async def test_what_can_never_apply_is_told_as_a_warning(served):
    made = await created(served, TWENTY | {"when": {"until": "2020-01-01"}})

    assert "2020-01-01" in made["warnings"][0]["en"]
    await withdrawn(served, made)


@pytest.mark.parametrize("role", ["display", "integrator"])
async def test_a_screen_or_a_gate_s_software_may_look_but_not_write(served, role):
    assert (await call(served, "GET", "/v1/offers", role=role))[0] == 200
    for method, path in (("POST", ""), ("PUT", "/local.gate-east.1"), ("DELETE", "/x"), ("POST", "/x/undo")):
        assert (await call(served, method, f"/v1/offers{path}", TWENTY, role=role))[0] == 403


@pytest.mark.parametrize("name", ["local.gate-east.999", "local.other.1", "yunxi.shop", "local.gate-east.x"])
async def test_only_the_shop_s_own_offers_can_be_changed(served, name):
    status, answer = await call(served, "DELETE", f"/v1/offers/{name}")

    assert status == 404
    assert "offer" in answer["detail"]


async def test_the_description_of_the_calls_is_served_to_anybody(served):
    async with aiohttp.ClientSession() as session, session.get(f"{served.gate.url}/openapi.json") as answer:
        described = await answer.json()

    assert "put" in described["paths"]["/v1/offers/{offer}"]


async def test_changes_are_facts_that_the_platform_takes(served):
    await created(served, TEA)
    figures = await served.all_arrived()

    assert "local_offer" in served.kinds()
    assert (figures.lost, figures.duplicated, figures.unsent) == (0, 0, 0)
