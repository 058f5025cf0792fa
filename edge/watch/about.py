"""What this terminal says about itself: takes the readings that `edge.watch.status` turns into answers."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import msgspec

from cache.ids import uuid7
from cache.journal import chain
from cache.journal.chain import Unsent
from cache.ledger.facts import SUSPENDED, switched
from cache.lists.store import ListStore
from credit.inputs import ClockState, Now
from credit.records import Record
from credit.rules.listing import KINDS, role_of
from edge.clock import Clock
from edge.config import LaneTable
from edge.events import Events
from edge.lanes.decider import Decider
from edge.metrics import Metrics
from edge.watch import status
from edge.watch.status import LaneReading, ListReading, Reading
from scanner.source import Source
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.enrol.identity import Identity
from sync.pull.puller import Puller
from sync.push.pusher import Pusher, PushState
from sync.times import TimeSync

log = logging.getLogger("xinguan.about")

PROBE = "UPDATE clock SET floor_ms = floor_ms"
IN_TOUCH = frozenset({PushState.SENDING, PushState.IDLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """The three ways to the platform."""

    push: Pusher
    pull: Puller
    times: TimeSync


def note(kind: str, body: dict[str, Any], now: Now) -> Callable[[sqlite3.Connection], Record]:
    """Return the job that journals a fact about the terminal itself."""

    def job(conn: sqlite3.Connection) -> Record:
        record_id = uuid7(now.utc_ms)
        return chain.append(conn, kind=kind, redemption=None, body=body, at_ms=now.utc_ms, record_id=record_id)

    return job


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a running terminal is made of, as far as it is talked about."""

    identity: Identity
    store: Store
    clock: Clock
    lists: ListStore
    decider: Decider
    metrics: Metrics
    lanes: tuple[LaneTable, ...]
    sources: Mapping[str, Source]
    sync: Sync


class About:
    """Reads the terminal's parts and tells how they are."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        parts.metrics.watch(parts.sources)
        self._store_failing = ""
        self._told_version: int | None = None
        self._last_contact_ms = 0
        self._said: dict[str, str] = {}

    @property
    def site(self) -> str:
        """The site this terminal stands at."""
        return self._parts.identity.site

    def now(self) -> Now:
        """Return now as the ledger wants it."""
        return self._parts.decider.now()

    def synchronise(self) -> None:
        """Wake both directions."""
        self._parts.sync.push.nudge()
        self._parts.sync.pull.wake()

    def source(self, lane: str) -> Source | None:
        """Return what a lane reads from, None when it has no source of its own."""
        return self._parts.sources.get(lane)

    async def status(self) -> dict[str, Any]:
        """Return the status answer: who we are, and how we are."""
        profile = self._parts.identity.profile
        who = {
            "terminal": self._parts.identity.terminal,
            "site": self._parts.identity.site,
            "title": profile.title,
            "issuer": profile.issuer,
            "test": profile.test,
            "ticket_types": msgspec.to_builtins(profile.ticket_types),
            "pledge": profile.pledge,
            "grade": profile.grade,
            "texts": profile.texts,
            "version": version("xinguan"),
            "now_ms": self._parts.clock.now_ms(),  # screens drop what is older than what they show
        }
        return who | status.state(await self._reading())

    async def readiness(self) -> dict[str, Any]:
        """Return the readiness answer."""
        return status.readiness(await self._reading())

    async def _reading(self) -> Reading:
        now = self._parts.clock.now()
        try:
            unsent = await self._parts.store.read(chain.unsent)
            set_aside = await self._parts.store.read(chain.set_aside_count)
            suspended = await self._parts.store.read(lambda conn: switched(conn, SUSPENDED))
        except StoreFailedError as error:
            self._store_failing = str(error)
            unsent, set_aside, suspended = Unsent(0, None), 0, False
        oldest = None if unsent.oldest_at_ms is None else max(0, now.utc_ms - unsent.oldest_at_ms) // 1000
        since = self._parts.decider.offline_since_ms
        trusted = self._parts.lists.current
        reading = Reading(
            lanes=tuple(map(self._lane, self._parts.lanes)),
            lists=tuple(
                ListReading(name=name, version=trusted.versions[name], age_s=age_s)
                for name, age_s in sorted(trusted.ages(now.utc_ms).items())
            ),
            missing_lists=tuple(
                role
                for kind in KINDS
                if (role := role_of(kind, self._parts.identity.profile.issuer)) not in trusted.versions
            ),
            keys=len(trusted.keyring.by_kid),
            clock=now.clock,
            store_writes=not (self._store_failing or self._parts.store.failing),
            suspended=suspended,
            offline_s=None if since is None else max(0, now.utc_ms - since) // 1000,
            unsent=unsent.count,
            set_aside=set_aside,
            oldest_unsent_s=oldest,
        )
        self._measure(reading)
        return reading

    def _lane(self, table: LaneTable) -> LaneReading:
        source = self._parts.sources.get(table.id)
        if source is None:
            return LaneReading(id=table.id, scene=table.scene)
        return LaneReading(id=table.id, scene=table.scene, reads=source.health.ready, note=source.health.note)

    def _measure(self, reading: Reading) -> None:
        metrics = self._parts.metrics
        metrics.unsent.set(reading.unsent)
        metrics.oldest_unsent.set(reading.oldest_unsent_s or 0)
        for one in reading.lists:
            metrics.list_age.labels(one.name).set(one.age_s)
        for state in ClockState:
            metrics.clock.labels(state.value).set(state is reading.clock)

    async def tell(self, events: Events, *, every_s: float) -> None:
        """Watch the network, the store and the clock, and tell the screens how we are; runs as long as we do."""
        cursor = await self._parts.store.read(chain.cursor)
        self._last_contact_ms = cursor.acked_at_ms
        while True:
            self._watch_network()
            self._watch_sync()
            self._watch_publications()
            await self._watch_store()
            if jump_ms := self._parts.clock.jump_ms():
                log.warning("clock_jumped", extra={"by_ms": jump_ms})
                await self._note_jump(jump_ms)
            events.publish("status", await self.status())
            await asyncio.sleep(every_s)

    def _watch_network(self) -> None:
        """Note since when nobody answered well; what the platform signed for last counts across restarts."""
        decider, push = self._parts.decider, self._parts.sync.push.status
        if push.state in IN_TOUCH:
            decider.offline_since_ms = None
        elif decider.offline_since_ms is None:
            decider.offline_since_ms = push.answered_ms or self._last_contact_ms or self._parts.clock.now_ms()

    def _watch_sync(self) -> None:
        """Log each change in how the three ways to the platform are; an alarm must reach somebody."""
        sync = self._parts.sync
        said = (
            ("push", sync.push.status.state.value, sync.push.status.detail),
            ("pull", "refused" if sync.pull.last_error else "idle", sync.pull.last_error or ""),
            ("time", "refused" if sync.times.last_error else "idle", sync.times.last_error or ""),
        )
        for way, state, detail in said:
            if self._said.get(way) != state and state != PushState.SENDING:
                self._said[way] = state
                level = logging.ERROR if state == PushState.ALARM else logging.INFO
                log.log(level, "sync_state", extra={"way": way, "state": state, "detail": detail})

    def _watch_publications(self) -> None:
        """Fetch lists at once when the platform says, with the journal's answer, that there are newer ones."""
        told = self._parts.sync.push.status.lists_version
        if told != self._told_version:
            self._told_version = told
            self._parts.sync.pull.wake()

    async def _watch_store(self) -> None:
        """Take in how late it must be by now; while the store fails, try a write that changes nothing."""
        store, before = self._parts.store, self._store_failing
        try:
            await self._parts.clock.learn_floor(self._parts.lists.current.newest_ms)
            if store.failing:
                await store.write(lambda conn: conn.execute(PROBE))
            await self._parts.decider.pay_owed()
        except StoreFailedError as error:
            self._store_failing = str(error)
        else:
            self._store_failing = store.failing
        if self._store_failing != before:
            log.error("store_failing" if self._store_failing else "store_mended", extra={"detail": self._store_failing})

    async def _note_jump(self, jump_ms: int) -> None:
        now = self._parts.decider.now()
        try:
            await self._parts.store.write(note("clock_jumped", {"by_ms": jump_ms}, now))
        except StoreFailedError:
            log.exception("jump_not_kept")
