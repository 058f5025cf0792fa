"""Where a dense code may lie, when no decoder says so: three finder patterns, and the timing between them.

The hard idea: under a lamp, in the dark or moved, edges are gone but a finder pattern still *correlates*. The region is
looked at small and evened, so that one pass for each of a few sizes finds whatever is like a finder, in both
polarities. Any three of the right handedness, proportions and polarity may be a code of any version. Which it is, the
timing patterns say, which run from finder to finder: perspective moves each along its own line only, so the two slants
are found one by one, with what lies on the same lines. For the few best, both slants are tried together against all
alignment patterns: where motion has wiped out the timing, those still say where the fourth corner is.

Photographs that show no dense code are told by their texture, before anything is searched (`dense`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.symbols import FINDER, TIMING, VERSIONS, layout

Values = npt.NDArray[np.float32]
Lay = npt.NDArray[np.float64]

MOST_SIDE = 640  # pixels; a dense code that is larger is read without
LOOK_SIDE = 220  # pixels of the longer side of what is looked at
EVEN_PX = 15
SIZES = (1.35, 1.65, 2.0, 2.5, 3.1, 3.8)  # pixels a module
FLAT = 0.12  # of the 90th percentile of deviation: below, anything correlates
RIM = 5  # parts of a side that is left out
DISTANCES = (3, 4, 8)  # pixels
LEAST_NEAR, LEAST_MIDDLE = 0.74, 0.855  # of the difference at the largest distance
LEAST_FAR = 0.53  # deviations
LEAST_EVEN = 0.61  # of the difference across, that down, or the other way round
PEAKS = 12
METHOD = cv2.TM_CCOEFF_NORMED
THREES = 12  # of peaks that are looked at closer
APART = 7  # pixels between peaks
LEAST_PEAK = 0.3
MOST_UNEQUAL = 2.0  # sides of a code
MOST_UNLIKE = 1.5  # sizes of its finders
LEAST_SINE = 0.75
SHORTEST, LONGEST = 0.85, 1.4  # of the modules between finders, what the coarse sizes make of them
SLANTS = np.linspace(-0.2, 0.2, 11, dtype=np.float32)  # perspective along a side: how much smaller the far end is
ARMS = 2.0  # the weight of version words and alignment patterns beside that of both timing patterns
COARSE = np.linspace(-0.18, 0.18, 7, dtype=np.float32)
LEAST_SCORE = 0.2  # correlation
SLANT_COST = 1.0  # of correlation, for a slant of 1: where little is to be seen the code is taken as flat
GUESSES = 3  # whose slants are tried in pairs
CANDIDATES = 3


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Where a code may lie: modules to pixels, its version, its polarity (-1: light on dark, 0: unknown), its match."""

    lay: Lay
    version: int
    sign: int
    score: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class _Guess:
    score: float
    a: Any
    u: Any
    v: Any
    version: int
    sign: int


def located(plane: Values) -> list[Candidate]:
    """Return the likeliest places in a crop in linear light, best first."""
    if max(plane.shape) > MOST_SIDE:
        return []
    scale = LOOK_SIDE / max(plane.shape)
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(plane, size, interpolation=how), np.float32)
    if min(small.shape) < 4 * EVEN_PX:
        return []
    even = _evened(small)
    if not dense(even):
        return []
    found = _scored(even, _peaks(even))
    back = np.array([[plane.shape[1] / size[0], 0, 0], [0, plane.shape[0] / size[1], 0], [0, 0, 1]])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # a pixel's middle
    return [Candidate(back @ half @ c.lay, c.version, c.sign, c.score) for c in found]


def _evened(small: Values) -> Values:
    window = (EVEN_PX, EVEN_PX)
    centred = small - cv2.blur(small, window)
    deviation = np.sqrt(np.maximum(cv2.blur(centred * centred, window), 0))
    floor = FLAT * float(np.percentile(deviation, 90)) + 1e-3
    return np.asarray(np.where(deviation > floor, centred / (deviation + floor), 0), np.float32)


def dense(even: Values) -> bool:
    """Return whether the middle of an evened look is as busy, near and far, across and down, as a dense code is.

    How much shades differ grows with the distance up to one module and then no more: in coarse codes and most
    textures it still grows between three pixels and eight.
    """
    height, width = even.shape
    inner = even[height // RIM : height - height // RIM, width // RIM : width - width // RIM]
    across = [float(cv2.norm(inner[:, d:], inner[:, :-d], cv2.NORM_L1)) / inner[:, d:].size for d in DISTANCES]
    down = [float(cv2.norm(inner[d:], inner[:-d], cv2.NORM_L1)) / inner[d:].size for d in DISTANCES]
    near, middle, far = (min(a, b) for a, b in zip(across, down, strict=True))
    uneven = max(across[1], down[1])
    return far > LEAST_FAR and near > LEAST_NEAR * far and middle > LEAST_MIDDLE * far and middle > LEAST_EVEN * uneven


@cache
def _finder(size: float) -> Values:
    """Return a finder pattern and the light around it at so many pixels a module, a little blurred."""
    fine = 8
    grid = np.ones((9, 9), np.float32)
    for at, shade in enumerate((-1, 1, -1), 1):
        grid[at:-at, at:-at] = shade
    drawn = np.kron(grid, np.ones((fine, fine), np.float32))
    side = round(9 * size)
    drawn = np.asarray(cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.6 * size), np.float32)


def _peaks(even: Values) -> npt.NDArray[np.float64]:
    """Return rows of x, y, size, sign of what is most like finders."""
    most, signs, sizes = np.zeros_like(even), np.zeros_like(even), np.zeros_like(even)
    for size in SIZES:
        finder = _finder(size)
        if min(even.shape) <= len(finder):
            break
        match = cv2.matchTemplate(even, finder, METHOD)
        top = (len(finder) - 1) // 2
        here = (slice(top, top + match.shape[0]), slice(top, top + match.shape[1]))
        strength = np.abs(match)
        better = strength > most[here]
        for kept, new in ((most, strength), (signs, match), (sizes, np.float32(len(finder) / 9))):
            np.copyto(kept[here], new, where=better)
    strength = most * (even != 0)
    tops = (strength >= cv2.dilate(strength, np.ones((APART, APART), np.uint8))) & (strength > LEAST_PEAK)
    y, x = np.nonzero(tops)
    order = np.argsort(-strength[y, x])[:PEAKS]
    y, x = y[order], x[order]
    offset = np.where(np.rint(sizes[y, x] * 9) % 2 == 0, 0.5, 0.0)  # an even template's middle lies between pixels
    return np.stack([x + offset, y + offset, sizes[y, x], np.sign(signs[y, x]), strength[y, x]], 1).astype(np.float64)


def _scored(even: Values, peaks: npt.NDArray[np.float64]) -> list[Candidate]:
    if len(peaks) < len("abc"):
        return []
    threes = np.array(list(permutations(range(len(peaks)), 3)))
    a, b, c = (peaks[threes[:, i]] for i in range(3))
    u, v = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    long, tall = np.hypot(*u.T), np.hypot(*v.T)
    sizes = np.stack([a[:, 2], b[:, 2], c[:, 2]])
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    fits = (cross > LEAST_SINE * long * tall) & (long < MOST_UNEQUAL * tall) & (tall < MOST_UNEQUAL * long)
    fits &= (sizes.max(0) < MOST_UNLIKE * sizes.min(0)) & (a[:, 3] == b[:, 3]) & (b[:, 3] == c[:, 3])
    spans = np.sqrt(long * tall) / sizes.mean(0)
    fits &= (spans > SHORTEST * (layout(VERSIONS[0]).side - 7)) & (spans < LONGEST * (layout(VERSIONS[-1]).side - 7))
    likely = np.flatnonzero(fits)
    likely = likely[np.argsort(-(a + b + c)[likely, 4])[:THREES]]
    found: list[_Guess] = []
    for version in VERSIONS:
        span = layout(version).side - 7
        at = likely[(spans[likely] > SHORTEST * span) & (spans[likely] < LONGEST * span)]
        if len(at):
            found += _timed(even, a[at], u[at], v[at], version)
    found.sort(key=lambda guess: -guess.score)
    candidates = [_slanting(even, guess) for guess in found[:GUESSES]]
    candidates = [candidate for candidate in candidates if candidate.score > LEAST_SCORE]
    return sorted(candidates, key=lambda candidate: -candidate.score)[:CANDIDATES]


def _timed(even: Values, a: Any, u: Any, v: Any, version: int) -> list[_Guess]:
    """Return how far the timing patterns and what lies on them agree with triples as codes of one version."""
    span = layout(version).side - 7
    sign = a[:, 3]
    arms = [_slanted(even, a, *sides, span) * sign[:, None] - SLANT_COST * np.abs(COARSE) for sides in ((u, v), (v, u))]
    bests = [COARSE[arm.argmax(1)] for arm in arms]
    timing = arms[0].max(1) + arms[1].max(1)
    found = []
    for i in np.argsort(-timing)[:CANDIDATES]:
        places, shades = _arms(version)
        at = _placed(places, (a[i, :2], u[i], v[i]), (bests[0][i], bests[1][i]))
        score = float(timing[i]) + ARMS * float(sign[i]) * float(_matched(even, at[None], shades)[0])
        found.append(_Guess(score, a[i, :2], u[i], v[i], version, int(sign[i])))
    return found


def _slanting(even: Values, guess: _Guess) -> Candidate:
    """Return the guess with the pair of slants under which all patterns fit best."""
    places, shades = _patterns(guess.version)
    at = _placed(places, (guess.a, guess.u, guess.v), (SLANTS[:, None, None], SLANTS[None, :, None]))
    cost = SLANT_COST * (np.abs(SLANTS[:, None]) + np.abs(SLANTS[None])) / 4
    match = _matched(even, at, shades) * guess.sign - cost
    across, down = np.unravel_index(match.argmax(), match.shape)
    span = layout(guess.version).side - 7
    lay = _lay(guess.a, guess.u, guess.v, SLANTS[across], SLANTS[down], span)
    return Candidate(lay, guess.version, guess.sign, float(match.max()))


def _placed(places: Any, three: Any, slants: Any) -> Any:
    """Return where places of the unit square between the finders lie, (..., n, 2)."""
    a, u, v = (np.asarray(vector, np.float32) for vector in three)
    across, down = slants
    x, y = places.T
    shrunk = 1 / (1 + across * x + down * y)
    right, below = x * (1 + across) * shrunk, y * (1 + down) * shrunk
    return a + right[..., None] * u + below[..., None] * v


def _slanted(even: Values, a: Any, along: Any, aside: Any, span: int) -> npt.NDArray[np.float64]:
    """Return the correlation with a timing pattern from finder to finder under each slant, (triples, slants)."""
    modules = np.arange(8, span + 7 - 8)
    t = ((modules + 0.5 - 3.5) / span).astype(np.float32)
    slants = COARSE[:, None]
    shrunk = 1 / (1 + slants * t)
    moved, beside = (t * (1 + slants) * shrunk)[..., None], ((TIMING + 0.5 - 3.5) / span * shrunk)[..., None]
    start, along, aside = (values[:, None, None, :2].astype(np.float32) for values in (a, along, aside))
    return _matched(even, start + moved * along + beside * aside, np.where(modules % 2, 1.0, -1.0))


def _matched(even: Values, at: Any, wanted: Any) -> npt.NDArray[np.float64]:
    """Return the correlation along the last axis of what lies at places (..., n, 2) with n wanted shades."""
    flat = np.ascontiguousarray(at.reshape(-1, at.shape[-2], 2), np.float32)
    seen = cv2.remap(even, flat, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)  # type: ignore[call-overload]
    wanted = (wanted - wanted.mean()).astype(np.float32)
    count = len(wanted)
    spread = np.einsum("ij,ij->i", seen, seen) - seen.sum(-1) ** 2 / count
    size = np.sqrt(np.maximum(spread, 0) * float(wanted @ wanted)) + 1e-3
    return np.asarray((seen @ wanted / size).reshape(at.shape[:-2]), np.float64)


@cache
def _arms(version: int) -> tuple[Values, Values]:
    """Return places and shades of the version words and of the alignment patterns that the timing patterns cross."""
    return _chosen(version, lambda x, y: TIMING in {x, y})


@cache
def _patterns(version: int) -> tuple[Values, Values]:
    """Return places and shades of the version words, the timing and every alignment pattern."""
    return _chosen(version, lambda _x, _y: True, timing=True)


def _chosen(version: int, wanted: Callable[[int, int], bool], *, timing: bool = False) -> tuple[Values, Values]:
    plan = layout(version)
    span = plan.side - 7
    own = np.zeros(plan.fixed.shape, np.bool_)
    own[:6, -11:-8] = own[-11:-8, :6] = True
    if timing:
        own[TIMING, 8:-8] = own[8:-8, TIMING] = True
    for x, y in plan.alignments.astype(int):
        if wanted(x, y):
            own[y - 2 : y + 3, x - 2 : x + 3] = True
    y, x = np.nonzero(own)
    places = (np.stack([x, y], 1) + 0.5 - FINDER / 2) / span
    return places.astype(np.float32), plan.fixed[own]


def _lay(a: Any, u: Any, v: Any, across: float, down: float, span: int) -> Lay:
    """Return the homography that puts three finders where they are, with a slant along each side."""
    b, c = (a + u) * (1 + across), (a + v) * (1 + down)
    unit = np.array([[*(b - a), across], [*(c - a), down], [*a, 1.0]]).T
    to_unit = np.array([[1 / span, 0, -3.5 / span], [0, 1 / span, -3.5 / span], [0, 0, 1]])
    return np.asarray(unit @ to_unit, np.float64)
