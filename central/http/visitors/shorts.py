"""Short codes over HTTP: the office makes one, a terminal redeems it (lane.md, "Staff and service").

`POST /v1/admin/short` (operator) → {short, until}; `GET /v1/short/{code}?terminal=…` (an active terminal's request
token) → {token}: a minted token, good for two minutes. A terminal has five wrong tries a minute.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import msgspec
from aiohttp import web
from msgspec import Meta

from central.http.asked import read_bounded
from central.http.problems import Handler, problem
from central.http.terminal_calls import TerminalCalls
from central.http.tries import WrongTries
from central.lists.issuing import NOT_ALONE, Wanted, claims_standing, issue
from central.register.registry import RegistryError, register, zone_of
from central.register.shorts import Said, Short, look_up, make_short, redeem
from credit.rules.terms import MAX_TIER
from storage.jobs import JobStore
from sync.wire.messages import WireError, decode
from sync.wire.shorts import ShortAnswer, ShortMade, normal

MAX_BODY_BYTES: Final = 16 * 1024
MINTED_S: Final = 120  # a longer token would be no minted one (contract.md §7)


class ShortRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Make a short code for somebody who has no phone at hand: what the token shall say."""

    city: str
    subject: str
    tier: Annotated[int, Meta(ge=0, le=MAX_TIER)] = 0
    groups: Annotated[list[Annotated[int, Meta(ge=0, lt=2**32)]], Meta(max_length=16)] = []
    test: bool = False


class ShortCalls:
    """Handlers over one platform."""

    def __init__(self, folder: Path, store: JobStore, calls: TerminalCalls, now_ms: Callable[[], int]) -> None:
        self._folder = folder
        self._store = store
        self._calls = calls
        self._now_ms = now_ms
        self._tries = WrongTries()

    def routes(self, guarded: Callable[[Handler], Handler]) -> list[web.RouteDef]:
        """Return the routes; making one is behind `guarded`."""
        return [
            web.post("/v1/admin/short", guarded(self.make)),
            web.get("/v1/short/{code}", self._calls.clocked(self.redeem)),
        ]

    async def make(self, request: web.Request) -> web.Response:
        """Make a short code."""
        asked, now_ms = decode(await read_bounded(request, MAX_BODY_BYTES), ShortRequest), self._now_ms()
        try:
            await asyncio.to_thread(_known, self._folder, asked.city)
        except RegistryError as error:
            raise WireError("bad_message", str(error)) from error
        said = Said(subject=asked.subject, tier=asked.tier, groups=asked.groups, test=asked.test)
        if claims_standing(_wanted(said)):
            raise WireError("bad_message", NOT_ALONE)
        short, until_ms = await self._store.write(lambda tx: make_short(tx, asked.city, said, now_ms=now_ms))
        return _json(ShortMade(short=short, until=until_ms))

    async def redeem(self, request: web.Request) -> web.Response:
        """Give the token that a code stands for, once and to one terminal."""
        caller, now_ms = await self._calls.caller(request, b""), self._now_ms()
        if wait_s := self._tries.wait_s(caller.terminal, now_ms=now_ms):
            return problem("too_many_tries", f"wait {wait_s} s", headers={"Retry-After": str(wait_s)})
        short = normal(request.match_info["code"])
        self._tries.wrong(
            caller.terminal, now_ms=now_ms
        )  # before anything is awaited: tries side by side count as well
        found = await self._store.read(lambda tx: look_up(tx, short, caller.terminal, now_ms=now_ms))
        token = found.token or await self._minted(found, short, caller.terminal, now_ms)
        self._tries.forgive(caller.terminal, at_ms=now_ms)
        return _json(ShortAnswer(token=token))

    async def _minted(self, found: Short, short: str, terminal: str, now_ms: int) -> str:
        wanted = _wanted(found.said)
        try:
            issued = await asyncio.to_thread(issue, self._folder, found.city, wanted, now_s=now_ms // 1000)
        except RegistryError as error:
            raise WireError("bad_message", str(error)) from error
        return await self._store.write(lambda tx: redeem(tx, short, terminal, issued.text, now_ms=now_ms))


def _wanted(said: Said) -> Wanted:
    return Wanted(subject=said.subject, tier=said.tier, groups=said.groups, valid_s=MINTED_S, test=said.test)


def _known(folder: Path, city: str) -> None:
    """Raise RegistryError unless the city is one of ours."""
    with register(folder) as conn:
        zone_of(conn, city)


def _json(message: msgspec.Struct) -> web.Response:
    return web.Response(body=msgspec.json.encode(message), content_type="application/json")
