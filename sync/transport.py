"""The HTTP session to the platform, and its two ways of failing.

Rules of this file:

- TLS is always verified, against the system's authorities or the one configured CA; there is no switch to ignore it;
- no redirects, no proxies from the environment, no cookies; answers are bounded while they are read;
- `UnreachableError` means nobody answered (try again soon: it costs the platform nothing); `RefusedError` means
  somebody did, and carries the problem (RFC 9457) and how long it asks us to wait.
"""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import aiohttp

from sync.wire.messages import Problem, WireError, decode

CONNECT_S = 1.5  # a network that is back for three seconds must be enough
TOTAL_S = 30.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_WAIT_S = 600.0


class UnreachableError(Exception):
    """Nobody answered: no route, refused, timed out, TLS failed, connection lost."""


class RefusedError(Exception):
    """The platform answered with an error. `wait_s` is its Retry-After, or None."""

    def __init__(self, problem: Problem, wait_s: float | None) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail or problem.title}")
        self.problem = problem
        self.wait_s = wait_s


def tls(ca: Path | None) -> ssl.SSLContext:
    """Return the verifying TLS context; with `ca`, that authority alone is trusted."""
    return ssl.create_default_context(cafile=str(ca) if ca else None)


@asynccontextmanager
async def open_session(ca: Path | None = None) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the session that everything to the platform goes through."""
    timeout = aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S)
    connector = aiohttp.TCPConnector(ssl=tls(ca), limit=8)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar, trust_env=False) as session:
        yield session


def _problem(status: int, body: bytes) -> Problem:
    try:
        return decode(body, Problem)
    except WireError:
        return Problem(title="the platform gave no reason", status=status, code="no_reason")


def _wait_s(header: str | None) -> float | None:
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(float(header), MAX_WAIT_S)


async def exchange(
    session: aiohttp.ClientSession,
    method: Literal["GET", "POST"],
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
) -> bytes:
    """Return the body of a 200 answer; raise UnreachableError or RefusedError."""
    try:
        async with session.request(method, url, headers=headers, data=body, allow_redirects=False) as response:
            answer = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise UnreachableError(f"{url}: the answer has no end")
            if response.status == 200:  # noqa: PLR2004 - OK
                return bytes(answer)
            raise RefusedError(_problem(response.status, bytes(answer)), _wait_s(response.headers.get("Retry-After")))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UnreachableError(f"{url}: {error or type(error).__name__}") from error
