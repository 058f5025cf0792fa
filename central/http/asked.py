"""What a call says of itself: its body, bounded; whom it names; who stands behind it once that is proven.

A connection that waits holds what asyncio reads into: with TLS a quarter of a megabyte, for requests of less than 1 KB
mostly. `bound_tls` makes it TLS_READ.
"""

import asyncio
from asyncio.sslproto import SSLProtocol
from base64 import urlsafe_b64decode
from dataclasses import dataclass

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.http.inflate import TooLargeError
from central.register.former import FormerKey
from sync.wire.messages import AuthClaims, WireError

CHUNK = 64 * 1024
TLS_READ = 8 * 1024
BODY_S = 30.0
MAX_WAIT_S = 60
MAX_THROUGH = 2**53 - 1
MAX_DIGITS = 16
MAX_KNOWN = 20_000  # terminals


@dataclass(frozen=True, slots=True)
class Caller:
    """A terminal that has proven who it is."""

    terminal: str
    key: Ed25519PublicKey
    claims: AuthClaims
    former: FormerKey | None = None  # it speaks with a key that ended
    hexed: str = ""  # its key, as the books have it


class KeyEndedError(WireError):
    """A caller was proven by a key that the books have no more."""

    def __init__(self) -> None:
        super().__init__("bad_token", "this key is not the terminal's any more")


class KnownKeys:
    """The keys by which terminals were proven last. One may have ended since: whoever goes by it looks in his job."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def note(self, terminal: str, hexed: str) -> None:
        """Remember the key of a terminal that was proven by it; of too many the first is forgotten."""
        self._keys[terminal] = hexed
        if len(self._keys) > MAX_KNOWN:
            del self._keys[next(iter(self._keys))]

    def of(self, terminal: str) -> str | None:
        """Return the key by which a terminal was proven last."""
        return self._keys.get(terminal)


def bound_tls() -> None:
    """Let every TLS connection of this process read into TLS_READ bytes; asyncio offers no other place to say it."""
    SSLProtocol.max_size = TLS_READ


def wait_of(request: web.Request) -> int:
    """Return for how many seconds the standing may be held back; raise WireError."""
    text = request.query.get("wait", "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= 2):  # noqa: PLR2004 - up to 99 s
        raise WireError("bad_message", "wait is a number of seconds, 0 to 60")
    return min(int(text), MAX_WAIT_S)


async def read_bounded(request: web.Request, limit: int) -> bytes:
    """Return the body as it travelled; raise TooLargeError as soon as it is, WireError when it drips for too long."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.content.iter_chunked(CHUNK):
                body += chunk
                if len(body) > limit:
                    raise TooLargeError(f"more than {limit} bytes")
    except TimeoutError as error:
        raise WireError("too_slow", f"a body takes at most {BODY_S:.0f} s") from error
    return bytes(body)


def named_in(request: web.Request) -> str:
    """Return the terminal that a request token says it speaks for; nothing is believed of it yet."""
    token = request.headers.get("Authorization", "").partition(" ")[2]
    head = token.partition(".")[0]
    try:
        return msgspec.json.decode(urlsafe_b64decode(head + "=" * (-len(head) % 4)), type=_Head).kid
    except (ValueError, msgspec.MsgspecError) as error:
        raise WireError("bad_token", "a request carries Authorization: Bearer and a request token") from error


def through_of(request: web.Request) -> int:
    """Return where the asker says that its journal ends, 0 where it does not; raise WireError."""
    text = request.query.get("through", "0")
    if not (text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS and int(text) <= MAX_THROUGH):
        raise WireError("bad_message", "through is a sequence number")
    return int(text)


class _Head(msgspec.Struct):
    kid: str
