"""Many small writes as one transaction, on an engine where each waits for rows that others hold (PostgreSQL).

    one waits          its own transaction, beside others'                     (shared lock)
    several wait       one transaction, a savepoint each, for GROUP_S          (the lock alone)

Without this, forty batches that touched one shared key waited in the database for each other's commits, in no order,
and some for longer than a statement may take. Now they wait here, in the order in which they came.

Rules of this file:

- a group locks rows in the order of its jobs, not sorted: so it runs alone, as one advisory lock says to all processes;
- a job that raises undoes only itself; where the database gave the whole group up, each job runs again by itself;
- a COMMIT that failed may or may not stand: everybody is told, nothing runs again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from storage.jobs import StoreFailedError, Tx
from storage.threads.waiting import Ran, Waiting, withdrawn

GROUP_S: Final = 0.05  # after this a group takes no more jobs in
LANES: Final = 4
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
            first = self._queue.popleft()
            if self._queue:
                await self._together(first)
            else:
                await self._by_itself(first)

    async def _by_itself(self, one: Waiting) -> None:
        try:
            begun = one.begin()
            one.tell(Ran(result=await self._engine.repeated(one.job, locked=BESIDE)) if begun else withdrawn())
        except Exception as error:  # noqa: BLE001 - handed to the job's caller, whoever it is
            one.tell(Ran(error=error))

    async def _together(self, first: Waiting) -> None:
        group, told = [first], list[tuple[Waiting, Ran]]()
        committing = False

        async def job(tx: Tx) -> None:
            nonlocal committing
            await self._run(tx, group, told)
            committing = True

        try:
            await self._engine.transacted(job, locked=ALONE)
        except StoreFailedError as error:
            for one in group:
                await self._failed(one, error, committing=committing)
        except Exception as error:  # noqa: BLE001 - handed to every caller: nobody may wait for ever
            for one in group:
                one.tell(Ran(error=error))
        else:
            for one, ran in told:
                one.tell(ran)

    async def _failed(self, one: Waiting, error: StoreFailedError, *, committing: bool) -> None:
        if committing:
            one.tell(Ran(error=error))
        else:
            await self._by_itself(one)

    async def _run(self, tx: Tx, group: list[Waiting], told: Told) -> None:
        until = time.monotonic() + GROUP_S
        for one in group:  # which grows while it is run
            told.append((one, await _saved(tx, one)))
            if self._queue and time.monotonic() < until:
                group.append(self._queue.popleft())


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
