"""What a lane shows for a phone to answer: a value nobody could have had a minute ago (credential.md, "Replay").

A presentation that answers the lane's challenge was made here and now, whatever the clocks say. The value changes every
PERIOD_S; the one before is still accepted, so that nobody is refused for having read it a moment too early.
"""

import hmac
import secrets
from hashlib import sha256

PERIOD_S = 60
CHALLENGE_BYTES = 8


class Challenge:
    """One lane's challenge. The secret lives in this process only: after a restart old answers are worth nothing."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def _of(self, slot: int) -> bytes:
        return hmac.digest(self._secret, slot.to_bytes(8, "big"), sha256)[:CHALLENGE_BYTES]

    def shown(self, boot_ms: int) -> bytes:
        """Return what the lane shows now; `boot_ms` is a clock that nobody can set."""
        return self._of(boot_ms // 1000 // PERIOD_S)

    def accepted(self, boot_ms: int) -> tuple[bytes, ...]:
        """Return what an answer may have answered: what is shown now, and what was shown before it."""
        slot = boot_ms // 1000 // PERIOD_S
        return self._of(slot), self._of(max(0, slot - 1))
