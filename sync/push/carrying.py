"""When proofs of presence travel: long after the code that they were has died, and never in the way of a fact.

Rules of this file:

1. No clock of the wall is asked: what stood in the table RIPE_S ago, by the time that only runs forward, is ripe. A
   clock that is set sends no live code; a restart lets everything ripen once more.
2. Ripe proofs fill up whatever room a batch of records leaves. What has waited for ALONE_S goes in a batch without
   records, and takes along whatever is ripe by then.
3. A hub that only holds them (202) may lose them: they stay here, and go again after ALONE_S, until the platform
   itself has answered for them.
4. A way that is too narrow (413, silence) gets half as much at once, and twice as much after a success.
"""

import sqlite3
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from cache.journal.batches import Batch
from cache.journal.chain import current_epoch, head
from cache.journal.proofs import Aboard, highest, newest, oldest, waiting
from storage.sqlite import Store
from sync.wire.messages import ENVELOPE_BYTES, MAX_BATCH_BYTES

RIPE_S: Final = 90.0  # a code lives 30 s, and at most 35 s more where clocks differ
ALONE_S: Final = 300.0
MOST: Final = MAX_BATCH_BYTES - ENVELOPE_BYTES
LEAST: Final = 2048  # bytes: one proof always fits


class Carrier:
    """Says which proofs go up now. `now` is a clock that only runs forward, in seconds."""

    def __init__(
        self,
        store: Store,
        *,
        ripe_s: float = RIPE_S,
        alone_s: float = ALONE_S,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ripe_s, self._alone_s, self._now = ripe_s, alone_s, now
        self._seen: deque[tuple[float, int]] = deque()  # when the newest proof was seen, and its number
        self._room = MOST
        self._lent, self._lent_at = 0, 0.0  # the number up to which a hub holds them, and since when

    async def aboard(self, *, taken: int, last: int) -> dict[str, bytes]:
        """Return the ripe proofs that go with records of `taken` bytes, of which `last` is the last."""
        return await self._ripe(min(MOST - taken, self._room), last)

    async def alone(self) -> dict[str, bytes]:
        """Return the proofs that go without records: none before one has waited for long enough."""
        await self._look()
        first = await self._oldest()
        if first is None or first > self._through(self._alone_s):
            return {}
        return await self._ripe(self._room, sys.maxsize)

    async def rest_s(self) -> float | None:
        """Return for how long nothing needs to go alone; None: until there is another proof."""
        await self._look()
        first = await self._oldest()
        if first is None and self._after:
            return max(0.0, self._lent_at + self._alone_s - self._now())
        seen = [at for at, number in self._seen if first is not None and number >= first]
        return max(0.0, seen[0] + self._alone_s - self._now()) if seen else None

    async def lent(self, carried: Iterable[str]) -> None:
        """Note that a hub holds what was `carried`: it does not go again at once."""
        self._lent = max(self._lent, await self._store.read(lambda conn: highest(conn, carried)))
        self._lent_at = self._now()

    @property
    def _after(self) -> int:
        return self._lent if self._now() < self._lent_at + self._alone_s else 0

    async def _oldest(self) -> int | None:
        after = self._after
        return await self._store.read(lambda conn: oldest(conn, after=after))

    def narrow(self) -> None:
        """Take half as much from now on."""
        self._room = max(LEAST, self._room // 2)

    def widen(self) -> None:
        """Take twice as much from now on."""
        self._room = min(MOST, self._room * 2)

    async def _ripe(self, room: int, last: int) -> dict[str, bytes]:
        await self._look()
        through = self._through(self._ripe_s)
        if not through or room < LEAST:
            return {}
        aboard = Aboard(through, last, room, self._after)
        return await self._store.read(lambda conn: waiting(conn, aboard))

    async def _look(self) -> None:
        number = await self._store.read(newest)
        if not self._seen or number > self._seen[-1][1]:
            self._seen.append((self._now(), number))

    def _through(self, age_s: float) -> int:
        """Return the number up to which proofs were there `age_s` ago, 0 for none."""
        then = self._now() - age_s
        while len(self._seen) > 1 and self._seen[1][0] <= self._now() - self._alone_s:
            self._seen.popleft()
        return max((number for at, number in self._seen if at <= then), default=0)


def no_records(conn: sqlite3.Connection) -> Batch:
    """Return a batch of no records at the journal's end: what carries proofs alone."""
    end = head(conn)
    return Batch(current_epoch(conn).id, end.seq + 1, end.seq, end.hash, end.hash, ())
