"""The decode loop of a camera child: newest frame in, texts and figures out. The child alone imports this (cv2).

Rules:

- one figure message a second, sent by the loop itself: a hung decoder falls silent and the parent kills it;
- a capture thread that gives no sign of life for its time-outs plus GRACE_S is stuck in native code: the process ends;
- the pipe is written whole messages at a time; a parent that is gone ends the process;
- the preview costs nothing while nobody looks.
"""

import collections
import os
import time
from collections.abc import Callable
from dataclasses import replace

import cv2

from scanner.camera.pipe import MAX_NAME_CHARS, MAX_TEXTS, Ended, Message, Picture, Seen, Stats, clean, pack
from scanner.child.grabbers import start_capture
from scanner.child.limits import resident_bytes
from scanner.child.newest import Captured, Newest
from scanner.child.overlay import draw, to_jpeg
from scanner.child.sight import LIVE_KINDS, Sight
from scanner.decode import MEND, MOVING, Config, StreamReader
from scanner.reading.cascade import Budget
from scanner.reading.reads import Read
from scanner.spec import Spec

EXIT_ENDED = 0
EXIT_STUCK = 75  # EX_TEMPFAIL
EXIT_PARENT_GONE = 0
GRACE_S = 2.0
STATS_EVERY_S = 1.0
PREVIEW_EVERY_S, STILL_EVERY_S = 0.2, 1.0
WAIT_S = 0.2
FPS_WINDOW = 30  # frames
RECALL_S = 60.0
SHOWN_S = 1.0  # a box stays on the preview


def configured(spec: Spec) -> Config:
    """Return the decoder's setting: a budget given for the source bounds a moving frame, and the soft decoder in it."""
    budget = spec.option("budget_ms")
    mend = MEND if budget is None else replace(MEND, moving_ms=min(budget, MEND.moving_ms))
    moving = MOVING if budget is None else Budget(promising_ms=budget, glance_ms=min(budget, MOVING.glance_ms))
    return Config(moving=moving, mend=mend if spec.option("mend") else None)


class Worker:
    """Decodes one camera and writes messages to the file descriptor `out`; `alive` hears of each second that passed."""

    def __init__(self, spec: Spec, out: int, alive: Callable[[], None] = lambda: None) -> None:
        cv2.setNumThreads(1)
        self._out, self._alive = out, alive
        self._newest = Newest(time.monotonic)
        self._patience_s: float = spec.option("open_s") + spec.option("read_s") + GRACE_S
        self._reader = StreamReader(configured(spec))
        self._taken: collections.deque[float] = collections.deque(maxlen=FPS_WINDOW)
        self._looks: collections.deque[tuple[float, bool]] = collections.deque()
        self._size = (0, 0)
        self._shown: tuple[tuple[Read, ...], float] = ((), 0.0)
        self._drawn_at = 0.0
        self._last: Captured | None = None
        self._sight = Sight() if spec.kind in LIVE_KINDS else None
        self.preview = False
        start_capture(spec, self._newest)

    def run(self) -> int:
        """Decode until the source ends, the parent is gone or the capture thread is stuck; return the exit status."""
        try:
            return self._loop()
        except (BrokenPipeError, ConnectionResetError):
            return EXIT_PARENT_GONE

    def _loop(self) -> int:
        told_at = 0.0
        while not self._newest.ended:
            captured = self._newest.take(WAIT_S)
            if captured is not None:
                self._decode(captured)
            now = time.monotonic()
            if self.preview:
                self._show(now, fresh=captured is not None)
            if now - told_at >= STATS_EVERY_S:
                told_at = now
                self._alive()
                self._send(self._stats())
            if now - self._newest.alive_at > self._patience_s:
                return EXIT_STUCK
        self._send(self._stats())
        self._send(Ended())
        return EXIT_ENDED

    def _decode(self, captured: Captured) -> None:
        self._last = captured
        self._taken.append(captured.at_s)
        self._size = (captured.frame.shape[1], captured.frame.shape[0])
        reads = self._reader.find(captured.frame, captured.at_s)
        if reads:
            self._send(Seen(tuple(clean(read.text) for read in reads[:MAX_TEXTS]), captured.at_s))
            self._shown = (reads, captured.at_s)
        if self._sight is not None:  # whether the picture lives is no visitor's business
            self._sight.look(captured.frame, captured.at_s)
        if self._reader.promising:
            self._looks.append((captured.at_s, bool(reads)))
        while self._looks and captured.at_s - self._looks[0][0] > RECALL_S:
            self._looks.popleft()

    def _show(self, now: float, *, fresh: bool) -> None:
        """Send the frame in hand: often while it changes, now and then while the camera stands still."""
        if self._last is not None and now - self._drawn_at >= (PREVIEW_EVERY_S if fresh else STILL_EVERY_S):
            self._drawn_at = now
            self._send(Picture(to_jpeg(self._picture(self._last))))

    def _picture(self, captured: Captured) -> cv2.typing.MatLike:
        reads, at = self._shown
        seen = sum(read for _, read in self._looks)
        caption = f"{self._fps():.1f} fps   {self._size[0]}x{self._size[1]}   read {seen}/{len(self._looks)} in 60 s"
        return draw(captured.frame, reads if captured.at_s - at < SHOWN_S else (), caption)

    def _fps(self) -> float:
        span = self._taken[-1] - self._taken[0] if self._taken else 0.0
        return (len(self._taken) - 1) / span if span else 0.0

    def _stats(self) -> Stats:
        last, tally = self._newest.last_at, self._reader.tally
        now = time.monotonic()  # after `last`: frames go on arriving while a picture is drawn
        return Stats(
            frames=self._newest.frames,
            width=self._size[0],
            height=self._size[1],
            fps=round(self._fps(), 1),
            frame_age_s=None if last is None else round(now - last, 3),
            reopened=self._newest.reopened,
            rss_bytes=resident_bytes(),
            looks=len(self._looks),
            looks_read=sum(read for _, read in self._looks),
            decodes=tally.decodes,
            tries=tally.tries,
            step_ms={name: round(ms, 1) for name, ms in tally.step_ms.items()},
            note=clean(self._newest.note or (self._sight.note if self._sight else ""))[:MAX_NAME_CHARS],
        )

    def _send(self, message: Message) -> None:
        data = memoryview(pack(message))
        while data:
            data = data[os.write(self._out, data) :]
