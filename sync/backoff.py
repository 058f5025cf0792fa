"""How long to wait before trying again: two ladders, both with jitter, neither faster than one try a second.

Nobody answered → about a second, always: trying costs the platform nothing, and a network that comes back for three
seconds must move facts. Somebody answered with an error → a ladder that grows to `cap_s`, so that ten thousand
terminals do not keep a platform down that is getting up. A success resets it.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

SPACING_S = 1.0  # one terminal tries a troubled peer at most this often
SPACING_JITTER_S = 0.25
OVERLOADED_CAP_S = 4.0  # an overloaded platform is heard to be well again within 5 s
REFUSED_CAP_S = 30.0  # what is wrong here does not mend itself in a second
MAX_ASKED_S = 30.0  # an unsigned Retry-After is obeyed up to here
MAX_EXPONENT = 16

JITTER = random.SystemRandom().uniform  # the same for everybody would be a flood when a platform comes back


@dataclass(slots=True)
class Backoff:
    """Waits for one peer. `uniform(a, b)` draws the jitter."""

    uniform: Callable[[float, float], float] = JITTER
    failures: int = field(default=0, init=False)

    def succeeded(self) -> None:
        """Note a success: the next wait is a first one."""
        self.failures = 0

    def unreachable_s(self) -> float:
        """Return the wait after nobody answered."""
        self.failures += 1
        return self.uniform(SPACING_S, SPACING_S + SPACING_JITTER_S)

    def refused_s(self, asked_s: float | None, *, cap_s: float = REFUSED_CAP_S) -> float:
        """Return the wait after an error answer: no shorter than the peer asked for, and than a second."""
        ceiling = min(cap_s, SPACING_S * 2 ** min(self.failures, MAX_EXPONENT))
        self.failures += 1
        return max(min(asked_s or 0.0, MAX_ASKED_S), self.uniform(SPACING_S, max(SPACING_S, ceiling)))
