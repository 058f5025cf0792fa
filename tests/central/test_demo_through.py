"""One port for everything: what a browser asks of a screen goes through the demo's page."""

import asyncio
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from central.demo.page_app import PageApp
from central.demo.running.through import Through


@pytest.fixture
async def terminal():
    """Yield a server in a terminal's place; `.more` lets its stream go on, `.asked` is what it was asked."""
    asked, more = [], asyncio.Queue()

    async def echo(request):
        asked.append((request.method, request.rel_url.raw_path_qs, dict(request.headers), await request.read()))
        return web.json_response({"detail": "no"}, status=409, headers={"Cache-Control": "no-store", "Server": "me"})

    async def events(request):
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"event: hello\ndata: {}\n\n")
        while (chunk := await more.get()) is not None:
            await answer.write(chunk)
        request.transport.abort()
        return answer

    app = web.Application()
    app.router.add_get("/v1/events", events)
    app.router.add_route("*", "/{path:.*}", echo)
    async with TestServer(app) as server:
        server.asked, server.more = asked, more
        yield server


@pytest.fixture
async def page(terminal):
    async with aiohttp.ClientSession() as session:
        links = {
            "gate": SimpleNamespace(url=str(terminal.make_url("")).rstrip("/"), post=SimpleNamespace(terminal="gate")),
            "dark": SimpleNamespace(url="http://127.0.0.1:1", post=SimpleNamespace(terminal="dark")),
        }
        app = PageApp().application(Through(links, session).routes())
        async with TestClient(TestServer(app)) as client:
            yield client


async def test_method_path_query_body_and_token_arrive_and_the_answer_comes_back(page, terminal):
    answer = await page.post(
        "/terminal/gate/v1/present?a=%E4%BD%A0",
        data=b'{"code":"x"}',
        headers={"Authorization": "Bearer t", "Content-Type": "application/json", "Cookie": "c=1"},
    )

    [(method, path, headers, body)] = terminal.asked
    assert (method, path, body) == ("POST", "/v1/present?a=%E4%BD%A0", b'{"code":"x"}')
    assert headers["Authorization"] == "Bearer t"
    assert headers["Host"] == f"127.0.0.1:{terminal.port}"
    assert not {"Origin", "Cookie"} & headers.keys()
    assert (answer.status, await answer.json()) == (409, {"detail": "no"})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_an_event_arrives_when_it_happens_and_a_broken_stream_is_no_whole_one(page, terminal):
    answer = await page.get("/terminal/gate/v1/events")
    async with asyncio.timeout(10):
        assert await answer.content.readuntil(b"\n\n") == b"event: hello\ndata: {}\n\n"
        terminal.more.put_nowait(b"data: 1\n\n")
        assert await answer.content.readuntil(b"\n\n") == b"data: 1\n\n"
        terminal.more.put_nowait(None)
        with pytest.raises(aiohttp.ClientError):
            await answer.content.read()


@pytest.mark.parametrize(("path", "status"), [("/terminal/dark/gate", 502), ("/terminal/none/gate", 404)])
async def test_a_terminal_that_is_down_or_unknown_is_told(page, path, status):
    assert (await page.get(path)).status == status


async def test_another_site_reaches_no_terminal_through_the_page(page, terminal):
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
        assert (await page.get("/terminal/gate/v1/status", headers=headers)).status == 403

    assert terminal.asked == []
