"""Waking the terminals that wait for news (`standing?wait=25&state=`): orders, conflicts, publications.

Rules of this file:

- what is news to a terminal has a number that only rises: its newest order, its newest conflict, the newest snapshot
  of the lists. The three are the `state` that a standing carries and a long poll brings back;
- news may be made by another process (a command of the operator, a second `central serve`): while anybody waits, the
  numbers are looked at every LOOK_S, with one question for all;
- a terminal holds at most two polls; a third answers its oldest at once, so that a terminal that lost its connection
  never waits behind itself;
- who waits is woken for its own orders and conflicts only, and everybody for lists.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from storage.jobs import JobStore, StoreFailedError, Tx

log = logging.getLogger("central")

LOOK_S = 0.2
MAX_POLLS = 2
MAX_STATE = 128
NEWEST = "SELECT (SELECT coalesce(max(number), 0) FROM commands), (SELECT coalesce(max(number), 0) FROM conflicts)"
ORDERED = "SELECT DISTINCT terminal FROM commands WHERE number > $1"
CONFLICTING = "SELECT DISTINCT terminal FROM conflicts WHERE number > $1"

STATE = (
    "SELECT (SELECT coalesce(max(number), 0) FROM commands WHERE terminal = $1),"
    " (SELECT coalesce(max(number), 0) FROM conflicts WHERE terminal = $1)"
)


@dataclass(frozen=True, slots=True)
class News:
    """The newest numbers of everything that terminals are woken for."""

    order: int = 0
    conflict: int = 0
    lists: int | None = None


class Poll(asyncio.Event):
    """One long poll. Set when there may be news; `over` when it has to answer whatever there is."""

    over = False


class Waking:
    """Who waits for news. `lists` returns the newest publication's number, cheaply."""

    def __init__(self, store: JobStore, lists: Callable[[], int | None]) -> None:
        self._store = store
        self._lists = lists
        self._waiting: dict[str, deque[Poll]] = defaultdict(deque)
        self._known: News | None = None
        self._look = asyncio.Event()

    @asynccontextmanager
    async def waiting(self, terminal: str) -> AsyncIterator[Poll]:
        """Count as waiting for the time of the block; the event is set when there may be news."""
        mine, polls = Poll(), self._waiting[terminal]
        polls.append(mine)
        while len(polls) > MAX_POLLS:
            _end(polls.popleft())
        self._look.set()
        try:
            yield mine
        finally:
            if mine in polls:
                polls.remove(mine)
            if not self._waiting[terminal]:
                del self._waiting[terminal]

    async def run(self) -> None:
        """Look for news for ever, while anybody waits."""
        while True:
            if not self._waiting:
                self._look.clear()
                self._known = None
                await self._look.wait()
            try:
                await self.look()
            except StoreFailedError:
                log.exception("the database failed while looking for news")
                self._known = None
            await asyncio.sleep(LOOK_S)

    async def close(self, _app: object = None) -> None:
        """Let every poll answer: the platform stops."""
        for polls in self._waiting.values():
            for poll in polls:
                _end(poll)

    async def look(self) -> None:
        """Look once and wake whom it concerns."""
        before, lists = self._known, self._lists()

        async def job(tx: Tx) -> tuple[News, set[str]]:
            order, conflict = await tx.row(NEWEST) or (0, 0)
            now = News(order, conflict, lists)
            if before is None or (before.order, before.conflict) == (order, conflict):
                return now, set()
            told = await tx.rows(ORDERED, before.order)
            told += await tx.rows(CONFLICTING, before.conflict)
            return now, {terminal for (terminal,) in told}

        now, terminals = await self._store.read(job)
        if before is None or before.lists != now.lists:
            terminals = set(self._waiting)
        self._known = now
        self._wake(terminals)

    def _wake(self, terminals: Iterable[str]) -> None:
        for terminal in terminals:
            for poll in self._waiting.get(terminal, ()):
                poll.set()


async def states_of(tx: Tx, terminals: Sequence[str], lists: int | None) -> list[str]:
    """Return the state of what each terminal has to be told: equal states mean no news."""
    found = await tx.rows_each(STATE, [(terminal,) for terminal in terminals])
    return [f"{order}.{conflict}.{lists or 0}" for ((order, conflict),) in found]


def _end(poll: Poll) -> None:
    poll.over = True
    poll.set()
