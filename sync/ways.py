"""The ways between this terminal and its platform, put together: journal out, standing in, lists in, time in.

They share one `Peer`, so that whichever of them hears the platform first frees the others. `synchronise` is what a
person beside the terminal asks for: every wait is interrupted, and what moved is reported.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cache.journal.chain import unsent
from credit.inputs import Now
from storage.jobs import StoreFailedError
from sync.memory.rebuilder import Rebuilder
from sync.pull.puller import Puller
from sync.push.line import Clock as LineClock
from sync.push.line import Line
from sync.push.listener import Listener
from sync.push.pusher import Pusher
from sync.push.status import PushState, PushStatus
from sync.push.upholding import Upholder
from sync.shorts import Shorts
from sync.times import Clock, TimeSync
from sync.way import Way

SYNC_S = 8.0  # how long a person is kept waiting for the report
LOOK_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What `synchronise` moved. `unsent` is what still waits; `problem` says why, empty when all is well."""

    sent: int
    unsent: int
    orders: int
    conflicts: int
    lists_version: int | None
    lists_changed: bool
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways to one platform, through the site's hub where there is one."""

    way: Way
    line: Line
    push: Pusher
    listen: Listener
    times: TimeSync
    pull: Puller
    orders: Upholder
    shorts: Shorts
    memory: Rebuilder

    @property
    def status(self) -> PushStatus:
        """How the way out is."""
        return self.line.status

    async def synchronise(self, *, within_s: float = SYNC_S) -> Moved:
        """Interrupt every wait, and return what moved once all is quiet or `within_s` is over."""
        before, heard, lists = self.status, self.listen.heard, self.pull.versions
        for way in (self.way.current, self.push, self.listen, self.times):
            way.hurry()
        self.pull.wake()
        pulled = self.pull.turns
        loop = asyncio.get_running_loop()
        end = loop.time() + within_s
        while loop.time() < end:
            await asyncio.sleep(LOOK_S)
            quiet = self.push.idle and self.listen.heard > heard and self.pull.turns > pulled
            if quiet and not await self._unsent():
                break
        now = self.status
        return Moved(
            sent=now.sent - before.sent,
            unsent=await self._unsent(),
            orders=now.orders - before.orders,
            conflicts=now.conflicts - before.conflicts,
            lists_version=now.lists_version,
            lists_changed=self.pull.versions != lists,
            problem=self._problem(),
        )

    async def _unsent(self) -> int:
        try:
            return (await self.line.store.read(unsent)).count
        except StoreFailedError:
            return 0

    def _problem(self) -> str:
        failing = self.status.state in (PushState.UNREACHABLE, PushState.REFUSED, PushState.ALARM)
        return (self.status.detail if failing else "") or self.listen.last_error or self.pull.last_error or ""


class BothClocks(LineClock, Clock, Protocol):
    """A clock that tells the time and learns it."""

    def now(self) -> Now:
        """Return now and how far it can be trusted."""
        ...


def open_ways(
    line: Line,
    way: Way,
    pull: Puller,
    clock: BothClocks,
    *,
    poll_s: float,
    reached: Callable[[str], None] = lambda _point: None,
) -> Ways:
    """Return the ways over `way`; lists are looked at when it names news, and when it has come back."""
    push = Pusher(line, reached=reached)
    listen = Listener(line, push)

    def back() -> None:
        pull.wake()
        if way.hub is not None:  # it may have been restored, or be new: it says where it is
            push.begin_again()

    def switched() -> None:
        pull.move(f"{way.current.base_url}/lists/", way.current.pin)
        push.begin_again()
        listen.hurry()

    async def turn() -> None:
        await way.current.turn()

    line.news = lambda: pull.wake(line.status.lists_version)
    way.platform.back = way.back = back
    way.switched = switched
    pull.move(f"{way.current.base_url}/lists/", way.current.pin)
    pull.turn = turn
    return Ways(
        way=way,
        line=line,
        push=push,
        listen=listen,
        times=TimeSync(way, line.identity, clock, poll_s=poll_s),
        pull=pull,
        orders=Upholder(line.store, line.identity, clock),
        shorts=Shorts(line.peer, terminal=line.identity.terminal, sign=line.signed),
        memory=Rebuilder(line, clock.now, done=push.begin_again),
    )
