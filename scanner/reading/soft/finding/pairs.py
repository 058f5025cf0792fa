"""Where a code is of which two finders are seen: a lamp has taken the third, or it is slanted or smeared.

The hard idea: between two finders of one side runs a timing pattern, three modules inside. Its wave says which version
the code is of and on which side of the two it lies, and so which way the third finder is; how far aside the wave runs
says roughly how far. All places thereabouts are then tried against whatever is like an alignment pattern: of those a
code has six to thirteen, and no lamp takes all.

Rules:

- only the strongest finders are paired, and only the edge whose wave is plainest is completed, or two much alike;
- whichever of the two is the corner's: both are tried;
- what comes out is a candidate like any other, to be refined and verified.
"""

from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.finding.triples import (
    Candidate,
    Guess,
    matched,
    patterns,
    placed,
    sampled,
    slanting,
    span,
)
from scanner.reading.soft.symbols import FINDER, VERSIONS, layout

Values = npt.NDArray[np.float32]

FINDERS = 6  # that are paired
MOST_UNLIKE = 1.6  # sizes of the two
SHORTEST, LONGEST = 0.72, 1.35  # of the modules between finders, what their sizes make of the distance
FINE = 160  # samples from finder to finder
ASIDE = np.array([0.55, 0.75, 1.0, 1.3], np.float32)  # times three modules, where the wave is looked for
SLANTS = (-0.18, -0.12, -0.06, 0.0, 0.06, 0.12, 0.18)  # perspective along the edge
SHIFTS = (-1.0, -0.5, 0.0, 0.5)  # modules by which shear moves the wave: it repeats after two
INSIDE = 3  # modules from the line between finders to the timing pattern
LEAST_WAVE = 0.22  # correlation: right edges have 0.23 to 0.74
ALIKE = 0.8  # of the plainest wave, that a second edge needs
FAR = np.linspace(0.74, 1.26, 19, dtype=np.float32)  # times what the wave's place says of the third finder's distance
ALONG = np.linspace(-0.17, 0.17, 13, dtype=np.float32)  # of the edge, beside what its shift says
MOST_SHEAR = 0.85  # of the distance
FLATTEST, STEEPEST = 0.5, 2.0  # the distance, of the edge
TILTS = (-0.12, 0.0, 0.12)  # perspective away from the edge
KEPT = 2  # places of each way of completing that are looked at closer
TRIED = 2  # of these whose slants are tried in pairs
LEAST_SCORE = 0.35  # correlation: of right places the least was 0.47, of wrong ones 0.27


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """Two finders of a code that lies to the right of the way from `start`, as one looks along it."""

    start: npt.NDArray[np.float64]
    way: npt.NDArray[np.float64]
    version: int
    sign: int
    slant: float
    shift: float  # modules
    aside: float  # pixels from the line to the wave
    match: float


def paired(even: Values, peaks: npt.NDArray[np.float64]) -> list[Candidate]:
    """Return the likeliest code of which two finders are among the peaks (see `triples`), if any."""
    found = []
    for edge in edges(even, peaks):
        guesses = _completed(even, edge)
        if not guesses:
            continue
        places, shades = patterns(edge.version)
        match = matched(even, np.stack([placed(places, *guess) for guess in guesses]), shades) * edge.sign
        found += [slanting(even, guesses[best][0]) for best in np.argsort(-match)[:TRIED]]
    best = max(found, key=lambda one: one.score, default=None)
    return [best] if best is not None and best.score > LEAST_SCORE else []


def edges(even: Values, peaks: npt.NDArray[np.float64]) -> list[Edge]:
    """Return the two finders between which a timing pattern is seen plainest; two such if they are much alike."""
    ways = _ways(peaks)
    if not len(ways):
        return []
    start, end = peaks[ways[:, 0]], peaks[ways[:, 1]]
    way, size = end[:, :2] - start[:, :2], (start[:, 2] + end[:, 2]) / 2
    far = np.hypot(*way.T)
    inward = np.stack([-way[:, 1], way[:, 0]], 1) / far[:, None]
    aside = (INSIDE * ASIDE * size[:, None]).astype(np.float32)
    t = (np.arange(FINE) + 0.5) / FINE
    at = (start[:, :2] + t[:, None, None] * way).transpose(1, 0, 2)[:, None] + (aside[..., None] * inward[:, None])[
        :, :, None
    ]
    match = _waving(sampled(even, at.reshape(-1, FINE, 2)), far / size).reshape(
        len(ways), len(ASIDE), len(VERSIONS), -1
    )
    match *= start[:, 3].astype(np.float32)[:, None, None, None]
    best = match.max((1, 3))
    found: list[Edge] = []
    for row, version in zip(*np.unravel_index(np.argsort(-best, axis=None)[:2], best.shape), strict=True):
        score = float(best[row, version])
        if score < LEAST_WAVE or (found and score < ALIKE * found[0].match):
            break
        off, wave = np.unravel_index(match[row, :, version].argmax(), match[row, :, version].shape)
        slant, shift = SLANTS[wave // len(SHIFTS)], SHIFTS[wave % len(SHIFTS)]
        sign = int(start[row, 3])
        distance = float(aside[row, off])
        found.append(Edge(start[row, :2], way[row], VERSIONS[version], sign, slant, shift, distance, score))
    return found


def _ways(peaks: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Return pairs of peaks, each both ways, that may be two finders of one code."""
    two = np.array(list(permutations(range(min(FINDERS, len(peaks))), 2)), np.intp).reshape(-1, 2)
    a, b = peaks[two[:, 0]], peaks[two[:, 1]]
    modules = 2 * np.hypot(*(b - a)[:, :2].T) / (a[:, 2] + b[:, 2])
    fits = (a[:, 3] == b[:, 3]) & (np.maximum(a[:, 2], b[:, 2]) < MOST_UNLIKE * np.minimum(a[:, 2], b[:, 2]))
    fits &= (modules > SHORTEST * span(VERSIONS[0])) & (modules < LONGEST * span(VERSIONS[-1]))
    return np.asarray(two[fits], np.intp)


@cache
def waves() -> Values:
    """Return what the timing pattern of each version looks like under each slant and shift: (FINE, all of them)."""
    t = (np.arange(FINE) + 0.5) / FINE
    columns = []
    for version in VERSIONS:
        whole = span(version)
        for slant in SLANTS:
            for shift in SHIFTS:
                moved = t - shift / whole
                modules = moved / (1 + slant - slant * moved) * whole + FINDER / 2
                inside = (modules > FINDER + 1) & (modules < whole - 1)
                wave = np.where(inside, -np.cos(np.pi * (modules - 0.5)), 0)
                wave = np.where(inside, wave - wave[inside].mean(), 0)
                columns.append(wave / np.linalg.norm(wave))
    return np.ascontiguousarray(np.array(columns, np.float32).T)


def _waving(seen: Values, modules: npt.NDArray[np.float64]) -> Values:
    """Return the correlation of lines with every wave; -1 for versions that the distance of the finders forbids."""
    seen = seen - seen.mean(1, keepdims=True)
    seen /= np.sqrt(np.einsum("ij,ij->i", seen, seen))[:, None] + 1e-3
    lines = seen.reshape(len(modules), len(ASIDE), FINE)
    match = np.matmul(lines, waves()).reshape(len(modules), len(ASIDE), len(VERSIONS), -1)
    spans = np.array([span(version) for version in VERSIONS])
    fits = (modules[:, None] > SHORTEST * spans) & (modules[:, None] < LONGEST * spans)
    return np.asarray(np.where(fits[:, None, :, None], match, 0), np.float32)


@cache
def _alignment(side: int) -> Values:
    """Return an alignment pattern so many pixels wide, a little blurred."""
    fine, modules = 8, 5
    grid = np.full((modules, modules), -1, np.float32)
    grid[1:-1, 1:-1] = 1
    grid[2, 2] = -1
    drawn = cv2.resize(np.kron(grid, np.ones((fine, fine), np.float32)), (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.5 * side / modules), np.float32)


def _aligned(even: Values, edge: Edge) -> Values:
    """Return how much each pixel is the middle of an alignment pattern of the code's size and polarity: 0 … 1."""
    pattern = _alignment(max(5, round(5 * float(np.hypot(*edge.way)) / span(edge.version))))
    match = cv2.matchTemplate(even, pattern, cv2.TM_CCOEFF_NORMED) * edge.sign
    most, top = np.zeros_like(even), (len(pattern) - 1) // 2
    most[top : top + match.shape[0], top : top + match.shape[1]] = np.maximum(match, 0)
    return most


def _completed(even: Values, edge: Edge) -> list[tuple[Guess, tuple[Any, Any]]]:
    """Return the likeliest codes that have this edge, and their slants."""
    whole, far = span(edge.version), float(np.hypot(*edge.way))
    along = edge.way / far
    inward = np.array([-along[1], along[0]])
    shifts = np.concatenate([(edge.shift + period) / INSIDE * far + ALONG * far for period in (-2, 0, 2)])
    distance, shift = (grid.ravel() for grid in np.meshgrid(edge.aside / INSIDE * whole * FAR, shifts))
    fits = (np.abs(shift) < MOST_SHEAR * distance) & (distance < STEEPEST * far) & (distance > FLATTEST * far)
    ways = (distance[fits, None] * inward + shift[fits, None] * along).astype(np.float32)
    if not len(ways):
        return []
    most = _aligned(even, edge)
    middles = ((layout(edge.version).alignments - FINDER / 2) / whole).astype(np.float32)
    backward = -edge.slant / (1 + edge.slant)
    found: list[tuple[Guess, tuple[Any, Any]]] = []
    for tilt in TILTS:
        right = edge.start, edge.way, edge.slant
        found += [
            (Guess(edge.start, edge.way, way, edge.version, edge.sign), (edge.slant, tilt))
            for way in ways[_likeliest(most, right, ways, tilt, middles)]
        ]
        down = edge.start + edge.way, -edge.way, backward
        found += [
            (Guess(edge.start + edge.way, way, -edge.way, edge.version, edge.sign), (tilt, backward))
            for way in ways[_likeliest(most, down, ways, tilt, middles[:, ::-1])]
        ]
    return found


def _likeliest(most: Values, known: Any, ways: Values, tilt: float, middles: Values) -> Any:
    """Return which ways to the third finder put the most on the middles of alignment patterns."""
    corner, way, slant = known
    shrunk = 1 / (1 + slant * middles[:, 0] + tilt * middles[:, 1])
    ahead, beside = middles[:, 0] * (1 + slant) * shrunk, middles[:, 1] * (1 + tilt) * shrunk
    x = np.rint(corner[0] + ahead * way[0] + ways[:, :1] * beside).astype(np.intp)
    y = np.rint(corner[1] + ahead * way[1] + ways[:, 1:] * beside).astype(np.intp)
    np.clip(x, 0, most.shape[1] - 1, out=x)
    np.clip(y, 0, most.shape[0] - 1, out=y)
    return np.argsort(-most[y, x].mean(1))[:KEPT]
