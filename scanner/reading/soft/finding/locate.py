"""Where a dense code may lie, when no decoder says so: whatever looks like its finder patterns.

The hard idea: under a lamp, in the dark or moved, edges are gone but a finder pattern still *correlates*. The region is
looked at small and evened, so that one pass for each of a few sizes finds whatever is like a finder, in both
polarities; which three of them make a code is told in `triples`, or, where none do, which two in `pairs`.

Photographs that show no dense code are told by their texture, before anything is searched (`dense`).
"""

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.finding.pairs import paired
from scanner.reading.soft.finding.triples import Candidate, candidates

Values = npt.NDArray[np.float32]

MOST_SIDE = 640  # pixels; a dense code that is larger is read without
LOOK_SIDE = 220  # pixels of the longer side of what is looked at
EVEN_PX = 15
SIZES = (1.35, 1.65, 2.0, 2.5, 3.1, 3.8)  # pixels a module
FINDER_SIDE = 9  # modules, with the light around it
FLAT = 0.12  # of the 90th percentile of deviation: below, anything correlates
SPARSE = 4  # every so many pixels tell a percentile of what was averaged over EVEN_PX
SPECTRUM_SIDE = 240  # pixels: at least LOOK_SIDE, and a product of small primes
RIM = 5  # parts of a side that is left out
DISTANCES = (3, 4, 8)  # pixels
LEAST_NEAR, LEAST_MIDDLE = 0.74, 0.855  # of the difference at the largest distance
MOST_MIDDLE = 1.04  # of it: above, the texture repeats itself
LEAST_FAR = 0.53  # deviations
LEAST_EVEN = 0.61  # of the difference across, that down, or the other way round
PEAKS = 12
APART = 7  # pixels between peaks
LEAST_PEAK = 0.3
FLOOR = 1.0  # of a sum of squares: a flat patch is like nothing


def located(plane: Values, *, gated: bool = True, stretched: bool = False) -> list[Candidate]:
    """Return the likeliest places in a crop in linear light, best first; `gated` passes over what is not `dense`.

    `stretched` makes the crop square first: finders of a code that is seen from the side are square again.
    """
    looked = _looked(plane, stretched=stretched)
    if looked is None or (gated and not dense(looked)):
        return []
    even, size = looked, looked.shape[::-1]
    peaks = _peaks(even)
    found = candidates(even, peaks) or paired(even, peaks)
    back = np.array([[plane.shape[1] / size[0], 0, 0], [0, plane.shape[0] / size[1], 0], [0, 0, 1]])
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # a pixel's middle
    return [Candidate(back @ half @ c.lay, c.version, c.sign, c.score) for c in found]


def is_dense(plane: Values) -> bool:
    """Return whether a crop in linear light is as busy as a dense code is."""
    even = _looked(plane)
    return even is not None and dense(even)


def _looked(plane: Values, *, stretched: bool = False) -> Values | None:
    """Return a crop small and evened, None if it is too large or too narrow."""
    if max(plane.shape) > MOST_SIDE:
        return None
    scale = LOOK_SIDE / max(plane.shape)
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    size = (LOOK_SIDE, LOOK_SIDE) if stretched else size
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(plane, size, interpolation=how), np.float32)
    return None if min(small.shape) < 4 * EVEN_PX else _evened(small)


def _evened(small: Values) -> Values:
    window = (EVEN_PX, EVEN_PX)
    centred = small - cv2.blur(small, window)
    deviation = np.sqrt(np.maximum(cv2.blur(centred * centred, window), 0))
    floor = FLAT * float(np.percentile(deviation[::SPARSE, ::SPARSE], 90)) + 1e-3
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
    fits = far > LEAST_FAR and near > LEAST_NEAR * far and middle > LEAST_EVEN * uneven
    return fits and LEAST_MIDDLE * far < middle < MOST_MIDDLE * far


@cache
def finder(size: float) -> Values:
    """Return a finder pattern and the light around it at so many pixels a module, a little blurred."""
    fine = 8
    grid = np.ones((FINDER_SIDE, FINDER_SIDE), np.float32)
    for at, shade in enumerate((-1, 1, -1), 1):
        grid[at:-at, at:-at] = shade
    drawn = np.kron(grid, np.ones((fine, fine), np.float32))
    side = round(FINDER_SIDE * size)
    drawn = np.asarray(cv2.resize(drawn, (side, side), interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.6 * size), np.float32)


@cache
def spectrum(size: float) -> tuple[Values, int, float]:
    """Return the spectrum of a finder pattern less its mean, its side, and the root of its power."""
    pattern = finder(size) - finder(size).mean()
    wide = np.zeros((SPECTRUM_SIDE, SPECTRUM_SIDE), np.float32)
    wide[: len(pattern), : len(pattern)] = pattern
    return np.asarray(cv2.dft(wide), np.float32), len(pattern), float(np.sqrt((pattern * pattern).sum()))


def matches(even: Values) -> Iterator[tuple[Values, int]]:
    """Yield the normalised correlation with the finder of each size that fits in, and the side of that.

    As OpenCV's, at less than half the time: the spectrum of the look is shared, and what is normalised by are box sums.
    """
    wide = np.zeros((SPECTRUM_SIDE, SPECTRUM_SIDE), np.float32)
    wide[: even.shape[0], : even.shape[1]] = even
    whole = cv2.dft(wide)
    for size in SIZES:
        own, side, power = spectrum(size)
        if min(even.shape) <= side:
            return
        height, width = even.shape[0] - side + 1, even.shape[1] - side + 1
        product = cv2.mulSpectrums(whole, own, 0, conjB=True)
        seen = cv2.idft(product, flags=cv2.DFT_SCALE | cv2.DFT_REAL_OUTPUT)[:height, :width]
        sums, squares = (
            box(even, cv2.CV_32F, (side, side), anchor=(0, 0), normalize=False)[:height, :width]
            for box in (cv2.boxFilter, cv2.sqrBoxFilter)
        )
        spread = np.sqrt(np.maximum(squares - sums * sums / (side * side), FLOOR))
        yield np.asarray(seen / (spread * power), np.float32), side


def _peaks(even: Values) -> npt.NDArray[np.float64]:
    """Return rows of x, y, size, sign, strength of what is most like finders."""
    most, every = np.zeros_like(even), []
    for match, side in matches(even):
        top = (side - 1) // 2
        here = most[top : top + match.shape[0], top : top + match.shape[1]]
        cv2.max(here, np.abs(match), here)
        every.append((match, top, side))
    strength = most * (even != 0)
    tops = (strength >= cv2.dilate(strength, np.ones((APART, APART), np.uint8))) & (strength > LEAST_PEAK)
    at = np.flatnonzero(tops)
    at = at[np.argsort(-strength.ravel()[at])[:PEAKS]]
    rows = []
    for row, column in zip(*(places.tolist() for places in np.divmod(at, even.shape[1])), strict=True):
        sign, side = max(((_at(match, row - top, column - top), side) for match, top, side in every), key=_size)
        beside = 0.5 if side % 2 == 0 else 0.0  # an even template's middle lies between pixels
        rows.append((column + beside, row + beside, side / FINDER_SIDE, np.sign(sign), abs(sign)))
    return np.array(rows, np.float64).reshape(-1, 5)


def _at(match: Values, y: int, x: int) -> float:
    return float(match[y, x]) if 0 <= y < match.shape[0] and 0 <= x < match.shape[1] else 0.0


def _size(one: tuple[float, int]) -> float:
    return abs(one[0])
