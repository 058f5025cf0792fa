"""What a gate hears through its hub: the platform's standing as it was signed, and the hub's own two words.

Rules of this file:

- while the platform answers, its answer is handed through, held back as long as the platform holds it;
- it is kept until the lists that it names are in the mirror: a gate that is told of news must find it here;
- while the platform is away the hub says by its own signature whether entry is stopped and which lists it serves, and
  nothing else; a change of that is said at once, also to a gate that waits for the platform (illness.md 2);
- what a terminal gave itself is asked for when everything that is held of it here has gone up (illness.md 4);
- time, the platform's newer keys, re-asks and whatever else a terminal asks the platform are handed through unread.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from central.http.asked import Caller, read_bounded
from central.site.served import Terminals
from central.site.upward import Method, Passed, Platform, PlatformAwayError
from sync.pull.mirror import Mirror
from sync.transport import SILENT_S
from sync.wire.hubs import HUB, HubStanding, sign
from sync.wire.jws import kid_of, public_hex
from sync.wire.messages import Problem, WireError
from sync.wire.seals import open_answer

MAX_BODY: Final = 8 * 1024
MAX_WAIT_S: Final = 60
MIRROR_S: Final = 2.0
HANDED: Final = ("Authorization", "Content-Type")
NOT_THROUGH: Final = 424  # not a 5xx: the hub itself is well, and whoever asks must not take it for ill


class StopEntry:
    """Whether entry to the site is stopped, and who waits to hear of it."""

    def __init__(self, *, stopped: bool) -> None:
        self.stopped = stopped
        self._turned = asyncio.Event()

    def turn(self, *, stopped: bool) -> None:
        """Stop entry, or let it go on; whoever waits is told."""
        if stopped != self.stopped:
            self.stopped = stopped
            self._turned.set()
            self._turned = asyncio.Event()

    async def changed(self) -> None:
        """Return when it turns."""
        await self._turned.wait()


class Standings:
    """Handlers of what is handed through."""

    def __init__(
        self, terminals: Terminals, platform: Platform, mirror: Mirror, entry: StopEntry, now_ms: Callable[[], int]
    ) -> None:
        self._terminals = terminals
        self._platform = platform
        self._mirror = mirror
        self._entry = entry
        self._now_ms = now_ms
        self.drained: Callable[[str], Awaitable[bool]] = _nothing_held
        self._told: dict[str, bool] = {}  # what of stop-entry a terminal has heard from us

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.get("/v1/terminals/{terminal}/standing", self.standing),
            web.get("/v1/terminals/{terminal}/memory", self.memory),
            web.get("/v1/time", self.handed),
            web.get("/v1/platform-keys", self.handed),
            web.post("/v1/reask", self.handed),
        ]

    async def standing(self, request: web.Request) -> web.Response:
        """Hand the platform's standing through, or say our own two words."""
        caller = self._terminals.caller(request, b"", terminal=request.match_info["terminal"], former=True)
        if self._told.get(caller.terminal, False) != self._entry.stopped:
            return self._own(caller)
        passing = asyncio.ensure_future(self._pass(request, b"", silent_s=_wait_of(request) + SILENT_S))
        turning = asyncio.ensure_future(self._entry.changed())
        try:
            await asyncio.wait({passing, turning}, return_when=asyncio.FIRST_COMPLETED)
            if not passing.done():
                return self._own(caller)
            passed = passing.result()
        except PlatformAwayError:
            return self._own(caller)
        finally:
            for task in (passing, turning):
                task.cancel()
        if passed.problem is None:
            await self._with_lists(caller, passed)
        return _answered(passed, "application/jwt")

    async def _with_lists(self, caller: Caller, passed: Passed) -> None:
        """Hold a standing back until the lists that it names are in the mirror, as far as that can be waited for."""
        keys = self._platform.identity.keys_in_force
        with contextlib.suppress(WireError):
            answer = open_answer(passed.body, keys, terminal=caller.terminal, nonce=caller.claims.jti, body=b"")
            if answer.lists_version is not None:
                await self._mirror.reach(answer.lists_version, within_s=MIRROR_S)

    def _own(self, caller: Caller) -> web.Response:
        identity, stopped = self._platform.identity, self._entry.stopped
        self._told[caller.terminal] = stopped
        said = HubStanding(
            terminal=caller.terminal,
            nonce=caller.claims.jti,
            at_ms=self._now_ms(),
            hub_no=self._terminals.hub_no,
            stop_entry=stopped,
            lists_version=self._mirror.version,
        )
        text = sign(said, identity.key, typ=HUB, kid=kid_of(public_hex(identity.key)))
        return web.Response(text=text, content_type="application/jwt")

    async def memory(self, request: web.Request) -> web.Response:
        """Hand a terminal's question for its own facts through, once what is held of it here has gone up."""
        caller = self._terminals.caller(request, b"", terminal=request.match_info["terminal"])
        try:
            if await self.drained(caller.terminal):
                return await self.handed(request)
        except PlatformAwayError:
            pass  # said below
        problem = Problem(
            title="not now",
            status=NOT_THROUGH,
            code="platform_away",
            detail="facts of this terminal are still held here",
        )
        return _answered(Passed(b"", problem), "application/json")

    async def handed(self, request: web.Request) -> web.Response:
        """Hand a call through, unread."""
        body = await read_bounded(request, MAX_BODY)
        try:
            return _answered(await self._pass(request, body), "application/json")
        except PlatformAwayError as error:
            return _not_now(str(error))

    async def _pass(self, request: web.Request, body: bytes, *, silent_s: float = SILENT_S) -> Passed:
        headers = {name: request.headers[name] for name in HANDED if name in request.headers}
        method: Method = "POST" if request.method == "POST" else "GET"
        return await self._platform.pass_on(method, request.path_qs, headers, body, silent_s=silent_s)


async def _nothing_held(_terminal: str) -> bool:
    return True


def _answered(passed: Passed, kind: str) -> web.Response:
    if passed.problem is None:
        return web.Response(body=passed.body, content_type=kind)
    body = msgspec.json.encode(passed.problem)
    return web.Response(status=passed.problem.status, body=body, content_type="application/problem+json")


def _not_now(why: str) -> web.Response:
    problem = Problem(title="not now", status=NOT_THROUGH, code="platform_away", detail=why)
    return _answered(Passed(b"", problem), "application/json")


def _wait_of(request: web.Request) -> int:
    text = request.query.get("wait", "0")
    return min(int(text), MAX_WAIT_S) if text.isascii() and text.isdecimal() and len(text) <= 2 else 0  # noqa: PLR2004 - up to 99 s
