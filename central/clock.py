"""The only place in central that reads the clock."""

import time


def now_ms() -> int:
    """Return the time in milliseconds UTC."""
    return time.time_ns() // 1_000_000
