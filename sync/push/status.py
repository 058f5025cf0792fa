"""How the ways to the platform are, for screens and metrics."""

from dataclasses import dataclass
from enum import StrEnum


class PushState(StrEnum):
    """How the way out is."""

    STARTING = "starting"
    SENDING = "sending"
    IDLE = "idle"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class PushStatus:
    """What a screen or a metric may show.

    `answered_ms` is when the platform last answered (ms UTC, 0 = never). `site_only`: since then the site hub answered
    with a word of its own, for it does not reach the platform.
    """

    state: PushState = PushState.STARTING
    detail: str = ""
    answered_ms: int = 0
    sent: int = 0
    conflicts: int = 0
    set_aside: int = 0
    orders: int = 0
    lists_version: int | None = None
    site_only: bool = False
