"""The cascade: a table of steps, tried in order until one reads something or the budget of CPU time is spent.

Rules:

- everything happens on one grey frame whose longer side has at most MAX_SIDE pixels; each step looks at one view of it
  (whole, half size, the busiest region) under one treatment with one decoder;
- the order is measured (docs/scanner.md, ADR 0030): next comes what reads most of what is left per millisecond;
- the budget is asked between steps, so a frame costs at most the budget and one step, and no step sees more than the
  frame or a crop of HUGE pixels: hostile pictures are bounded by both;
- the only clock is the injected `cpu_ms`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Protocol

import numpy as np
import numpy.typing as npt
from zxingcpp import Binarizer

from scanner.reading.decoders import Corners, Decoder, zbar, zxing
from scanner.reading.patches import (
    Places,
    Plane,
    Region,
    averaged,
    cut,
    find_places,
    fitted,
    halved,
    lut,
    sharpened,
    softened,
    toned,
)
from scanner.reading.reads import Read, in_reading_order
from scanner.reading.soft.reader import Near, looks_dense
from scanner.reading.soft.symbols import VERSIONS
from scanner.reading.unfold import MAX_VERSION, unfolded

MAX_SIDE = 1920
REGIONS = 3
SMALL, DOTTED, MIDDLE, LARGE, BIG, HUGE = 300, 330, 400, 500, 600, 800  # pixels of the longer side of a crop
DARK = 100.0  # grey levels; of 62 photographs those that lifted shadows read had 7 to 29, but for one
MIN_SIDE = 21  # modules of the smallest code

LINEAR = lut(2.2)  # display light
HALFWAY = lut(1.5)
BRIGHTER = lut(0.5)
HARDER = lut(3.0)


@dataclass(frozen=True, slots=True)
class View:
    """Pixels to decode and how they lie in the frame: frame = offset + scale × pixel."""

    plane: Plane
    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0


class Scene:
    """One grey frame and what several steps want of it, made once and only when asked for.

    `at_s` is when it was taken, where that is known; `awaited` if a code was seen in the frame before.
    """

    def __init__(self, plane: Plane, known: Region | None = None, *, awaited: bool = False, at_s: float = 0.0) -> None:
        self.plane, self.at_s = plane, at_s
        self._known, self._awaited = known, awaited
        self.near: list[Near] = []  # what a step found but could not mend

    @cached_property
    def half(self) -> Plane:
        """The frame at half size."""
        return halved(self.plane)

    @property
    def promising(self) -> bool:
        """Whether something in it stands out like a code, or a code was seen in the frame before."""
        return self._awaited or self.places.promising

    @cached_property
    def dense(self) -> bool:
        """Whether it shows a dense code, by what is known when first asked: one was found, or it has the texture.

        Where nothing stands out like a code nothing is looked at: an empty gate paid a fifth of its time for that.
        """
        if any(near.version in VERSIONS for near in self.near):
            return True
        return self.promising and looks_dense(self.plane, self.places.regions)

    @cached_property
    def places(self) -> Places:
        """Where codes may be: a region known from the frame before, or else what is found."""
        return find_places(self.half, REGIONS) if self._known is None else Places((self._known,), promising=True)


Look = Callable[[Scene], View | None]
Spare = Callable[[], bool]  # whether time is left


def whole(scene: Scene) -> View:
    """View the frame as it is."""
    return View(scene.plane)


def half(scene: Scene) -> View:
    """View the frame at half size: near codes, and noise averaged away."""
    return View(scene.half, scale=2.0)


def brighter(scene: Scene) -> View:
    """View the frame with its shadows lifted."""
    return View(toned(scene.plane, BRIGHTER))


def region(
    scene: Scene,
    *,
    rank: int = 0,
    side: int = 0,
    tone: Plane | None = None,
    sharpen: tuple[int, float] | None = None,
    soften: float = 0.0,
    smooth: int = 0,
) -> View | None:
    """View a region softened, resampled to `side` pixels, toned, sharpened, smoothed, in this order; None if none."""
    if rank >= len(scene.places.regions):
        return None
    place = scene.places.regions[rank]
    crop = cut(scene.plane, place)
    if min(crop.shape) < MIN_SIDE:
        return None
    crop = softened(crop, soften) if soften else crop
    crop = fitted(crop, side) if side else crop
    crop = toned(crop, tone) if tone is not None else crop
    crop = sharpened(crop, *sharpen) if sharpen else crop
    crop = averaged(crop, smooth) if smooth else crop
    return View(crop, place.x, place.y, place.width / crop.shape[1])


def small_found(scene: Scene) -> bool:
    """Return whether a code of a small version was found that could not be mended."""
    return any(0 < near.version <= MAX_VERSION for near in scene.near)


def dark(scene: Scene) -> bool:
    """Return whether the busiest region, or a frame without one, is mostly dark."""
    regions = scene.places.regions
    plane = cut(scene.plane, regions[0]) if regions else scene.plane
    return float(np.median(plane[::4, ::4])) < DARK


def promising(scene: Scene) -> bool:
    """Return whether something in the scene stands out like a code."""
    return scene.promising


def dense(scene: Scene) -> bool:
    """Return whether the scene shows a dense code."""
    return scene.dense


@dataclass(frozen=True, slots=True)
class Step:
    """A named step: what to look at and what to read it with."""

    name: str
    look: Look
    decode: Decoder

    def read(self, scene: Scene, spare: Spare) -> list[Read]:
        """Return what it reads; one decode is not divided, so how much time is to spare does not matter."""
        del spare
        return attempt(self, scene)


class Trial(Protocol):
    """What stands in the cascade: a step, or something with a longer way."""

    @property
    def name(self) -> str:
        """Under which it is tallied."""

    def read(self, scene: Scene, spare: Spare) -> list[Read]:
        """Return the codes it reads; what takes long asks now and then whether time is to spare."""


GLOBAL = zxing(level=Binarizer.GlobalHistogram)
LOCAL = zxing(level=Binarizer.LocalAverage, inverted=True)
THOROUGH = zxing(level=Binarizer.LocalAverage, inverted=True, thorough=True)

EVERY: tuple[Step, ...] = (
    Step("whole", whole, GLOBAL),
    Step("display-small", partial(region, side=SMALL, tone=LINEAR, sharpen=(7, 2)), LOCAL),
    Step("half", half, LOCAL),
    Step("half-global", half, GLOBAL),
    Step("display-large", partial(region, side=LARGE, tone=LINEAR, sharpen=(11, 2)), LOCAL),
    Step("second", partial(region, rank=1), LOCAL),
    Step("paper-sharp", partial(region, side=MIDDLE, sharpen=(15, 2), smooth=3), LOCAL),
    Step("paper", partial(region, side=LARGE), LOCAL),
    Step("dots", partial(region, side=DOTTED, smooth=5), LOCAL),
    Step("soft", partial(region, side=BIG, tone=HALFWAY, sharpen=(15, 2), smooth=3), LOCAL),
    Step("hard", partial(region, side=HUGE, tone=HARDER, sharpen=(15, 2)), LOCAL),
    Step("unfold", partial(region, side=MIDDLE, tone=HALFWAY, sharpen=(11, 1)), unfolded),
    Step("brighter", brighter, LOCAL),
    Step("zbar", partial(region, side=MIDDLE, soften=1.0), zbar),
    Step("thorough", whole, THOROUGH),
)
BY_NAME = {step.name: step for step in EVERY}


def _only(name: str, when: Callable[[Scene], bool], *, so: bool = True) -> Step:
    """Return a step that looks only at scenes of which something is so, or is not."""
    step = BY_NAME[name]
    return replace(step, look=lambda scene: step.look(scene) if when(scene) == so else None)


STEPS: tuple[Step, ...] = (  # for one picture: what helps one kind of code only is not tried at others, or late
    *EVERY[:6],
    _only("paper-sharp", small_found, so=False),
    _only("unfold", small_found),
    *EVERY[7:9],
    _only("soft", dense),
    _only("paper-sharp", small_found),
    _only("hard", dense),
    _only("brighter", dark),
    BY_NAME["zbar"],
    _only("thorough", promising),
)


@dataclass(frozen=True, slots=True)
class Budget:
    """CPU milliseconds for one frame: after how many no further step begins.

    `promising_ms` holds when a region stands out like a code, `glance_ms` when none does: an empty gate is cheap.
    """

    promising_ms: float
    glance_ms: float


@dataclass(slots=True)
class Tally:
    """What the steps cost and brought: for metrics and the overlay."""

    tries: dict[str, int] = field(default_factory=dict)
    decodes: dict[str, int] = field(default_factory=dict)
    step_ms: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, ms: float, reads: int) -> None:
        """Note one try of a step."""
        self.tries[step] = self.tries.get(step, 0) + 1
        self.step_ms[step] = self.step_ms.get(step, 0.0) + ms
        if reads:
            self.decodes[step] = self.decodes.get(step, 0) + 1


def attempt(step: Step, scene: Scene) -> list[Read]:
    """Try one step on a scene."""
    view = step.look(scene)
    if view is None:
        return []
    found = step.decode(view.plane)
    scene.near += [Near(_exactly(f.corners, view), f.version) for f in found if not f.text and f.version]
    return [Read(f.text, _placed(f.corners, view), step.name) for f in found if f.text]


def run(
    steps: tuple[Trial, ...], scene: Scene, *, budget: Budget, cpu_ms: Callable[[], float], tally: Tally
) -> tuple[Read, ...]:
    """Try the steps in order; return the codes of the first that reads any, each text once, in reading order."""
    began = before = cpu_ms()

    def spare() -> bool:
        return cpu_ms() - began < budget.promising_ms

    for step in steps:
        reads = step.read(scene, spare)
        now = cpu_ms()
        tally.add(step.name, now - before, len(reads))
        if reads:
            return in_reading_order(reads)
        spent = now - began
        if spent >= budget.promising_ms or (spent >= budget.glance_ms and not scene.promising):
            break
        before = now
    return ()


def _placed(corners: Corners, view: View) -> Corners:
    return tuple((round(view.x + x * view.scale), round(view.y + y * view.scale)) for x, y in corners)


def _exactly(corners: Corners, view: View) -> npt.NDArray[np.float64]:
    return np.array(corners, np.float64) * view.scale + (view.x, view.y)
