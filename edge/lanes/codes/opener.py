"""Opening tokens: at once for a lone visitor, on a small pool where several are in hand.

Checking a signature leaves the interpreter to other threads, so two visitors' codes are opened in the time of one on
two cores; a lone visitor does not pay for the way to a thread and back.

Rules of this file:

- an answer to any challenge that the lane still accepts is an answer;
- a clock that cannot judge times bars nobody from bringing back or leaving (contract.md §3, scene S17), nor somebody
  who answers what the lane shows: that was made here and now, whatever the clocks say.
"""

import asyncio
import queue
import threading
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from credit.claims import Token
from credit.decide import TIMED
from credit.inputs import ENDING, ClockState, Now
from credit.keys import Keyring
from credit.reasons import Reason
from credit.tokens import SKEW_S, TokenError, open_token
from edge.lanes.presented import Presented
from storage.threads.waiting import Ran, Waiting
from sync.wire.profiles import Profile

THREADS: Final = 2
FRESH_STEP: Final = 14  # of `open_token`: the credential holds, the moment of its showing is what is judged
UNJUDGED_S: Final = 2**40  # any time is as good as another, to a clock that is not believed


class Opener:
    """Opens tokens for all lanes of a terminal. Its threads begin with the first crowd.

    They have a queue of their own: the standard pool costs its caller a fifth of what opening a token costs.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._in_hand = 0

    def visitor(self) -> AbstractContextManager[object]:
        """Return a context in which a visitor counts as in hand, from arrival to answer."""
        return self

    def __enter__(self) -> None:
        self._in_hand += 1

    def __exit__(self, *_exc: object) -> None:
        self._in_hand -= 1

    async def opened(self, presented: Presented, keyring: Keyring, now: Now, profile: Profile) -> Token:
        """Return the token that was presented; raise TokenError."""
        if self._in_hand <= 1:
            return open_presented(presented, keyring, now, profile)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Token] = loop.create_future()
        self._waiting.put(Waiting(partial(open_presented, presented, keyring, now, profile), loop, future))
        if not self._threads:
            self._begin()
        return await future

    def _begin(self) -> None:
        self._threads = [
            threading.Thread(target=self._live, name=f"opener-{number}", daemon=True) for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _live(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            if not waiting.future.done():  # whoever showed it has gone away
                waiting.tell(_ran(waiting))

    def close(self) -> None:
        """End the threads."""
        for _ in self._threads:
            self._waiting.put(None)


def _ran(waiting: Waiting) -> Ran:
    try:
        return Ran(result=waiting.job())
    except Exception as error:  # noqa: BLE001 - handed to the visitor's own task, a TokenError or a bug
        return Ran(error=error)


def open_presented(presented: Presented, keyring: Keyring, now: Now, profile: Profile) -> Token:
    """Return the token, by whatever of the lane's challenges and the clock's word can judge it; raise TokenError."""
    ending, trusted = presented.request.intent in ENDING, now.clock is ClockState.TRUSTED
    try:
        return _judged_by(SKEW_S if trusted or not ending else UNJUDGED_S, presented, keyring, now, profile)
    except TokenError as error:
        if trusted or error.step != FRESH_STEP or error.reason not in TIMED:
            raise
        token = _judged_by(UNJUDGED_S, presented, keyring, now, profile)
        if not token.challenged:
            raise
        return token


def _judged_by(skew_s: int, presented: Presented, keyring: Keyring, now: Now, profile: Profile) -> Token:
    last: TokenError | None = None
    for challenge in presented.challenges or (None,):
        try:
            return open_token(
                presented.text,
                keyring,
                now=now.utc_s,
                audience=profile.site,
                challenge=challenge,
                allow_test=profile.test,
                allow_expired=presented.request.intent in ENDING,
                skew_s=skew_s,
                ahead_s=profile.skew_ahead_s,
            )
        except TokenError as error:
            if error.reason is not Reason.NEEDS_CHALLENGE:
                raise
            last = error
    raise last or AssertionError("a lane accepts at least one challenge")
