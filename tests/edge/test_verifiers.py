import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from credit.inputs import SecondResult
from edge.config import VerifierTable
from edge.lanes.second_check import Second, Verifiers


@pytest.fixture
async def health():
    asked = []

    async def check(request):
        asked.append(await request.json())
        return web.json_response({"passed": asked[-1]["code"] == "GREEN"})

    async def garbage(_request):
        return web.Response(text="<html>")

    async def twice(_request):
        return web.Response(text='{"passed": false, "passed": true}')

    async def endless(_request):
        return web.Response(text='{"passed": true, "why": "' + "x" * 20_000 + '"}')

    async def elsewhere(_request):
        raise web.HTTPFound("/check")

    app = web.Application()
    app.add_routes(
        [
            web.post("/check", check),
            web.post("/garbage", garbage),
            web.post("/moved", elsewhere),
            web.post("/twice", twice),
            web.post("/endless", endless),
        ]
    )
    async with TestServer(app) as server:
        server.asked = asked
        yield server


async def result(url, code="GREEN", when_down="refer"):
    table = VerifierTable(name="health", url=str(url), timeout_s=0.5, when_down=when_down)
    async with Verifiers((table,)) as verifiers:
        check = await verifiers.check("health", Second(code), lane="A")
    assert check.name == "health"
    return check.result


async def test_its_word_counts(health):
    assert await result(health.make_url("/check")) is SecondResult.PASSED
    assert await result(health.make_url("/check"), code="RED") is SecondResult.FAILED
    assert health.asked[0] == {"code": "GREEN", "lane": "A"}


async def test_bytes_of_a_scanner_go_beside_the_text(health):
    table = VerifierTable(name="health", url=str(health.make_url("/check")))
    async with Verifiers((table,)) as verifiers:
        await verifiers.check("health", Second("渝健0012", "渝健0012".encode("gbk")), lane="A")

    assert health.asked == [{"code": "渝健0012", "lane": "A", "raw": "d3e5bda130303132"}]


@pytest.mark.parametrize(
    ("when_down", "expected"),
    [("pass", SecondResult.DOWN_PASS), ("refer", SecondResult.DOWN_REFER), ("refuse", SecondResult.DOWN_REFUSE)],
)
async def test_when_it_is_away_the_written_policy_counts(when_down, expected):
    assert await result("http://127.0.0.1:1/check", when_down=when_down) is expected


@pytest.mark.parametrize("path", ["/garbage", "/moved", "/missing", "/twice", "/endless"])
async def test_an_answer_that_is_none_is_being_down(health, path):
    assert await result(health.make_url(path)) is SecondResult.DOWN_REFER


async def test_a_name_nobody_configured_refers():
    async with Verifiers(()) as verifiers:
        assert (await verifiers.check("health", Second("x"), lane="A")).result is SecondResult.DOWN_REFER
