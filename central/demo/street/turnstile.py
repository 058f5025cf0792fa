"""The turnstile of the gate: a controller with an HTTP address, and the person who then walks through.

The terminal asks it to open; a moment later the visitor has walked through and the controller says so ("passed").
Without power the arm is locked, says nothing at all, and nobody walks; who had not walked yet, or stood before the dark
arm, is told as "not turned" when the power is back. `passages` counts who walked on which redemption: the demo's own
witness against a second admission.
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
        self._power = asyncio.Event()
        self._power.set()
        self._waiting: set[str] = set()  # redemptions for which a dark arm was asked to open
        self.passages: Counter[str] = Counter()

    async def serve(self, request: web.Request) -> web.Response:
        """Open once for the redemption in the body; without power, no answer."""
        redemption = str((await request.json())["redemption"])
        if not self._power.is_set():
            self._waiting.add(redemption)
            await self._power.wait()
            raise web.HTTPServiceUnavailable(text="just started")  # whoever asked is long gone
        if redemption not in self._walking:
            self._walking[redemption] = asyncio.create_task(self._walk(redemption))
        return web.json_response({"opened": True})

    async def asked(self, request: web.Request) -> web.Response:
        """Say whether it opened for a redemption: a terminal that lost power between asking and noting asks."""
        if not self._power:
            raise web.HTTPServiceUnavailable(text="no power")
        redemption = request.match_info["redemption"]
        return web.json_response({"opened": redemption in self._walking or self.passages[redemption] > 0})

    async def _walk(self, redemption: str) -> None:
        await asyncio.sleep(WALK_S)
        self.passages[redemption] += 1
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the terminal is down: it will never hear
            await self._passed(redemption)
        del self._walking[redemption]

    def lose_power(self) -> None:
        """Lock the arm: who has not walked yet does not."""
        self._power.clear()
        for task in self._walking.values():
            task.cancel()

    def regain_power(self) -> list[str]:
        """Return the redemptions for which the arm was asked to open and did not turn."""
        self._power.set()
        asked = [*self._walking, *self._waiting]
        self._walking.clear()
        self._waiting.clear()
        return [redemption for redemption in asked if not self.passages[redemption]]

    async def settled(self) -> None:
        """Wait until nobody is walking."""
        await asyncio.gather(*self._walking.values(), return_exceptions=True)
