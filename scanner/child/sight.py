"""Is what a live camera gives a living picture? Pure: frames and times in, words out.

A sensor is never noiseless: one and the same picture for FROZEN_S comes from a hung encoder or a cached file. A picture
in one shade for DARK_S comes from a covered or blind lens. Neither reads a code, whatever the frame rate.
"""

import zlib
from dataclasses import dataclass

from scanner.child.newest import Plane

FROZEN_S = 10.0
DARK_S = 10.0
EVERY_ROW = 8  # rows of which one is looked at: noise is everywhere
ONE_SHADE = 2.0  # grey levels of standard deviation; a sensor at night has more
BLACK = 8.0  # mean grey level
LIVE_KINDS = frozenset({"v4l2", "http", "https", "rtsp"})
FROZEN = f"the same picture for more than {FROZEN_S:.0f} s: the camera hangs; switch it off and on"
COVERED = "a {} picture in one shade: is the lens covered, is there light, is the exposure right?"


@dataclass(slots=True)
class Sight:
    """Watches the frames of one camera."""

    _sum: int = -1
    _same_since: float = 0.0
    _plain_since: float | None = None
    _last: float = 0.0
    _black: bool = False

    def look(self, frame: Plane, at_s: float) -> None:
        """Take in a frame captured at `at_s` (monotonic seconds)."""
        rows = frame[::EVERY_ROW]
        total = zlib.crc32(rows.tobytes())
        if total != self._sum:
            self._sum, self._same_since = total, at_s
        self._last = at_s
        if float(rows.std()) >= ONE_SHADE:
            self._plain_since = None
        elif self._plain_since is None:
            self._plain_since = at_s
        self._black = self._plain_since is not None and float(rows.mean()) < BLACK

    @property
    def note(self) -> str:
        """What is wrong with the picture, empty when nothing is."""
        if self._plain_since is not None and self._last - self._plain_since >= DARK_S:
            return COVERED.format("black" if self._black else "blank")
        if self._last - self._same_since >= FROZEN_S:
            return FROZEN
        return ""
