"""The parent of a camera child: starts it, reads its pipe, kills what is silent or talks garbage, starts it again.

    start ─▶ messages ─▶ … ─▶ exit, silence, garbage, growth ─▶ kill ─▶ pause (doubling, reset by a healthy minute)
    ─▶ start

Rules: the child's exit status 64 (a setting it refuses) is retried like any other, because a device may appear;
only a natural end (`Ended`) stops. A figure that cannot be is dropped and counted, the one before stands; only what is
no message is garbage. Nothing the child does raises out of `run`. Imports neither cv2 nor numpy.
"""

import asyncio
import logging
import random
import time

from scanner.camera.pipe import Ended, Message, Picture, PipeError, Seen, Stats, Unpacker
from scanner.camera.starting import NoChildError, start
from scanner.health import State
from scanner.source import Source

READ_BYTES = 64 * 1024
START_S = 15.0  # to the first message: Python and OpenCV load on a slow board
LONGEST_START_S = 120.0  # a child killed while it loads gets twice as long the next time: a busy machine comes through
SILENCE_S = 5.0  # between messages: figures come every second
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 15.0
HEALTHY_S = 60.0
STALLED_AGE_S = 2.0
GROWN = 0.6  # of the address space that the child may have: a leak is ended before it meets the wall
MAX_NOTE = 200
TABLES = ("decodes", "tries", "step_ms")  # of these, single entries are dropped
FIGURES = ("frames", "width", "height", "fps", "reopened", "rss_bytes", "looks", "looks_read", "note", *TABLES)
log = logging.getLogger("scanner")


class Camera:
    """Drives one camera source through its child process."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._start_s = START_S
        self._most_bytes = round((source.spec.option("memory_mb") << 20) * GROWN)

    async def run(self) -> None:
        """Keep a child running until the recording ends or this task is cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            ended, note = await self._one_life()
            if ended:
                self._source.end()
                return
            if time.monotonic() - began > HEALTHY_S:
                pause = FIRST_PAUSE_S
            self._source.note(state=State.DOWN, note=note[:MAX_NOTE], restarts=self._source.health.restarts + 1)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads restarts, guards nothing
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _one_life(self) -> tuple[bool, str]:
        """Run one child; return whether its source ended, and why it stopped."""
        try:
            async with start(self._source.spec) as (said, told):
                told.write(f"{self._source.raw}\n".encode())
                self._source.on_watched = lambda watched: _command(told, watched=watched)
                self._source.on_watched(self._source.watched)
                return await self._listen(said)
        except NoChildError as error:
            return False, str(error)
        except PipeError as error:
            return False, f"garbage on the pipe: {error}"
        except TimeoutError:
            return False, "no sign of life from the scanner process"
        except ConnectionError:  # a socket's way of saying what a pipe says by its end
            return False, "the scanner process ended"
        finally:
            self._source.on_watched = None

    async def _listen(self, pipe: asyncio.StreamReader) -> tuple[bool, str]:
        unpacker = Unpacker()
        now = asyncio.get_running_loop().time
        deadline = now() + self._start_s
        self._start_s = min(2 * self._start_s, LONGEST_START_S)  # until it gave a sign of life
        while True:
            async with asyncio.timeout_at(deadline):
                data = await pipe.read(READ_BYTES)
            if not data:
                return False, "the scanner process ended"
            for message in unpacker.feed(data):
                self._start_s = START_S
                deadline = now() + SILENCE_S  # from a whole message: bytes alone are no sign of life
                if isinstance(message, Ended):
                    return True, ""
                if isinstance(message, Stats) and message.rss_bytes > self._most_bytes:
                    return False, f"the scanner process grew to {message.rss_bytes >> 20} MiB"
                self._take(message)

    def _take(self, message: Message) -> None:
        if isinstance(message, Seen | Stats) and message.dropped:
            self._drop(message.dropped)
        match message:
            case Seen(texts, captured_s):
                age = max(0.0, time.monotonic() - captured_s)
                for text in texts:
                    self._source.present(text, age, tuple(other for other in texts if other != text))
            case Picture(jpeg):
                self._source.picture(jpeg)
            case Stats():
                self._source.note(**_figures(message))

    def _drop(self, names: tuple[str, ...]) -> None:
        """Count values that cannot be; the first are logged."""
        before = self._source.health.bad_figures
        self._source.note(bad_figures=before + len(names))
        if not before:
            log.warning("scanner_figures_dropped", extra={"source": self._source.spec.name, "names": names})


def _command(pipe: asyncio.StreamWriter, *, watched: bool) -> None:
    if not pipe.is_closing():
        pipe.write(b"preview on\n" if watched else b"preview off\n")


def _state(stats: Stats) -> State:
    if stats.note:
        return State.STALLED  # being opened again
    if stats.frame_age_s is None:
        return State.STARTING
    return State.STALLED if stats.frame_age_s > STALLED_AGE_S else State.LIVE


def _figures(stats: Stats) -> dict[str, object]:
    """Return what the figures change in the health: those that were dropped change nothing."""
    age = stats.frame_age_s
    changed = {name: getattr(stats, name) for name in FIGURES}
    changed |= {"frame_age_s": None if age is None else round(age * 1000), "state": _state(stats)}
    kept = {name: value for name, value in changed.items() if name not in stats.dropped or name in TABLES}
    if "frame_age_s" not in kept:
        del kept["state"]
        return kept
    return kept | {"frame_age_ms": kept.pop("frame_age_s")}
