import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.actuators.gates import ActuatorError, FileSink, HttpGate, ScreenOnly, from_spec


async def test_a_file_sink_keeps_each_opening(tmp_path):
    gate = from_spec(f"file:{tmp_path}/gate")

    await gate.open(redemption="r1", heads=1)
    await gate.open(redemption="r2", heads=3)

    lines = [json.loads(line) for line in (tmp_path / "gate").read_text().splitlines()]
    assert lines == [{"open": "r1", "heads": 1}, {"open": "r2", "heads": 3}]


async def test_a_file_that_cannot_be_written_says_which(tmp_path):
    with pytest.raises(ActuatorError, match="none"):
        await FileSink(tmp_path / "none" / "gate").open(redemption="r", heads=1)


@pytest.fixture
async def controller():
    asked = []

    async def handler(request):
        asked.append(await request.json())
        return web.Response(status=200 if request.path == "/open" else 500)

    app = web.Application()
    app.router.add_post("/{any}", handler)
    async with TestServer(app) as server:
        server.asked = asked
        yield server


async def test_an_http_gate_is_asked_and_believed(controller):
    async with HttpGate(str(controller.make_url("/open"))) as gate:
        await gate.open(redemption="r1", heads=2)

    assert controller.asked == [{"redemption": "r1", "heads": 2}]


async def test_an_http_gate_that_refuses_is_a_fault(controller):
    async with HttpGate(str(controller.make_url("/broken"))) as gate:
        with pytest.raises(ActuatorError, match="HTTP 500"):
            await gate.open(redemption="r1", heads=1)


async def test_an_http_gate_that_is_away_is_a_fault():
    async with HttpGate("http://127.0.0.1:1/open") as gate:
        with pytest.raises(ActuatorError, match="127.0.0.1:1"):
            await gate.open(redemption="r1", heads=1)


def test_a_setting_that_names_nothing_says_what_would():
    assert isinstance(from_spec(None), ScreenOnly)
    with pytest.raises(ValueError, match="file:PATH"):
        from_spec("magic")
