"""Long work on lists beside lanes that serve: it stops for a moment after each moment of work.

The interpreter runs one thread at a time. Whoever waits for it gets it when it is asked for (`edge.commands.run` makes
that half a millisecond), and a decision changes threads several times: so the work lets go by itself, and for longer
than it takes another thread to wake.
"""

import time
from typing import Final

WORK_S: Final = 0.0003
PAUSE_S: Final = 0.0001


class Turns:
    """Call `give` often: it pauses when enough was worked."""

    __slots__ = ("_until",)

    def __init__(self) -> None:
        self._until = time.perf_counter() + WORK_S

    def give(self) -> None:
        """Let others have a turn, if it is time for that."""
        if time.perf_counter() >= self._until:
            time.sleep(PAUSE_S)
            self._until = time.perf_counter() + WORK_S
