"""One redemption opens the gate once: shown twice, undone at once, or stopped while the arm moves."""

import asyncio
import socket

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer


def listens(port):
    """Tell whether anybody takes connections at a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
async def slow_gate():
    """A gate controller that takes a while; `opened` is every opening it was asked for."""
    opened, asked, go_on = [], asyncio.Event(), asyncio.Event()

    async def open_gate(request):
        opened.append((await request.json())["redemption"])
        asked.set()
        async with asyncio.timeout(5):
            await go_on.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", open_gate)
    async with TestServer(app) as server:
        server.opened, server.asked, server.go_on = opened, asked, go_on
        yield server


@pytest.fixture
async def gated(xinguan_town, slow_gate):
    text = xinguan_town.gate.config.read_text()
    actuator = f"file:{xinguan_town.folder / 'openings'}"
    xinguan_town.gate.config.write_text(text.replace(actuator, str(slow_gate.make_url("/open"))))
    await xinguan_town.gate.start()
    return xinguan_town


async def test_a_code_shown_twice_while_the_arm_moves_opens_once(gated, slow_gate):
    who = gated.visitors.resident(gated.now_s())
    code = who.code(gated.now_s())

    first = await gated.gate.present(code, intent="enter")
    await slow_gate.asked.wait()
    second = await gated.gate.present(code, intent="enter")
    slow_gate.go_on.set()
    await gated.until(lambda: gated.kinds().count("actuated") == 1)

    assert (second["redemption"], second["repeat"]) == (first["redemption"], True)
    assert slow_gate.opened == [first["redemption"]]


async def test_stopping_finishes_the_opening_in_hand(gated, slow_gate):
    who = gated.visitors.resident(gated.now_s())
    first = await gated.gate.present(who.code(gated.now_s()), intent="enter")
    await slow_gate.asked.wait()

    stopping = asyncio.ensure_future(gated.gate.process.stop())
    await gated.until(lambda: not listens(gated.gate.port), 5)
    slow_gate.go_on.set()
    await stopping
    assert "actuated" in gated.kinds()
    await gated.gate.start()
    again = await gated.gate.present(who.code(gated.now_s()), intent="enter")

    assert (again["redemption"], again["repeat"]) == (first["redemption"], True)
    assert slow_gate.opened == [first["redemption"]]
    assert "stopped" in gated.kinds()


async def test_an_undone_passage_and_a_new_one_are_two_openings_in_order(gated, slow_gate):
    slow_gate.go_on.set()
    who = gated.visitors.resident(gated.now_s())

    first = await gated.gate.present(who.code(gated.now_s()), intent="enter")
    undone = await gated.gate.step(first["redemption"], "annul")
    second = await gated.gate.present(who.code(gated.now_s()), intent="enter")
    await gated.until(lambda: second["redemption"] in slow_gate.opened)

    assert undone["state"] == "annulled"
    assert slow_gate.opened in ([first["redemption"], second["redemption"]], [second["redemption"]])


async def test_leaving_opens_the_gate(gated, slow_gate):
    slow_gate.go_on.set()
    who = gated.visitors.resident(gated.now_s())

    leaving = await gated.gate.present(who.code(gated.now_s()), intent="exit")

    assert leaving["outcome"] == "GRANT"
    await gated.until(lambda: len(slow_gate.opened) == 1)
