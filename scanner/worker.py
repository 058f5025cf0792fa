"""The decode loop of a camera child: newest frame in, texts and figures out. The child alone imports this (cv2).

Rules:

- one figure message a second, sent by the loop itself: a hung decoder falls silent and the parent kills it;
- a capture thread that gives no sign of life for its time-outs plus GRACE_S is stuck in native code: the process
  ends;
- the pipe is written whole messages at a time; a parent that is gone ends the process.
"""

import collections
import os
import time

import cv2

from scanner.decode import StreamReader
from scanner.grabbers import start_capture
from scanner.limits import resident_bytes
from scanner.newest import Captured, Newest
from scanner.pipe import MAX_TEXTS, Ended, Message, Seen, Stats, clean, pack
from scanner.spec import Spec

EXIT_ENDED = 0
EXIT_STUCK = 75  # EX_TEMPFAIL
EXIT_PARENT_GONE = 0
GRACE_S = 2.0
STATS_EVERY_S = 1.0
WAIT_S = 0.2
FPS_WINDOW = 30  # frames


class Worker:
    """Decodes one camera and writes messages to the file descriptor `out`."""

    def __init__(self, spec: Spec, out: int) -> None:
        cv2.setNumThreads(1)
        self._out = out
        self._newest = Newest(time.monotonic)
        self._patience_s: float = spec.option("open_s") + spec.option("read_s") + GRACE_S
        self._reader = StreamReader()
        self._taken: collections.deque[float] = collections.deque(maxlen=FPS_WINDOW)
        self._size = (0, 0)
        self.preview = False
        start_capture(spec, self._newest)

    def run(self) -> int:
        """Decode until the source ends, the parent is gone or the capture thread is stuck; return the exit status."""
        try:
            return self._loop()
        except BrokenPipeError:
            return EXIT_PARENT_GONE

    def _loop(self) -> int:
        told_at = 0.0
        while not self._newest.ended:
            captured = self._newest.take(WAIT_S)
            if captured is not None:
                self._decode(captured)
            now = time.monotonic()
            if now - told_at >= STATS_EVERY_S:
                told_at = now
                self._send(self._stats(now))
            if now - self._newest.alive_at > self._patience_s:
                return EXIT_STUCK
        self._send(self._stats(time.monotonic()))
        self._send(Ended())
        return EXIT_ENDED

    def _decode(self, captured: Captured) -> None:
        self._taken.append(captured.at_s)
        self._size = (captured.frame.shape[1], captured.frame.shape[0])
        texts = self._reader.read(captured.frame)
        if texts:
            self._send(Seen(tuple(clean(text) for text in texts[:MAX_TEXTS]), captured.at_s))

    def _stats(self, now: float) -> Stats:
        span = self._taken[-1] - self._taken[0] if len(self._taken) > 1 else 0.0
        last = self._newest.last_at
        return Stats(
            frames=self._newest.frames,
            width=self._size[0],
            height=self._size[1],
            fps=round((len(self._taken) - 1) / span, 1) if span else 0.0,
            frame_age_s=None if last is None else round(now - last, 3),
            reopened=self._newest.reopened,
            rss_bytes=resident_bytes(),
            note=clean(self._newest.note)[:200],
        )

    def _send(self, message: Message) -> None:
        data = memoryview(pack(message))
        while data:
            data = data[os.write(self._out, data) :]
