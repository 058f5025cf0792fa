"""Hearing the platform: one long poll of the standing, on its own connection.

Rules of this file:

- `standing?wait=25&state=S` is answered as soon as the platform has something else to say than S, or after 25 s;
- the first question, and the first after a failure, does not wait: the platform may have been restored meanwhile;
- each standing is compared with our own head: a platform that holds less is sent the rest again;
- a poll that comes back early with nothing new is asked again after a second at the earliest: a box in between that
  cannot wait must not keep us busy;
- a peer in trouble is tried when it is this terminal's turn (`sync.peer`); errors wait on a ladder.
"""

import asyncio

from cache.journal.chain import JournalError
from storage.jobs import StoreFailedError
from sync.backoff import SPACING_S, Backoff
from sync.peer import Trouble
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.push.status import PushState
from sync.transport import SILENT_S, RefusedError, UnreachableError
from sync.wire.messages import STANDING_WAIT_S, WireError


class Listener:
    """Polls the standing for `pusher`'s line. `last_error` is what went wrong last, None after a success."""

    def __init__(self, line: Line, pusher: Pusher) -> None:
        self._line = line
        self._pusher = pusher
        self._backoff = Backoff()
        self._hurried = asyncio.Event()
        self._state: str | None = None
        self._asking: asyncio.Task[None] | None = None
        self.heard = 0
        self.last_error: str | None = None
        self._shown: tuple[PushState, str] | None = None

    def hurry(self) -> None:
        """Ask now, without waiting for news: a poll under way is given up."""
        self._state = None
        self._hurried.set()
        if self._asking is not None:
            self._asking.cancel()

    async def run(self) -> None:
        """Listen for ever."""
        loop = asyncio.get_running_loop()
        while True:
            began, before = loop.time(), self._state
            rest_s = await self._turn()
            if self._state == before:
                rest_s = max(rest_s, began + SPACING_S - loop.time())
            if rest_s > 0:
                try:
                    async with asyncio.timeout(rest_s):
                        await self._hurried.wait()
                except TimeoutError:
                    continue

    async def _turn(self) -> float:
        """Ask once and return how long to rest before the next question."""
        self._hurried.clear()
        self._asking = asyncio.ensure_future(self.once())
        try:
            await asyncio.wait({self._asking})
        finally:
            if not self._asking.done():
                self._asking.cancel()
                await asyncio.wait({self._asking})
        if self._asking.cancelled():
            return 0.0
        return self._judged(self._asking)

    def _judged(self, asked: "asyncio.Task[None]") -> float:
        try:
            asked.result()
        except UnreachableError as error:
            self._fail(PushState.UNREACHABLE, str(error))
            return 0.0
        except RefusedError as error:
            self._fail(PushState.REFUSED, str(error))
            return self._backoff.refused_s(error.wait_s) + self._facts_first_s()
        except (WireError, JournalError, StoreFailedError) as error:
            self._fail(PushState.ALARM, str(error))
            return self._backoff.refused_s(None)
        self._backoff.succeeded()
        self.last_error = None
        if self._shown == (
            self._line.status.state,
            self._line.status.detail,
        ):  # what is shown is our own failure, and it is over
            self._line.show(PushState.IDLE)
        return self._facts_first_s()

    def _facts_first_s(self) -> float:
        """Return for how long to leave the one try a second to the facts that wait: until theirs has gone out."""
        yields = self._line.peer.trouble is Trouble.OVERLOADED and not self._pusher.idle
        return SPACING_S * 1.5 if yields else 0.0

    def _fail(self, state: PushState, detail: str) -> None:
        self._state, self.last_error = None, detail
        self._line.show(state, detail)
        self._shown = (state, detail)

    async def once(self) -> None:
        """Ask for the standing once, held back until there is news unless nobody answers; raise what `Line.ask` raises.

        An overloaded platform that answered this is asked no more than a well one: each try is a fact's that waits.
        """
        accepted, heard_of = self._pusher.accepted, self._line.peer.trouble is not Trouble.SILENT
        if self._state is None or not heard_of:
            heard = await self._line.ask()
        else:
            silent_s = STANDING_WAIT_S + SILENT_S
            heard = await self._line.ask(wait_s=STANDING_WAIT_S, state=self._state, silent_s=silent_s)
        self._pusher.hear(heard, accepted=accepted)
        self._state = heard.state
        self.heard += 1
