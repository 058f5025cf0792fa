"""Whether somebody waits for the store now, and long work that lets him go first.

The interpreter runs one thread at a time, and a decision takes it up again after each of its statements: beside a
thread that computes it waits each time for as long as that computes, 0.5 ms at most (`edge.commands.run`). So whatever
is long is done in pieces of about that length, and each piece waits here until nobody is in hand.

Rules of this file:

- who yields himself (`storage.threads.precedence`) is nobody to wait for;
- nothing starves: a piece waits GIVE_WAY_S at most, also where somebody is always in hand;
- all of it happens on the one loop whose jobs these are.
"""

import asyncio
from contextlib import suppress
from typing import Any, Final

GIVE_WAY_S: Final = 0.02  # as long as ten visitors one after the other


class Courtesy:
    """Counts who is in hand, from handing his job in to his answer."""

    def __init__(self) -> None:
        self._in_hand = 0
        self._clear = asyncio.Event()

    def serve(self, future: "asyncio.Future[Any]") -> None:
        """Count somebody who waits for `future`."""
        self._in_hand += 1
        self._clear.clear()
        future.add_done_callback(self._served)

    async def give_way(self) -> None:
        """Let the loop hear who has come; return when nobody is in hand, or GIVE_WAY_S have passed."""
        await asyncio.sleep(0)
        if self._in_hand:
            with suppress(TimeoutError):
                async with asyncio.timeout(GIVE_WAY_S):
                    await self._clear.wait()

    def _served(self, _future: "asyncio.Future[Any]") -> None:
        self._in_hand -= 1
        if not self._in_hand:
            self._clear.set()
