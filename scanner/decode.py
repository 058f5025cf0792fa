"""Frames to texts. Pure: no I/O; the only clock is the CPU meter that is handed in.

`read_codes` is for one picture. `StreamReader` is for a camera: it looks away while nothing moves, tries the steps that
are worth it on every frame, turns the others over from frame to frame, and looks first where a code was seen last.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.cascade import BY_NAME, MAX_SIDE, MIN_SIDE, STEPS, Budget, Scene, Tally, Trial, run
from scanner.reading.mending import Mend, Mender
from scanner.reading.patches import Plane, Region, halved
from scanner.reading.reads import Read, bounds

PLANE, COLOUR = 2, 3  # dimensions of a frame
BGR, BGRA = 3, 4  # channels
THUMB_HALVINGS = 4  # a cell of the motion picture is 16 pixels of the frame
STILL = Budget(promising_ms=25.0, glance_ms=5.0)
MEND = Mend()
MOVING = Budget(promising_ms=20.0, glance_ms=5.0)
IN_TURN = (
    "soft",
    "half",
    "paper-sharp",
    "soft",
    "paper",
    "hard",
    "half-global",
    "second",
    "paper-sharp",
    "brighter",
    "zbar",
    "unfold",
    "thorough",
)
MEND_AFTER = "paper-sharp"
GROW = 0.35  # of a remembered code's longer side, on each side: hands move


def cpu_ms() -> float:
    """Return the CPU milliseconds that this thread has spent."""
    return time.thread_time() * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What may be set; the defaults are measured (docs/scanner.md). A slow board lowers the budgets."""

    still: Budget = STILL
    mend: Mend | None = MEND  # the soft decoder, for gates and desks; None: off
    moving: Budget = MOVING
    every_frame: tuple[str, ...] = ("whole", "display-small", "display-large")
    in_turn: tuple[str, ...] = IN_TURN
    turns: int = 3  # steps of `in_turn` tried on one frame
    look_every: int = 15  # frames, at a scene in which nothing moves
    motion_level: int = 12  # grey levels by which a cell must differ
    motion_cells: int = 3  # cells that must differ
    remember: int = 15  # frames for which the place of a code is looked at first


DEFAULT = Config()


def grey(frame: npt.NDArray[Any]) -> Plane | None:
    """Return the frame as one grey uint8 plane of bounded size; None when no code fits into it or it is no picture."""
    if frame.dtype != np.uint8 or frame.ndim not in (PLANE, COLOUR) or min(frame.shape[:2]) < MIN_SIDE:
        return None
    channels = 1 if frame.ndim == PLANE else frame.shape[2]
    if channels not in (1, BGR, BGRA):
        return None
    scale = MAX_SIDE / max(frame.shape[:2])
    if scale < 1:
        size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        if min(size) < MIN_SIDE:
            return None
    if channels == 1:
        return np.ascontiguousarray(frame.reshape(frame.shape[:2]))
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY if channels == BGR else cv2.COLOR_BGRA2GRAY), np.uint8)


def still_steps(mend: Mend | None, cpu_ms: Callable[[], float]) -> tuple[Trial, ...]:
    """Return the steps for one picture: the soft decoder follows the last of those that tell it where a code is."""
    if mend is None:
        return STEPS
    after = [step.name for step in STEPS].index(MEND_AFTER) + 1
    return (*STEPS[:after], Mender(mend.prefixes, mend.still_ms, cpu_ms=cpu_ms), *STEPS[after:])


def find_codes(
    frame: npt.NDArray[Any],
    *,
    config: Config = DEFAULT,
    cpu_ms: Callable[[], float] = cpu_ms,
    tally: Tally | None = None,
) -> tuple[Read, ...]:
    """Return the codes of a BGR or grey uint8 frame with their places, each text once, in reading order. Never raises.

    Places are in pixels of the frame, or of the frame scaled to MAX_SIDE if it is larger.
    """
    plane = grey(frame)
    if plane is None:
        return ()
    steps = still_steps(config.mend, cpu_ms)
    return run(steps, Scene(plane), budget=config.still, cpu_ms=cpu_ms, tally=Tally() if tally is None else tally)


def read_codes(
    frame: npt.NDArray[Any], *, config: Config = DEFAULT, cpu_ms: Callable[[], float] = cpu_ms
) -> tuple[str, ...]:
    """Return the texts of the QR codes in a BGR or grey uint8 frame, each once, in reading order. Never raises."""
    return tuple(read.text for read in find_codes(frame, config=config, cpu_ms=cpu_ms))


@dataclass(slots=True)
class _Memory:
    """What a stream remembers from frame to frame."""

    looked: Plane | None = None  # the motion picture of the last frame that was decoded
    skipped: int = 0
    still: int = 0  # frames on end in which nothing moved
    turn: int = 0
    place: Region | None = None  # where a code was read
    step: Trial | None = None  # what read it
    age: int = 0


@dataclass(slots=True)
class StreamReader:
    """Reads the frames of one camera, in order."""

    config: Config = DEFAULT
    cpu_ms: Callable[[], float] = cpu_ms
    tally: Tally = field(default_factory=Tally)
    promising: bool = False  # whether the last frame showed something like a code
    _memory: _Memory = field(default_factory=_Memory)
    _mender: Mender | None = field(init=False)

    def __post_init__(self) -> None:
        mend = self.config.mend
        self._mender = None if mend is None else Mender(mend.prefixes, mend.moving_ms, cpu_ms=self.cpu_ms, moving=True)

    def new(self) -> "StreamReader":
        """Return a reader of the same setting that remembers nothing."""
        return StreamReader(self.config, self.cpu_ms)

    def read(self, frame: npt.NDArray[Any]) -> tuple[str, ...]:
        """Return the texts in view, in reading order; none for a frame that shows what the one before it showed."""
        return tuple(read.text for read in self.find(frame))

    __call__ = read

    def find(self, frame: npt.NDArray[Any], at_s: float = 0.0) -> tuple[Read, ...]:
        """Return the codes in view with their places; `at_s` is when the frame was taken. Never raises."""
        plane = grey(frame)
        self.promising = False
        if plane is None or not self._moved(plane):
            return ()
        memory = self._memory
        scene = Scene(plane, awaited=self._mender is not None and self._mender.waits, at_s=at_s)
        reads = self._again(plane, at_s) or run(
            self._steps(), scene, budget=self.config.moving, cpu_ms=self.cpu_ms, tally=self.tally
        )
        self.promising = bool(reads) or scene.promising
        if reads:
            memory.place, memory.step, memory.age = _around(reads[0], plane), self._trial(reads[0].step), 0
        else:
            memory.age += 1
        return reads

    def _moved(self, plane: Plane) -> bool:
        """Compare with the last frame looked at, so that slow change adds up; look at a still scene now and then.

        A code that lies still and is seen but not read yet is looked at for `look_every` frames, to add them up.
        """
        memory, config = self._memory, self.config
        thumb = halved(plane, THUMB_HALVINGS)
        if memory.looked is not None and memory.looked.shape == thumb.shape:
            differing = cv2.countNonZero(
                cv2.compare(cv2.absdiff(memory.looked, thumb), config.motion_level, cv2.CMP_GT)  # type: ignore[call-overload]
            )
            memory.skipped += 1
            memory.still = memory.still + 1 if differing < config.motion_cells else 0
            adds = self._mender is not None and self._mender.adds and memory.still <= config.look_every
            if memory.still and memory.skipped < config.look_every and not adds:
                return False
        memory.looked, memory.skipped = thumb, 0
        return True

    def _again(self, plane: Plane, at_s: float) -> tuple[Read, ...]:
        """Try what read the last code where it was read."""
        memory = self._memory
        if memory.place is None or memory.step is None or memory.age >= self.config.remember:
            return ()
        scene = Scene(plane, memory.place, at_s=at_s)
        return run((memory.step,), scene, budget=self.config.moving, cpu_ms=self.cpu_ms, tally=self.tally)

    def _trial(self, name: str) -> Trial | None:
        return self._mender if name == Mender.name else BY_NAME[name]

    def _steps(self) -> tuple[Trial, ...]:
        memory, turning = self._memory, self.config.in_turn
        names = [turning[(memory.turn + i) % len(turning)] for i in range(self.config.turns)]
        memory.turn = (memory.turn + self.config.turns) % len(turning)
        first, later = ([BY_NAME[name] for name in some] for some in (self.config.every_frame, names))
        return (*first, *([self._mender] if self._mender else []), *later)


def _around(read: Read, plane: Plane) -> Region:
    box = bounds(read)
    grow = round(max(box.width, box.height) * GROW)
    left, top = max(0, box.x - grow), max(0, box.y - grow)
    right = min(plane.shape[1], box.x + box.width + grow)
    bottom = min(plane.shape[0], box.y + box.height + grow)
    return Region(left, top, max(1, right - left), max(1, bottom - top))
