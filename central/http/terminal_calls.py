"""The calls that terminals make: enrolment, time, standing, journal (docs/protocol.md).

Who asks is proven by a request token over the body as it travelled (`central.http.asked.Caller`); a token
whose times do not fit our clock gets an answer with the signed time, so that a wrong clock locks nobody out. A
suspended or revoked terminal may still bring its facts, and so may a box that was replaced (central.register.former).
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace

import msgspec
from aiohttp import web

from central.books.arriving.chains import ends
from central.books.bounds import Catalogue
from central.books.intake import Taken
from central.http.answers import Told, signed_answer, to_tell, to_tell_former
from central.http.asked import Caller, KnownKeys, named_in, read_bounded, through_of, wait_of
from central.http.inflate import inflate
from central.http.journals.arrivals import SEEN, Arrival
from central.http.problems import Handler, problem
from central.http.tries import WrongTries
from central.http.waking import Poll, Waking
from central.lists.reasking import answer_reask
from central.lists.role_keys import KeyFolderError
from central.lives import twins
from central.platform_state import PlatformState
from central.register.enrolment import Offered, use_code
from central.register.former import FormerKey, former_keys
from central.register.registry import RegistryError
from central.register.sites import serves
from storage.jobs import JobStore, Tx
from sync.enrol.successors import LinksAnswer
from sync.wire.hubs import SitePage
from sync.wire.jws import public_key
from sync.wire.messages import (
    MAX_BATCH_BYTES,
    MAX_FORMER,
    MAX_SKEW_S,
    EnrolAnswer,
    EnrolRequest,
    Held,
    SignedTime,
    TimeAnswer,
    WireError,
    decode,
)
from sync.wire.reasks import Reask, ReaskAnswer
from sync.wire.seals import Sealed, open_auth, open_batch

MAX_ENROL_BYTES = 8 * 1024
MAX_REASK_BYTES = 1024
KEY_OF = "SELECT public_key FROM terminals WHERE terminal = $1"
ACTIVE = "SELECT 1 FROM terminals WHERE terminal = $1 AND state = 'active'"
SEEN_MS = 60_000  # how exactly it is kept when a terminal was seen
WRONG_TRIES = frozenset({"unknown_code", "code_used", "bad_proof"})


class WrongClockError(Exception):
    """The request token's times do not fit. `jti` is what the signed time is made for."""

    def __init__(self, jti: str) -> None:
        super().__init__("the terminal's clock is off")
        self.jti = jti


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")


def _whole(told: Told, through: int) -> bool:
    """Return whether we hold everything of a journal that its terminal says it wrote."""
    return not through or any(end.acked_through >= through for end in told.held)


class TerminalCalls:
    """Handlers over one platform. `now_ms` is the platform's clock, milliseconds UTC."""

    def __init__(self, state: PlatformState, store: JobStore, waking: Waking, now_ms: Callable[[], int]) -> None:
        self._state = state
        self._waking = waking
        self._store = store
        self._now_ms = now_ms
        self._tries = WrongTries()
        self._known = KnownKeys()
        self._catalogue = Catalogue(state.folder)
        self._seen: dict[str, tuple[int, tuple[Held, ...]]] = {}  # when it was written down, and what it was told then
        self._audiences = frozenset(state.chain.known)  # a terminal names the key that it was enrolled with
        # who has sent everything, and for how long that does not count yet (central.hub.learning)
        self.heard: Callable[[str], None] = lambda _terminal: None
        self.settles_s: Callable[[], float] = lambda: 0.0

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.post("/v1/enrol", self.enrol),
            web.get("/v1/time", self.time),
            web.get("/v1/platform-keys", self.platform_keys),
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
        signer, former = self._state.signer, self._state.chain.former[-MAX_FORMER:]
        offered = Offered(self._state.trust_root(), (signer.public,), signer.profile, tuple(former))
        return await self._store.write(lambda tx: use_code(tx, asked, offered, now_ms=now_ms))

    async def time(self, request: web.Request) -> web.Response:
        """Say what time it is, signed for the asker's nonce."""
        nonce = request.query.get("nonce", "")
        decode(msgspec.json.encode(SignedTime(nonce=nonce, time=0)), SignedTime)
        return _json(TimeAnswer(server_time=self._state.signer.time(nonce=nonce, now_ms=self._now_ms())))

    async def platform_keys(self, request: web.Request) -> web.Response:
        """Give the links that follow a key of ours: whoever knows that one can check them."""
        return _json(LinksAnswer(links=self._state.chain.after(request.query.get("after", ""))))

    async def standing(self, request: web.Request) -> web.Response:
        """Say what is held of a terminal's journal, and what it has to be told; with `wait`, once there is news."""
        try:
            caller = await self.caller(request, b"", former=True)
        except WrongClockError as error:
            return self._wrong_clock(error)
        wait_s, known = wait_of(request), request.query.get("state", "")
        loop = asyncio.get_running_loop()
        end, through, arrived = loop.time() + min(wait_s, self.settles_s() or wait_s), through_of(request), True
        async with self._waking.waiting(caller.terminal) if wait_s else contextlib.nullcontext(Poll()) as poll:
            while True:
                poll.clear()
                told = await self._standing(caller, arrived=arrived)
                if arrived and caller.former is None and _whole(told, through):
                    self.heard(caller.terminal)  # a poll may outlive its terminal: later it says nothing
                arrived = False
                left = end - loop.time()
                if told.state != known or poll.over or left <= 0:
                    return self._answered(caller, told)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(poll.wait(), left)

    async def _standing(self, caller: Caller, *, arrived: bool) -> Told:
        """Return what there is to tell; an unchanged standing writes nothing for SEEN_MS.

        What is said to be held is written with it once: that commit waited for the standby, the intake's may not have.
        """
        now_ms, lists = self._now_ms(), self._state.lists_version()
        seen_ms, before = self._seen.get(caller.terminal, (0, None))

        async def job(tx: Tx) -> Told:
            held = tuple(await ends(tx, caller.terminal, expected=True))
            if caller.former is not None:
                return await to_tell_former(tx, caller.terminal, caller.former, held=held)
            if held != before or not 0 <= now_ms - seen_ms < SEEN_MS:
                await tx.execute(SEEN, now_ms, caller.terminal)
            if arrived and caller.former is None:
                await twins.hear(tx, caller.claims, now_ms=now_ms)
            return await to_tell(tx, caller.terminal, lists, held=held)

        told = await self._store.write(job)
        if caller.former is None and (told.held != before or not 0 <= now_ms - seen_ms < SEEN_MS):
            self._seen[caller.terminal] = now_ms, told.held
        return told

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
        if request.headers.get("Content-Encoding", "identity") == "gzip":
            body = inflate(body, limit=MAX_BATCH_BYTES)
        caller, sealed = await self._sealed_by(asker, request.match_info["terminal"], body)
        now_ms, lists, bounds = self._now_ms(), self._state.lists_version(), self._catalogue.bounds()
        taken, told = await self._store.write(Arrival(sealed, asker, caller, now_ms, lists, bounds))
        if sealed.seal.last >= through_of(request) and caller.former is None:
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
            proven = self._proven(request, body, terminal=terminal, key=row[0])
        except WireError:
            for ended in await self._store.read(lambda tx: former_keys(tx, terminal)) if former else ():
                with contextlib.suppress(WireError):
                    proven = self._proven(request, body, terminal=terminal, key=ended.public_key)
                    return replace(proven, former=ended)
            raise
        self._known.note(terminal, row[0])
        return proven

    def remembered(self, request: web.Request, body: bytes, terminal: str) -> Caller | None:
        """Return who asks, proven by the key that was good last time: without a look into the books, so a job must.

        None says nothing: ask `caller`.
        """
        key = self._known.of(terminal)
        try:
            return None if key is None else self._proven(request, body, terminal=terminal, key=key)
        except (WireError, WrongClockError):
            return None

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
        return Caller(terminal, opened, claims, hexed=key)

    def clocked(self, handler: Handler) -> Handler:
        """Return `handler` that answers a wrong clock with the signed time, as the calls here do."""

        async def answered(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except WrongClockError as error:
                return self._wrong_clock(error)

        return answered

    async def _sealed_by(self, caller: Caller, terminal: str, body: bytes) -> tuple[Caller, Sealed]:
        """Return whose batch `caller` brings, its own or that of a terminal of its site, opened; raise WireError.

        What is answered is said to the terminal, for the hub's request. A hub may have kept it since before that
        terminal's key ended.
        """
        if caller.terminal == terminal:
            return caller, open_batch(body, terminal=terminal, key=caller.key)
        if caller.former is not None:
            raise WireError("bad_token", "a key that ended speaks for its own box alone")

        async def job(tx: Tx) -> tuple[str | None, list[FormerKey]]:
            row = await tx.row(KEY_OF, terminal) if await serves(tx, caller.terminal, terminal) else None
            return (row[0], await former_keys(tx, terminal)) if row else (None, [])

        key, ended = await self._store.read(job)
        if key is None:
            raise WireError("bad_token", "this token speaks for another terminal")
        claims = msgspec.structs.replace(caller.claims, iss=terminal)
        try:
            speaker = Caller(terminal, public_key(key), claims)
            return speaker, open_batch(body, terminal=terminal, key=speaker.key)
        except WireError:
            for one in ended:
                with contextlib.suppress(WireError):
                    speaker = Caller(terminal, public_key(one.public_key), claims, one)
                    return speaker, open_batch(body, terminal=terminal, key=speaker.key)
            raise

    def _wrong_clock(self, error: WrongClockError) -> web.Response:
        signed = self._state.signer.time(nonce=error.jti, now_ms=self._now_ms())
        return problem("clock", str(error), server_time=signed)
