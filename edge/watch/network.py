"""Since when nobody at the platform answered well: the bound that the offline rules of a decision count from.

Rules of this file:

- one owner: `edge.watch.patrol` tells it what the way out says, the decider and the status only read `since_ms`;
- an outage does not begin anew with a process: while nobody answered since the start, it counts from the moment that
  the platform last signed for something, which is on disk.

>>> outage = Outage()
>>> outage.remember(5_000)
>>> outage.note(in_touch=False, answered_ms=0, now_ms=9_000)
>>> outage.since_ms
5000
>>> outage.note(in_touch=True, answered_ms=9_500, now_ms=9_500)
>>> outage.since_ms is None
True
"""


class Outage:
    """Owns since when this terminal is offline (ms UTC); `since_ms` is None while it is in touch."""

    def __init__(self) -> None:
        self.since_ms: int | None = None

    def remember(self, last_signed_ms: int) -> None:
        """Take in from disk when the platform last signed for something (0: never), before anything is asked of it."""
        self.since_ms = last_signed_ms or None

    def note(self, *, in_touch: bool, answered_ms: int, now_ms: int) -> None:
        """Take in how the way out is; `answered_ms` is when the platform last answered (0: not since the start)."""
        if in_touch:
            self.since_ms = None
        elif self.since_ms is None:
            self.since_ms = answered_ms or now_ms
        else:  # a contact so short that no round saw it
            self.since_ms = max(self.since_ms, answered_ms)
