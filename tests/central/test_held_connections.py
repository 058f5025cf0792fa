"""Thousands of terminals hold a connection each: what one costs is bounded."""

import asyncio
import gc
import ssl
from asyncio.sslproto import SSLProtocol

from central.http.app import serving
from central.http.asked import TLS_READ
from central.site.certificate import CERTIFICATE, context, make_certificate


async def test_a_held_tls_connection_reads_into_a_bounded_buffer(town, tmp_path):
    make_certificate(tmp_path / "tls", ["127.0.0.1"])
    trusted = ssl.create_default_context(cafile=tmp_path / "tls" / CERTIFICATE)
    tls = context(tmp_path / "tls")

    async with serving(town.state, host="127.0.0.1", port=0, now_ms=town.clock.now_ms, tls=tls) as url:
        port = int(url.rsplit(":", 1)[1])
        reading, writing = await asyncio.open_connection("127.0.0.1", port, ssl=trusted)
        writing.write(b"GET /healthz HTTP/1.1\r\nHost: l\r\n\r\n")
        assert b" 200 " in await reading.readuntil(b"\r\n")
        held = [len(one._ssl_buffer) for one in gc.get_objects() if type(one) is SSLProtocol]
        writing.close()

    assert len(held) == 2
    assert max(held) <= TLS_READ
