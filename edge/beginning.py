"""How a terminal begins: open the store, put the stored lists in force, journal the start, renew the graces.

Rules of this file:

- nothing is decided before the last step succeeded (`StoreHealth.begun`); the API listens then, or as soon as a step
  fails or takes longer than PATIENCE_S: starting ill is still starting (illness.md 7);
- each step is tried every second until it succeeds, without an end, whatever it raises: a database that somebody
  edited may miss a row that everything else takes for granted, and a restart would not bring it back;
- a database that is damaged is set aside by name (`edge.aside`), and the terminal goes on with an empty one;
- a database that is empty, or does not lead to the newest receipt beside it, does not know what it gave
  (`cache.memory.lives`): benefits with limits refer until `sync.memory` has taken the facts back.
"""

import asyncio
import collections
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Final

from cache.ids import uuid7
from cache.journal import chain
from cache.ledger import upkeep
from cache.memory import lives
from cache.pen import Pen
from edge import aside
from edge.watch.readings import Parts
from edge.watch.store import OPEN
from storage.jobs import StoreFailedError
from sync.enrol.enrolling import ensure_epoch
from sync.enrol.identity import Identity
from sync.push.receipts import kept_end

RETRY_S: Final = 1.0
PATIENCE_S: Final = 3.0  # for a start that neither succeeds nor fails

log = logging.getLogger("xinguan.beginning")


class Beginning:
    """The start of one terminal, as a task that ends when deciding may begin."""

    def __init__(self, identity: Identity, parts: Parts) -> None:
        self._identity = identity
        self._parts = parts
        self._aside: Path | None = None
        self._tried = asyncio.Event()
        self._begun = asyncio.Event()

    async def run(self, stack: AsyncExitStack) -> None:
        """Take the steps; `stack` closes the store again."""
        steps: collections.deque[Callable[[], Awaitable[object]]] = collections.deque(
            (
                self._look,
                lambda: stack.enter_async_context(self._parts.store),
                self._remember,
                self._parts.sync.pull.restore,
                lambda: self._parts.store.write(self._started),
                self._parts.sync.orders.once,
            )
        )
        while steps:
            try:
                await steps[0]()
                steps.popleft()
            except (StoreFailedError, sqlite3.Error, OSError) as error:
                self._parts.bounds.health.failed(OPEN, error)
                self._tried.set()
                await asyncio.sleep(RETRY_S)
            except Exception as error:  # noqa: BLE001 - a row that is gone or of another kind ends no start either
                self._parts.tasks.faults.met("start", error)
                self._parts.bounds.health.failed(OPEN, error)
                self._tried.set()
                await asyncio.sleep(RETRY_S)
        self._parts.bounds.health.begin()
        self._tried.set()
        self._begun.set()

    async def first_try(self) -> None:
        """Wait until the start succeeded, or it is plain that it does not for now."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._tried.wait()
        except TimeoutError:
            log.error("start_is_slow", extra={"after_s": PATIENCE_S})  # noqa: TRY400 - the deadline is the whole story

    def then(self, run: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[None, None, None]]:
        """Return a task that waits until deciding has begun."""

        async def waited() -> None:
            await self._begun.wait()
            await run()

        return waited

    async def _look(self) -> None:
        now_ms = self._parts.clock.now_ms()
        draft = self._parts.database.with_name(aside.DRAFT)
        if await asyncio.to_thread(aside.remove, draft):
            log.warning("restore_was_cut_off", extra={"detail": "the ledger is as it was; xinguan restore begins anew"})
        if await asyncio.to_thread(aside.remove_trials, draft.parent):
            log.warning("update_was_cut_off", extra={"detail": "its copy of the ledger is removed"})
        found = await asyncio.to_thread(aside.set_aside, self._parts.database, now_ms=now_ms)
        self._aside = found or self._aside

    def _beside(self) -> str:
        return "" if self._aside is None else f"; the damaged one lies beside it as {self._aside.name}"

    async def _remember(self) -> None:
        """Read what the safety bounds count from."""
        await self._parts.clock.remember()
        self._parts.bounds.outage.remember((await self._parts.store.read(chain.cursor)).acked_at_ms)

    def _started(self, conn: sqlite3.Connection) -> None:
        """Journal the start; whoever was granted just before the plug was pulled may show the code again (S11)."""
        now = self._parts.decider.now()
        pen, terminal, receipt = Pen(conn, now, uuid7), self._identity.terminal, kept_end(self._identity)
        if (lost := lives.why_lost(conn, receipt)) is not None:
            lives.lose(pen, terminal, f"{lost}{self._beside()}", receipt)
            log.error("store_lost", extra={"detail": lost})
        ensure_epoch(conn, terminal=terminal, now_ms=now.utc_ms)
        pen.fact("started", {"run": self._identity.instance, "version": version("xinguan")})
        upkeep.renew_grace(conn, now)
