"""The turnstile of the gate: a controller with an HTTP address, and the person who then walks through.

The terminal asks it to open; a moment later the visitor has walked through and the controller says so ("passed").
Without power the arm is locked, does not answer, and nobody walks; who had not walked yet is told as "not turned" when
the power is back. `passages` counts who walked on which redemption: the demo's own witness against a second admission.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
from aiohttp import web

WALK_S: Final = 0.5


class Turnstile:
    """One arm. `passed` tells the terminal that somebody walked through on a redemption."""

    def __init__(self, passed: Callable[[str], Awaitable[object]]) -> None:
        self._passed = passed
        self._walking: dict[str, asyncio.Task[None]] = {}
        self._power = True
        self.passages: Counter[str] = Counter()

    async def serve(self, request: web.Request) -> web.Response:
        """Open once for the redemption in the body."""
        if not self._power:
            raise web.HTTPServiceUnavailable(text="no power")
        redemption = str((await request.json())["redemption"])
        if redemption not in self._walking:
            self._walking[redemption] = asyncio.create_task(self._walk(redemption))
        return web.json_response({"opened": True})

    async def _walk(self, redemption: str) -> None:
        await asyncio.sleep(WALK_S)
        self.passages[redemption] += 1
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the terminal is down: it will never hear
            await self._passed(redemption)
        del self._walking[redemption]

    def lose_power(self) -> None:
        """Lock the arm: who has not walked yet does not."""
        self._power = False
        for task in self._walking.values():
            task.cancel()

    def regain_power(self) -> list[str]:
        """Return the redemptions for which the arm was opened and did not turn."""
        self._power = True
        unturned = [redemption for redemption in self._walking if not self.passages[redemption]]
        self._walking.clear()
        return unturned

    async def settled(self) -> None:
        """Wait until nobody is walking."""
        await asyncio.gather(*self._walking.values(), return_exceptions=True)
