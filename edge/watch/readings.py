"""What the API asks of the terminal around it: takes readings of its parts and tells status and readiness.

Reads only: no bound is owned here and nothing is decided; `edge.watch.patrol` keeps the owners told.
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from cache.journal import chain
from cache.journal.chain import Unsent
from cache.journal.orders import standing
from cache.ledger.facts import STORE_LOST, SUSPENDED, TWIN, entry_stopped, switched_on
from cache.lists.store import ListStore
from cache.lists.trusted import ALL, NOTHING, SOME, TrustedLists
from cache.memory.damage import damaged_count
from credit.inputs import ENDING, ClockState, Intent, Now, Place
from credit.keys import TrustedKey
from credit.rules.listing import KINDS, city_of, role_of
from edge.clock import Clock
from edge.config import LaneTable
from edge.metrics import Metrics
from edge.terms import differences, notices_of, terms_of
from edge.watch import status
from edge.watch.alive import Errands, Tasks
from edge.watch.board import Board, Line, Shown, readiness
from edge.watch.bounds import Bounds
from edge.watch.status import LaneReading, ListReading, ListsReading, PlatformReading, Reading, lines
from scanner.source import Source
from storage.files import BESIDE
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from sync.beyond.asking import Asking
from sync.enrol.identity import Identity
from sync.ways import Moved, Ways

MAX_DETAIL: Final = 200  # characters of somebody else's words on a line
HOUR_S: Final = 3600
VERSION: Final = version("xinguan")  # read once: asking opens a file
ALLOWED: Final = (ALL, SOME, NOTHING)


class Decider(Protocol):
    """What the watch asks of the decider."""

    def now(self) -> Now:
        """Return now as the ledger wants it."""
        ...

    async def pay_owed(self) -> None:
        """Journal what was done while the ledger could not be written. Raises StoreFailedError."""
        ...


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
    sync: Ways
    asking: Asking
    bounds: Bounds
    tasks: Tasks
    database: Path


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the store says about itself."""

    unsent: Unsent
    set_aside: int = 0
    damaged: int = 0  # of those: on this disk
    standing: str = ""  # the platform's order about serving
    switches: frozenset[str] = frozenset()  # that are on


def _kept(conn: sqlite3.Connection) -> _Kept:
    aside, damaged = chain.set_aside_count(conn), damaged_count(conn)
    return _Kept(chain.unsent(conn), aside, damaged, standing(conn), switched_on(conn))


class Readings:
    """Reads the terminal's parts and tells how they are."""

    def __init__(
        self,
        parts: Parts,
        strikes: Callable[[str], int] = lambda _lane: 0,
        beside: Callable[[str], tuple[Line, ...]] = lambda _lane: (),
    ) -> None:
        self._parts = parts
        self._beside = beside  # light, sound and paper of a lane, each as a line
        self._strikes = strikes  # of a lane: openings running that were not actuated
        self._board = Board(parts.metrics)
        self._kept = _Kept(Unsent(0, None))
        parts.metrics.watch(parts.sources)

    @property
    def site(self) -> str:
        """The site this terminal stands at."""
        return self._parts.identity.site

    def now(self) -> Now:
        """Return now as the ledger wants it."""
        return self._parts.decider.now()

    @property
    def errands(self) -> Errands:
        """What is done beside, and nobody waits for."""
        return self._parts.tasks.errands

    async def synchronise(self) -> Moved:
        """Interrupt every wait on the way to the platform and return what moved."""
        return await self._parts.sync.synchronise()

    async def token_of(self, short: str) -> str:
        """Return what a short code stands for; raise WireError, ShortRefusedError, ShortUnansweredError."""
        return await self._parts.sync.shorts.token(short)

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
            "notices": notices_of(profile, self._parts.identity.platform),
            "version": VERSION,
            "now_ms": self._parts.clock.now_ms(),  # screens drop what is older than what they show
        }
        reading = await self._reading()
        return who | status.state(reading, ready=readiness(self._shown(reading))["ready"])

    async def readiness(self) -> dict[str, Any]:
        """Return the readiness answer."""
        return readiness(self._shown(await self._reading()))

    def _shown(self, reading: Reading) -> tuple[Shown, ...]:
        return self._board.show(lines(reading), now_ms=self._parts.clock.now_ms())

    async def _reading(self) -> Reading:
        parts, now = self._parts, self._parts.clock.now()
        kept = await self._from_store()
        reading = Reading(
            lanes=tuple(map(self._lane, parts.lanes)),
            differs=tuple(differences(parts.lanes, parts.identity.profile)),
            lists=lists_reading(parts.lists.current, home=parts.identity.profile.issuer, now_ms=now.utc_ms),
            platform=self._platform(kept, now.utc_ms),
            clock=now.clock,
            behind_s=parts.clock.behind_ms // 1000,
            store=parts.bounds.health.standing,
            disk=parts.bounds.disk.stage,
            free_bytes=parts.bounds.disk.free_bytes,
            suspended=SUSPENDED in kept.switches,
            lost=STORE_LOST in kept.switches,
            twin=TWIN in kept.switches,
            revoked=kept.standing == "revoke",
            replaced=kept.standing == "replaced",
            entry_stopped=entry_stopped(kept.switches, self.site),
            faults=parts.tasks.faults.told(),
        )
        self._measure(reading)
        return reading

    async def _from_store(self) -> _Kept:
        """Read what the store says; while it cannot be read, what it said last."""
        try:
            self._kept = await self._parts.store.read(_kept)
        except StoreFailedError:
            return self._kept  # why it cannot be read is the store's own line
        return self._kept

    def _platform(self, kept: _Kept, now_ms: int) -> PlatformReading:
        parts, since = self._parts, self._parts.bounds.outage.since_ms
        push, oldest = parts.sync.push.status, kept.unsent.oldest_at_ms
        return PlatformReading(
            offline_s=None if since is None else max(0, now_ms - since) // 1000,
            site_only=push.site_only,
            push=push.state.value,
            push_detail=push.detail[:MAX_DETAIL],
            pull_error=(parts.sync.pull.refusal or "")[:MAX_DETAIL],
            alarms=tuple(f"{name}: {cause}" for name, cause in parts.tasks.alarms.items()),
            unsent=kept.unsent.count,
            oldest_unsent_s=None if oldest is None else max(0, now_ms - oldest) // 1000,
            set_aside=kept.set_aside,
            damaged=kept.damaged,
            contradicted=parts.sync.orders.contradiction,
        )

    def _lane(self, table: LaneTable) -> LaneReading:
        source = self._parts.sources.get(table.id)
        terms = terms_of(table, self._parts.identity.profile)
        place = Place(site=self.site, scene=terms.scene, lane=table.id, terminal=self._parts.identity.terminal)
        return LaneReading(
            id=table.id,
            scene=terms.scene,
            source=None if source is None else source.health,
            strikes=self._strikes(table.id),
            intent=terms.intent.value,
            gated=table.actuator is not None,
            pay_within_s=None if terms.ticket is None else terms.pay_within_s,
            notice=terms.notice,
            beside=self._beside(table.id),
            barred="" if terms.intent in ENDING else self._barred(place, terms.intent),
        )

    def _barred(self, place: Place, intent: Intent) -> str:
        """Return why nothing that is offered at a lane can be given now, whoever comes."""
        parts, now, trusted = self._parts, self._parts.decider.now(), self._parts.lists.current
        age_s = trusted.age_s(parts.identity.profile.issuer, now.utc_s)
        at_site = parts.sync.way.hub is not None
        return trusted.policy.barred(place, intent, offline=now.offline, at_site=at_site, age_s=age_s)

    def _measure(self, reading: Reading) -> None:
        metrics = self._parts.metrics
        metrics.unsent.set(reading.platform.unsent)
        now_s = self._parts.clock.now_ms() / 1000
        waited_s = reading.platform.oldest_unsent_s
        metrics.oldest_unsent.set(0 if waited_s is None else now_s - waited_s)
        metrics.answered.set(self._parts.sync.push.status.answered_ms / 1000)
        metrics.disk_free.set(reading.free_bytes or 0)
        metrics.database.set(size_of(self._parts.database))
        for one in reading.lists.in_force:
            metrics.lists.signed.labels(one.name).set(now_s - one.age_s)
            metrics.lists.allows.labels(one.name).set(ALLOWED.index(one.allows))
        for state in ClockState:
            metrics.clock.labels(state.value).set(state is reading.clock)


def size_of(database: Path) -> int:
    """Return what a database takes with its log (bytes); a part that is not there takes nothing."""
    parts = (database.with_name(database.name + ending) for ending in BESIDE)
    return sum(part.stat().st_size for part in parts if part.exists())


def lists_reading(trusted: TrustedLists, *, home: str, now_ms: int) -> ListsReading:
    """Return how the lists are, told apart by whose they are: the home city's keep people out, a partner's do not."""
    ages = trusted.ages(now_ms)
    own = {role_of(kind, home) for kind in KINDS}
    allowed = {role: trusted.allows(role, age_s) for role, age_s in ages.items()}
    old = [role for role in ages if role in own and allowed[role] == NOTHING]
    some = [f"{role}: {ages[role] // HOUR_S} h" for role in ages if role in own and allowed[role] == SOME]
    trouble = {role: text for role, text in trusted.problems.items() if role in own or city_of(role) is None}
    partners = {role: text for role, text in trusted.problems.items() if role not in trouble}
    keys = [key for same in trusted.keyring.by_kid.values() for key in same]
    return ListsReading(
        in_force=tuple(
            ListReading(name=name, version=trusted.versions[name], age_s=age_s, allows=allowed[name])
            for name, age_s in sorted(ages.items())
        ),
        keys=len(trusted.keyring.by_kid),
        keys_over=not any(_in_force(key, home, now_ms // 1000) for key in keys),
        missing=trusted.missing(home),
        own_trouble=_told(trouble),
        partner_trouble=_told(partners),
        too_old=", ".join(sorted(old)),
        withheld=", ".join(sorted(some)),
        set_aside=_told({role: f"{len(texts)}: {texts[0]}" for role, texts in trusted.set_aside.items()}),
    )


def _in_force(key: TrustedKey, home: str, now_s: int) -> bool:
    return key.issuer == home and not key.killed and key.from_s <= now_s < key.until_s


def _told(problems: Mapping[str, str]) -> str:
    return "; ".join(f"{role or 'chain'}: {text[:MAX_DETAIL]}" for role, text in sorted(problems.items()))[:MAX_DETAIL]
