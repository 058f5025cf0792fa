"""How a source is doing: one frozen value for readiness, metrics, the service page and `doctor`."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field


class State(enum.StrEnum):
    """Where a source stands."""

    STARTING = "starting"  # opened, nothing came yet
    LIVE = "live"  # frames arrive, or the handheld scanner is plugged in
    STALLED = "stalled"  # open, but the newest frame is old or the camera is being opened again
    DOWN = "down"  # the child died or the device is gone; it will be tried again
    ENDED = "ended"  # a recording came to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Counters run since the source was opened; `frame_age_ms` is None before the first frame and for handhelds."""

    name: str
    state: State = State.STARTING
    note: str = ""
    frames: int = 0
    width: int = 0
    height: int = 0
    fps: float = 0.0
    frame_age_ms: int | None = None
    restarts: int = 0
    reopened: int = 0
    dropped: int = 0
    drops: Mapping[str, int] = field(default_factory=dict)  # what was thrown away, by its reason
    missed: Mapping[str, int] = field(default_factory=dict)  # the same since a code last came through
    cleaned: Mapping[str, int] = field(default_factory=dict)  # what was taken off codes, by its name (scanner.cleaning)
    bad_figures: int = 0  # that a scanner process said of itself and that cannot be
    rss_bytes: int = 0
    looks: int = 0  # frames of the last minute that showed something like a code
    looks_read: int = 0  # of these, how many were read
    decodes: Mapping[str, int] = field(default_factory=dict)
    tries: Mapping[str, int] = field(default_factory=dict)
    step_ms: Mapping[str, float] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        """Whether a code shown now would be read."""
        return self.state is State.LIVE
