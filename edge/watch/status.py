"""What this terminal can say about itself: status for screens, readiness for technicians (terminal.md, "Service page").

Pure: it takes readings and returns JSON objects; `edge.terminal` takes the readings.
"""

from dataclasses import dataclass
from typing import Any

from credit.inputs import ClockState


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReading:
    """One lane: `reads` is None when it has no source of its own, `note` says why its source does not read."""

    id: str
    scene: str
    reads: bool | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListReading:
    """One signed list in force: its version and age in seconds."""

    name: str
    version: int
    age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Everything the two answers are made of."""

    lanes: tuple[LaneReading, ...]
    lists: tuple[ListReading, ...]
    missing_lists: tuple[str, ...]
    keys: int
    clock: ClockState
    store_writes: bool
    suspended: bool
    offline_s: int | None
    unsent: int
    oldest_unsent_s: int | None
    set_aside: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of readiness: is it well, and in words what to do when it is not."""

    name: str
    ok: bool
    zh: str
    en: str

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON."""
        return {"name": self.name, "ok": self.ok, "zh": self.zh, "en": self.en}


def checks(reading: Reading) -> list[Check]:
    """Answer "could this terminal decide offline now?" line by line."""
    missing = ", ".join(reading.missing_lists)
    lines = [
        Check(
            name="store",
            ok=reading.store_writes,
            zh="账本可写" if reading.store_writes else "账本无法写入：请检查磁盘空间",
            en="the ledger can be written" if reading.store_writes else "the ledger cannot be written: check the disk",
        ),
        Check(
            name="clock",
            ok=reading.clock is ClockState.TRUSTED,
            zh=f"时钟 {reading.clock.value}" + ("" if reading.clock is ClockState.TRUSTED else "：请联网校时"),
            en=f"clock {reading.clock.value}" + ("" if reading.clock is ClockState.TRUSTED else ": connect it once"),
        ),
        Check(
            name="keys",
            ok=reading.keys > 0,
            zh=f"{reading.keys} 个发行密钥" if reading.keys else "没有发行密钥：请同步名单",
            en=f"{reading.keys} issuer keys" if reading.keys else "no issuer keys: synchronise the lists",
        ),
        Check(
            name="lists",
            ok=not reading.missing_lists,
            zh=f"缺少签名名单 {missing}：请同步" if missing else f"{len(reading.lists)} 份签名名单",
            en=f"signed lists are missing ({missing}): synchronise"
            if missing
            else f"{len(reading.lists)} signed lists",
        ),
        Check(
            name="suspended",
            ok=not reading.suspended,
            zh="本终端已被平台暂停" if reading.suspended else "未被暂停",
            en="suspended by the platform" if reading.suspended else "not suspended",
        ),
    ]
    return lines + [_source(lane) for lane in reading.lanes if lane.reads is not None]


def _source(lane: LaneReading) -> Check:
    well = lane.reads is True
    return Check(
        name=f"source:{lane.id}",
        ok=well,
        zh=f"{lane.id} 道识读正常" if well else f"{lane.id} 道识读设备异常：{lane.note or '没有画面'}",
        en=f"lane {lane.id} reads" if well else f"lane {lane.id} does not read: {lane.note or 'no picture'}",
    )


def readiness(reading: Reading) -> dict[str, Any]:
    """Return the readiness answer; `ready` leaves out cameras, since codes can still be typed or handed to the API."""
    lines = checks(reading)
    ready = all(line.ok for line in lines if not line.name.startswith("source:"))
    return {"ready": ready, "checks": [line.to_json() for line in lines]}


def state(reading: Reading) -> dict[str, Any]:
    """Return the changing part of the status answer."""
    return {
        "clock": reading.clock.value,
        "offline": reading.offline_s is not None,
        "offline_s": reading.offline_s,
        "suspended": reading.suspended,
        "unsent": reading.unsent,
        "oldest_unsent_s": reading.oldest_unsent_s,
        "set_aside": reading.set_aside,
        "lists": [{"name": one.name, "version": one.version, "age_s": one.age_s} for one in reading.lists],
        "lanes": [{"id": lane.id, "scene": lane.scene, "camera": lane.reads} for lane in reading.lanes],
        "ready": readiness(reading)["ready"],
    }
