"""Whose opening a gate's own word is about, and how long it is waited for (lane.md, "Opening").

Rules of this file:

- a gate opens for one redemption after another: what it tells is about the last for which it opened;
- where it can tell that somebody walked through, silence for `turn_within_s` means that nobody did, and annuls; but
  only if it could be heard all that time: a wire that was cut is no word about a visitor;
- whoever walks through after that has passed all the same, and takes the use again (contract.md §10).
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from edge.actuators.gate import Heard

log = logging.getLogger("xinguan.feedback")


class Hearing(Protocol):
    """What is asked of a gate here: how long a visitor has, and how often its inputs could not be read so far."""

    @property
    def turn_within_s(self) -> float | None:
        """Seconds from the opening; None: silence means nothing."""
        ...

    @property
    def deaf(self) -> int:
        """How often its inputs could not be read so far."""
        ...


class Feedback:
    """The last opening of one gate. `ended` hears (redemption, TURNED or NOT_TURNED)."""

    def __init__(self, gate: Hearing | None, ended: Callable[[str, Heard], None]) -> None:
        self._gate = gate
        self._ended = ended
        self._open: str | None = None
        self._over: str | None = None  # annulled by silence: a late passage is still this one's
        self._timer: asyncio.TimerHandle | None = None

    def opened(self, redemption: str) -> None:
        """Take note that the gate opened for a redemption; its visitor's time begins."""
        self._stop()
        self._open, self._over = redemption, None
        if self._gate is not None and self._gate.turn_within_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.turn_within_s, self._silent, self._gate.deaf)

    def hear(self, heard: Heard) -> None:
        """Hear that somebody walked through, or that the gate closed and nobody did."""
        self._stop()
        turned = heard is Heard.TURNED
        redemption = self._open or (self._over if turned else None)
        if redemption is not None:
            self._open, self._over = None, None if turned else redemption
            self._ended(redemption, heard)

    def _silent(self, deaf: int) -> None:
        if self._gate is not None and self._gate.deaf != deaf:
            log.warning("turn_not_heard", extra={"redemption": self._open})
            return
        self.hear(Heard.NOT_TURNED)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
