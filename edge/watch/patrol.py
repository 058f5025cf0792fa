"""The round that is made once a second: tells the owners of the safety bounds what is so, then tells the screens.

Decides nothing and shows nothing itself: `Outage`, `StoreHealth`, `Disk` and the clock own what it finds.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import Any, Final

from cache.ids import uuid7
from cache.pen import Pen
from credit.inputs import Now
from edge import aside
from edge.events import Events
from edge.watch.readings import Parts, Readings
from edge.watch.store import DECIDE, KEEP, Fault
from storage.jobs import StoreFailedError
from sync.push.status import PushState

log = logging.getLogger("xinguan.patrol")

EVERY_S: Final = 1.0
IN_TOUCH: Final = frozenset({PushState.SENDING, PushState.IDLE})
TOUCHED: Final = ("uses", "redemptions", "journal")  # what a decision writes
TOUCH: Final = "UPDATE {0} SET at_ms = at_ms WHERE rowid = (SELECT max(rowid) FROM {0})"
PUT: Final = "INSERT INTO unverified (lane, minute, reason, n) VALUES ('', 0, 'probe', 0)"
TAKE: Final = "DELETE FROM unverified WHERE lane = '' AND minute = 0 AND reason = 'probe'"


def note(kind: str, body: dict[str, Any], now: Now) -> Callable[[sqlite3.Connection], int]:
    """Return the job that journals a fact about the terminal itself."""

    def job(conn: sqlite3.Connection) -> int:
        return Pen(conn, now, uuid7).fact(kind, body)

    return job


def try_keeping(conn: sqlite3.Connection) -> None:
    """Write something and take it away again: a page really goes to the disk."""
    conn.execute(PUT)
    conn.execute(TAKE)


def try_deciding(conn: sqlite3.Connection) -> None:
    """Touch what a decision writes: well only if a visitor could be granted something now."""
    for table in TOUCHED:
        conn.execute(TOUCH.format(table))
    try_keeping(conn)


class Patrol:
    """Makes the rounds of one terminal."""

    def __init__(self, parts: Parts, readings: Readings, events: Events) -> None:
        self._parts = parts
        self._readings = readings
        self._events = events
        self._said: dict[str, str] = {}
        self.rounds = 0

    async def run(self) -> None:
        """Make the rounds; never returns."""
        while True:
            self._network()
            self._parts.bounds.disk.look()
            if self._parts.bounds.health.begun:
                await self._store()
                await self._clock()
            self._events.publish("status", await self._readings.status())
            self.rounds += 1
            await asyncio.sleep(EVERY_S)

    def _network(self) -> None:
        sync = self._parts.sync
        push = sync.push.status
        self._parts.bounds.outage.note(
            in_touch=push.state in IN_TOUCH, answered_ms=push.answered_ms, now_ms=self._parts.clock.now_ms()
        )
        self._say("push", push.state.value, push.detail)
        self._say("pull", "refused" if sync.pull.last_error else "idle", sync.pull.last_error or "")
        self._say("time", "refused" if sync.times.last_error else "idle", sync.times.last_error or "")

    def _say(self, way: str, state: str, detail: str) -> None:
        """Log each change in how a way to the platform is."""
        if self._said.get(way) != state and state != PushState.SENDING:
            self._said[way] = state
            log.info("sync_state", extra={"way": way, "state": state, "detail": detail})

    async def _store(self) -> None:
        """Take in how late it must be by now; while deciding fails, try what a decision writes."""
        health, store = self._parts.bounds.health, self._parts.store
        if health.standing is not None and health.standing.fault is Fault.CORRUPT:
            aside.mark(self._parts.database)
        try:
            await self._parts.clock.learn_floor(self._parts.lists.current.newest_ms)
            if health.failing(KEEP):
                await store.write(try_keeping)
            await self._parts.decider.pay_owed()
        except StoreFailedError as error:
            health.failed(KEEP, error)
        else:
            health.succeeded(KEEP)
        if health.failing(DECIDE):
            try:
                await store.write(try_deciding)
            except StoreFailedError as error:
                health.failed(DECIDE, error)
            else:
                health.succeeded(DECIDE)

    async def _clock(self) -> None:
        jump_ms = self._parts.clock.jump_ms()
        if not jump_ms:
            return
        log.warning("clock_jumped", extra={"by_ms": jump_ms})
        try:
            await self._parts.store.write(note("clock_jumped", {"by_ms": jump_ms}, self._parts.decider.now()))
        except StoreFailedError as error:
            self._parts.bounds.health.failed(KEEP, error)
