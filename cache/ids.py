"""Identifiers made here and never changed: UUID version 7 (RFC 9562 §5.7), so they sort by time of making."""

from functools import lru_cache
from os import urandom

MAX_MS = (1 << 48) - 1
VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}  # two bits of a drawn one are the form's


def uuid7(at_ms: int) -> str:
    """Return a new UUIDv7 whose time is `at_ms` (milliseconds UTC, clamped to the 48 bits the form has)."""
    drawn = urandom(10).hex()
    return f"{_stamp(at_ms)}-7{drawn[:3]}-{VARIANT[drawn[3]]}{drawn[4:7]}-{drawn[7:19]}"


def earliest(at_ms: int) -> str:
    """Return what sorts before each UUIDv7 whose time is `at_ms` or later, and after each of an earlier one.

    >>> earliest(1_790_000_000_000) < uuid7(1_790_000_000_000) < earliest(1_790_000_000_001)
    True
    """
    return _stamp(at_ms)


@lru_cache(maxsize=8)  # a grant and its facts are of one moment
def _stamp(at_ms: int) -> str:
    stamp = f"{min(max(at_ms, 0), MAX_MS):012x}"
    return f"{stamp[:8]}-{stamp[8:]}"
