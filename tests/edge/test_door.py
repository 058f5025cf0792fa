"""Connections that ask nothing, heads that never end, bodies that say nonsense: real sockets, no sleeping."""

import asyncio
import contextlib
import doctest
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.api import rates
from edge.api.access import May, Role, guard, load_tokens
from edge.api.bodies import body_of
from edge.api.door import HEAD_S, IDLE_S, Door, DoorSite
from edge.api.messages import EntryBody
from edge.api.serving import listening
from edge.commands.common import local_api
from edge.settings.reading import parse
from edge.staff.sessions import Sessions
from edge.watch.alive import Tasks


class Hand:
    """A clock that is moved by hand."""

    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


class Served:
    def __init__(self, door, port, tokens):
        self.door, self.port, self.tokens = door, port, tokens
        self.url = f"http://127.0.0.1:{port}"
        self.release = asyncio.Event()


@pytest.fixture
async def served(tmp_path, unused_tcp_port):
    door, tokens = Door(4, clock=Hand()), load_tokens(tmp_path)
    told = Served(door, unused_tcp_port, tokens)

    async def body(request):
        return web.json_response({"stopped": (await body_of(request, EntryBody)).stopped})

    async def slow(_request):
        await told.release.wait()
        return web.Response(text="at last")

    app = web.Application(
        middlewares=[door.middleware(), guard(tokens, frozenset(), {"POST /v1/body": May.ACT}, Sessions())]
    )
    app.router.add_post("/v1/body", body)
    app.router.add_get("/healthz", _well)
    app.router.add_get("/slow", slow)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await DoorSite(runner, door, ("127.0.0.1", unused_tcp_port)).start()
    yield told
    told.release.set()
    await runner.cleanup()


async def _well(_request):
    return web.json_response({"ok": True})


async def until(true):
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def connected(served):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    try:
        yield reader, writer
    finally:
        writer.close()


async def closed(reader):
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
    return True


async def answers(served):
    async with aiohttp.ClientSession() as session, session.get(f"{served.url}/healthz") as answer:
        return answer.status == 200


class TestDoor:
    async def test_who_asks_nothing_is_closed_in_time_and_not_before(self, served):
        async with connected(served) as (reader, _writer):
            await until(lambda: served.door.inside == 1)
            served.door.clock.at = HEAD_S
            served.door.sweep()
            assert served.door.inside == 1

            served.door.clock.at = HEAD_S + 0.01
            served.door.sweep()

            assert await closed(reader)

    async def test_half_a_head_counts_from_its_first_byte_and_dripping_does_not_help(self, served):
        async with connected(served) as (reader, writer):
            await until(lambda: served.door.inside == 1)
            for at in range(int(HEAD_S)):
                served.door.clock.at = at
                writer.write(b"GET /healthz HTTP/1.1\r\nX: " if not at else b"a")
                await writer.drain()
                served.door.sweep()
            served.door.clock.at = HEAD_S + 0.1
            served.door.sweep()

            assert await closed(reader)

    async def test_a_crowd_that_asks_nothing_keeps_nobody_out(self, served):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(20):
                await stack.enter_async_context(connected(served))

            assert await answers(served)
            assert served.door.inside <= 4

    async def test_who_is_being_served_is_never_closed_to_make_room(self, served):
        async with aiohttp.ClientSession() as session, contextlib.AsyncExitStack() as stack:
            slow = [asyncio.create_task(session.get(f"{served.url}/slow")) for _ in range(3)]
            await until(lambda: sum(guest.in_hand for guest in served.door._guests.values()) == 3)
            for _ in range(20):
                await stack.enter_async_context(connected(served))
            served.door.clock.at = 100 * IDLE_S
            served.door.sweep()
            served.release.set()

            for one in slow:
                async with await one as answer:
                    assert await answer.text() == "at last"

    async def test_when_all_are_being_served_one_more_is_turned_away(self, served):
        async with aiohttp.ClientSession() as session:
            slow = [asyncio.create_task(session.get(f"{served.url}/slow")) for _ in range(4)]
            await until(lambda: sum(guest.in_hand for guest in served.door._guests.values()) == 4)
            async with connected(served) as (reader, _writer):
                assert await closed(reader)
            served.release.set()
            for one in slow:
                (await one).close()


HEADS = [
    b"GET /healthz HTTP/1.1\r\nHost: [\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: gate\r\nOrigin: http://[\r\n\r\n",
    b"GET /v1/body HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
    b"GET /v1/body HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nHost: localhost\x00\r\n\r\n",
    b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n",
]


@pytest.mark.parametrize("head", HEADS)
async def test_no_head_is_answered_with_500(served, head):
    async with connected(served) as (reader, writer):
        writer.write(head)
        async with asyncio.timeout(10):
            status = int((await reader.readline()).split()[1])

    assert 400 <= status < 500


BODIES = [
    (b'{"stopped": true, "by": "\xff\xfe"}', {}),
    (b'{"stopped": true, "stopped": false, "by": "x"}', {}),
    (b"[" * 9_000, {}),
    (b"rubbish", {"Content-Encoding": "deflate"}),
    (b'{"stopped": true, "by": 1e999}', {}),
    (b'{"stopped": true, "by": "\\ud800"}', {}),
]


@pytest.mark.parametrize(("body", "headers"), BODIES)
async def test_no_body_is_answered_with_500(served, body, headers):
    headers = headers | {"Authorization": f"Bearer {served.tokens[Role.DESK]}"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{served.url}/v1/body", data=body, headers=headers) as answer,
    ):
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        assert json.loads(await answer.text())["detail"]


def test_the_examples_of_rates_are_true():
    assert doctest.testmod(rates).failed == 0


def certificate(folder):
    """A certificate for another name, signed by nobody: as a shop makes one."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "till.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, None)
    )
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return folder / "cert.pem", folder / "key.pem"


async def test_beyond_this_machine_it_speaks_tls_and_our_own_commands_believe_that_certificate_alone(
    tmp_path, unused_tcp_port
):
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder in (mine, other):
        folder.mkdir()
    (cert, key), (foreign, _key) = certificate(mine), certificate(other)
    text = (
        f'[terminal]\ndata = "{tmp_path}"\n[platform]\nurl = "https://p.example"\n'
        f'[[lanes]]\nid = "A"\nscene = "gate"\n'
        f'[api]\nlisten = "0.0.0.0:{unused_tcp_port}"\nhosts = ["till.example"]\ntls_key = "{key}"\n'
    )
    ours, theirs = (parse(f'{text}tls_cert = "{one}"\n', "test") for one in (cert, foreign))

    def ask(config):
        base, tls = local_api(config)
        with urllib.request.urlopen(f"{base}/healthz", timeout=10, context=tls) as answer:
            return base, answer.status

    async with listening(ours, [("GET", "/healthz", None, _well)], Sessions(), Tasks()):
        base, status = await asyncio.to_thread(ask, ours)
        with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
            await asyncio.to_thread(ask, theirs)

    assert (base, status) == (f"https://127.0.0.1:{unused_tcp_port}", 200)
