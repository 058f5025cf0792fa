"""Giving a terminal its own facts back, page by page (docs/protocol.md, "Memory"; central.lives.memory)."""

from collections.abc import Callable
from typing import Final

import msgspec
from aiohttp import web

from central.books.arriving.chains import ends
from central.http.terminal_calls import TerminalCalls
from central.lives import twins
from central.lives.memory import Remembered, last_seq, page
from central.platform_state import Signer
from storage.jobs import JobStore, Tx
from sync.wire.memory import MemoryPage, Place
from sync.wire.messages import Held, WireError, decode

MAX_DIGITS: Final = 16


class MemoryCalls:
    """The handler over one platform; `calls` proves who asks."""

    def __init__(self, store: JobStore, calls: TerminalCalls, signer: Signer, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._calls = calls
        self._signer = signer
        self._now_ms = now_ms

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of this call."""
        return [web.get("/v1/terminals/{terminal}/memory", self._calls.clocked(self.memory))]

    async def memory(self, request: web.Request) -> web.Response:
        """Give a terminal a page of its own facts back: it does not know any more what it gave."""
        caller = await self._calls.caller(request, b"")
        place, now_ms = place_of(request), self._now_ms()

        async def job(tx: Tx) -> tuple[Remembered, list[Held], int]:
            await twins.hear(tx, caller.claims, now_ms=now_ms)
            found = await page(tx, caller.terminal, place, now_ms=now_ms)
            return found, await ends(tx, caller.terminal, expected=True), await last_seq(tx, caller.terminal)

        found, held, last = await self._store.write(job)
        told = MemoryPage(
            terminal=caller.terminal,
            nonce=caller.claims.jti,
            at_ms=now_ms,
            page=place,
            next=found.next,
            facts=found.facts,
            ended=found.ended,
            ends=held,
            last_seq=last,
        )
        return web.Response(text=self._signer.memory(told), content_type="application/jwt")


def place_of(request: web.Request) -> Place | None:
    """Return where a page of memory is to begin; raise WireError."""
    epoch, after = request.query.get("epoch"), request.query.get("after", "0")
    if not (after.isascii() and after.isdecimal() and len(after) <= MAX_DIGITS):
        raise WireError("bad_message", "after is the number of a record")
    return None if epoch is None else decode(msgspec.json.encode({"epoch": epoch, "after": int(after)}), Place)
