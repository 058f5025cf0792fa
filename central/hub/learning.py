"""An authority that has just started knows less than its terminals: it answers no claim until it has heard them.

Provisional claims need no disk because of this rule (claims.md 8): whatever was given in the last second before the
start comes as a fact of a terminal that is in reach, and who is not in reach counts as cut.

Rules of this file (running time, milliseconds):

- nothing is answered before SETTLE_MS: a decision that was under way ends within it;
- who was heard before that may have granted on our earlier word afterwards: only what is heard then counts, and whoever
  asked too early is let to ask again at once (`settles_ms`);
- then, as soon as every expected terminal was heard out; who is silent for PATIENCE_MS is not waited for;
- of leases nobody's silence is taken for a word (claims.md 9): each lessee is waited for until it has said what it
  holds, or was in reach for REACH_MS, in which whoever holds something says so twice (`central.hub.leases.is_young`).
"""

from collections.abc import Iterable
from typing import Final

SETTLE_MS: Final = 1_000
PATIENCE_MS: Final = 10_000
REACH_MS: Final = 42_000  # two rounds of renewing (sync.beyond.leases.RENEW_S), and two seconds


class Learning:
    """Whether this authority may answer yet. `expected`: the terminals that it counts for."""

    def __init__(self, expected: Iterable[str], *, started_ms: int) -> None:
        self._silent = set(expected)
        self._started_ms = started_ms
        self._over = False
        self._reached: dict[str, tuple[int, int]] = {}  # when it was heard first and last
        self._told: set[tuple[str, str]] = set()

    @property
    def started_ms(self) -> int:
        """When this authority started."""
        return self._started_ms

    def age_ms(self, now_ms: int) -> int:
        """Return how long ago this authority started."""
        return now_ms - self._started_ms

    def settles_ms(self, now_ms: int) -> int:
        """Return for how long nobody is heard out yet."""
        return max(0, self._started_ms + SETTLE_MS - now_ms)

    def hear(self, terminal: str, now_ms: int) -> None:
        """Note that `terminal` has sent what we lacked; before SETTLE_MS that says nothing."""
        self._reached[terminal] = self._reached.get(terminal, (now_ms, now_ms))[0], now_ms
        if not self.settles_ms(now_ms):
            self._silent.discard(terminal)

    def hear_lessee(self, terminal: str, quota: str) -> None:
        """Note that `terminal` has said what it holds of a quota."""
        self._told.add((terminal, quota))

    def knows_lessee(self, terminal: str, quota: str) -> bool:
        """Return whether `terminal` has said what it holds of a quota, or would have."""
        first_ms, last_ms = self._reached.get(terminal, (0, 0))
        return (terminal, quota) in self._told or last_ms - first_ms >= REACH_MS

    def is_over(self, now_ms: int) -> bool:
        """Return whether claims are answered now; once over, it stays over."""
        passed = now_ms - self._started_ms
        self._over = self._over or passed >= PATIENCE_MS or (passed >= SETTLE_MS and not self._silent)
        return self._over
