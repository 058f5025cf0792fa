"""A gate controller with a web address (lane.md, "HTTP controller"). `edge.actuators.tables.WebTable` is its setting.

Rules of this file:

- a connection of its own for each attempt: one that was kept may be dead, and a request that was lost on it could not
  be told from one that opened. It may be made while the attempt is being written (`edge.actuators.connecting.near`);
  what is kept for the gate's life is only what makes connections, and the challenge of a digest login;
- secrets and passwords are read for each attempt, and a CA file that was exchanged is read again;
- no redirect is followed: a login page is no open gate;
- what could not be connected was not sent (not_actuated); what was sent and not answered is unknown;
- 2xx alone is no yes: the setting names the member that says it, else what controllers usually say is looked for
  (`edge.actuators.connecting.saying`);
- an answer about another attempt or redemption says nothing about ours;
- an answer without a length whose connection is never closed is whole once it reads as one and nothing follows;
- plain http beyond this machine is believed when it says yes, and its "no" gives nothing back (`trusted`).
"""

import asyncio
import hashlib
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from edge.actuators.connecting.near import Near
from edge.actuators.connecting.saying import is_whole, named, said_no
from edge.actuators.gate import EMERGENCY, Attempt, Done, Outcome, Plain, refused, unanswered, unsent, well, words
from edge.actuators.tables import Expected, WebTable
from edge.actuators.templates import MISSING, filled, filled_url, member
from sync.certificates import verifying
from sync.enrol.identity import is_loopback

MAX_ANSWER_BYTES = 64 * 1024
BEHIND = frozenset({502, 504})  # a gateway in front of the controller speaks: it may have opened
QUIET_S = 0.2  # after what reads as a whole answer
DEFAULT_JSON = {"redemption": "{redemption}", "attempt": "{attempt}", "heads": "{heads}", "lane": "{lane}"}


LEAST_S = 0.001  # aiohttp takes no time at all for no bound


@dataclass(slots=True)
class _Way:
    """What is known of one request on its way: whether anything of it was sent."""

    sent: bool = False


class WebGate(Plain):
    """Asks a controller over HTTP."""

    def __init__(self, table: WebTable) -> None:
        self._table = table
        self.timeout_s = table.timeout_s
        url = urlsplit(table.url)
        self.trusted = url.scheme == "https" or is_loopback(url.hostname or "")
        self._near = Near(url.hostname or "", url.port or (443 if url.scheme == "https" else 80))
        self._session: aiohttp.ClientSession | None = None
        self._digest: tuple[str, aiohttp.DigestAuthMiddleware] | None = None  # of this password
        self._trust: tuple[int, ssl.SSLContext] | None = None  # of the CA file as it was then

    async def approach(self) -> None:
        """Connect, and say nothing."""
        await self._near.make(within_s=self.timeout_s)

    async def __aexit__(self, *exc: object) -> None:
        self._near.drop()
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def open(self, attempt: Attempt) -> Done:
        """Ask once."""
        table = self._table
        body = (
            table.json if table.json is not None or table.form is not None or table.query is not None else DEFAULT_JSON
        )
        if table.method == "GET":
            body = None
        return await self._ask(attempt, table.method, table.url, body=body, expected=table.expect)

    async def opened(self, attempt: Attempt) -> Done:
        """Ask what became of an attempt, where the setting says how."""
        status = self._table.status
        if status is None:
            return await super().opened(attempt)
        done = await self._ask(attempt, "GET", status.url, body=None, expected=status.open)
        if done.outcome is Outcome.ACTUATED:
            return done
        if status.shut is not None and done.sent:
            said = await self._ask(attempt, "GET", status.url, body=None, expected=status.shut)
            if said.outcome is Outcome.ACTUATED:
                return refused("it did not open for this attempt")
        return unanswered(done.detail)

    async def hold(self, *, open_: bool) -> Done:
        """Open and stay open, where the setting says how."""
        url = self._table.hold_url if open_ else self._table.release_url
        if url is None:
            return refused("no hold_url and release_url are set for this controller")
        attempt = Attempt(lane="", redemption=EMERGENCY)
        return await self._ask(attempt, self._table.method, url, body=None, expected=self._table.expect)

    async def _ask(self, attempt: Attempt, method: str, url: str, *, body: Any, expected: Expected | None) -> Done:
        table, way, loop = self._table, _Way(), asyncio.get_running_loop()
        where, ends = filled_url(url, attempt), loop.time() + table.timeout_s
        named = where.partition("?")[0].rpartition("@")[2]
        try:
            headers, digest, trust = self._headers(attempt), self._digests(), self._tls()
            if attempt.redemption != EMERGENCY:  # a fire waits for no visitor's approach
                await self._near.settled()
            async with self._connecting().request(
                method,
                where,
                json=None if body is None else filled(body, attempt),
                data=None if table.form is None else filled(table.form, attempt),
                params=None if table.query is None else filled(table.query, attempt),
                headers=headers,
                allow_redirects=False,
                ssl=trust,
                middlewares=digest,
                timeout=aiohttp.ClientTimeout(total=max(LEAST_S, ends - loop.time())),
                trace_request_ctx=way,
            ) as answer:
                said = await _whole(answer)
                done = judge(answer.status, said, attempt=attempt, expected=expected)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            never = not way.sent or isinstance(error, aiohttp.ClientConnectorError)
            return (unsent if never else unanswered)(f"{named}: {words(error)}")
        return replace(done, detail=f"{named}: {done.detail}") if done.detail else done

    def _headers(self, attempt: Attempt) -> dict[str, str]:
        headers = {name: str(filled(value, attempt)) for name, value in self._table.headers.items()}
        headers |= {name: _secret(file) for name, file in self._table.secret_headers.items()}
        login = self._table.login
        if login is None or login.scheme == "digest" or "authorization" in map(str.lower, headers):
            return headers
        return headers | {"Authorization": aiohttp.encode_basic_auth(login.user, _secret(login.password_file))}

    def _digests(self) -> tuple[aiohttp.DigestAuthMiddleware, ...]:
        """Return what answers a digest challenge; that of the attempt before is answered ahead."""
        login = self._table.login
        if login is None or login.scheme != "digest":
            return ()
        password = _secret(login.password_file)
        if self._digest is None or self._digest[0] != password:
            self._digest = password, aiohttp.DigestAuthMiddleware(login.user, password)
        return (self._digest[1],)

    def _tls(self) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
        table = self._table
        if table.certificate_sha256 is not None:
            return aiohttp.Fingerprint(bytes.fromhex(table.certificate_sha256))
        if table.ca is None:
            return True
        written = Path(table.ca).stat().st_mtime_ns
        if self._trust is None or self._trust[0] != written:
            self._trust = written, verifying(table.ca)
        return self._trust[1]

    def _connecting(self) -> aiohttp.ClientSession:
        """Return what makes the connections, one for each request."""
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_mark)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, socket_factory=self._near.take),
                trace_configs=[trace],
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


async def _mark(_session: aiohttp.ClientSession, about: SimpleNamespace, _sent: object) -> None:
    """Note that something of a request was sent."""
    about.trace_request_ctx.sent = True


def judge(status: int, said: bytes, *, attempt: Attempt, expected: Expected | None) -> Done:
    """Return what an answer means."""
    if status in BEHIND:
        return unanswered(f"HTTP {status}")
    if not 200 <= status < 300:  # noqa: PLR2004 - the class of success
        return refused(f"HTTP {status}")
    try:
        document = msgspec.json.decode(said) if said.strip() else None
    except msgspec.DecodeError:
        document = None
        if expected is not None:
            return unanswered("the answer is no JSON")
    for name, ours in (("attempt", attempt.id), ("redemption", attempt.redemption)):
        if any(other != ours for other in named(document, name)):
            return unanswered(f"the answer is about another {name}")
    if expected is not None:
        found = member(document, expected.path)
        return well() if found == expected.equals else refused(f"{expected.path} is {shown(found)}")
    no = said_no(said)
    return well() if no is None else refused(no)


def shown(value: Any) -> str:
    """Return a member of an answer for a message: short, and "missing" where it is."""
    return "missing" if value is MISSING else repr(value)[:200]


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """Return an answer's body to its end, at most MAX_ANSWER_BYTES of it."""
    held, data = bytearray(), b"begin"
    endless = answer.content_length is None and "Transfer-Encoding" not in answer.headers
    while data and len(held) < MAX_ANSWER_BYTES:
        try:
            async with asyncio.timeout(QUIET_S if endless and is_whole(bytes(held)) else None) as quiet:
                data = await answer.content.readany()
        except TimeoutError:
            if not quiet.expired():
                raise
            break
        held += data
    return bytes(held)


def _secret(file: str) -> str:
    return Path(file).read_text("utf-8").strip()


def fingerprint(certificate: bytes) -> str:
    """Return what `certificate_sha256` wants of a certificate in DER."""
    return hashlib.sha256(certificate).hexdigest()
