"""The readiness board: each line, its light, since when it stands so, and what to do (illness.md 8).

Rules of this file:

- the board only reads: whether a thing is ill is its owner's word (`edge.watch.{network,store,disk}`, the clock, the
  lists, the sources); here it becomes a line;
- each line is a metric, and one log line when it changes; nothing else is logged about it;
- `ready` means: no line is bad.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from edge.metrics import Metrics
from edge.watch.causes import CAUSES
from edge.watch.told.cause import Level

log = logging.getLogger("xinguan.readiness")

GRAVITY = {Level.WELL: 0, Level.WARN: 1, Level.BAD: 2}
LOG_LEVEL = {Level.WELL: logging.INFO, Level.WARN: logging.WARNING, Level.BAD: logging.ERROR}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stands: its name ("source:north"), the cause ("source.down") and what was found out."""

    name: str
    cause: str
    detail: str = ""

    @property
    def level(self) -> Level:
        """How the line stands."""
        return CAUSES[self.cause].level

    def words(self) -> tuple[str, str]:
        """Return what it says, in Chinese and in English; a lane's line begins with the lane."""
        cause, _, lane = CAUSES[self.cause], *self.name.partition(":")[1:]
        zh, en = (text.replace("{detail}", self.detail) for text in (cause.zh, cause.en))
        return (f"{lane} 道{zh}", f"lane {lane}: {en}") if lane else (zh, en)


@dataclass(frozen=True, slots=True)
class Shown:
    """A line and since when it stands so (ms UTC)."""

    line: Line
    since_ms: int

    def to_json(self) -> dict[str, Any]:
        """Return the line as JSON. `ok` is what a screen asks: whether this keeps nobody out."""
        zh, en = self.line.words()
        cause = CAUSES[self.line.cause]
        return {
            "name": self.line.name,
            "ok": cause.level is not Level.BAD,
            "level": cause.level.value,
            "cause": self.line.cause,
            "since_ms": self.since_ms,
            "zh": zh,
            "en": en,
            "mend": {"zh": cause.mend_zh, "en": cause.mend_en} if cause.mend_en else None,
        }


class Board:
    """Remembers since when each line stands as it does."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._shown: dict[str, Shown] = {}

    def show(self, lines: Iterable[Line], *, now_ms: int) -> tuple[Shown, ...]:
        """Take in how the lines stand now and return them with their times; log and measure what changed."""
        found: dict[str, Shown] = {}
        for line in lines:
            before = self._shown.get(line.name)
            same = before is not None and before.line.cause == line.cause
            found[line.name] = Shown(line, before.since_ms if before is not None and same else now_ms)
            if not same:
                self._tell(line, first=before is None)
        self._shown = found
        return tuple(found.values())

    def _tell(self, line: Line, *, first: bool) -> None:
        self._metrics.lines.labels(line.name).set(GRAVITY[line.level])
        if first and line.level is Level.WELL:
            return
        extra = {"line": line.name, "cause": line.cause, "detail": line.detail}
        log.log(LOG_LEVEL[line.level], "line_changed", extra=extra)


def readiness(shown: Iterable[Shown]) -> dict[str, Any]:
    """Return the readiness answer."""
    lines = tuple(shown)
    ready = all(one.line.level is not Level.BAD for one in lines)
    return {"ready": ready, "checks": [one.to_json() for one in lines]}
