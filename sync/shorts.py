"""Asking the platform what a short code stands for (lane.md, "Staff and service"). Online only.

Rules of this file:

- a code whose characters do not fit together is never sent;
- five wrong tries a minute, counted here as well: the platform's own limit then never slows our other calls down;
- nobody answers, or not in time: `ShortUnansweredError`, and staff decide; the platform says no: `ShortRefusedError`.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from sync.peer import Peer
from sync.transport import RefusedError, UnreachableError
from sync.wire.messages import WireError, decode
from sync.wire.shorts import ShortAnswer, normal

MAX_WRONG: Final = 5
WINDOW_S: Final = 60.0
PATIENCE_S: Final = 2.0
NO_SUCH: Final = frozenset({"unknown_short", "bad_short"})


class ShortUnansweredError(Exception):
    """Nobody says what the code stands for."""


class ShortRefusedError(Exception):
    """There is no such code (`wait_s` 0), or this terminal was wrong too often and waits for `wait_s`."""

    def __init__(self, why: str, wait_s: int = 0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Shorts:
    """Asks as `terminal`. `sign` gives the headers that prove who asks, for a body."""

    def __init__(self, peer: Peer, *, terminal: str, sign: Callable[[bytes], dict[str, str]]) -> None:
        self._peer = peer
        self._terminal = terminal
        self._sign = sign
        self._wrong: deque[float] = deque(maxlen=MAX_WRONG)

    async def token(self, typed: str) -> str:
        """Return the token of a code; raise WireError (bad_short), ShortRefusedError, ShortUnansweredError."""
        short = normal(typed)
        if wait_s := self._wait_s():
            raise ShortRefusedError("too many wrong tries", wait_s)
        path = f"/v1/short/{quote(short)}?terminal={self._terminal}"
        if not self._peer.takes(path):
            raise ShortUnansweredError("the platform does not answer")
        try:
            raw = await self._peer.exchange("GET", path, headers=self._sign(b""), silent_s=PATIENCE_S)
            return decode(raw, ShortAnswer).token
        except RefusedError as error:
            if error.problem.code in NO_SUCH:
                self._wrong.append(time.monotonic())
                raise ShortRefusedError("there is no such code, it is over, or it was used") from error
            raise ShortUnansweredError(str(error)) from error
        except (UnreachableError, WireError) as error:
            raise ShortUnansweredError(str(error)) from error

    def _wait_s(self) -> int:
        """Return how long to wait before the next try, in whole seconds."""
        if len(self._wrong) < MAX_WRONG:
            return 0
        return max(0, int(self._wrong[0] + WINDOW_S - time.monotonic()) + 1)
