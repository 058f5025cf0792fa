"""Which jobs the writer commits next: whoever waits for an answer before what can wait.

A job that *yields* is nobody's answer: the journal's cursor, a receipt, what is tidied away. It never shares a
transaction with a visitor's, who would wait for it, and it is committed alone, for a visitor who comes while it runs
waits for all of its group. Nothing starves: after AT_MOST_PASSED groups that went before it, it has its turn.

    others wait   one that yields waits           committed next
    yes           no                              the others together, MAX_GROUP at most
    yes           yes, was passed fewer times     the others together
    yes           yes, was passed AT_MOST_PASSED  the oldest that yields, alone
    no            yes                             the oldest that yields, alone
    no            no                              whoever comes
"""

import queue
from collections import deque
from typing import Final

from storage.threads.waiting import Waiting

MAX_GROUP: Final = 64  # jobs committed together at most
AT_MOST_PASSED: Final = 8  # groups that go before a job that yields; a full one takes 30 to 60 ms


class Precedence:
    """The jobs that wait. `put` and `close` are called from any thread, the rest from the writer's."""

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._first: deque[Waiting] = deque()
        self._yielding: deque[Waiting] = deque()
        self._passed = 0
        self._closed = False

    def put(self, waiting: Waiting) -> None:
        """Let a job wait for its turn."""
        self._arrived.put(waiting)

    def close(self) -> None:
        """Let `group` end once all that waits has had its turn."""
        self._arrived.put(None)

    def group(self) -> list[Waiting]:
        """Return who is committed together next, waiting until there is somebody; nobody: closed, and all are done."""
        if not (self._first or self._yielding or self._closed):
            self._sort(self._arrived.get())
        while not self._arrived.empty():
            self._sort(self._arrived.get())
        if self._first and (not self._yielding or self._passed < AT_MOST_PASSED):
            self._passed += bool(self._yielding)
            return [self._first.popleft() for _ in range(min(MAX_GROUP, len(self._first)))]
        self._passed = 0
        return [self._yielding.popleft()] if self._yielding else []

    def rest(self) -> list[Waiting]:
        """Return all who wait, without waiting; they wait no more."""
        while not self._arrived.empty():
            self._sort(self._arrived.get())
        found = [*self._first, *self._yielding]
        self._first.clear()
        self._yielding.clear()
        return found

    def _sort(self, waiting: Waiting | None) -> None:
        if waiting is None:
            self._closed = True
        else:
            (self._yielding if waiting.yields else self._first).append(waiting)
