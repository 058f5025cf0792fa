import asyncio
import stat

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from edge.api.access import ALLOWED, KEPT, TOKEN_FILE, May, Role, TokensUnusableError, guard, load_tokens
from edge.api.bodies import request_id_of
from edge.staff.persons import Duty
from edge.staff.sessions import Sessions

NEEDS = {f"GET /v1/{may}": may for may in May}


@pytest.fixture
def tokens(tmp_path):
    return load_tokens(tmp_path)


@pytest.fixture
async def client(tokens):
    async def well(_request):
        return web.json_response({"ok": True})

    async def bug(_request):
        raise ZeroDivisionError

    sessions = Sessions()
    tokens[Role.STAFF] = sessions.begin("wang", Duty.KEEPER)
    app = web.Application(middlewares=[guard(tokens, frozenset({"gate.example"}), NEEDS, sessions)])
    for path in [*(one.split()[1] for one in NEEDS), "/healthz"]:
        app.router.add_get(path, well)
    app.router.add_get("/bug", bug)
    async with TestClient(TestServer(app)) as opened:
        yield opened


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def test_tokens_are_made_once_and_readable_by_their_user_only(tmp_path):
    first = load_tokens(tmp_path)

    assert load_tokens(tmp_path) == first
    assert (len(set(first.values())), set(first)) == (len(KEPT), set(KEPT))
    assert stat.S_IMODE((tmp_path / TOKEN_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("may", May)
async def test_a_role_may_do_what_the_table_says(client, tokens, role, may):
    answer = await client.get(f"/v1/{may}", headers=bearer(tokens[role]))

    assert answer.status == (200 if may in ALLOWED[role] else 403)


@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"Authorization": "Basic x"}, bearer("")])
async def test_without_a_token_nothing_under_v1_answers(client, headers):
    for path in [*(one.split()[1] for one in NEEDS), "/v1/nothing"]:
        answer = await client.get(path, headers=headers)

        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.content_type == "application/problem+json"


async def test_a_call_that_no_table_names_is_forbidden_to_everybody(tokens):
    async def forgotten(_request):
        return web.json_response({"secret": True})

    app = web.Application(middlewares=[guard(tokens, frozenset(), NEEDS, Sessions())])
    app.router.add_get("/v1/forgotten", forgotten)
    async with TestClient(TestServer(app)) as client:
        for token in tokens.values():
            assert (await client.get("/v1/forgotten", headers=bearer(token))).status == 403
            assert (await client.get("/v1/nothing", headers=bearer(token))).status == 404


async def test_health_needs_no_token(client):
    assert (await client.get("/healthz")).status == 200


async def test_a_foreign_host_name_is_refused(client, tokens):
    """DNS rebinding: a web page whose name points at this machine."""
    headers = bearer(tokens[Role.SERVICE])

    assert (await client.get("/v1/look", headers=headers | {"Host": "evil.example"})).status == 403
    assert (await client.get("/v1/look", headers=headers | {"Host": "gate.example"})).status == 200


async def test_a_foreign_page_is_refused(client, tokens):
    headers = bearer(tokens[Role.SERVICE])

    assert (await client.get("/v1/look", headers=headers | {"Origin": "https://evil.example"})).status == 403


async def test_a_bug_is_a_500_of_the_same_shape(client, caplog):
    answer = await client.get("/bug")

    assert answer.status == 500
    assert (await answer.json())["title"] == "Internal Server Error"
    assert "ZeroDivisionError" in caplog.text


async def test_what_is_not_there_has_the_same_shape(client, tokens):
    answer = await client.get("/v1/nothing", headers=bearer(tokens[Role.DESK]))

    assert answer.status == 404
    assert (await answer.json())["status"] == 404


def test_a_token_file_that_a_power_cut_emptied_is_made_anew(tmp_path):
    (tmp_path / TOKEN_FILE).write_bytes(b"")

    tokens = load_tokens(tmp_path)

    assert len(set(tokens.values())) == len(KEPT)
    assert load_tokens(tmp_path) == tokens


def test_a_token_file_that_is_none_says_its_mend(tmp_path):
    (tmp_path / TOKEN_FILE).write_bytes(b"{")

    with pytest.raises(TokensUnusableError, match="Remove it"):
        load_tokens(tmp_path)


@pytest.mark.parametrize("key", [b"\xff", b"\xed\xa0\x80", b"x" * 65])
async def test_an_idempotency_key_of_any_bytes_is_the_callers_mistake(tokens, unused_tcp_port, key):
    async def named(request):
        return web.json_response({"key": request_id_of(request, None)})

    app = web.Application(middlewares=[guard(tokens, frozenset(), {"POST /v1/act": May.ACT}, Sessions())])
    app.router.add_post("/v1/act", named)
    async with TestServer(app, port=unused_tcp_port):
        reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
        token = tokens[Role.DESK].encode()
        head = b"POST /v1/act HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + token
        writer.write(head + b"\r\nIdempotency-Key: " + key + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 400 ")
