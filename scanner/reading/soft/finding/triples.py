"""Which three finders make a code, and of which version: the patterns between them say so.

The hard idea: any three of the right handedness, proportions and polarity may be a code of any version. Which it is,
the timing patterns say, which run from finder to finder: perspective moves each along its own line only, so the two
slants are found one by one, for all triples and versions at once. For the few best, both slants are tried together
against all alignment patterns: where motion has wiped out the timing, those still say where the fourth corner is.
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

THREES = 8  # of peaks that are looked at closer
MOST_UNEQUAL = 2.0  # sides of a code
MOST_UNLIKE = 1.5  # sizes of its finders
LEAST_SINE = 0.6
SHORTEST, LONGEST = 0.85, 1.2  # of the modules between finders, what the coarse sizes make of them
SLANTS = np.linspace(-0.2, 0.2, 6, dtype=np.float32)  # perspective along a side: how much smaller the far end is
FINER = np.array([-0.04, 0.0, 0.04], np.float32)  # beside the best of these
COARSE = np.linspace(-0.18, 0.18, 7, dtype=np.float32)
SLANT_COST = 1.0  # of correlation, for a slant of 1: where little is to be seen the code is taken as flat
TIMED = 12  # triples with a version whose version words are looked at
ARMS = 2.0  # the weight of what lies on both timing patterns beside that of themselves
LEAST_LIKELY = 0.85  # of all this: right places have at least 1.24, of 141; photographs at most 0.81
GUESSES = 3  # whose slants are tried in pairs
SURE = 0.45  # a correlation that needs no second guess
LEAST_SCORE = 0.2  # correlation


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """Where a code may lie: modules to pixels, its version, its polarity (-1: light on dark, 0: unknown), its match."""

    lay: Lay
    version: int
    sign: int
    score: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Guess:
    """A top left finder, the ways from it to the others, a version."""

    a: Any
    u: Any
    v: Any
    version: int
    sign: int


def candidates(even: Values, peaks: npt.NDArray[np.float64]) -> list[Candidate]:
    """Return the likeliest codes between peaks (x, y, size, sign, strength) of an evened look, best first."""
    guesses = _threes(peaks)
    if not guesses:
        return []
    timing, slants = _timed(even, guesses)
    scores = []
    for at in np.argsort(-timing)[:TIMED]:
        guess = guesses[at]
        places, shades = arms(guess.version)
        seen = matched(even, placed(places, guess, slants[at])[None], shades)
        scores.append((float(timing[at]) + ARMS * guess.sign * float(seen[0]), at))
    found: list[Candidate] = []
    for score, at in sorted(scores, key=lambda one: -one[0])[:GUESSES]:
        if score < LEAST_LIKELY:
            break
        candidate = slanting(even, guesses[at])
        found += [candidate] if candidate.score > LEAST_SCORE else []
        if candidate.score > SURE:
            break
    return sorted(found, key=lambda one: -one.score)


def _threes(peaks: npt.NDArray[np.float64]) -> list[Guess]:
    """Return the strongest triples that may be a code, each with each version it may be of."""
    threes = _ordered_threes(len(peaks))
    a, b, c = (peaks[threes[:, i]] for i in range(3))
    u, v = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2]
    long, tall = np.hypot(*u.T), np.hypot(*v.T)
    sizes = np.stack([a[:, 2], b[:, 2], c[:, 2]])
    cross = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    fits = (cross > LEAST_SINE * long * tall) & (long < MOST_UNEQUAL * tall) & (tall < MOST_UNEQUAL * long)
    fits &= (sizes.max(0) < MOST_UNLIKE * sizes.min(0)) & (a[:, 3] == b[:, 3]) & (b[:, 3] == c[:, 3])
    modules = np.sqrt(long * tall) / sizes.mean(0)
    fits &= (modules > SHORTEST * span(VERSIONS[0])) & (modules < LONGEST * span(VERSIONS[-1]))
    likely = np.flatnonzero(fits)
    likely = likely[np.argsort(-(a + b + c)[likely, 4])[:THREES]]
    return [
        Guess(a[i, :2], u[i], v[i], version, int(a[i, 3]))
        for i in likely
        for version in VERSIONS
        if SHORTEST * span(version) < modules[i] < LONGEST * span(version)
    ]


@cache
def _ordered_threes(count: int) -> npt.NDArray[np.intp]:
    return np.array(list(permutations(range(count), 3)), np.intp).reshape(-1, 3)


def span(version: int) -> int:
    """Return the modules from finder to finder."""
    return layout(version).side - FINDER


@cache
def timings() -> tuple[Values, Values, Values]:
    """Return for each version and slant how far along a side its timing modules lie, how far aside, and their shades.

    (versions, slants, modules), (versions, slants, modules), (versions, modules); shades sum to 0 and end in zeros.
    """
    most = span(VERSIONS[-1]) - FINDER - 2
    shape = (len(VERSIONS), len(COARSE), most)
    along, aside, shades = np.zeros(shape, np.float32), np.zeros(shape, np.float32), np.zeros(shape[::2], np.float32)
    for row, version in enumerate(VERSIONS):
        whole = span(version)
        modules = np.arange(FINDER + 1, whole - 1)
        t = (modules + 0.5 - FINDER / 2) / whole
        shrunk = 1 / (1 + COARSE[:, None] * t)
        along[row, :, : len(t)] = t * (1 + COARSE[:, None]) * shrunk
        aside[row, :, : len(t)] = (TIMING + 0.5 - FINDER / 2) / whole * shrunk
        wanted = np.where(modules % 2, 1.0, -1.0)
        shades[row, : len(t)] = wanted - wanted.mean()
    return along, aside, shades


def _timed(even: Values, guesses: list[Guess]) -> tuple[Any, Any]:
    """Return how far both timing patterns of each guess agree, and under which slants: (guesses,), (guesses, 2)."""
    along, aside, shades = timings()
    rows = [guess.version - VERSIONS[0] for guess in guesses]
    wanted, sign = shades[rows], np.array([guess.sign for guess in guesses], np.float32)[:, None]
    valid = wanted != 0
    a, u, v = (
        np.array([getattr(guess, name) for guess in guesses], np.float32)[:, None, None] for name in ("a", "u", "v")
    )
    ahead, beside = along[rows][..., None], aside[rows][..., None]
    total, slants = np.zeros(len(guesses), np.float32), np.zeros((len(guesses), 2), np.float32)
    for side, (one, other) in enumerate(((u, v), (v, u))):
        at = (a + ahead * one + beside * other).reshape(len(guesses), -1, 2)
        seen = sampled(even, at).reshape(len(guesses), len(COARSE), -1) * valid[:, None]
        match = _correlated(seen, wanted, valid.sum(-1)[:, None]) * sign - SLANT_COST * np.abs(COARSE)
        total += match.max(1)
        slants[:, side] = COARSE[match.argmax(1)]
    return total, slants


def _correlated(seen: Any, wanted: Any, count: Any) -> Any:
    """Return the correlation of rows (guesses, slants, n), zero where invalid, with shades (guesses, n) of sum 0."""
    spread = np.einsum("gsn,gsn->gs", seen, seen) - seen.sum(-1) ** 2 / count
    power = np.einsum("gn,gn->g", wanted, wanted)[:, None]
    return np.einsum("gsn,gn->gs", seen, wanted) / (np.sqrt(np.maximum(spread, 0) * power) + 1e-3)


def sampled(even: Values, at: Any) -> Values:
    """Return what lies at places (rows, n, 2), nothing beyond the edge: (rows, n)."""
    flat = np.ascontiguousarray(at, np.float32)
    return np.asarray(cv2.remap(even, flat, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)  # type: ignore[call-overload]


def slanting(even: Values, guess: Guess) -> Candidate:
    """Return the guess with the pair of slants under which all patterns fit best."""
    wanted = patterns(guess.version)
    _, across, down = _slanted(even, guess, wanted, SLANTS, SLANTS)
    score, across, down = _slanted(even, guess, wanted, across + FINER, down + FINER)
    return Candidate(_lay(guess, across, down), guess.version, guess.sign, score)


def _slanted(
    even: Values, guess: Guess, wanted: tuple[Values, Values], across: Any, down: Any
) -> tuple[float, Any, Any]:
    """Return how well the patterns fit under the best pair of slants, and the pair."""
    places, shades = wanted
    at = placed(places, guess, (across[:, None, None], down[None, :, None]))
    cost = SLANT_COST * (np.abs(across[:, None]) + np.abs(down[None])) / 4
    match = matched(even, at, shades) * guess.sign - cost
    row, column = np.unravel_index(match.argmax(), match.shape)
    return float(match[row, column]), across[row], down[column]


def placed(places: Values, guess: Guess, slants: Any) -> Any:
    """Return where places of the unit square between the finders lie, (..., n, 2)."""
    a, u, v = (np.asarray(vector, np.float32) for vector in (guess.a, guess.u, guess.v))
    across, down = slants
    x, y = places.T
    shrunk = 1 / (1 + across * x + down * y)
    right, below = x * (1 + across) * shrunk, y * (1 + down) * shrunk
    return a + right[..., None] * u + below[..., None] * v


def matched(even: Values, at: Any, wanted: Any) -> npt.NDArray[np.float64]:
    """Return the correlation along the last axis of what lies at places (..., n, 2) with n wanted shades."""
    seen = sampled(even, at.reshape(-1, at.shape[-2], 2))
    wanted = (wanted - wanted.mean()).astype(np.float32)
    spread = np.einsum("ij,ij->i", seen, seen) - seen.sum(-1) ** 2 / len(wanted)
    size = np.sqrt(np.maximum(spread, 0) * float(wanted @ wanted)) + 1e-3
    return np.asarray((seen @ wanted / size).reshape(at.shape[:-2]), np.float64)


@cache
def arms(version: int) -> tuple[Values, Values]:
    """Return places and shades of the version words and of the alignment patterns that the timing patterns cross."""
    return _chosen(version, lambda x, y: TIMING in {x, y})


@cache
def patterns(version: int) -> tuple[Values, Values]:
    """Return places and shades of the version words, the timing and every alignment pattern."""
    return _chosen(version, lambda _x, _y: True, timing=True)


def _chosen(version: int, wanted: Callable[[int, int], bool], *, timing: bool = False) -> tuple[Values, Values]:
    plan = layout(version)
    own = np.zeros(plan.fixed.shape, np.bool_)
    own[:6, -11:-8] = own[-11:-8, :6] = True
    if timing:
        own[TIMING, 8:-8] = own[8:-8, TIMING] = True
    for x, y in plan.alignments.astype(int):
        if wanted(x, y):
            own[y - 2 : y + 3, x - 2 : x + 3] = True
    y, x = np.nonzero(own)
    places = (np.stack([x, y], 1) + 0.5 - FINDER / 2) / span(version)
    return places.astype(np.float32), plan.fixed[own]


def _lay(guess: Guess, across: float, down: float) -> Lay:
    """Return the homography that puts three finders where they are, with a slant along each side."""
    a, whole = guess.a, span(guess.version)
    b, c = (a + guess.u) * (1 + across), (a + guess.v) * (1 + down)
    unit = np.array([[*(b - a), across], [*(c - a), down], [*a, 1.0]]).T
    to_unit = np.array([[1 / whole, 0, -3.5 / whole], [0, 1 / whole, -3.5 / whole], [0, 0, 1]])
    return np.asarray(unit @ to_unit, np.float64)
