"""Whose work the platform could not do lately, and until when it is left alone: one ladder each.

A platform that answers 5xx to one terminal's batch may be ill, or that batch is one that it cannot digest. The hub's
own standing tells which: it is asked at once (`Platform.doubted`). Meanwhile only what was refused waits, so that one
terminal's batch stops nobody else's.
"""

import asyncio
from dataclasses import dataclass, field

from sync.backoff import OVERLOADED_CAP_S, Backoff


@dataclass(slots=True)
class _Pause:
    ladder: Backoff = field(default_factory=Backoff)
    until: float = 0.0  # seconds of the event loop


class Pauses:
    """Pauses by kind of work: a call's path, with the terminal that it is made for."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def rests(self, work: str) -> bool:
        """Return whether this work is left alone now."""
        pause = self._pauses.get(work)
        return pause is not None and asyncio.get_running_loop().time() < pause.until

    def failed(self, work: str, asked_s: float | None) -> bool:
        """Let work rest that the platform could not do; return whether that is new."""
        new = work not in self._pauses
        pause = self._pauses.setdefault(work, _Pause())
        wait_s = pause.ladder.refused_s(asked_s, cap_s=OVERLOADED_CAP_S)
        pause.until = asyncio.get_running_loop().time() + wait_s
        return new

    def done(self, work: str) -> None:
        """Note that this work went through."""
        self._pauses.pop(work, None)
