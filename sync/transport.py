"""The HTTP session to the platform, and its ways of failing.

Rules of this file:

- TLS is always verified, against the system's authorities, the one configured CA, or the hash of the one certificate
  that the platform signed for (a hub's); there is no switch to ignore it; at which time: `sync.certificates`;
- no redirects, no proxies from the environment, no cookies; answers are bounded while they are read;
- a peer that sends no byte for SILENT_S is given up; a dead one is noticed by TCP keep-alive, also in a long poll;
- `UnreachableError` means nobody answered, or that the address is none (try again soon: it costs the platform nothing);
  its kind `PortalError` means a web page answered (the login page of a network in between); `RefusedError` means the
  platform did, and carries the problem (RFC 9457) and how long it asks us to wait.

How often to try is the business of `sync.peer`.
"""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import aiohttp

from sync.certificates import BORN_MS, tls
from sync.wire.messages import Problem, WireError, decode

CONNECT_S = 1.5  # a network that is back for three seconds must be enough
SILENT_S = 3.0  # a peer that sends no byte for so long is given up
TOTAL_S = 30.0
MAX_ANSWER_BYTES = 1024 * 1024
MAX_WAIT_S = 600.0  # what is worth telling; how much of it is obeyed stands in `sync.backoff`
KEEPALIVE_S, KEEPALIVE_TRIES = 5, 2
IDLE_S = 90.0  # an idle connection is kept for longer than a poll takes to come round, so that TLS is agreed on once
OK, ACCEPTED, MOVED, SERVER_ERROR, LOGIN_REQUIRED = 200, 202, 300, 500, 511
WEB_PAGE = "网页代替平台作答，此网络可能要求登录 a web page answered instead of the platform: log in to this network"


class UnreachableError(Exception):
    """Nobody answered: no route, refused, timed out, TLS failed, connection lost."""


class PortalError(UnreachableError):
    """A web page answered instead of the platform: this network wants a login first."""


class RefusedError(Exception):
    """The platform answered with an error. `wait_s` is its Retry-After, or None."""

    def __init__(self, problem: Problem, wait_s: float | None) -> None:
        super().__init__(f"{problem.status} {problem.code}: {problem.detail or problem.title}")
        self.problem = problem
        self.wait_s = wait_s


def _socket(address: tuple[Any, ...]) -> socket.socket:
    """Return a socket that notices a dead peer within KEEPALIVE_S x (KEEPALIVE_TRIES + 1) seconds."""
    family, kind, protocol, _name, _where = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", KEEPALIVE_S),
        ("TCP_KEEPINTVL", KEEPALIVE_S),
        ("TCP_KEEPCNT", KEEPALIVE_TRIES),
    ):
        if hasattr(socket, name):  # Linux has them; elsewhere the system's own patience stays
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


@asynccontextmanager
async def open_session(
    ca: Path | None = None, *, idle_s: float = IDLE_S, at_least_ms: Callable[[], int] = lambda: BORN_MS
) -> AsyncIterator[aiohttp.ClientSession]:
    """Open the session that everything to the platform goes through; a connection may be idle for `idle_s`.

    `at_least_ms` says what time it is at least (`tls`).
    """
    timeout = aiohttp.ClientTimeout(total=TOTAL_S, sock_connect=CONNECT_S, sock_read=SILENT_S)
    connector = aiohttp.TCPConnector(
        ssl=tls(ca, at_least_ms), limit=8, socket_factory=_socket, keepalive_timeout=idle_s
    )
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, cookie_jar=jar, trust_env=False) as session:
        yield session


@lru_cache(maxsize=64)
def pinned(pin: bytes) -> aiohttp.Fingerprint:
    """Return what holds TLS to the one certificate of this SHA-256: the same for the same pin.

    Connections are kept by what they trust, and two fingerprints are never equal: with another one for each call none
    was ever used twice, and each ask of a hub agreed on TLS anew.
    """
    return aiohttp.Fingerprint(pin)


def _problem(status: int, body: bytes) -> Problem:
    try:
        return decode(body, Problem)
    except WireError:
        return Problem(title="the platform gave no reason", status=status, code="no_reason")


def _wait_s(header: str | None) -> float | None:
    if header is None or not header.isascii() or not header.isdigit():
        return None
    return min(float(header), MAX_WAIT_S)


def _is_web_page(response: aiohttp.ClientResponse, body: bytes) -> bool:
    """Tell whether this is somebody's page: HTML, or sent elsewhere. A proxy's own 5xx page is an ill platform."""
    if response.status == LOGIN_REQUIRED or MOVED <= response.status < MOVED + 100:
        return True
    page = response.content_type in ("text/html", "application/xhtml+xml") or body.lstrip()[:1] == b"<"
    return page and response.status < SERVER_ERROR


async def exchange(
    session: aiohttp.ClientSession,
    method: Literal["GET", "POST"],
    url: str,
    *,
    headers: dict[str, str] | None = None,
    body: bytes | None = None,
    silent_s: float = SILENT_S,
    pin: bytes | None = None,
) -> bytes:
    """Return the body of a 200 answer, or of a hub's 202; raise UnreachableError, PortalError or RefusedError.

    `silent_s`: how long to wait for a byte; a long poll asks for more. `pin`: the SHA-256 of the one certificate that
    is good, for a hub that a signed profile names; no authority vouches for it then.
    """
    timeout = aiohttp.ClientTimeout(total=TOTAL_S + silent_s, sock_connect=CONNECT_S, sock_read=silent_s)
    trust: aiohttp.Fingerprint | bool = True if pin is None else pinned(pin)
    try:
        async with session.request(
            method, url, headers=headers, data=body, allow_redirects=False, timeout=timeout, ssl=trust
        ) as response:
            answer = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                answer += chunk
                if len(answer) > MAX_ANSWER_BYTES:
                    raise UnreachableError(f"{url}: the answer has no end")
            if _is_web_page(response, bytes(answer)):
                raise PortalError(f"{WEB_PAGE} ({url}, HTTP {response.status})")
            if response.status in (OK, ACCEPTED):
                return bytes(answer)
            raise RefusedError(_problem(response.status, bytes(answer)), _wait_s(response.headers.get("Retry-After")))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:  # the last: an address that is none
        raise UnreachableError(f"{url}: {error or type(error).__name__}") from error
