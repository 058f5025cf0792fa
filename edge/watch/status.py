"""What this terminal can say about itself: from a reading to the status answer and to the lines of readiness.

Pure and without memory: `edge.watch.readings` takes the readings, and what must not flicker is latched by its owner.
The question behind every line is "would somebody with a right be let in now?" (illness.md 8).
"""

from dataclasses import dataclass, field
from typing import Any

from cache.ledger.visit import Stage
from credit.inputs import ENTERING, ClockState
from edge.terms import Difference
from edge.watch.board import Line
from edge.watch.disk import MIB
from edge.watch.store import Failure
from scanner.health import Health, State

MAX_DETAIL = 200  # characters
STRIKES = 3  # openings running that were not actuated: the gate, not a visitor, is the fault
PICTURES = (("the same picture", "source.frozen"), ("in one shade", "source.dark"))  # words of scanner.child.sight
CLOCK_CAUSES = {
    ClockState.TRUSTED: "clock.well",
    ClockState.RTC: "clock.rtc",
    ClockState.UNSURE: "clock.challenge",
    ClockState.WRONG: "clock.untrusted",
}
ENTERS = frozenset(one.value for one in ENTERING)
REFUSED, ALARM, UNREACHABLE = "refused", "alarm", "unreachable"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReading:
    """One lane: `source` is None when it has no source of its own; `strikes` openings running were not actuated.

    `intent` is what a code means that is merely shown; `gated` tells that the lane opens something.
    """

    id: str
    scene: str
    source: Health | None = None
    strikes: int = 0
    intent: str | None = None
    gated: bool = False
    pay_within_s: float | None = None
    notice: str = "discreet"
    beside: tuple[Line, ...] = ()  # light, sound, paper
    barred: str = ""  # why nothing that is offered here can be given now, whoever comes


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReading:
    """One signed list in force: its version, its age in seconds, and how much is given on a list of that age."""

    name: str
    version: int
    age_s: int
    allows: str = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListsReading:
    """The lists: in force, what of the home city is missing, and what is wrong with whose."""

    in_force: tuple[ListReading, ...] = ()
    keys: int = 0
    keys_over: bool = False  # none of the home city's is in force now: killed, over, or still to come
    missing: tuple[str, ...] = ()
    own_trouble: str = ""  # the home city's newest, and the chain above it
    partner_trouble: str = ""
    too_old: str = ""
    withheld: str = ""  # the lists on whose age the signed policy gives less than everything
    set_aside: str = ""  # entries that were passed over


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformReading:
    """The ways to the platform, and what is still to go there."""

    offline_s: int | None = None
    site_only: bool = False  # the site's hub answers, and does not reach the platform
    push: str = "idle"
    push_detail: str = ""
    pull_error: str = ""
    alarms: tuple[str, ...] = ()
    unsent: int = 0
    oldest_unsent_s: int | None = None
    set_aside: int = 0
    damaged: int = 0  # of those: on this disk
    contradicted: int | None = None  # the number of an order that came with two contents


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything that status and readiness are made of. `store` is the failure that stands."""

    lanes: tuple[LaneReading, ...] = ()
    lists: ListsReading = field(default_factory=ListsReading)
    platform: PlatformReading = field(default_factory=PlatformReading)
    clock: ClockState = ClockState.TRUSTED
    behind_s: int = 0  # how far the platform's time lies behind what was seen signed
    store: Failure | None = None
    disk: Stage = Stage.ROOM
    free_bytes: int | None = None
    suspended: bool = False
    revoked: bool = False
    replaced: bool = False
    lost: bool = False
    twin: bool = False
    entry_stopped: bool = False
    faults: str = ""
    differs: tuple[Difference, ...] = ()  # what terminal.toml says otherwise than the profile


def state(reading: Reading, *, ready: bool) -> dict[str, Any]:
    """Return the changing part of the status answer."""
    platform = reading.platform
    return {
        "clock": reading.clock.value,
        "offline": platform.offline_s is not None,
        "offline_s": platform.offline_s,
        "site_only": platform.offline_s is None and platform.site_only,
        "suspended": reading.suspended,
        "unsent": platform.unsent,
        "oldest_unsent_s": platform.oldest_unsent_s,
        "set_aside": platform.set_aside,
        "lists": [
            {"name": one.name, "version": one.version, "age_s": one.age_s, "allows": one.allows}
            for one in reading.lists.in_force
        ],
        "entry_stopped": reading.entry_stopped,
        "lanes": [
            {
                "id": lane.id,
                "scene": lane.scene,
                "camera": _reads(lane),
                "actuator": lane.gated,
                "intent": lane.intent,
                "pay_within_s": lane.pay_within_s,
                "notice": lane.notice,
            }
            for lane in reading.lanes
        ],
        "ready": ready,
    }


def _reads(lane: LaneReading) -> bool | None:
    return None if lane.source is None else lane.source.ready


def lines(reading: Reading) -> list[Line]:
    """Return every line, the gravest kinds first."""
    return [
        _store(reading),
        Line("memory", "memory.lost" if reading.lost else "memory.well"),
        Line("twin", "twin.seen" if reading.twin else "twin.well"),
        _disk(reading),
        _clock(reading),
        *_lists(reading.lists, reading.platform),
        _suspended(reading),
        *_platform(reading.platform),
        _profile(reading.differs),
        Line("faults", "faults.seen", reading.faults) if reading.faults else Line("faults", "faults.well"),
        *(line for lane in reading.lanes for line in (*_entry(lane, stopped=reading.entry_stopped), *_lane(lane))),
    ]


def _store(reading: Reading) -> Line:
    if reading.store is None:
        return Line("store", "store.well")
    return Line("store", f"store.{reading.store.fault.value}", reading.store.detail)


def _disk(reading: Reading) -> Line:
    cause = {Stage.ROOM: "disk.well", Stage.LOW: "disk.low", Stage.LAST: "disk.last"}[reading.disk]
    return Line("disk", cause, "" if reading.free_bytes is None else f"{reading.free_bytes // MIB} MiB")


def _clock(reading: Reading) -> Line:
    if reading.behind_s:
        return Line("clock", "clock.ahead", f"{reading.behind_s // 60} min")
    return Line("clock", CLOCK_CAUSES[reading.clock], reading.clock.value)


def _lists(lists: ListsReading, platform: PlatformReading) -> list[Line]:
    refused = lists.own_trouble or platform.pull_error
    news = "news.too_long" if lists.too_old else "news.refused" if refused else "news.well"
    news = "news.withheld" if news == "news.well" and lists.withheld else news
    return [
        Line("keys", "keys.none" if not lists.keys else "keys.over" if lists.keys_over else "keys.well"),
        Line("lists", "lists.missing" if lists.missing else "lists.well", ", ".join(lists.missing)),
        Line("news", news, lists.too_old or refused or lists.withheld),
        Line("partners", "partners.trouble" if lists.partner_trouble else "partners.well", lists.partner_trouble),
        Line("entries", "entries.set_aside" if lists.set_aside else "entries.well", lists.set_aside),
    ]


def _profile(differs: tuple[Difference, ...]) -> Line:
    """Return the profile's line: what it does not name serves by the file, what it contradicts by the profile."""
    contradicted = any(one.ours is not None for one in differs)
    cause = "profile.differs" if contradicted else "profile.unnamed" if differs else "profile.well"
    return Line("profile", cause, "; ".join(map(str, differs))[:MAX_DETAIL])


def _suspended(reading: Reading) -> Line:
    if reading.revoked:
        return Line("suspended", "suspended.revoked")
    if reading.replaced:
        return Line("suspended", "suspended.replaced")
    return Line("suspended", "suspended.ordered" if reading.suspended else "suspended.well")


def _platform(platform: PlatformReading) -> list[Line]:
    away = platform.offline_s is not None and platform.push == UNREACHABLE
    push = f"push.{platform.push}" if platform.push in (REFUSED, ALARM) else "push.well"
    in_touch = "platform.behind_hub" if platform.site_only else "platform.well"
    return [
        Line("platform", "platform.away" if away else in_touch, platform.push_detail if away else ""),
        Line("push", push, platform.push_detail),
        Line(
            "orders",
            "orders.well" if platform.contradicted is None else "orders.contradicted",
            str(platform.contradicted or ""),
        ),
        Line("tasks", "tasks.alarm" if platform.alarms else "tasks.well", "; ".join(platform.alarms)),
        _records(platform),
    ]


def _records(platform: PlatformReading) -> Line:
    if platform.damaged:
        return Line("records", "records.damaged", str(platform.damaged))
    return Line("records", "records.set_aside" if platform.set_aside else "records.well", str(platform.set_aside))


def _entry(lane: LaneReading, *, stopped: bool) -> list[Line]:
    """Return whether somebody with a right could be given anything here: entry may be stopped, offers barred."""
    found = [Line(f"offers:{lane.id}", "offers.barred" if lane.barred else "offers.well", lane.barred)]
    if lane.intent in ENTERS:
        found.append(Line(f"entry:{lane.id}", "entry.stopped" if stopped else "entry.well"))
    return found


def _lane(lane: LaneReading) -> list[Line]:
    found = []
    if lane.source is not None:
        causes = {State.LIVE: "source.well", State.ENDED: "source.well", State.STARTING: "source.starting"}
        note = lane.source.note or "没有画面 no picture"
        cause = causes.get(lane.source.state) or next((c for words, c in PICTURES if words in note), "source.down")
        found.append(Line(f"source:{lane.id}", cause, note))
        detail = ", ".join(f"{why} × {n}" for why, n in sorted(lane.source.missed.items()))
        found.append(Line(f"scans:{lane.id}", "scans.dropped" if detail else "scans.well", detail))
    gate = "gate.not_actuated" if lane.strikes >= STRIKES else "gate.well"
    return [*found, Line(f"gate:{lane.id}", gate, str(lane.strikes)), *lane.beside]
