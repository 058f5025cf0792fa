"""What the lane knows of a gate: an attempt to open goes in, one of three outcomes comes out (lane.md, "Opening").

Rules of this file:

- an attempt has an id of its own, `{redemption}.{n}`, and is sent at most once: a gate never repeats by itself;
- **actuated**: the gate says that it opened, or it is one that cannot say (a relay) and all was sent to it;
- **not_actuated**: it says that it did not, or nothing was sent;
- **unknown**: something was sent and no answer came that can be believed: it may be open;
- `open` never raises and never waits longer than `timeout_s`; whoever calls it bounds it all the same;
- a gate is a context: on entering and on leaving, whatever it drives is OFF.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self


class Outcome(enum.StrEnum):
    """What came of an attempt."""

    ACTUATED = "actuated"
    NOT_ACTUATED = "not_actuated"
    UNKNOWN = "unknown"


EMERGENCY: Final = "emergency"  # whose attempt it is when a gate is opened for a fire, or by the button for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt to open a lane's gate for a redemption, or for somebody who leaves (`redemption` is then a name)."""

    lane: str
    redemption: str
    number: int = 1
    heads: int = 1

    @property
    def id(self) -> str:
        """What names this attempt to the gate and in the journal."""
        return f"{self.redemption}.{self.number}"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an attempt, and in words why. `sent`: whether anything may have reached the gate."""

    outcome: Outcome
    detail: str = ""
    sent: bool = True


class Heard(enum.StrEnum):
    """What a gate tells by itself."""

    TURNED = "turned"  # somebody walked through
    NOT_TURNED = "not_turned"  # it closed again and nobody did
    FIRE = "fire"
    FIRE_OVER = "fire_over"
    FAULT = "fault"
    FAULT_OVER = "fault_over"


class Gate(Protocol):
    """Something that lets one person (or `heads`) through."""

    @property
    def timeout_s(self) -> float:
        """The longest that an attempt may take."""
        ...

    @property
    def trusted(self) -> bool:
        """Whether its word cannot come from somebody in between; if not, its "no" gives no use back by itself."""
        ...

    @property
    def turn_within_s(self) -> float | None:
        """How long after opening somebody may walk through, where it can tell that; None: its silence means nothing."""
        ...

    @property
    def deaf(self) -> int:
        """How often its inputs could not be read so far."""
        ...

    async def approach(self) -> None:
        """Get as near as can be without asking for anything: an attempt is about to follow. Never raises."""
        ...

    async def open(self, attempt: Attempt) -> Done:
        """Try to open once."""
        ...

    async def opened(self, attempt: Attempt) -> Done:
        """Return what the gate knows of an attempt whose answer never came; UNKNOWN where it cannot be asked."""
        ...

    async def hold(self, *, open_: bool) -> Done:
        """Open and stay open, or end that: fire, emergency."""
        ...

    async def listen(self, hear: Callable[[Heard], None]) -> None:
        """Tell what the gate tells by itself, as long as the lane lives; return at once if it tells nothing."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


class Plain:
    """What most gates have in common: they cannot be asked, cannot hold, tell nothing, and keep nothing open."""

    timeout_s = 1.0
    trusted = True
    turn_within_s: float | None = None
    deaf = 0

    async def approach(self) -> None:
        """Do nothing: it is at hand."""

    async def opened(self, attempt: Attempt) -> Done:
        """Return UNKNOWN: it cannot be asked."""
        del attempt
        return Done(Outcome.UNKNOWN, "it cannot be asked")

    async def hold(self, *, open_: bool) -> Done:
        """Say that it cannot."""
        del open_
        return Done(Outcome.NOT_ACTUATED, "this kind of gate cannot be held open")

    async def listen(self, hear: Callable[[Heard], None]) -> None:
        """Tell nothing."""
        del hear

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return


def well(detail: str = "") -> Done:
    """Return that the gate opened."""
    return Done(Outcome.ACTUATED, detail)


def refused(why: str) -> Done:
    """Return that the gate says that it did not open."""
    return Done(Outcome.NOT_ACTUATED, why)


def unsent(why: str) -> Done:
    """Return that nothing reached the gate: it surely did not open."""
    return Done(Outcome.NOT_ACTUATED, why, sent=False)


def unanswered(why: str) -> Done:
    """Return that nobody knows."""
    return Done(Outcome.UNKNOWN, why)


def words(error: BaseException) -> str:
    """Return an error in words, also where it has none of its own."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__)
