"""The operator's calls: codes, orders to terminals, the ledger. Bearer token from the platform's folder, no cookies."""

import hmac
from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from central.books.reports import ledger
from central.http.asked import read_bounded
from central.http.description.answers import CodeMade, Ordered
from central.http.problems import Handler
from central.platform_state import PlatformState
from central.register.enrolment import make_code, qr_text
from central.register.standing import set_profile, set_state
from storage.jobs import JobStore
from sync.wire.messages import TerminalId, WireError, decode
from sync.wire.profiles import Profile

MAX_BODY_BYTES = 256 * 1024
HOUR_MS = 3_600_000


class CodeRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Register a terminal and make a code for it. `platform` is the address that the terminal will use."""

    terminal: TerminalId
    profile: Profile
    platform: str = ""
    hours: Annotated[int, Meta(ge=1, le=24 * 366)] = 24


class StateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Change what a terminal may do."""

    action: Literal["suspend", "resume", "revoke"]
    reason: str = ""


def _json(value: object) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


class AdminCalls:
    """Handlers for whoever holds the operator's token."""

    def __init__(self, state: PlatformState, store: JobStore, now_ms: Callable[[], int]) -> None:
        self._state = state
        self._store = store
        self._now_ms = now_ms

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        return [
            web.post("/v1/admin/codes", self.guarded(self.codes)),
            web.post("/v1/admin/terminals/{terminal}/state", self.guarded(self.terminal_state)),
            web.post("/v1/admin/terminals/{terminal}/profile", self.guarded(self.terminal_profile)),
            web.get("/v1/admin/ledger", self.guarded(self.ledger)),
        ]

    def guarded(self, handler: Handler) -> Handler:
        """Return `handler` behind the operator's token."""
        expected = f"Bearer {self._state.operator_token}".encode()

        async def checked(request: web.Request) -> web.StreamResponse:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, expected):
                raise WireError("wrong_operator", "this call needs the operator's token (file operator-token)")
            return await handler(request)

        return checked

    async def codes(self, request: web.Request) -> web.Response:
        """Make an enrolment code."""
        asked = decode(await read_bounded(request, MAX_BODY_BYTES), CodeRequest)
        now_ms = self._now_ms()

        valid_ms = asked.hours * HOUR_MS
        code = await self._store.write(
            lambda tx: make_code(tx, terminal=asked.terminal, profile=asked.profile, now_ms=now_ms, valid_ms=valid_ms)
        )
        platform = asked.platform or f"{request.scheme}://{request.host}"
        text = qr_text(code=code, platform=platform, trust_root=self._state.trust_root())
        return _json(CodeMade(terminal=asked.terminal, code=code, qr=text))

    async def terminal_state(self, request: web.Request) -> web.Response:
        """Suspend, resume or revoke a terminal: it is told with its next call."""
        asked = decode(await read_bounded(request, MAX_BODY_BYTES), StateRequest)
        terminal, now_ms = request.match_info["terminal"], self._now_ms()
        number = await self._store.write(
            lambda tx: set_state(tx, terminal, asked.action, reason=asked.reason, now_ms=now_ms)
        )
        return _json(Ordered(terminal=terminal, action=asked.action, number=number))

    async def terminal_profile(self, request: web.Request) -> web.Response:
        """Give a terminal another profile: it is in force there with its next call."""
        profile = decode(await read_bounded(request, MAX_BODY_BYTES), Profile)
        terminal, now_ms = request.match_info["terminal"], self._now_ms()
        number = await self._store.write(lambda tx: set_profile(tx, terminal, profile, now_ms=now_ms))
        return _json(Ordered(terminal=terminal, action="profile", number=number))

    async def ledger(self, _request: web.Request) -> web.Response:
        """Say what the journals add up to."""
        return _json(await self._store.read(ledger))
