import asyncio
import json
import re

import pytest

from central.http import terminal_calls
from central.http.app import build_app
from central.http.openapi import CALLS, document
from central.http.waking import Waking
from sync.transport import RefusedError, exchange, open_session

OWN_PAGES = {"/", "/openapi.json", "/n/{notice}"}


def test_every_served_call_is_described_and_every_described_one_is_served(town):
    app = build_app(town.state, None, Waking(None, lambda: None), lambda: 0)
    served = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.method in ("GET", "POST") and not route.resource.canonical.startswith(("/lists", "/pages"))
    }

    described = {(call.method, call.path) for call in CALLS}

    assert {one for one in served if one[1] not in OWN_PAGES} == described


def test_every_reference_leads_somewhere_and_patterns_are_ecma(town):
    text = json.dumps(document("0"))
    schemas = document("0")["components"]["schemas"]

    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= schemas.keys()
    assert "\\\\Z" not in text
    assert schemas["Batch"]["properties"]["records"]["maxItems"] == 500


async def test_it_is_served(town):
    async with open_session() as session:
        served = json.loads(await exchange(session, "GET", town.url + "/openapi.json"))

    assert served["openapi"] == "3.1.0"
    assert "/v1/terminals/{terminal}/journal" in served["paths"]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: f"{call.method} {call.path}")
async def test_a_call_with_nothing_proven_is_a_problem_that_the_description_names(town, call):
    if call.path == "/healthz":
        return
    url = town.url + call.path.replace("{terminal}", "gate-a")
    body = b"{}" if call.method == "post" else None
    described = document("0")["paths"][call.path][call.method]["responses"]

    async with open_session() as session:
        with pytest.raises(RefusedError) as refused:
            await exchange(session, call.method.upper(), url, body=body)

    assert str(refused.value.problem.status) in described
    assert refused.value.problem.code != "no_reason"


async def test_a_body_that_drips_is_cut_off(town, monkeypatch):
    monkeypatch.setattr(terminal_calls, "BODY_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(town.url.rsplit(":", 1)[1]))
    writer.write(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

    status = await reader.readline()
    writer.close()

    assert b" 408 " in status
