"""From pixels to what is likely: the code's own fixed modules teach how this camera blurs this code.

The hard idea: a third of a code is known before it is read (finders, timing, alignment, version). So nothing is assumed
of lens, motion or display: a module's shade is a weighted sum of the samples on and around it, and the weights are the
least-squares fit to the modules that are known. That *is* deconvolution, and it also takes up a shift of the grid. The
decisions then teach the fit once more, each as strongly as it is sure. Which samples are heard follows the blur: those
all around, or, of a code that moves, more of them along its way and fewer across.

How far a decision can be trusted differs over a code: under a lamp all samples are the same. Over a few modules, how
far estimates follow decisions (what is left of the signal) and the mean square of the rest (the noise) give the
log-likelihood ratio, which fades to 0 where nothing is to be seen: erasures need no detector.

>>> import numpy as np
>>> from scanner.reading.soft.symbols import layout
>>> plain = np.where(layout(7).fixed < 0, 0, 255).astype(np.uint8)
>>> samples = np.kron(np.pad(plain, QUIET, constant_values=255), np.ones((2, 2), np.uint8)).astype(np.float32)
>>> seen = features(evened(samples))
>>> soft = estimated(seen, fit(seen, layout(7).fixed))
>>> bool((np.sign(soft) == layout(7).fixed)[layout(7).fixed != 0].all())
True
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.symbols import LEVELS, MASKS, Grid, Layout, format_words

Values = npt.NDArray[np.float32]

DENSITY = 2  # samples a module, each way
QUIET = 2  # modules around the code that the samples keep
EVEN_MODULES = 7  # over which light is evened
LEAST_DEVIATION = 2e-3  # of full light: below, there is nothing to be seen
RIDGE = 1e-3  # of the mean square of a feature
LEAST_TRUST = 0.02  # a module below is not heard
ENOUGH = 2000  # modules that a fit is made of: more teach no more
BOX = 9  # modules over which signal and noise are measured
LEAST_NOISE = 0.2
LEAST_SPREAD = 0.3  # of decisions around their mean, added to what there is
MOST_LLR = 30.0
MOST_PRODUCTS = 200_000  # of one matrix product, for which the library still stays on one thread
CLEAR = 0.2  # mean square misfit of the fixed modules below which no other samples need be heard
BETTER = 0.93  # of the misfit all around, that which those along a way must be below


@dataclass(frozen=True, slots=True)
class Shape:
    """What is heard of a module: samples beyond it and modules around it, each across and down."""

    samples: tuple[int, int]
    modules: tuple[int, int]


AROUND = Shape((2, 2), (2, 2))
ALONG = (Shape((1, 4), (1, 4)), Shape((4, 1), (4, 1)))


@dataclass(frozen=True, slots=True)
class Soft:
    """What is known of a code: the format and, for each module, log P(light) / P(dark) as the picture has it."""

    level: str
    mask: int
    certain: float  # how far the format word fits better than the next: 0 … 1
    llr: Grid


def evened(samples: Values) -> Values:
    """Return samples less their local mean, over their local deviation."""
    window = (EVEN_MODULES * DENSITY + 1,) * 2
    mean = cv2.blur(samples, window)
    centred = samples - mean
    deviation = np.sqrt(np.maximum(cv2.blur(centred * centred, window), 0))
    floor = LEAST_DEVIATION * 255 + 0.1 * float(deviation.mean())
    return np.asarray(np.clip(centred / (deviation + floor), -3, 3), np.float32)


def features(even: Values, shape: Shape = AROUND) -> Values:
    """Return for each module of the code the samples on and around it, and a one: (modules, n)."""
    near = _windows(even, shape)
    height, width, down, across = near.shape
    out = np.ones((height, width, down * across + 1), np.float32)
    out[..., :-1].reshape(near.shape)[...] = near  # of the same memory: one copy instead of two
    return out.reshape(height * width, -1)


def _windows(even: Values, shape: Shape) -> Values:
    """Return the samples on and around each module: (side, side, down, across), a view."""
    across, down = shape.samples
    edge = QUIET * DENSITY
    inner = even[edge - down : len(even) - edge + down, edge - across : even.shape[1] - edge + across]
    window = (DENSITY + 2 * down, DENSITY + 2 * across)
    return np.lib.stride_tricks.sliding_window_view(inner, window)[::DENSITY, ::DENSITY]


def _with_one(rows: Values) -> Values:
    out = np.ones((len(rows), rows.shape[1] + 1), np.float32)
    out[:, :-1] = rows
    return out


def heard(even: Values, plan: Layout) -> tuple[Values, Shape, Values]:
    """Return the features by which the fixed modules are told best, their shape, and the weights that tell these."""
    seen, shape = features(even), AROUND
    least, weights = _misfit(seen[np.flatnonzero(plan.fixed)], plan)
    bound = least * BETTER
    for other in ALONG if least > CLEAR else ():
        misfit, own = _misfit(_fixed_features(even, plan, other), plan)
        if misfit < bound:
            shape, bound, weights = other, misfit, own
    return (seen if shape is AROUND else features(even, shape)), shape, weights


def _fixed_features(even: Values, plan: Layout, shape: Shape) -> Values:
    y, x = np.nonzero(plan.fixed)
    return _with_one(_windows(even, shape)[y, x].reshape(len(y), -1))


def _misfit(rows: Values, plan: Layout) -> tuple[float, Values]:
    """Return how far the fixed modules are from what their features tell at best, and the weights of that."""
    wanted = plan.fixed[plan.fixed != 0]
    weights = fit(rows, wanted)
    off = rows @ weights - wanted
    return float(off @ off) / len(off), weights


def fit(seen: Values, wanted: Grid, trust: Grid | None = None) -> Values:
    """Return the weights that make `wanted` shades of the features; each module is heard as far as it is trusted."""
    target = wanted.ravel()
    weight = np.abs(target) if trust is None else trust.ravel()
    at = np.flatnonzero(weight > LEAST_TRUST)
    at = at[np.linspace(0, len(at) - 1, ENOUGH).astype(np.intp)] if len(at) > ENOUGH else at
    root = np.sqrt(weight[at])[:, None]
    rows = seen[at] * root
    square = _square(rows).astype(np.float64)
    square[np.diag_indices_from(square)] += RIDGE * square.trace() / len(square) + RIDGE
    right = rows.T @ (root[:, 0] * np.sign(target[at]))
    return np.asarray(np.linalg.solve(square, right.astype(np.float64)), np.float32)


def _square(rows: Values) -> Values:
    """Return rows.T @ rows in pieces so small that the library keeps them to one thread: others share this machine."""
    piece = max(1, MOST_PRODUCTS // rows.shape[1] ** 2)
    whole = len(rows) // piece * piece
    pieces = rows[:whole].reshape(-1, piece, rows.shape[1])
    return np.asarray(np.matmul(pieces.transpose(0, 2, 1), pieces).sum(0) + rows[whole:].T @ rows[whole:], np.float32)


def estimated(seen: Values, weights: Values) -> Grid:
    """Return the estimate of each module, (side, side)."""
    side = round(len(seen) ** 0.5)
    return np.asarray((seen @ weights).reshape(side, side), np.float32)


def likelihoods(soft: Grid, known: Grid) -> Grid:
    """Return log-likelihood ratios of estimates; `known` is what is certain of them, elsewhere 0.

    Signal is how far estimates follow decisions, both less their local means: where all decisions are alike, as in the
    middle of a lamp, nothing follows anything.
    """
    shade = np.where(known != 0, known, np.sign(soft)).astype(np.float32)
    level, share = _around(soft), _around(shade)
    signal = np.maximum(_around(soft * shade) - level * share, 0) / (1 - share * share + LEAST_SPREAD)
    offset = level - signal * share
    rest = soft - offset - signal * shade
    noise = np.maximum(_around(rest * rest), 0)
    return np.asarray(np.clip(2 * (soft - offset) * signal / (noise + LEAST_NOISE), -MOST_LLR, MOST_LLR), np.float32)


def _around(values: Grid) -> Grid:
    return np.asarray(cv2.blur(values, (BOX, BOX), borderType=cv2.BORDER_REPLICATE), np.float32)


def soften(seen: Values, plan: Layout, weights: Values | None = None) -> Soft:
    """Return what the features say of the code, at first from what its version fixes, then from itself.

    `weights` are those that fit the fixed modules, if they are known.
    """
    known = plan.fixed
    soft = estimated(seen, fit(seen, known) if weights is None else weights)
    row, certain = _format(likelihoods(soft, known), plan)
    known = with_format(plan, row)
    for _ in range(2):
        llr = likelihoods(soft, known)
        trust = np.where(known != 0, 1, np.tanh(np.abs(llr) / 2)).astype(np.float32)
        soft = estimated(seen, fit(seen, np.where(known != 0, known, np.sign(llr)), trust))
    return Soft(LEVELS[row // MASKS], row % MASKS, certain, likelihoods(soft, known))


def with_format(plan: Layout, row: int) -> Grid:
    """Return the fixed modules and both copies of a format word."""
    known = plan.fixed.copy()
    known.ravel()[plan.formats] = format_words()[row]
    return known


def _format(llr: Grid, plan: Layout) -> tuple[int, float]:
    """Return the best row of `format_words`, and by how much of the whole it is better than the next."""
    seen = llr.ravel()[plan.formats].sum(0)
    scores = format_words() @ seen
    first, second = np.argsort(-scores)[:2]
    whole: Any = np.abs(seen).sum() + 1e-6
    return int(first), float((scores[first] - scores[second]) / whole)
