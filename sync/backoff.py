"""How long to wait before trying again: full jitter, on two ladders.

Nobody answered → a short ladder: trying costs the platform nothing, and a network that comes back for three seconds
must move facts. Somebody answered with an error → a long ladder, so that ten thousand terminals do not keep a platform
down that is getting up. A success resets both.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_S = 0.2
UNREACHABLE_CAP_S = 1.0
REFUSED_CAP_S = 60.0
MAX_EXPONENT = 16


@dataclass(slots=True)
class Backoff:
    """Waits for one peer. `uniform(a, b)` draws the jitter."""

    uniform: Callable[[float, float], float]
    failures: int = field(default=0, init=False)

    def succeeded(self) -> None:
        """Note a success: the next wait is a first one."""
        self.failures = 0

    def unreachable_s(self) -> float:
        """Return the wait after nobody answered."""
        return self._next_s(UNREACHABLE_CAP_S)

    def refused_s(self, asked_s: float | None) -> float:
        """Return the wait after an error answer; never shorter than the platform asked for."""
        return max(asked_s or 0.0, self._next_s(REFUSED_CAP_S))

    def _next_s(self, cap_s: float) -> float:
        ceiling = min(cap_s, FIRST_S * 2 ** min(self.failures, MAX_EXPONENT))
        self.failures += 1
        return self.uniform(0.0, ceiling)
