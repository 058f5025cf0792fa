"""Many small writes as one transaction, on an engine where each waits for rows that others hold (PostgreSQL).

    one waits          its own transaction, beside others'                     (shared lock)
    several wait       one transaction, a savepoint each, for GROUP_S          (the lock alone)

Without this, forty batches that touched one shared key waited in the database for each other's commits, in no order,
and some for longer than a statement may take. Now they wait here, in the order in which they came.

Jobs that can be done together (`storage.jobs.JointJob`) are, some of them that wait: one message to the server
for all, where each statement of each was one.

Rules of this file:

- a group locks rows in the order of its jobs, not sorted: so it runs alone, as one advisory lock says to all processes;
- within a process the next group waits here, and not at that lock: there it would hold a connection that a claim needs,
  and each of the lanes would plan every statement on one of its own;
- a job that raises undoes only itself; where the database gave the whole group up, each job runs again by itself;
- a COMMIT that failed may or may not stand: everybody is told, nothing runs again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from storage.jobs import JointJob, StoreFailedError, Tx
from storage.threads.waiting import Ran, Waiting, withdrawn

GROUP_S: Final = 0.05  # after this a group takes no more jobs in
LANES: Final = 4
JOINT: Final = 64  # jobs that are done together
HEAVY: Final = 1_000  # and how heavy they are together at most
AHEAD: Final = 256  # of those that wait are looked at for more of a kind
GROUP_LOCK: Final = 0x78677270  # "xgrp"
ALONE: Final = f"SELECT pg_advisory_xact_lock({GROUP_LOCK})"
BESIDE: Final = f"SELECT pg_advisory_xact_lock_shared({GROUP_LOCK})"
Told = list[tuple[Waiting, Ran]]


class Engine(Protocol):
    """What runs a transaction."""

    async def transacted(self, job: Callable[[Tx], Awaitable[Any]], *, locked: str) -> Any:
        """Run `job` as one transaction that begins with `locked`, once; raise what it or the database raises."""
        ...

    async def repeated(self, job: Callable[[Tx], Awaitable[Any]], *, locked: str) -> Any:
        """Run `job` as one transaction that begins with `locked`, again where the database asks to."""
        ...


class Groups:
    """Jobs that wait, and the lanes that run them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: deque[Waiting] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Lock()  # whose group runs

    def put(self, waiting: Waiting) -> None:
        """Let a job wait for its turn."""
        self._queue.append(waiting)
        if len(self._lanes) < LANES:
            lane = waiting.loop.create_task(self._lane())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    async def finish(self) -> None:
        """Wait until nothing waits any more."""
        while self._lanes:
            await asyncio.wait(set(self._lanes))

    async def _lane(self) -> None:
        while self._queue:
            if len(self._queue) == 1 and not self._turn.locked():
                await self._by_itself(self._queue.popleft())
                continue
            async with self._turn:
                undone = await self._together(self._queue.popleft()) if self._queue else []
            for one in undone:
                await self._by_itself(one)

    async def _by_itself(self, one: Waiting) -> None:
        try:
            begun = one.begin()
            one.tell(Ran(result=await self._engine.repeated(one.job, locked=BESIDE)) if begun else withdrawn())
        except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
            one.tell(Ran(error=error))

    async def _together(self, first: Waiting) -> list[Waiting]:
        """Run a group; return those of it that are to run again, each by itself."""
        group, told = [first], list[tuple[Waiting, Ran]]()
        committing = False

        async def job(tx: Tx) -> None:
            nonlocal committing
            await self._run(tx, group, told)
            committing = True

        try:
            await self._engine.transacted(job, locked=ALONE)
        except StoreFailedError as error:
            if not committing:
                return group
            for one in group:
                one.tell(Ran(error=error))
        except Exception as error:  # noqa: BLE001 - handed to every caller: nobody may wait for ever
            for one in group:
                one.tell(Ran(error=error))
        else:
            for one, ran in told:
                one.tell(ran)
        return []

    async def _run(self, tx: Tx, group: list[Waiting], told: Told) -> None:
        until = time.monotonic() + GROUP_S
        while len(told) < len(group):  # which grows while it is run
            first = group[len(told)]
            alike = self._alike(first.job) if isinstance(first.job, JointJob) else []
            group += alike
            told += await _joint(tx, [first, *alike]) if alike else [(first, await _saved(tx, first))]
            if self._queue and time.monotonic() < until:
                group.append(self._queue.popleft())

    def _alike(self, job: JointJob[Any]) -> list[Waiting]:
        """Take out of those that wait the ones that can be done together with `job`."""
        found: list[Waiting] = []
        left: list[Waiting] = []
        whose, weight = {job.whose}, job.weight
        for _ in range(min(AHEAD, len(self._queue))):
            one = self._queue.popleft()
            other = one.job
            if not isinstance(other, JointJob):
                left.append(one)
                continue
            fits = len(found) + 1 < JOINT and weight + other.weight <= HEAVY
            if fits and other.kind == job.kind and other.whose not in whose:
                found.append(one)
                weight += other.weight
            else:
                left.append(one)
            whose.add(other.whose)  # what came later of somebody is not done before what came earlier
        self._queue.extendleft(reversed(left))
        return found


async def _joint(tx: Tx, group: list[Waiting]) -> Told:
    """Run jobs of one kind as one; raise only what the database itself refuses."""
    begun = [one for one in group if one.begin()]
    told = [(one, withdrawn()) for one in group if one not in begun]
    if not begun:
        return told
    jobs: list[JointJob[Any]] = [one.job for one in begun]  # type: ignore[misc]
    try:
        async with tx.savepoint():
            found = await jobs[0].together(tx, jobs)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it is found again by the one it befalls
        return told + [(one, await _saved(tx, one)) for one in begun]
    ran = [Ran(error=one) if isinstance(one, Exception) else Ran(result=one) for one in found]
    return told + list(zip(begun, ran, strict=True))


async def _saved(tx: Tx, one: Waiting) -> Ran:
    """Run a job within a savepoint of its own; raise only what the database itself refuses."""
    if not one.begin():
        return withdrawn()
    try:
        async with tx.savepoint():
            return Ran(result=await one.job(tx))
    except StoreFailedError:
        raise
    except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
        return Ran(error=error)
