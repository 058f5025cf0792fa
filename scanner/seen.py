"""Seen just now: one code held before a lane is one presentation.

A code in view is read fifteen times a second. It counts again only after it was out of sight for the window
(contract.md §2: 2.5 s after it was *last seen*), or when the lane forgets it: on `annulled`, or when staff press
"again".
"""

MAX_REMEMBERED = 64  # codes; more than a lane can be shown within a window


class SeenJustNow:
    """Remembers the texts of one lane for `window_s` seconds after their last sight."""

    def __init__(self, window_s: float = 2.5) -> None:
        self._window_ms = round(window_s * 1000)
        self._last: dict[str, int] = {}

    def fresh(self, text: str, at_ms: int) -> bool:
        """Note that `text` is in view at `at_ms` and return whether this begins a new presentation.

        A clock stepped back does not hide a code: what was last seen "in the future" by more than the window is
        fresh.
        """
        last = self._last.pop(text, None)
        self._last[text] = at_ms
        while len(self._last) > MAX_REMEMBERED:
            del self._last[next(iter(self._last))]
        return last is None or abs(at_ms - last) >= self._window_ms

    def knows(self, text: str, at_ms: int) -> bool:
        """Return whether a sight of `text` at `at_ms` would still be the presentation before; notes nothing."""
        last = self._last.get(text)
        return last is not None and abs(at_ms - last) < self._window_ms

    def forget(self, text: str) -> None:
        """Let the next sight of `text` be a presentation."""
        self._last.pop(text, None)
