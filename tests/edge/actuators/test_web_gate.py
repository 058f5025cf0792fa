"""HTTP controllers with their habits (findings/ops.md A3): each is a real server on a real socket."""

import asyncio
import datetime as dt
import os
import socket
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientTimeout, encode_basic_auth, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from edge.actuators.connecting import near
from edge.actuators.connecting.near import _open
from edge.actuators.gate import EMERGENCY, Attempt, Outcome
from edge.actuators.tables import Expected, WebLogin, WebStatus, WebTable, faults
from edge.actuators.web import WebGate, fingerprint

CASES = Path(__file__).parents[2] / "cases"
ATTEMPT = Attempt(lane="north", redemption="r1", number=2, heads=3)


def gate(url, **setting):
    return WebGate(WebTable(url=str(url), **{"timeout_s": 2, **setting}))


async def opened(url, **setting):
    async with gate(url, **setting) as one:
        return await one.open(ATTEMPT)


@asynccontextmanager
async def raw(*answers):
    """A controller of bytes: for each connection one answer per request (None: reset); yields (url, requests)."""
    heard, count = [], 0

    async def serve(reader, writer):
        nonlocal count
        mine = answers[min(count, len(answers) - 1)]
        count += 1
        try:
            for answer in mine:
                if not (request := await reader.read(8192)):
                    return
                heard.append(request)
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
                await writer.drain()
            await reader.read()
        except OSError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/open", heard


def answer(body=b"", status=b"200 OK"):
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)


async def test_what_is_sent_names_the_attempt_and_the_redemption():
    async def handler(request):
        assert await request.json() == {"redemption": "r1", "attempt": "r1.2", "heads": 3, "lane": "north"}
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", handler)
    async with TestServer(app) as server:
        assert (await opened(server.make_url("/open"))).outcome is Outcome.ACTUATED


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (answer(), Outcome.ACTUATED),
        (answer(b"OK"), Outcome.ACTUATED),
        (answer(b'{"code": 0, "msg": "ok"}'), Outcome.ACTUATED),
        (answer(b'{"code": 200}'), Outcome.ACTUATED),
        (answer(b'{"code": 500, "msg": "gate fault"}'), Outcome.NOT_ACTUATED),
        (answer(b'{"code": "500"}'), Outcome.NOT_ACTUATED),
        (answer(b'{"ok": false}'), Outcome.NOT_ACTUATED),
        (answer(b'{"success": false, "code": 200}'), Outcome.NOT_ACTUATED),
        (answer(b'{"errcode": 40001}'), Outcome.NOT_ACTUATED),
        (answer(b'{"result": "fail"}'), Outcome.NOT_ACTUATED),
        (answer(b'{"redemption": "r9"}'), Outcome.UNKNOWN),
        (answer(b'{"data": {"redemptionId": "r9"}}'), Outcome.UNKNOWN),
        (answer(b'{"Data": {"Attempt_ID": "r1.2"}}'), Outcome.ACTUATED),
        (answer(b'{"attempt": "r1.1"}'), Outcome.UNKNOWN),
        (answer(b'{"attempt": "r1.2", "code": 0}'), Outcome.ACTUATED),
        (answer(status=b"500 Oops"), Outcome.NOT_ACTUATED),
        (answer(status=b"404 Not Found"), Outcome.NOT_ACTUATED),
        (answer(status=b"504 Gateway Timeout"), Outcome.UNKNOWN),
        (None, Outcome.UNKNOWN),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", Outcome.UNKNOWN),
        (b"garbage\r\n\r\n", Outcome.UNKNOWN),
    ],
)
async def test_what_an_answer_means(said, outcome):
    async with raw([said]) as (url, _):
        done = await opened(url, timeout_s=0.7)
    assert done.outcome is outcome
    assert bool(done.detail) is (outcome is not Outcome.ACTUATED)
    assert not done.detail.endswith(": ")


async def test_the_case_of_a_login_page_is_no_open_gate():
    async with raw([(CASES / "gate-redirect.http").read_bytes()]) as (url, heard):
        done = await opened(url)
    assert done.outcome is Outcome.NOT_ACTUATED
    assert "302" in done.detail
    assert len(heard) == 1


async def test_the_case_of_a_controller_that_drops_idle_connections_opens_at_the_first_showing():
    async with raw([answer(), None]) as (url, heard), gate(url) as one:
        assert [(await one.open(ATTEMPT)).outcome for _ in range(3)] == [Outcome.ACTUATED] * 3
    assert len(heard) == 3


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"code": 0}', Outcome.ACTUATED),
        (b"OK", Outcome.ACTUATED),
        (b'{"code": 500}', Outcome.NOT_ACTUATED),
        (b'{"code": 50', Outcome.UNKNOWN),
        (b"<html>", Outcome.UNKNOWN),
    ],
)
async def test_one_that_gives_no_length_and_never_closes_has_answered_once_it_reads_as_whole(body, outcome):
    async with raw([b"HTTP/1.0 200 OK\r\n\r\n" + body]) as (url, _):
        done = await opened(url, timeout_s=0.7)

    assert done.outcome is outcome


async def test_a_slow_controller_is_waited_for_as_long_as_the_setting_says_and_then_unknown():
    async def slow(_request):
        await asyncio.sleep(0.3)
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", slow)
    async with TestServer(app) as server:
        url = server.make_url("/open")
        late = await opened(url, timeout_s=0.1)
        assert late.outcome is Outcome.UNKNOWN
        assert "no answer in time" in late.detail
        assert (await opened(url, timeout_s=2)).outcome is Outcome.ACTUATED


async def test_a_controller_that_is_away_was_sent_nothing():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        done = await opened(f"http://127.0.0.1:{free.getsockname()[1]}/open")
    assert done.outcome is Outcome.NOT_ACTUATED
    assert "127.0.0.1" in done.detail


async def test_get_form_query_headers_and_secrets_are_filled(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    asked = []

    async def handler(request):
        asked.append((request.method, dict(request.query), dict(await request.post()), request.headers.get("X-Key")))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/door/{door}", handler)
    async with TestServer(app) as server:
        base = str(server.make_url("/door"))
        secret = {"X-Key": str(tmp_path / "token")}
        await opened(f"{base}/1?id={{attempt}}", method="GET", secret_headers=secret)
        await opened(f"{base}/{{lane}}", form={"n": "{heads}", "r": "{redemption}"}, headers={"X-Key": "{lane}"})
        await opened(f"{base}/2", query={"n": "{heads}"})

    assert asked == [
        ("GET", {"id": "r1.2"}, {}, "s3cret"),
        ("POST", {}, {"n": "3", "r": "r1"}, "north"),
        ("POST", {"n": "3"}, {}, None),
    ]


async def test_the_member_that_says_yes_can_be_named():
    expect = Expected(path="data.gate", equals="open")
    for body, outcome in (
        (b'{"data": {"gate": "open"}, "code": 999}', Outcome.ACTUATED),
        (b'{"data": {"gate": "shut"}}', Outcome.NOT_ACTUATED),
        (b"{}", Outcome.NOT_ACTUATED),
        (b"<html>", Outcome.UNKNOWN),
    ):
        async with raw([answer(body)]) as (url, _):
            assert (await opened(url, expect=expect)).outcome is outcome


@pytest.mark.parametrize("scheme", ["digest", "basic"])
async def test_a_login_is_given_as_the_controller_asks(tmp_path, scheme):
    (tmp_path / "password").write_text("p\n")
    asked = []

    async def handler(request):
        asked.append(request.headers.get("Authorization", ""))
        if not asked[-1]:
            return web.Response(status=401, headers={"WWW-Authenticate": 'Digest realm="g", nonce="n", qop="auth"'})
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", handler)
    login = WebLogin(user="u", password_file=str(tmp_path / "password"), scheme=scheme)
    async with TestServer(app) as server:
        assert (await opened(server.make_url("/open"), login=login)).outcome is Outcome.ACTUATED
    assert asked[-1].lower().startswith(scheme)


async def test_a_password_that_is_changed_and_a_controller_that_starts_anew_are_no_reason_to_stay_shut(tmp_path):
    asked, nonces = [], ["n1"]

    async def handler(request):
        said = request.headers.get("Authorization", "")
        asked.append(said)
        if f'nonce="{nonces[-1]}"' not in said:
            challenge = f'Digest realm="g", nonce="{nonces[-1]}", qop="auth"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", handler)
    password = tmp_path / "password"
    password.write_text("p\n")
    login = WebLogin(user="u", password_file=str(password), scheme="digest")
    async with TestServer(app) as server, gate(server.make_url("/open"), login=login) as one:

        async def calls():
            before = len(asked)
            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED
            return len(asked) - before

        assert [await calls(), await calls()] == [2, 1]  # what it was challenged with is answered ahead
        nonces.append("n2")
        assert [await calls(), await calls()] == [2, 1]
        password.write_text("q\n")
        assert await calls() == 2


async def test_a_basic_password_and_a_secret_that_are_changed_count_from_the_next_attempt_on(tmp_path):
    said = []

    async def handler(request):
        said.append((request.headers["Authorization"], request.headers["X-Key"]))
        return web.Response()

    app = web.Application()
    app.router.add_post("/open", handler)
    password, key = tmp_path / "password", tmp_path / "key"
    login = WebLogin(user="u", password_file=str(password), scheme="basic")
    async with TestServer(app) as server:
        url = server.make_url("/open")
        async with gate(url, login=login, secret_headers={"X-Key": str(key)}) as one:
            for text in ("old", "new"):
                password.write_text(text)
                key.write_text(text)
                assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED

    assert said == [(encode_basic_auth("u", text), text) for text in ("old", "new")]


async def test_a_controller_can_be_asked_what_became_of_an_attempt():
    status = WebStatus(
        url="{}", open=Expected(path="state", equals="open"), shut=Expected(path="state", equals="never heard")
    )
    for state, outcome in (("open", "actuated"), ("never heard", "not_actuated"), ("hm", "unknown")):
        async with raw([answer(b'{"state": "%s"}' % state.encode())]) as (url, heard):
            setting = WebStatus(url=url + "/{attempt}", open=status.open, shut=status.shut)
            async with gate(url, status=setting) as one:
                assert (await one.opened(ATTEMPT)).outcome == outcome
            assert heard[0].startswith(b"GET /open/r1.2 ")
    assert (await gate("http://127.0.0.1:1/").opened(ATTEMPT)).outcome is Outcome.UNKNOWN


@pytest.fixture
def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gate")])
    today = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "gate.pem").write_bytes(secret + pem)
    return tmp_path / "gate.pem", made.public_bytes(serialization.Encoding.DER)


async def test_a_certificate_is_pinned_and_another_is_sent_nothing(certificate):
    path, der = certificate
    asked = []

    async def handler(request):
        asked.append(await request.read())
        return web.Response()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    app = web.Application()
    app.router.add_post("/open", handler)
    async with TestServer(app, scheme="https") as server:
        await server.close()
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        url = f"https://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/open"
        good = await opened(url, certificate_sha256=fingerprint(der), timeout_s=5)
        other = await opened(url, certificate_sha256="00" * 32, timeout_s=5)
        unknown = await opened(url, timeout_s=5)
        await runner.cleanup()

    assert good.outcome is Outcome.ACTUATED
    assert [other.outcome, unknown.outcome] == [Outcome.NOT_ACTUATED] * 2
    assert len(asked) == 1


def test_the_authority_of_a_controller_is_read_once_and_again_when_its_file_is_exchanged(certificate):
    path, _ = certificate
    one = gate("https://127.0.0.1/open", ca=str(path))
    first = one._tls()
    assert one._tls() is first

    os.utime(path, ns=(1, 1))

    again = one._tls()
    assert again is not first
    assert again.cert_store_stats()["x509"] == 1


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ({"url": "http://192.168.1.50/open"}, "url"),
        ({"url": "http://controller/open", "insecure": "lan"}, "url"),
        ({"url": "http://8.8.8.8/open", "insecure": "lan"}, "url"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"url": "http://u:p@127.0.0.1/"}, "url"),
        ({"url": "http://127.0.0.1/{token}"}, "url"),
        ({"url": "http://127.0.0.1/", "json": {"x": ["{code}"]}}, "json"),
        ({"url": "http://127.0.0.1/", "json": {}, "form": {}}, "form"),
        ({"url": "https://c/", "status": WebStatus(url="http://c/", open=Expected(path="a", equals=1))}, "status.url"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_told(setting, key):
    assert key in {found[0] for found in faults(WebTable(**setting))}


@pytest.mark.parametrize(
    "url", ["http://192.168.1.50/open", "http://10.1.1.1/", "http://[fd00::1]/", "http://172.31.0.1/"]
)
def test_one_private_address_may_be_spoken_to_in_plain_http_and_is_then_not_trusted(url):
    table = WebTable(url=url, insecure="lan")

    assert not list(faults(table))
    assert not WebGate(table).trusted
    assert WebGate(WebTable(url="https://c/")).trusted


class TestApproached:
    """Connected to a moment ahead, asked for nothing."""

    @asynccontextmanager
    async def counted(self, *, closing=False):
        """A controller that counts its connections, and closes the first unasked if told to."""
        made, closed = [], asyncio.Event()

        async def serve(reader, writer):
            made.append(writer)
            try:
                if closing and len(made) == 1:
                    return
                if await reader.read(8192):
                    writer.write(answer())
                    await writer.drain()
            except OSError:
                return
            finally:
                writer.close()
                closed.set()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/open", made, closed

    async def test_the_attempt_goes_over_the_connection_that_was_made_ahead(self):
        async with self.counted() as (url, made, _), gate(url) as one:
            await one.approach()
            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED
            assert len(made) == 1
            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED  # and the next over its own
            assert len(made) == 2

    async def test_an_attempt_waits_for_the_connection_that_is_being_made_and_makes_no_second(self):
        async with self.counted() as (url, made, _), gate(url) as one:
            for n in range(1, 4):
                _, done = await asyncio.gather(one.approach(), one.open(ATTEMPT))  # a quick disk: at one moment

                assert done.outcome is Outcome.ACTUATED
                assert len(made) == n

    @pytest.mark.parametrize("held", [True, False])
    async def test_a_fire_waits_for_no_visitor_s_approach(self, held):
        """Whether the controller can be held open or only opened."""
        async with self.counted() as (url, made, _), gate(url, hold_url=url, timeout_s=5) as one:
            one._near._still.clear()  # it hangs: a controller that takes no connection any more, or seems to
            async with asyncio.timeout(2):
                done = await (one.hold(open_=True) if held else one.open(Attempt(lane="A", redemption=EMERGENCY)))

            assert done.outcome is Outcome.ACTUATED
            assert len(made) == 1

    async def test_two_approaches_at_one_moment_are_one(self):
        async with self.counted() as (url, made, _), gate(url) as one:
            await asyncio.gather(one.approach(), one.approach())

            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED
            assert len(made) == 1

    async def test_what_an_approach_took_is_not_given_to_the_attempt_again(self, monkeypatch):
        given = []

        def bounded(*, total):
            given.append(total)
            return ClientTimeout(total=total)

        async def slow():
            async with asyncio.timeout(10):
                while loop.time() < begun + 0.03:
                    await asyncio.sleep(0.01)

        loop = asyncio.get_running_loop()
        monkeypatch.setattr("edge.actuators.web.aiohttp.ClientTimeout", bounded)
        async with self.counted() as (url, _, _), gate(url, timeout_s=5) as one:
            monkeypatch.setattr(one._near, "settled", slow)
            begun = loop.time()
            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED

        assert 0 < given[0] < 5 - 0.025

    async def test_one_that_the_controller_has_closed_meanwhile_is_not_used(self):
        async with self.counted(closing=True) as (url, made, closed), gate(url) as one:
            await one.approach()
            async with asyncio.timeout(10):
                await closed.wait()
                while _open(one._near._made):  # its end is on the way
                    await asyncio.sleep(0.001)

            assert (await one.open(ATTEMPT)).outcome is Outcome.ACTUATED
            assert len(made) == 2

    async def test_one_that_nobody_uses_is_closed_and_was_asked_for_nothing(self, monkeypatch):
        monkeypatch.setattr(near, "NEAR_S", 0.01)
        async with self.counted() as (url, made, closed), gate(url) as one:
            await one.approach()
            async with asyncio.timeout(10):
                await closed.wait()

            assert len(made) == 1

    async def test_leaving_closes_it(self):
        async with self.counted() as (url, _, closed):
            async with gate(url) as one:
                await one.approach()
            async with asyncio.timeout(10):
                await closed.wait()

    async def test_a_controller_that_is_away_is_no_fault_before_it_is_asked(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            async with gate(f"http://127.0.0.1:{held.getsockname()[1]}/open") as one:
                await one.approach()
                done = await one.open(ATTEMPT)

        assert (done.outcome, done.sent) == (Outcome.NOT_ACTUATED, False)

    async def test_a_name_is_not_looked_up_ahead(self):
        async with self.counted() as (url, made, _), gate(url.replace("127.0.0.1", "localhost")) as one:
            await one.approach()

            assert not made
