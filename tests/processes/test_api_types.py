"""The answers of a real terminal are what its OpenAPI document says: every member named, every type right.

Generated clients are made from that document; a member that it does not know is one that a vendor cannot learn of.
"""

import asyncio
from types import UnionType
from typing import Any, Union, get_args, get_origin

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from edge.api.answers import StepProblem
from edge.api.calls.event_bodies import EVENTS
from edge.api.openapi import CALLS


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served(tmp_path_factory, running_town):
    async with running_town(tmp_path_factory.mktemp("town")) as built:
        await built.gate.start()
        yield built


def unnamed(kind, value, where="$"):
    """Yield the paths of members that the type does not name."""
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        kinds = [one for one in get_args(kind) if isinstance(one, type) and issubclass(one, msgspec.Struct)]
        if kinds and isinstance(value, dict):
            yield from unnamed(kinds[0], value, where)
    elif origin is list:
        for number, one in enumerate(value):
            yield from unnamed(get_args(kind)[0], one, f"{where}[{number}]")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
        yield from (f"{where}.{name}" for name in value.keys() - fields.keys())
        for name in value.keys() & fields.keys():
            yield from unnamed(fields[name], value[name], f"{where}.{name}")


def test_a_member_that_no_type_names_is_found():
    kind = CALLS["GET /v1/readiness"].answers
    line = {"name": "x", "ok": True, "mend": {"zh": "a", "en": "b", "fr": "c"}}

    assert list(unnamed(kind, {"ready": True, "checks": [line], "more": 1})) == ["$.more", "$.checks[0].mend.fr"]


async def ask(served, method, path, role="integrator", body=None, **query):
    """Ask a real terminal, and hold its answer against the type that the document gives the call."""
    headers = {"Authorization": f"Bearer {served.gate.tokens[role]}"}
    parts = path.format(**query.pop("of", {}))
    async with (
        aiohttp.ClientSession(served.gate.url, headers=headers) as session,
        session.request(method, parts, json=body, params=query) as answer,
    ):
        found = await answer.json()
    call = CALLS[f"{method} {path}"]
    assert answer.status == call.done, found
    assert answer.content_type == call.gives
    if call.answers != dict[str, Any]:
        msgspec.convert(found, call.answers)
        assert list(unnamed(call.answers, found)) == []
    return found


@pytest.mark.asyncio(loop_scope="module")
async def test_every_answer_of_a_gate_is_typed(served):
    who = served.visitors.resident(served.now_s())
    entry = {"code": who.code(served.now_s()), "lane": "A", "intent": "enter", "ticket": "adult"}

    granted = await ask(served, "POST", "/v1/present", body=entry)
    again = await ask(served, "POST", "/v1/present", body=entry)
    refused = await ask(served, "POST", "/v1/present", body=entry | {"code": "XG1:NONSENSE"})
    assert (granted["outcome"], again["repeat"], refused["outcome"]) == ("GRANT", True, "STANDARD")

    step = {"redemption": granted["redemption"], "step": "passed"}
    assert (await ask(served, "POST", "/v1/redemptions/{redemption}/{step}", body={}, of=step))["state"]
    assert await ask(served, "GET", "/v1/redemptions", recent="5")
    await ask(served, "GET", "/v1/redemptions", state="open")
    await ask(served, "GET", "/v1/lanes/{lane}", of={"lane": "A"})
    await ask(served, "POST", "/v1/lanes/{lane}/again", of={"lane": "A"})
    for path in ("/v1/status", "/v1/readiness", "/healthz", "/readyz", "/openapi.json", "/v1/lists"):
        await ask(served, "GET", path)
    told = await ask(served, "GET", "/v1/journal", after=1, many=3)
    assert [one["seq"] for one in told["records"]] == [2, 3, 4]
    assert told["next"] == 4 < told["last"]
    told = await ask(served, "GET", "/v1/stats", hours=1)
    assert sum(one["n"] for one in told["given"]) > 0
    await ask(served, "POST", "/v1/sync", role="service")
    assert await ask(served, "GET", "/v1/offers") == []
    for stopped in (True, False):
        await ask(served, "POST", "/v1/entry", body={"stopped": stopped, "by": "test"})


async def heard(served, until, role="integrator"):
    """Return the events of a stream, up to the one that is waited for, each held against its type."""
    headers, found = {"Authorization": f"Bearer {served.gate.tokens[role]}"}, []
    async with aiohttp.ClientSession(served.gate.url, headers=headers) as session, session.get("/v1/events") as stream:
        async with asyncio.timeout(10):
            name, visiting = "", None
            async for line in stream.content:
                kind, _, said = line.decode().rstrip().partition(": ")
                if kind == "event":
                    name = said
                elif kind == "data":
                    data = msgspec.json.decode(said)
                    msgspec.convert(data, EVENTS[name])
                    assert list(unnamed(EVENTS[name], data)) == []
                    found.append(name)
                    if name == until:
                        await visiting
                        return found
                    if name == "hello":
                        visiting = asyncio.ensure_future(served.visit())
    raise AssertionError(found)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("role", ["integrator", "display"])
async def test_what_a_listener_hears_is_typed(served, role):
    async def visit():
        who = served.visitors.resident(served.now_s())
        entry = {"code": who.code(served.now_s()), "lane": "A", "intent": "enter", "ticket": "adult"}
        granted = await ask(served, "POST", "/v1/present", body=entry)
        step = {"redemption": granted["redemption"], "step": "passed"}
        await ask(served, "POST", "/v1/redemptions/{redemption}/{step}", body={}, of=step)
        await ask(served, "POST", "/v1/emergency", body={"open": False, "by": "test"})

    served.visit = visit

    names = await heard(served, "emergency", role)

    assert names[0] == "hello"
    assert {"decision", "gate", "emergency"} <= set(names)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_refused_step_and_a_foreign_request_id_are_problems_by_their_words(served):
    who = served.visitors.resident(served.now_s())
    entry = {"code": who.code(served.now_s()), "lane": "A", "intent": "enter", "ticket": "adult"}
    headers = {"Authorization": f"Bearer {served.gate.tokens['integrator']}", "Idempotency-Key": "k-1"}
    async with aiohttp.ClientSession(served.gate.url, headers=headers) as session:
        granted = await (await session.post("/v1/present", json=entry)).json()
        again = await (await session.post("/v1/present", json=entry | {"request_id": "k-1"})).json()
        other = await (await session.post("/v1/present", json=entry | {"heads": 2})).json()
        differs = await session.post("/v1/present", json=entry | {"request_id": "k-2"})
        step = f"/v1/redemptions/{granted['redemption']}/close"
        refused = await (await session.post(step, json={})).json()

    assert again == granted
    assert (other["status"], other["code"], differs.status) == (409, "other_request", 400)
    assert (refused["code"], refused["reason"]) == ("step_refused", "nothing_open")
    msgspec.convert(refused, StepProblem)
    assert list(unnamed(StepProblem, refused)) == []


def test_generated_clients_get_a_name_for_every_call_and_no_two_alike():
    names = [call.name for call in CALLS.values()]

    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
