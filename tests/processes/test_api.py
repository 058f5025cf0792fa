"""The local API of a real terminal process (contract.md §9), asked as gate software and tills ask it."""

import asyncio

import aiohttp
import pytest
import pytest_asyncio

from central.register.minting import present, to_text
from edge.lanes.lane import fingerprint

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        await built.gate.start()
        yield built


def gate(served, role="integrator"):
    headers = {"Authorization": f"Bearer {served.gate.tokens[role]}"}
    return aiohttp.ClientSession(served.gate.url, headers=headers)


async def post(served, path, body, role="integrator"):
    async def asked():
        async with session.post(path, json=body) as answer:
            return answer.status, await answer.json()

    async with gate(served, role) as session:
        return await served.decided(asked)


def entry(served, who, **more):
    return {"code": who.code(served.now_s()), "lane": "A", "intent": "enter", **more}


async def test_a_decision_is_always_200_and_carries_what_a_till_needs(served):
    who = served.visitors.resident(served.now_s())

    status, answer = await post(served, "/v1/present", entry(served, who, ticket="adult"))

    assert status == 200
    assert (answer["outcome"], answer["benefit"]) == ("GRANT", "yunxi.first-visit")
    assert (answer["list_price_fen"], answer["offer"]["to_pay_fen"]) == (6000, 0)
    assert answer["redemption"]
    assert answer["journal_seq"] > 0
    assert answer["reasons"][0]["code"] == "ok"


def as_an_input_method(code):
    return code.translate(
        str.maketrans({".": "。", ":": "：", "%": "％", "+": "＋", "-": "－", "*": "＊", "/": "／", "$": "￥"})
    )


@pytest.mark.parametrize(
    "mangled",
    [
        as_an_input_method,
        lambda code: f"\ufeff]Q1{code}\r\n",
        lambda code: f"  {code.lower()} ",
        lambda code: f"\x02{code}\x03",
        lambda code: f"\\000026{code}",
        lambda code: "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in code),
    ],
)
async def test_a_code_is_good_however_a_till_and_its_reader_wrap_it(served, mangled):
    who = served.visitors.resident(served.now_s())
    body = entry(served, who, ticket="adult")

    status, answer = await post(served, "/v1/present", body | {"code": mangled(body["code"])})

    assert (status, answer["outcome"]) == (200, "GRANT")


@pytest.mark.parametrize("code", ["", "hello", "XG1:", "XG1:" + "A" * 700, "x" * 4000, "XG1:\x00", "二维码"])
async def test_garbage_is_a_decision_too(served, code):
    status, answer = await post(served, "/v1/present", {"code": code})

    assert status == 200
    assert answer["outcome"] == "STANDARD"
    assert answer["reasons"][0]["zh"]
    assert answer["redemption"] is None


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "code"),
        ({"code": 5}, "$.code"),
        ({"code": "x", "lane": "Z"}, "there are A"),
        ({"code": "x", "intent": "fly"}, "$.intent"),
        ({"code": "x", "heads": 0}, "$.heads"),
        ({"code": "x", "amount_fen": -1}, "$.amount_fen"),
        ({"code": "x", "amount_fen": 1.5}, "$.amount_fen"),
        ({"code": "x", "surprise": 1}, "surprise"),
        ({"code": "x", "ticket": "vip"}, "vip"),
    ],
)
async def test_a_bad_request_says_what_is_wrong_with_it(served, body, says):
    status, answer = await post(served, "/v1/present", body)

    assert status in (400, 404)
    assert says in answer["detail"]


async def test_a_body_beyond_the_bound_is_refused(served):
    status, answer = await post(served, "/v1/present", {"code": "x" * 100_000})

    assert (status, answer["status"]) == (413, 413)


async def test_the_same_request_id_gets_the_same_answer(served):
    who = served.visitors.resident(served.now_s())
    body = entry(served, who, request_id="till-7-000123")

    answers = await asyncio.gather(*(post(served, "/v1/present", body) for _ in range(5)))

    assert len({str(answer) for _status, answer in answers}) == 1


async def test_two_different_people_at_once_are_two_redemptions(served):
    people = [served.visitors.resident(served.now_s()) for _ in range(20)]

    answers = await asyncio.gather(*(post(served, "/v1/present", entry(served, who)) for who in people))

    assert {answer["outcome"] for _status, answer in answers} == {"GRANT"}
    assert len({answer["redemption"] for _status, answer in answers}) == 20


async def test_one_person_shown_twenty_times_at_once_is_one_redemption(served):
    who = served.visitors.resident(served.now_s())

    answers = await asyncio.gather(*(post(served, "/v1/present", entry(served, who)) for _ in range(20)))

    assert {answer["redemption"] for _status, answer in answers} == {answers[0][1]["redemption"]}
    assert sorted(answer["repeat"] for _status, answer in answers) == [False] + [True] * 19


async def test_undo_gives_the_use_back_and_only_once(served):
    who = served.visitors.resident(served.now_s())
    _, first = await post(served, "/v1/present", entry(served, who))

    status, undone = await post(served, f"/v1/redemptions/{first['redemption']}/annul", {})
    _, twice = await post(served, f"/v1/redemptions/{first['redemption']}/annul", {})
    _, again = await post(served, "/v1/present", entry(served, who))

    assert (status, undone["state"]) == (200, "annulled")
    assert twice["error"]
    assert (again["outcome"], again["repeat"]) == ("GRANT", False)
    assert again["redemption"] != first["redemption"]


async def test_after_passing_a_second_try_says_when_and_where(served):
    who = served.visitors.resident(served.now_s())
    _, first = await post(served, "/v1/present", entry(served, who))
    await post(served, f"/v1/redemptions/{first['redemption']}/passed", {})

    _, second = await post(served, "/v1/present", entry(served, who))

    assert second["outcome"] == "STANDARD"
    used = next(reason for reason in second["reasons"] if reason["code"] == "limit_used")
    assert used["facts"]["at"]
    assert "A" in used["facts"]["where"]


@pytest.mark.parametrize("path", ["/v1/redemptions/none/annul", "/v1/redemptions/none/fly"])
async def test_an_unknown_redemption_or_step_is_404(served, path):
    status, _answer = await post(served, path, {})

    assert status == 404


async def test_the_recent_list_shows_the_newest_first(served):
    given = []
    for _ in range(3):
        who = served.visitors.resident(served.now_s())
        _, answer = await post(served, "/v1/present", entry(served, who))
        given.append(answer["redemption"])

    async with gate(served, "desk") as session, session.get("/v1/redemptions?recent=3") as listed:
        rows = await listed.json()

    assert [row["id"] for row in rows] == given[::-1]


async def test_a_display_may_look_and_not_act(served):
    status, _answer = await post(served, "/v1/present", {"code": "x"}, role="display")
    async with gate(served, "display") as session, session.get("/v1/status") as looked:
        shown = await looked.json()

    assert status == 403
    assert shown["site"] == "yunxi-town"
    assert shown["clock"] == "trusted"
    assert {one["name"] for one in shown["lists"]} >= {"issuers.yunxi", "lists.yunxi", "rules.yunxi"}


@pytest.mark.parametrize(("role", "status"), [("display", 403), ("desk", 403), ("integrator", 403), ("service", 404)])
async def test_only_the_service_page_may_ask_for_the_cameras_picture(served, role, status):
    """This gate has no camera: who may look is told that."""
    async with gate(served, role) as session, session.get("/v1/lanes/A/preview") as answer:
        assert answer.status == status


async def test_readiness_and_metrics_need_no_token(served):
    async with aiohttp.ClientSession(served.gate.url) as session:
        async with session.get("/readyz") as ready, session.get("/healthz") as healthy:
            assert (ready.status, healthy.status) == (200, 200)
            assert (await ready.json())["ready"]
        async with session.get("/metrics") as metrics:
            text = await metrics.text()

    assert 'xinguan_decisions_total{outcome="GRANT"' in text
    assert 'xinguan_clock_state{state="trusted"} 1.0' in text


async def test_events_start_with_hello_and_tell_each_decision(served):
    who = served.visitors.resident(served.now_s())
    heard = served.gate.events()

    name, hello = await anext(heard)
    code = who.code(served.now_s())
    answer = await served.gate.present(code, intent="enter")
    async with asyncio.timeout(10):
        async for kind, data in heard:
            if kind == "decision" and data["presented"] == fingerprint(code):
                break

    assert name == "hello"
    assert hello["terminal"] == "gate-east"
    assert (data["outcome"], data["redemption"]) == ("GRANT", answer["redemption"])
    assert "presented" not in answer
    await heard.aclose()


async def test_a_second_process_on_the_same_data_is_refused(served):
    process = await asyncio.create_subprocess_exec(
        *served.gate.process._command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    _out, err = await process.communicate()

    assert process.returncode == 69
    assert b"another xinguan serves this folder" in err


async def test_a_phone_answers_the_challenge_that_the_lane_shows(served):
    who = served.visitors.resident(served.now_s())
    async with gate(served, "display") as session, session.get("/v1/lanes/A") as shown:
        challenge = bytes.fromhex((await shown.json())["challenge"])

    answered = to_text(present(who.credential, who.phone, iat=served.now_s(), nonce=b"12345678", challenge=challenge))
    wrong = to_text(present(who.credential, who.phone, iat=served.now_s(), nonce=b"12345679", challenge=b"x" * 8))

    assert (await post(served, "/v1/present", {"code": wrong}))[1]["reasons"][0]["code"] == "needs_challenge"
    assert (await post(served, "/v1/present", {"code": answered}))[1]["outcome"] == "GRANT"


async def test_stopped_entry_refers_until_it_goes_on(served):
    who = served.visitors.resident(served.now_s())

    await post(served, "/v1/entry", {"stopped": True, "by": "supervisor"})
    _, stopped = await post(served, "/v1/present", entry(served, who))
    await post(served, "/v1/entry", {"stopped": False, "by": "supervisor"})
    _, open_again = await post(served, "/v1/present", entry(served, who))

    assert stopped["outcome"] == "REFER"
    assert "entry_stopped" in [reason["code"] for reason in stopped["reasons"]]
    assert open_again["outcome"] == "GRANT"


async def test_something_is_brought_back_by_its_number_without_a_code(served):
    status, answer = await post(served, "/v1/present", {"code": "", "intent": "give_back", "asset": "umbrella-17"})

    assert status == 200
    assert answer["reasons"][0]["code"] == "nothing_open"


async def test_the_same_request_id_for_another_request_is_a_mistake_that_is_named(served):
    one, other = (served.visitors.resident(served.now_s()) for _ in range(2))

    await post(served, "/v1/present", entry(served, one, request_id="till-7-000999"))
    status, answer = await post(served, "/v1/present", entry(served, other, request_id="till-7-000999"))

    assert status == 409
    assert "request_id" in answer["detail"]
