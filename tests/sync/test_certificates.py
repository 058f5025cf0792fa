"""TLS on a box whose clock is wrong: certificates are judged at the time that it is at least."""

import asyncio
import datetime as dt
import hashlib
import ipaddress
import ssl
import time
from contextlib import asynccontextmanager

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sync import certificates
from sync.certificates import BORN_MS
from sync.transport import UnreachableError, exchange, open_session

DAY_MS = 86_400_000
NOW_MS = int(time.time() * 1000)


def at(ms):
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)


class Authority:
    """A private CA in a folder, and certificates for 127.0.0.1 with any dates."""

    def __init__(self, folder, begins=NOW_MS - 900 * DAY_MS, ends=NOW_MS + 900 * DAY_MS):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CA of a test")])
        self.certificate = self._made(self.name, self.key.public_key(), begins, ends, ca=True)
        self.path = folder / "ca.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _made(self, subject, key, begins, ends, *, ca):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(at(begins)).not_valid_after(at(ends))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def server(self, begins, ends):
        """Return a server's context with a certificate of these dates."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
        made = self._made(name, key.public_key(), begins, ends, ca=False)
        cert, pem = self.folder / "server.pem", self.folder / "server.key"
        cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        pem.write_bytes(key.private_bytes(*form))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, pem)
        return context


@asynccontextmanager
async def serving(context):
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def asked(authority, dates, *, floor_ms):
    async with (
        serving(authority.server(*dates)) as url,
        open_session(authority.path, at_least_ms=lambda: floor_ms) as session,
    ):
        return await exchange(session, "GET", url)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def in_1970(monkeypatch):
    """The wall clock of a box without a battery."""
    monkeypatch.setattr(certificates.time, "time_ns", lambda: 60_000_000_000)


YEAR = (NOW_MS - 100 * DAY_MS, NOW_MS + 265 * DAY_MS)
RENEWED = (NOW_MS - 2 * DAY_MS, NOW_MS + 88 * DAY_MS)
ENDED = (NOW_MS - 200 * DAY_MS, NOW_MS - 100 * DAY_MS)
LATER = (NOW_MS + 10 * DAY_MS, NOW_MS + 100 * DAY_MS)


@pytest.mark.usefixtures("in_1970")
@pytest.mark.parametrize(
    ("dates", "floor_ms"),
    [(YEAR, NOW_MS - 50 * DAY_MS), (RENEWED, NOW_MS - 50 * DAY_MS), (YEAR, 0)],
    ids=["a year", "renewed", "no floor"],
)
async def test_a_box_at_1970_reaches_its_platform(authority, dates, floor_ms):
    assert await asked(authority, dates, floor_ms=floor_ms) == b"well"


@pytest.mark.usefixtures("in_1970")
async def test_a_clock_set_back_brings_no_ended_certificate_to_life(authority):
    with pytest.raises(UnreachableError, match="expired"):
        await asked(authority, ENDED, floor_ms=NOW_MS - 50 * DAY_MS)


@pytest.mark.parametrize(("dates", "said"), [(ENDED, "expired"), (LATER, "not yet valid")])
async def test_a_clock_that_is_right_is_as_strict_as_ever(authority, dates, said):
    assert await asked(authority, YEAR, floor_ms=NOW_MS - 50 * DAY_MS) == b"well"
    with pytest.raises(UnreachableError, match=said):
        await asked(authority, dates, floor_ms=NOW_MS - 50 * DAY_MS)


async def test_an_authority_that_ended_is_refused_with_all_that_it_signed(tmp_path):
    ended = Authority(tmp_path, begins=NOW_MS - 900 * DAY_MS, ends=NOW_MS - DAY_MS)

    with pytest.raises(UnreachableError, match="expired"):
        await asked(ended, YEAR, floor_ms=BORN_MS)


@pytest.mark.usefixtures("in_1970")
async def test_another_authority_and_another_name_are_refused_at_any_time(authority, tmp_path):
    (tmp_path / "other").mkdir()
    stranger = Authority(tmp_path / "other")
    async with serving(stranger.server(*YEAR)) as url, open_session(authority.path) as session:
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            await exchange(session, "GET", url)
    async with serving(authority.server(*YEAR)) as url, open_session(authority.path) as session:
        with pytest.raises(UnreachableError, match="localhost"):
            await exchange(session, "GET", url.replace("127.0.0.1", "localhost"))


async def test_asks_of_a_hub_share_a_connection_and_another_certificate_has_one_of_its_own(authority):
    context, connections = authority.server(*YEAR), []

    async def answer(reader, writer):
        connections.append(writer.get_extra_info("peername"))
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
            await writer.drain()
        writer.close()

    pin = hashlib.sha256(ssl.PEM_cert_to_DER_cert((authority.folder / "server.pem").read_text())).digest()
    async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context) as server, open_session() as session:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        for _ in range(3):
            assert await exchange(session, "GET", url, pin=bytes([*pin])) == b"well"
        assert len(set(connections)) == 1
        with pytest.raises(UnreachableError):
            await exchange(session, "GET", url, pin=bytes(32))
