"""The whole way of the soft decoder: places of a frame in, a text of ours out. Pure.

Rules:

- first where a code was held in the frame before; then where another decoder found one that it could not mend, whose
  position and version are used; only then is the region searched;
- a code is believed to be there if what its version fixes is seen (see `refine`), and to be read if every block is
  mended and the text is ours;
- a code that is there and cannot be mended is kept, and averaged with the next frame (see `burst`);
- a place that another decoder found a second time is not tried a second time: it costs as much and brings nothing;
- `spare` says whether there is time left. It is asked before each place and each round, so a frame costs at most the
  budget and one of them; a place for which no time is left is kept as well.

A code out of focus, a part of it hidden:

>>> options = cv2.QRCodeEncoder.Params()
>>> options.version, options.mode = 9, cv2.QRCodeEncoder_MODE_ALPHANUMERIC
>>> code = np.pad(cv2.QRCodeEncoder.create(options).encode("XG1:" + "ABCDE12345" * 15), 6, constant_values=255)
>>> frame = cv2.GaussianBlur(np.kron(code, np.ones((3, 3), np.uint8)), (0, 0), 1.8)
>>> frame[60:78, 90:115] = 255
>>> near = Near(np.array([[25, 25], [185, 25], [185, 185], [25, 185]]), version=9)
>>> read_soft(frame, (), [near], prefixes=("XG1:",)).mended.text[:9]
'XG1:ABCDE'
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.patches import Plane, Region
from scanner.reading.soft.burst import Held, look_at, together
from scanner.reading.soft.clipped import light_of
from scanner.reading.soft.finding.locate import MOST_SIDE, SIZES, is_dense, located, spectrum
from scanner.reading.soft.finding.pairs import waves
from scanner.reading.soft.finding.triples import SURE, Candidate, arms, patterns, timings
from scanner.reading.soft.mend import mend
from scanner.reading.soft.refine import Lay, finder_sign, lay_of, refined, seen, straightened
from scanner.reading.soft.soften import Values
from scanner.reading.soft.symbols import LEVELS, MASKS, VERSIONS, blocks, format_words, layout, mask
from scanner.reading.soft.texts import text_of

Corners = tuple[tuple[int, int], ...]
Spare = Callable[[], bool]

GAMMA = 2.2  # a phone is a display: its light is turned back to linear
LINEAR = (np.linspace(0, 1, 256) ** GAMMA * 255).astype(np.float32)
SLANTED = 0.9  # of a region's longer side: if the other is shorter, the code may be seen from the side
MARGIN = 0.08  # of a region's longer side
MARGIN_PX = 4
MOST_JOINED = 1.3  # times the first region's longer side
FARTHEST = 4000  # pixels; no frame is so large
NEARS = 2  # positions of other decoders that are tried
FINE, MOST_FINE = 2.0, 2.2  # pixels a module that a crop is brought to, and above which it is
SAME = 1.0  # modules between corners of two places, below which one that was not mended is not tried again


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """A code that a decoder found but could not mend: corners in frame pixels, clockwise from its own top left."""

    corners: npt.NDArray[np.float64]
    version: int


@dataclass(frozen=True, slots=True)
class Mended:
    """A text, and the corners of its code in frame pixels."""

    text: str
    corners: Corners


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a frame brought: a text, what to keep for the next frame, and else whether any place was like a code's."""

    mended: Mended | None = None
    seen: bool = False  # a code is there
    held: Held | None = None
    likely: bool = False  # a place was worth a look


def prepare() -> None:
    """Make the tables of every version: the first visitor shall not pay for them."""
    timings()
    waves()
    format_words()
    for size in SIZES:
        spectrum(size)
    for version in VERSIONS:
        arms(version)
        patterns(version)
        for number in range(MASKS):
            mask(version, number)
        for level in LEVELS:
            blocks(version, level)


def read_soft(
    plane: Plane,
    regions: tuple[Region, ...],
    nears: Iterable[Near],
    *,
    prefixes: tuple[str, ...],
    held: Held | None = None,
    gated: bool = True,
    spare: Spare = lambda: True,
) -> Outcome:
    """Return the first code of ours that can be mended; `regions` is empty if nothing is to be searched.

    `gated` searches only where the texture is that of a dense code: photographs seldom have it, fast motion hides it.
    """
    unread, likely = None, False
    for find in (partial(known_places, nears, held), partial(searched_places, plane, regions, gated=gated)):
        if unread is not None or not spare():
            break
        for place in find():
            if unread is not None and _same(place, unread.place):
                continue
            likely = True
            if not spare():
                return Outcome(None, unread is not None, unread or Held(place), likely)
            outcome = read_place(plane, place, held, prefixes=prefixes, spare=spare)
            if outcome.mended is not None:
                return outcome
            unread = unread or outcome.held
    return Outcome(None, unread is not None, unread, likely)


def known_places(nears: Iterable[Near], held: Held | None) -> Iterator[Candidate]:
    """Yield where codes are by the frame before and by other decoders, in frame pixels."""
    if held is not None:
        yield held.place
    tried = 0
    for near in list(nears)[::-1]:  # the later steps look closer
        if tried < NEARS and near.version in VERSIONS and cv2.isContourConvex(near.corners.astype(np.float32)):
            tried += 1
            yield Candidate(lay_of(near.corners, near.version), near.version, 0)


def searched_places(plane: Plane, regions: tuple[Region, ...], *, gated: bool) -> Iterator[Candidate]:
    """Yield where the first region looks like a dense code; if nowhere plainly, it is looked at again as if slanted."""
    if not regions:
        return
    region, best = joined(regions), 0.0
    if max(region.width, region.height) > MOST_SIDE:
        return
    crop, x, y = _cut(plane, squared(region))
    for candidate in located(crop, gated=gated):
        best = max(best, candidate.score)
        yield _moved(candidate, x, y)
    if best < SURE and min(region.width, region.height) < SLANTED * max(region.width, region.height):
        crop, x, y = _cut(plane, region)
        yield from (_moved(candidate, x, y) for candidate in located(crop, gated=gated, stretched=True))


def looks_dense(plane: Plane, regions: tuple[Region, ...]) -> bool:
    """Return whether the first region has the texture of a dense code: few photographs have, nearly all codes of ours.

    A region too large to be searched has not.
    """
    region = joined(regions) if regions else None
    return (
        region is not None
        and max(region.width, region.height) <= MOST_SIDE
        and is_dense(_cut(plane, squared(region))[0])
    )


def read_place(
    plane: Plane, place: Candidate, held: Held | None, *, prefixes: tuple[str, ...], spare: Spare
) -> Outcome:
    """Return what is read at a place; nothing is seen there if nothing looks like the place's version."""
    plan = layout(place.version)
    region = _around(place, plan.side)
    if region is None:
        return Outcome()
    crop, x, y = _cut(plane, region)
    if min(crop.shape) < plan.side:
        return Outcome()
    crop, scale = _averaged(crop, _moved(place, -x, -y).lay, plan.side)
    lay = scale @ _moved(place, -x, -y).lay
    start = seen(crop, lay, plan)
    sign = place.sign or finder_sign(start, plan)
    found = refined(crop, lay, plan, sign=sign, start=start)
    if found is None:
        return Outcome()
    lay, even = found
    here = _moved(Candidate(np.linalg.inv(scale) @ lay, place.version, sign), x, y)
    look = together(held, look_at(even, plan), plan)
    light = light_of(straightened(crop, lay, plan.side), plan)
    words = mend(look.seen, look.soft, plan, shape=look.shape, light=light, spare=spare)
    text = None if words is None else text_of(b"".join(words), version=plan.version, prefixes=prefixes)
    if text is None:
        return Outcome(None, seen=True, held=Held(here, look))
    return Outcome(Mended(text, _corners(here.lay, plan.side)), seen=True, held=Held(here))


def joined(regions: tuple[Region, ...]) -> Region:
    """Return the first region and those that touch it: a lamp splits codes."""
    first = regions[0]
    left, top, right, bottom = first.x, first.y, first.x + first.width, first.y + first.height
    most = MOST_JOINED * max(first.width, first.height)
    for other in regions[1:]:
        low = min(left, other.x), min(top, other.y)
        high = max(right, other.x + other.width), max(bottom, other.y + other.height)
        apart = other.x > right or left > other.x + other.width or other.y > bottom or top > other.y + other.height
        if not apart and max(high[0] - low[0], high[1] - low[1]) <= most:
            (left, top), (right, bottom) = low, high
    return Region(left, top, right - left, bottom - top)


def squared(region: Region) -> Region:
    """Return the square around a region: what a lamp or a slant hides of a code lies beside its shorter side."""
    side = max(region.width, region.height)
    return Region(region.x + (region.width - side) // 2, region.y + (region.height - side) // 2, side, side)


def _around(place: Candidate, side: int) -> Region | None:
    """Return the upright rectangle around a place; None for one that is turned inside out or far too large."""
    corners = _exact_corners(place.lay, side)
    if not np.isfinite(corners).all() or np.abs(corners).max() > FARTHEST or not cv2.isContourConvex(corners):
        return None
    (left, top), (right, bottom) = corners.min(0).astype(int).tolist(), corners.max(0).astype(int).tolist()
    return Region(left, top, right - left, bottom - top)


def _cut(plane: Plane, region: Region) -> tuple[Values, int, int]:
    """Return a region and some more, in linear light, and where it begins."""
    more = round(MARGIN * max(region.width, region.height)) + MARGIN_PX
    x, y = max(0, region.x - more), max(0, region.y - more)
    crop = plane[y : max(0, region.y + region.height + more), x : max(0, region.x + region.width + more)]
    return (np.asarray(cv2.LUT(crop, LINEAR), np.float32) if crop.size else crop.astype(np.float32)), x, y


def _averaged(crop: Values, lay: Lay, side: int) -> tuple[Values, Lay]:
    """Return a crop with FINE pixels a module if it has many more, and the map from its pixels to those.

    Two samples of a module are taken later on, and of five pixels most would not be heard, but their noise would.
    """
    module = cv2.contourArea(_exact_corners(lay, side)) ** 0.5 / side
    if module < MOST_FINE:
        return crop, np.eye(3)
    width, height = (max(1, round(FINE / module * pixels)) for pixels in crop.shape[::-1])
    small = np.asarray(cv2.resize(crop, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return small, np.diag([width / crop.shape[1], height / crop.shape[0], 1.0])


def _same(one: Candidate, other: Candidate) -> bool:
    """Return whether two places are one: of one version, and no corner far from the other's."""
    if one.version != other.version:
        return False
    side = layout(one.version).side
    here, there = _exact_corners(one.lay, side), _exact_corners(other.lay, side)
    module = np.hypot(*(there[2] - there[0])) / (2**0.5 * side)
    return bool(np.hypot(*(here - there).T).max() < SAME * module)


def _moved(place: Candidate, x: int, y: int) -> Candidate:
    return replace(place, lay=np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64) @ place.lay)


def _corners(lay: Lay, side: int) -> Corners:
    return tuple((round(x), round(y)) for x, y in _exact_corners(lay, side).tolist())


def _exact_corners(lay: Lay, side: int) -> npt.NDArray[np.float32]:
    square = np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float64)
    return np.asarray(cv2.perspectiveTransform(square, lay)[0], np.float32)
