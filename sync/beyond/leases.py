"""What this terminal may give out of a quota without asking: its leases (claims.md 9).

    nothing  --asked, granted-->  a lease {number, total, end}  --end, call-back, restart-->  nothing
    room = total - own uses - what is being decided with right now

The hard idea: a lease says everything that was ever granted under its number, never what is left. The own ledger knows
what was given out of it, so an answer that comes twice, late or never adds nothing.

Rules of this file:

- time is a length from sending on, by a clock that only runs forward; a start begins with no lease, and what an earlier
  run held is given back before anything is asked for: whoever counts may know of more than was left of it;
- of a lease that has ended only what was used is told as held, and no more comes to life again than an answer says: an
  authority that was restored may have leased the rest to others meanwhile;
- an answer counts for the number that was asked under; another number is only learned, and asked under next time;
- what is given back is used by nobody while its message is on the way; `number` rises with it;
- what a permit took is reserved until its visit is settled, and counts beside an own count that was read before that:
  two lanes do not give the last one twice;
- whoever counts is told each RENEW_S what is held here, and what was given back, so that one that was restored knows it
  before it leases.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from cache.ledger.permit import Leased
from sync.beyond.rounds import Asker
from sync.wire.claims import LeaseAnswer, LeaseRequest

RENEW_S: Final = 20.0
USED_S: Final = 600.0  # twice the use of the last ten minutes is asked for
MOST_MARKS: Final = 10_000
TOLD_AGAIN_S: Final = 86_400.0
MOST_OVER: Final = 1_000  # visits that are settled while one own count is read
UNSETTLED_S: Final = 60.0  # of a visit that was not settled by then the store has said its last word


class NoRoom(StrEnum):
    """Why a lease has no room for somebody."""

    FULL = "full"  # facts have used the whole quota
    LET = "let"  # what is left is leased to others
    SILENT = "silent"  # nobody who leases answers


class Lease(NamedTuple):
    """Everything ever granted under `number`, until `end_s` of the running clock."""

    number: int
    total: int
    end_s: float


class Own(NamedTuple):
    """How much of a quota this terminal's ledger has used, read at tick `since`."""

    n: int
    since: int


class Given(NamedTuple):
    """What was given back with `used` of it taken; said again until `until_s` of the running clock."""

    used: int
    until_s: float


class Lessor(Protocol):
    """Who leases: a hub, or the platform where there is none."""

    async def lease(self, request: LeaseRequest) -> LeaseAnswer:
        """Return the answer to a wish. Raises AuthorityError, WireError."""
        ...


class Leases:
    """The leases of this terminal. `own` counts the own living uses of a quota."""

    def __init__(
        self,
        lessor: Lessor,
        asker: Callable[[], Asker],
        own: Callable[[str], Awaitable[int]],
        running_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lessor = lessor
        self._asker = asker
        self._own = own
        self._running_s = running_s
        self._leases: dict[str, Lease] = {}
        self._numbers: dict[str, int] = {}
        self._reserved: dict[int, tuple[str, int, float]] = {}
        self._tickets = 0
        self._tick = 0  # rises with each visit that is settled
        self._over: deque[tuple[int, str, int]] = deque(maxlen=MOST_OVER)
        self._owed: dict[str, tuple[int, int]] = {}  # given back, and nobody has heard it: number, used
        self._gave: dict[str, Given] = {}  # given back, which is said again for long
        self._marks: dict[str, deque[tuple[float, int]]] = {}

    def held(self, quota: str) -> Lease | None:
        """Return the lease on a quota that is in force now."""
        found = self._leases.get(quota)
        return found if found is not None and self._running_s() < found.end_s else None

    def room(self, quota: str, own: int, since: int | None = None) -> int:
        """Return how much may be given out of a quota now, `own` of it used here as it was read at tick `since`."""
        found = self.held(quota)
        return 0 if found is None else max(0, found.total - own - self._held_back(quota, since))

    def _held_back(self, quota: str, since: int | None = None) -> int:
        """Return what is reserved for visits that are not settled, or were settled after the own count was read.

        One of which nothing was heard for long is over by now.
        """
        now_s = self._running_s()
        self._reserved = {at: one for at, one in self._reserved.items() if now_s < one[2]}
        waiting = sum(n for key, n, _until in self._reserved.values() if key == quota)
        return waiting + sum(n for tick, key, n in self._over if key == quota and since is not None and tick > since)

    def _taken(self, quota: str, own: Own) -> int:
        """Return what is used here by an own count, with what was reserved and settled since it was read."""
        return own.n + self._held_back(quota, own.since)

    async def take(self, quota: str, n: int) -> Leased | NoRoom:
        """Reserve `n` of a quota, asking for more where there is too little. Raises AuthorityError, WireError."""
        since, own = self._tick, await self._own(quota)
        if self.room(quota, own, since) < n:
            full = await self._ask(quota, Own(own, since), max(n, self._wanted(quota)))
            since, own = self._tick, await self._own(quota)  # another lane may have given meanwhile
            if self.room(quota, own, since) < n:
                return NoRoom.FULL if full else NoRoom.LET
        self._tickets += 1
        self._reserved[self._tickets] = (quota, n, self._running_s() + UNSETTLED_S)
        self._marks.setdefault(quota, deque(maxlen=MOST_MARKS)).append((self._running_s(), n))
        return Leased(self._leases[quota].number, self._tickets)

    def settled(self, leases: Iterable[Leased]) -> None:
        """Hear that a visit is over: what it took stands in the ledger, what it did not take is free."""
        for one in leases:
            over = self._reserved.pop(one.ticket, None)
            if over is not None:
                self._tick += 1
                self._over.append((self._tick, over[0], over[1]))

    def _wanted(self, quota: str) -> int:
        """Return twice the use of the last ten minutes, at least one."""
        since_s = self._running_s() - USED_S
        return max(1, 2 * sum(n for at_s, n in self._marks.get(quota, ()) if at_s > since_s))

    async def _ask(self, quota: str, own: Own, more: int) -> bool:
        """Ask for `more` beyond what is used and reserved; return whether facts have used the whole quota."""
        await self._begin(quota, own)
        await self._pay(quota)
        number, wanted = self._numbers.get(quota, 0), self._taken(quota, own) + more
        answer, sent_s = await self._said(quota, number, total=wanted, held=self._holding(quota, number, own))
        if answer.number != number:  # whoever counts knows a higher one, or the answer is an old one
            self._numbers[quota] = max(number, answer.number)
            number = self._numbers[quota]
            answer, sent_s = await self._said(quota, number, total=wanted, held=self._holding(quota, number, own))
        if answer.number == number == self._numbers.get(quota, 0):  # it was not given back meanwhile
            held = self.held(quota) or Lease(number, 0, 0.0)  # an answer that was overtaken takes nothing away
            end_s = max(held.end_s, sent_s + answer.for_ms / 1000)
            self._leases[quota] = Lease(number, max(held.total, answer.total), end_s)
        if answer.call_back:
            await self.give_back(quota)
        return answer.full

    async def _begin(self, quota: str, own: Own) -> None:
        """Give back what an earlier run held of a quota, when this one speaks of it for the first time."""
        if quota in self._numbers:
            return
        answer, _sent_s = await self._said(quota, 0, total=0, held=self._taken(quota, own) or None)
        used = await self._own(quota)
        if quota in self._numbers:  # another lane has begun meanwhile
            return
        self._numbers[quota] = answer.number
        if answer.total > used:
            self._numbers[quota] = answer.number + 1
            self._owed[quota] = (answer.number + 1, used)
            self._gave[quota] = Given(used, self._running_s() + TOLD_AGAIN_S)
        elif used:
            self._leases[quota] = Lease(answer.number, used, 0.0)  # over, but told to an authority that was restored

    async def _said(
        self, quota: str, number: int, *, total: int | None = None, used: int | None = None, held: int | None = None
    ) -> tuple[LeaseAnswer, float]:
        asker, sent_s = self._asker(), self._running_s()
        request = LeaseRequest(
            run=asker.run,
            hub_no=asker.hub_no,
            quota=quota,
            number=number,
            held=held,
            total=total,
            used=used,
        )
        return await self._lessor.lease(request), sent_s

    def _holding(self, quota: str, number: int, own: Own) -> int | None:
        """Return what is held under a number, `own` of it used; of a lease that is over no more than was used."""
        lease, given = self._leases.get(quota), self._gave.get(quota)
        if lease is None and given is not None and number == self._numbers.get(quota):
            return min(given.used, own.n) or None
        if lease is None or lease.number != number:
            return None
        return lease.total if self.held(quota) is not None else min(lease.total, self._taken(quota, own))

    async def give_back(self, quota: str) -> None:
        """Give a lease back, unless somebody is being decided with it. Raises AuthorityError, WireError."""
        if self._held_back(quota) or quota not in self._leases:
            return
        lease = self._leases.pop(quota)  # nobody uses it while the message is on the way
        self._gave.pop(quota, None)
        self._numbers[quota] = lease.number + 1
        used = await self._own(quota)
        self._owed[quota] = (lease.number + 1, used)
        self._gave[quota] = Given(used, self._running_s() + TOLD_AGAIN_S)
        await self._pay(quota)

    async def _pay(self, quota: str) -> None:
        """Say what was given back, until somebody has heard it."""
        if (owed := self._owed.get(quota)) is not None:
            await self._said(quota, owed[0], used=owed[1])
            if self._owed.get(quota) == owed:  # another lane may have said it as well, or give more back by now
                del self._owed[quota]

    async def renew(self) -> None:
        """Ask again for what is held, and give back what is more than wanted. Raises AuthorityError, WireError."""
        for quota in list(self._owed):
            await self._pay(quota)
        self._gave = {one: given for one, given in self._gave.items() if self._running_s() < given.until_s}
        for quota in [one for one in self._gave if one not in self._leases]:
            await self._said(quota, self._numbers[quota], used=await self._own(quota))
        for quota, lease in list(self._leases.items()):
            since, own = self._tick, await self._own(quota)
            if lease.total - own > 2 * self._wanted(quota):
                await self.give_back(quota)
            elif quota in self._leases:
                await self._ask(quota, Own(own, since), max(0, lease.total - own - self._held_back(quota, since)))
