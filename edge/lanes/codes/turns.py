"""Whose turn it is at a lane. Several tills may share one: their visitors are decided side by side, in one commit.

Rules of this file:

- so many at once as AT_ONCE: whoever comes later waits, and no longer than he may;
- one code, or one thing brought back, has one turn after the other: shown twice at once it is one visitor, and the
  second answer repeats the first.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

AT_ONCE: Final = 16


class NoTurnError(Exception):
    """The turn did not come in time."""


@dataclass(slots=True)
class _Turn:
    """The turns of one code, and how many are in it or wait for it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    many: int = 0


class Turns:
    """The turns at one lane."""

    def __init__(self) -> None:
        self._free = asyncio.Semaphore(AT_ONCE)
        self._turns: dict[str, _Turn] = {}

    @asynccontextmanager
    async def of(self, what: str, *, until: float) -> AsyncIterator[None]:
        """Wait for the turn of `what` is shown, until a moment of `time.monotonic()`; raise NoTurnError."""
        turn = self._turns.setdefault(what, _Turn())
        turn.many += 1
        try:
            await self._taken(turn, until)
            try:
                yield
            finally:
                self._free.release()
                turn.lock.release()
        finally:
            turn.many -= 1
            if not turn.many:
                del self._turns[what]

    async def _taken(self, turn: _Turn, until: float) -> None:
        if turn.many == 1 and not self._free.locked():  # nobody else shows it: both are given at once
            await turn.lock.acquire()
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await turn.lock.acquire()
                try:
                    await self._free.acquire()
                except BaseException:
                    turn.lock.release()
                    raise
        except TimeoutError as error:
            raise NoTurnError from error
