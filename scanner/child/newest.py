"""The newest frame, and only that: where the capture thread and the decode loop meet.

A camera that is read slower than it films falls seconds behind, because drivers and FFMPEG queue frames. So a thread
reads all the time and keeps one frame; the decode loop takes it when it is ready. A paced-off file hands over each
frame.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Captured:
    """One grey or BGR frame and when it arrived (CLOCK_MONOTONIC seconds)."""

    frame: Plane
    at_s: float


class Newest:
    """A slot for one frame. `clock` is CLOCK_MONOTONIC."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._turn = threading.Condition()
        self._frame: Captured | None = None
        self._ended = False
        self._stopped = False
        self.frames = 0
        self.reopened = 0
        self.note = ""
        self.last_at: float | None = None
        self.alive_at = clock()

    @property
    def ended(self) -> bool:
        """Whether the source ended and its last frame was taken."""
        with self._turn:
            return self._ended and self._frame is None

    @property
    def stopped(self) -> bool:
        """Whether the decode loop asked the capture thread to stop."""
        return self._stopped

    def alive(self) -> None:
        """Note that the capture thread is not stuck."""
        self.alive_at = self._clock()

    def put(self, frame: Plane, *, every: bool = False) -> None:
        """Offer a frame; with `every`, wait until the one before was taken."""
        with self._turn:
            self.alive()
            if every:
                self._turn.wait_for(lambda: self._frame is None or self._stopped)
            self.last_at = self._clock()
            self._frame = Captured(frame, self.last_at)
            self.frames += 1
            self.note = ""
            self._turn.notify_all()

    def take(self, timeout_s: float) -> Captured | None:
        """Return a frame not taken before, waiting up to `timeout_s`; None when there is none."""
        with self._turn:
            self._turn.wait_for(lambda: self._frame is not None or self._ended, timeout_s)
            frame, self._frame = self._frame, None
            self._turn.notify_all()
            return frame

    def fail(self, note: str) -> None:
        """Note that the source failed and will be opened again."""
        with self._turn:
            self.alive()
            self.reopened += 1
            self.note = note

    def end(self) -> None:
        """Note that no frame will follow."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()

    def stop(self) -> None:
        """Ask the capture thread to stop."""
        with self._turn:
            self._stopped = True
            self._turn.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait in the capture thread, ended early by `stop`."""
        with self._turn:
            self.alive()
            self._turn.wait_for(lambda: self._stopped, seconds)
