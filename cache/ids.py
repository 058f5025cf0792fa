"""Identifiers made here and never changed: UUID version 7 (RFC 9562 §5.7), so they sort by time of making."""

import secrets
import uuid

MAX_MS = (1 << 48) - 1


def uuid7(at_ms: int) -> str:
    """Return a new UUIDv7 whose time is `at_ms` (milliseconds UTC, clamped to the 48 bits the form has)."""
    stamp = min(max(at_ms, 0), MAX_MS)
    value = (stamp << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    return str(uuid.UUID(int=value))
