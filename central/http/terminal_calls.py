"""The calls that terminals make: enrolment, time, standing, journal (docs/protocol.md).

Who asks is proven by a request token over the body as it travelled (`central.http.terminal_calls.Caller`); a token
whose times do not fit our clock gets an answer with the signed time, so that a wrong clock locks nobody out. A
suspended or revoked terminal may still bring its facts, and so may a box that was replaced (central.register.former).
"""

import asyncio
import contextlib
from base64 import urlsafe_b64decode
from collections.abc import Callable
from dataclasses import dataclass, replace

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from central.books.bounds import Catalogue
from central.books.intake import Taken, ends, take_in
from central.http.answers import Told, signed_answer, to_tell, to_tell_former
from central.http.inflate import TooLargeError, inflate
from central.http.problems import Handler, problem
from central.http.tries import WrongTries
from central.http.waking import Poll, Waking
from central.lists.reasking import answer_reask
from central.lists.role_keys import KeyFolderError
from central.lives import twins
from central.platform_state import PlatformState
from central.register.enrolment import Offered, use_code
from central.register.former import FormerKey, former_keys, note_former
from central.register.registry import RegistryError
from central.register.sites import serves
from storage.jobs import JobStore, Tx
from sync.wire.hubs import SitePage
from sync.wire.jws import public_key
from sync.wire.messages import (
    MAX_BATCH_BYTES,
    MAX_SKEW_S,
    AuthClaims,
    EnrolAnswer,
    EnrolRequest,
    SignedTime,
    TimeAnswer,
    WireError,
    decode,
)
from sync.wire.reasks import Reask, ReaskAnswer
from sync.wire.seals import open_auth, open_batch

MAX_ENROL_BYTES = 8 * 1024
MAX_REASK_BYTES = 1024
CHUNK = 64 * 1024
BODY_S = 30.0
MAX_WAIT_S = 60
KEY_OF = "SELECT public_key FROM terminals WHERE terminal = $1"
ACTIVE = "SELECT 1 FROM terminals WHERE terminal = $1 AND state = 'active'"
SEEN = "UPDATE terminals SET seen_ms = $1 WHERE terminal = $2"
WRONG_TRIES = frozenset({"unknown_code", "code_used", "bad_proof"})


class WrongClockError(Exception):
    """The request token's times do not fit. `jti` is what the signed time is made for."""

    def __init__(self, jti: str) -> None:
        super().__init__("the terminal's clock is off")
        self.jti = jti


@dataclass(frozen=True, slots=True)
class Caller:
    """A terminal that has proven who it is."""

    terminal: str
    key: Ed25519PublicKey
    claims: AuthClaims
    former: FormerKey | None = None  # it speaks with a key that ended


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")


def _wait_of(request: web.Request) -> int:
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


class _Head(msgspec.Struct):
    kid: str


class TerminalCalls:
    """Handlers over one platform. `now_ms` is the platform's clock, milliseconds UTC."""

    def __init__(self, state: PlatformState, store: JobStore, waking: Waking, now_ms: Callable[[], int]) -> None:
        self._state = state
        self._waking = waking
        self._store = store
        self._now_ms = now_ms
        self._tries = WrongTries()
        self._catalogue = Catalogue(state.folder)
        self._audiences = frozenset({state.signer.public.kid})
        self.heard: Callable[[str], None] = lambda _terminal: None  # who has spoken (central.hub.learning)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.post("/v1/enrol", self.enrol),
            web.get("/v1/time", self.time),
            web.get("/v1/terminals/{terminal}/standing", self.standing),
            web.post("/v1/terminals/{terminal}/journal", self.journal),
            web.post("/v1/reask", self.reask),
        ]

    async def enrol(self, request: web.Request) -> web.Response:
        """Enrol a terminal with a one-time code."""
        now_ms, address = self._now_ms(), request.remote or ""
        if wait_s := self._tries.wait_s(address, now_ms=now_ms):
            return problem("too_many_tries", f"wait {wait_s} s", headers={"Retry-After": str(wait_s)})
        self._tries.wrong(address, now_ms=now_ms)  # before anything is awaited: tries side by side count as well
        try:
            answer = await self._use_code(request, now_ms)
        except WireError as error:
            if error.code not in WRONG_TRIES:
                self._tries.forgive(address, at_ms=now_ms)
            raise
        self._tries.forgive(address, at_ms=now_ms)
        return _json(answer)

    async def _use_code(self, request: web.Request, now_ms: int) -> EnrolAnswer:
        asked = decode(await read_bounded(request, MAX_ENROL_BYTES), EnrolRequest)
        offered = Offered(self._state.trust_root(), (self._state.signer.public,), self._state.signer.profile)
        return await self._store.write(lambda tx: use_code(tx, asked, offered, now_ms=now_ms))

    async def time(self, request: web.Request) -> web.Response:
        """Say what time it is, signed for the asker's nonce."""
        nonce = request.query.get("nonce", "")
        decode(msgspec.json.encode(SignedTime(nonce=nonce, time=0)), SignedTime)
        return _json(TimeAnswer(server_time=self._state.signer.time(nonce=nonce, now_ms=self._now_ms())))

    async def standing(self, request: web.Request) -> web.Response:
        """Say what is held of a terminal's journal, and what it has to be told; with `wait`, once there is news."""
        try:
            caller = await self.caller(request, b"", former=True)
        except WrongClockError as error:
            return self._wrong_clock(error)
        wait_s, known = _wait_of(request), request.query.get("state", "")
        loop = asyncio.get_running_loop()
        end, arrived = loop.time() + wait_s, True
        async with self._waking.waiting(caller.terminal) if wait_s else contextlib.nullcontext(Poll()) as poll:
            while True:
                poll.clear()
                told = await self._standing(caller, arrived=arrived)
                arrived = False
                left = end - loop.time()
                if told.state != known or poll.over or left <= 0:
                    return self._answered(caller, told)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(poll.wait(), left)

    async def _standing(self, caller: Caller, *, arrived: bool) -> Told:
        """Return what there is to tell. Who asks is heard when it arrives: a poll may outlive its terminal."""
        self.heard(caller.terminal)
        now_ms, lists = self._now_ms(), self._state.lists_version()

        async def job(tx: Tx) -> Told:
            held = tuple(await ends(tx, caller.terminal, expected=True))
            if caller.former is not None:
                return await to_tell_former(tx, caller.terminal, caller.former, held=held)
            await tx.execute(SEEN, now_ms, caller.terminal)
            if arrived and caller.former is None:
                await twins.hear(tx, caller.claims, now_ms=now_ms)
            return await to_tell(tx, caller.terminal, lists, held=held)

        return await self._store.write(job)

    def _answered(self, caller: Caller, told: Told, taken: Taken | None = None) -> web.Response:
        text = signed_answer(self._state.signer, caller.claims, told, taken, now_ms=self._now_ms())
        return web.Response(text=text, content_type="application/jwt")

    async def journal(self, request: web.Request) -> web.Response:
        """Take in a sealed batch, of the terminal that sends it or of one whose hub sends it on."""
        body = await read_bounded(request, MAX_BATCH_BYTES)
        try:
            asker = await self.caller(request, body, terminal=named_in(request), former=True)
        except WrongClockError as error:
            return self._wrong_clock(error)
        caller = await self._spoken_for(asker, request.match_info["terminal"])
        if request.headers.get("Content-Encoding", "identity") == "gzip":
            body = inflate(body, limit=MAX_BATCH_BYTES)
        sealed = open_batch(body, terminal=caller.terminal, key=caller.key)
        now_ms, lists, bounds = self._now_ms(), self._state.lists_version(), self._catalogue.bounds()

        async def job(tx: Tx) -> tuple[Taken, Told]:
            if asker.former is None:
                await twins.hear(tx, asker.claims, now_ms=now_ms)
            taken = await take_in(tx, sealed, now_ms=now_ms, bounds=bounds, former=caller.former is not None)
            if caller.former is not None:
                await note_former(tx, sealed, caller.former, now_ms=now_ms)
                return taken, await to_tell_former(tx, caller.terminal, caller.former)
            await tx.execute(SEEN, now_ms, caller.terminal)
            return taken, await to_tell(tx, caller.terminal, lists)

        taken, told = await self._store.write(job)
        self.heard(caller.terminal)
        return self._answered(caller, told, taken)

    async def reask(self, request: web.Request) -> web.Response:
        """Say what stands against one subject now, signed by the city's list key; an active terminal may ask."""
        body = await read_bounded(request, MAX_REASK_BYTES)
        try:
            caller = await self.caller(request, body)
        except WrongClockError as error:
            return self._wrong_clock(error)
        row = await self._store.read(lambda tx: tx.row(ACTIVE, caller.terminal))
        if row is None:
            raise WireError("unknown_terminal", "this terminal is suspended or revoked")
        asked = decode(body, Reask)
        try:
            text = await asyncio.to_thread(answer_reask, self._state.folder, asked, now_ms=self._now_ms())
        except (RegistryError, KeyFolderError) as error:
            raise WireError("bad_message", f"{asked.issuer}: not answered for here") from error
        return _json(ReaskAnswer(answer=text))

    def signed(self, page: SitePage) -> str:
        """Return a page of what stands at a site, signed."""
        return self._state.signer.page(page)

    async def caller(self, request: web.Request, body: bytes, *, terminal: str = "", former: bool = False) -> Caller:
        """Return who asks, proven; raise WireError or WrongClockError. `former`: a key that ended is good here."""
        terminal = terminal or request.match_info.get("terminal") or request.query.get("terminal", "")
        row = await self._store.read(lambda tx: tx.row(KEY_OF, terminal))
        if row is None or row[0] is None:
            raise WireError("unknown_terminal", "no terminal of this name is enrolled here")
        try:
            return self._proven(request, body, terminal=terminal, key=row[0])
        except WireError:
            for ended in await self._store.read(lambda tx: former_keys(tx, terminal)) if former else ():
                with contextlib.suppress(WireError):
                    proven = self._proven(request, body, terminal=terminal, key=ended.public_key)
                    return replace(proven, former=ended)
            raise

    def _proven(self, request: web.Request, body: bytes, *, terminal: str, key: str) -> Caller:
        """Return the caller if `key` signed the request's token; raise WireError or WrongClockError."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer":
            raise WireError("bad_token", "a request carries Authorization: Bearer and a request token")
        opened = public_key(key)
        claims = open_auth(token, {terminal: opened}, audiences=self._audiences, body=body)
        if claims.iss != terminal:
            raise WireError("bad_token", "this token speaks for another terminal")
        if not claims.iat - MAX_SKEW_S <= self._now_ms() // 1000 <= claims.exp:
            raise WrongClockError(claims.jti)
        return Caller(terminal, opened, claims)

    def clocked(self, handler: Handler) -> Handler:
        """Return `handler` that answers a wrong clock with the signed time, as the calls here do."""

        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except WrongClockError as error:
                return self._wrong_clock(error)

        return answered

    async def _spoken_for(self, caller: Caller, terminal: str) -> Caller:
        """Return the terminal that `caller` speaks for: itself, or one of its site; raise WireError.

        What is answered is said to the terminal, for the hub's request.
        """
        if caller.terminal == terminal:
            return caller
        if caller.former is not None:
            raise WireError("bad_token", "a key that ended speaks for its own box alone")

        async def job(tx: Tx) -> str | None:
            row = await tx.row(KEY_OF, terminal) if await serves(tx, caller.terminal, terminal) else None
            return row[0] if row else None

        key = await self._store.read(job)
        if key is None:
            raise WireError("bad_token", "this token speaks for another terminal")
        return Caller(terminal, public_key(key), msgspec.structs.replace(caller.claims, iss=terminal))

    def _wrong_clock(self, error: WrongClockError) -> web.Response:
        signed = self._state.signer.time(nonce=error.jti, now_ms=self._now_ms())
        return problem("clock", str(error), server_time=signed)
