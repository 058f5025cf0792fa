"""What asking leaves behind: ids that must be released, and how long a silent authority is still asked. Pure.

Rules of this file:

- `Pending` keeps what must be released until somebody has heard it (claims.md 1);
- `Breaker` lets a dead hub cost two visitors their 150 ms; after that nobody waits for it, and whoever runs in the
  background looks once a second whether it is back (claims.md 10).
"""

from collections.abc import Iterable
from typing import Final

from sync.wire.claims import MAX_ROWS

UNANSWERED: Final = 2  # asks that a silent hub may cost


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
    """Whether visitors wait for an answer: not after UNANSWERED silent asks, until somebody answers."""

    def __init__(self) -> None:
        self._silent = 0

    @property
    def closed(self) -> bool:
        """Whether it is worth a visitor's time to ask."""
        return self._silent < UNANSWERED

    def answered(self) -> None:
        """Note that somebody answered."""
        self._silent = 0

    def silent(self) -> None:
        """Note that nobody did."""
        self._silent += 1
