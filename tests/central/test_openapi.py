import asyncio
import importlib.util
import json
import re
from pathlib import Path

import pytest

from central.http import asked
from central.http.app import build_app
from central.http.description.openapi import CALLS, document, examples, security_of
from central.http.problems import CODES
from central.http.waking import Waking
from sync.transport import RefusedError, exchange, open_session

ROOT = Path(__file__).parents[2]
OWN_PAGES = {"/", "/openapi.json"}


def test_every_served_call_is_described_and_every_described_one_is_served(town):
    app = build_app(town.state, None, Waking(None, lambda: None), lambda: 0)
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method in ("GET", "POST") and not route.resource.canonical.startswith(("/lists", "/pages"))
    }

    assert {f"{method} {path}" for method, path in served if path not in OWN_PAGES} == CALLS.keys()


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


PROVEN = [name for name in CALLS if security_of(name.partition(" ")[2])]


@pytest.mark.parametrize("name", [*PROVEN, "POST /v1/enrol", "GET /v1/time"])
async def test_a_call_with_nothing_proven_is_a_problem_that_the_description_names(town, name):
    method, _, path = name.partition(" ")
    body = b"{}" if method == "POST" else None
    described = document("0")["paths"][path][method.lower()]["responses"]

    async with open_session() as session:
        with pytest.raises(RefusedError) as refused:
            await exchange(session, method, town.url + re.sub("{.*?}", "gate-a", path), body=body)

    status, code = refused.value.problem.status, refused.value.problem.code
    assert code in described[str(status)]["description"].removeprefix("problem: ").split(", ")


def test_every_call_has_its_own_name_and_every_answer_a_type():
    names = [call.name for call in CALLS.values()]

    assert len(set(names)) == len(names)
    assert all(name.isidentifier() for name in names)
    assert [call.name for call in CALLS.values() if call.answers is None] == ["notice", "proveNotice"]
    for path, methods in document("0")["paths"].items():
        for described in methods.values():
            answered = described["responses"]["200"]["content"]
            [schema] = [one["schema"] for one in answered.values()]
            assert schema != {"type": "object"}, path


def test_every_word_of_the_table_of_problems_is_said_by_a_call_and_is_one_of_the_enum():
    said = {code for call in CALLS.values() for codes in call.problems.values() for code in codes}

    assert said == CODES.keys()
    assert said < set(document("0")["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])


def test_every_status_is_the_one_that_the_table_gives_the_word():
    for call in CALLS.values():
        for status, codes in call.problems.items():
            assert {CODES[code] for code in codes} == {status}, call.name


async def test_a_body_that_drips_is_cut_off(town, monkeypatch):
    monkeypatch.setattr(asked, "BODY_S", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(town.url.rsplit(":", 1)[1]))
    writer.write(b"POST /v1/enrol HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

    status = await reader.readline()
    writer.close()

    assert b" 408 " in status


def test_every_call_of_json_has_an_example_that_its_schema_takes():
    spec = importlib.util.spec_from_file_location("client_examples", ROOT / "tests" / "clients" / "examples.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    named = {call.name for call in CALLS.values() if call.answers is not None}

    assert named - examples().keys() == set()
    assert list(module.misfits(document("0"), examples())) == []
