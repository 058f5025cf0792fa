"""What asking leaves behind: ids that must be released, and how long a silent authority is still asked. Pure.

Rules of this file:

- `Pending` keeps what must be released until somebody has heard it (claims.md 1);
- `Breaker` lets a dead hub cost two visitors their 150 ms, and then one look each second (claims.md 10).
"""

from collections.abc import Iterable
from typing import Final

from sync.wire.claims import MAX_ROWS

UNANSWERED: Final = 2  # asks that a silent hub may cost
PROBE_S: Final = 1.0


class Pending:
    """Ids that this terminal has not committed and never will: released with the next ask until somebody heard it."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, redemption: str) -> None:
        """Release an id that was asked for and will never be committed."""
        self._ids[redemption] = None

    def next(self) -> list[str]:
        """Return what to release now, the oldest first."""
        return list(self._ids)[:MAX_ROWS]

    def heard(self, ids: Iterable[str]) -> None:
        """Note that an answer came to an ask that released these."""
        for one in ids:
            self._ids.pop(one, None)


class Breaker:
    """Whether to ask at all: after UNANSWERED silent asks only one each PROBE_S, until somebody answers."""

    def __init__(self) -> None:
        self._silent = 0
        self._probed_s = float("-inf")

    def may_ask(self, now_s: float) -> bool:
        """Return whether to ask now (seconds of a running clock); it counts as the look of this second."""
        if self._silent < UNANSWERED:
            return True
        if now_s - self._probed_s < PROBE_S:
            return False
        self._probed_s = now_s
        return True

    def answered(self) -> None:
        """Note that somebody answered."""
        self._silent = 0

    def silent(self, now_s: float) -> None:
        """Note that nobody did."""
        self._silent += 1
        self._probed_s = now_s
