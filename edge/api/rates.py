"""How often one API token may ask for a decision (illness.md 9). A lane's own scanner is never counted."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

BURST_S: Final = 2.0  # seconds' worth that may come at once


@dataclass(slots=True)
class Rates:
    """A bucket for each token: `per_s` a second, BURST_S seconds' worth at once.

    >>> now = [0.0]
    >>> rates = Rates(per_s=1.0, clock=lambda: now[0])
    >>> [rates.take("desk") for _ in range(3)]
    [True, True, False]
    >>> now[0] = 1.0
    >>> rates.take("desk"), rates.take("desk")
    (True, False)
    """

    per_s: float
    clock: Callable[[], float] = time.monotonic
    _room: dict[str, tuple[float, float]] = field(default_factory=dict)

    def take(self, token: str) -> bool:
        """Take one presentation; False when there is no room for it yet."""
        now, most = self.clock(), self.per_s * BURST_S
        room, at = self._room.get(token, (most, now))
        room = min(most, room + (now - at) * self.per_s)
        self._room[token] = (room - 1 if room >= 1 else room, now)
        return room >= 1
