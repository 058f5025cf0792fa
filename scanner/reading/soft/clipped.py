"""Under a lamp: light that was cut off because the camera could not count it says only that it was at least so much.

The hard idea: light adds up. A lamp's reflection lies over what a code shows, and what is more than full light is cut
off: there a dark module between light ones looks as they do. `soften` weighs samples alike all over a code, takes it
for light and is sure of it. So the picture is asked from its other side. How a module's shade is spread over samples
around it is learnt where nothing was cut off; how bright the lamp is, those samples tell that were not cut off, and how
many were. Each sample is then what its neighbours and the lamp make of it if a module is light, and if it is dark; one
that was cut off speaks only against what would have been less. Where all were, nothing speaks.

How far this, and how far what `soften` says, can be believed differs from code to code: the modules that are known say
so, by logistic regression.

>>> from scanner.reading.soft.symbols import layout
>>> white = np.full((98, 98), 255, np.float32)
>>> light_of(white / 2, layout(7)) is None, light_of(white, layout(7)).under.min().item()
(True, 1.0)
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.ordered import SHARPER
from scanner.reading.soft.soften import DENSITY, QUIET, Values
from scanner.reading.soft.symbols import Grid, Layout

FULL = 255.0
CLIPPED = 0.985  # of full light: what is above was cut off, or is so by noise
LEAST_CLIPPED = 0.15  # of the samples: below, it takes time and mends no more
UNDER = 0.25  # of the modules around with a sample that was cut off: there it is said here what is what
AROUND_MODULES = 5
LAMP_MODULES, NARROW_MODULES = 7, 3  # over which a lamp is even; if it leaves too little beside it, over fewer
CLEAR = 0.02  # of the modules around with a sample that was cut off: spread is learnt where there are not more
SURE = 0.8  # of a shade
LEAST_SURE, MOST_SURE = 150, 800  # modules that spread is learnt from
REACH = 2  # modules that shades are spread over, each way
RIDGE = 1e-3
NOISE = 0.02  # of full light, beside what is measured
FAINT = 0.05  # of the most that a module has a say in a sample: what is less is not asked
MOST_EVIDENCE = 32.0  # of one sample
SHARES = np.linspace(0, 1, 33, dtype=np.float32)
TRUSTS = np.array([0.07, 0.5])  # of what is said here and by `soften`; samples are many and not independent
STAYING = 30.0  # known modules that say otherwise
LEAST_TRUST, MOST_TRUST = 0.02, 3.0  # times these
STEPS = 4

Bools = npt.NDArray[np.bool_]
Lengths = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """The samples of a code as parts of full light, by their place in a module (4, side, side), and which were cut off.

    `under` is how far each module is under a lamp (side, side): 0 … 1.
    """

    seen: Values
    cut: Bools
    under: Values


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """What modules around have a say in each of a module's samples (25, 4), what is left over, and where it is so."""

    say: Values
    noise: float
    clear: Lengths


def light_of(samples: Values, plan: Layout) -> Light | None:
    """Return the light of straightened samples, None if hardly any of it was cut off."""
    edge = QUIET * DENSITY
    inner = samples[edge:-edge, edge:-edge] / np.float32(FULL)
    seen = inner.reshape(plan.side, DENSITY, plan.side, DENSITY).transpose(1, 3, 0, 2).reshape(-1, plan.side, plan.side)
    cut = seen >= CLIPPED
    if cut.mean() < LEAST_CLIPPED:
        return None
    under = np.minimum(_blurred(cut.any(0), AROUND_MODULES) / UNDER, 1)
    return Light(np.minimum(seen, np.float32(CLIPPED)), cut, np.asarray(under, np.float32))


def unclipped(light: Light, llr: Grid, known: Grid) -> Grid:
    """Return likelihoods that heed what was cut off; `known` is what is certain of the modules, elsewhere 0."""
    shade = np.where(known != 0, known, np.tanh(llr / 2)).astype(np.float32)
    spread = _spread(light, shade)
    if spread is None:
        return llr
    evidence = _evidence(light, shade, spread)
    at = (known != 0) & (light.under >= 1)
    own, told = trusts(np.stack([evidence[at], llr[at]], 1), known[at])
    return np.asarray(llr + light.under * (own * evidence + (told - 1) * llr), np.float32)


def _spread(light: Light, shade: Grid) -> _Spread | None:
    """Return how shades are spread over samples, as sure modules beside the lamp have it; None if there are too few."""
    cut = light.cut.any(0)
    for width in (LAMP_MODULES, NARROW_MODULES):
        clear = np.flatnonzero((np.abs(shade) > SURE) & (_blurred(cut, width) < CLEAR))
        if len(clear) >= LEAST_SURE:
            break
    else:
        return None
    clear = clear[np.linspace(0, len(clear) - 1, min(len(clear), MOST_SURE)).astype(np.intp)]
    wide = np.pad(shade - _blurred(shade, LAMP_MODULES), REACH)
    rows, columns = np.divmod(clear, len(shade))
    around = np.arange(2 * REACH + 1)
    ways = (around[:, None] * len(wide) + around).ravel()
    told = wide.ravel()[(rows * len(wide) + columns)[:, None] + ways]
    wanted = np.stack([(seen - _blurred(seen, LAMP_MODULES)).ravel()[clear] for seen in light.seen], 1)
    square = (told.T @ told).astype(np.float64)
    square[np.diag_indices_from(square)] += RIDGE * square.trace() / len(square) + RIDGE
    say = np.linalg.solve(square, (told.T @ wanted).astype(np.float64)).astype(np.float32)
    off = wanted - told @ say
    return _Spread(say, float((off * off).mean()) + NOISE**2, clear)


def _evidence(light: Light, shade: Grid, spread: _Spread) -> Values:
    """Return by how much each module's samples rather show it as light than as dark."""
    side, doubt = len(shade), 1 - shade * shade
    says = spread.say.T.reshape(-1, 2 * REACH + 1, 2 * REACH + 1)
    made, variance = _told(shade, says, beyond=1), _told(doubt, says * says, beyond=0) + np.float32(spread.noise)
    rest = light.seen - made - _lamp(light, made, variance, spread.clear)
    rest, variance, cut = (np.pad(of, ((0, 0), (1, 1), (1, 1)), mode="edge") for of in (rest, variance, light.cut))
    found = np.zeros_like(shade)
    for y, x in np.ndindex(3, 3):  # samples of the modules around; what a module has a say in farther off is little
        say = says[:, REACH + 1 - y, REACH + 1 - x, None, None]
        if np.abs(say).max() < FAINT * np.abs(says).max():
            continue
        there = np.s_[:, y : y + side, x : x + side]
        without = rest[there] + say * shade
        dark, lit = without + say, without - say  # what is left over if it is this
        for left in (dark, lit):
            np.maximum(left, 0, out=left, where=cut[there])
        own = np.maximum(variance[there] - say * say * doubt, np.float32(spread.noise))
        found += np.clip((dark - lit) * (dark + lit) / (2 * own), -MOST_EVIDENCE, MOST_EVIDENCE).sum(0)
    return found


def _told(shade: Grid, says: Values, *, beyond: float) -> Values:
    """Return what the modules around make of each sample, (4, side, side); `beyond` is the shade beside the code."""
    wide = np.pad(shade, REACH, constant_values=np.float32(beyond))
    inner = np.s_[REACH:-REACH, REACH:-REACH]
    return np.stack([np.asarray(cv2.filter2D(wide, -1, say)[inner], np.float32) for say in says])


def _lamp(light: Light, made: Values, variance: Values, clear: Lengths) -> Values:
    """Return how much light lies over each module: what was not cut off tells, and how much was cut off.

    As many samples are cut off as would without a lamp be brighter than what the lamp leaves of full light.
    """
    weight = ~light.cut / variance
    share = np.maximum(_blurred(weight.sum(0), LAMP_MODULES), np.float32(1e-6))
    told = _blurred((weight * (light.seen - made)).sum(0), LAMP_MODULES) / share
    cut = _blurred(light.cut.mean(0, dtype=np.float32), LAMP_MODULES)
    shades = np.quantile(made.reshape(len(made), -1)[:, clear], SHARES)
    counted = CLIPPED - np.interp(1 - cut, SHARES, shades).astype(np.float32)
    return np.asarray(told + cut * np.maximum(counted - told, 0), np.float32)


def trusts(said: Any, known: Any) -> npt.NDArray[np.float64]:
    """Return how much of each kind of evidence (n, 2) makes likelihoods of it, as `known` shades (n,) have it."""
    rows = np.asarray(SHARPER * said * known[:, None] * TRUSTS, np.float64)
    trust = np.ones(2)
    for _ in range(STEPS):
        wrong = 1 / (1 + np.exp(np.clip(rows @ trust, -MOST_EVIDENCE, MOST_EVIDENCE)))
        slope = STAYING * (trust - 1) - rows.T @ wrong
        bend = (rows * (wrong * (1 - wrong))[:, None]).T @ rows + STAYING * np.eye(2)
        trust = np.clip(trust - np.linalg.solve(bend, slope), LEAST_TRUST, MOST_TRUST)
    return np.asarray(trust * TRUSTS, np.float64)


def _blurred(values: Any, width: int) -> Values:
    blurred = cv2.blur(np.asarray(values, np.float32), (width, width), borderType=cv2.BORDER_REFLECT)
    return np.asarray(blurred, np.float32)
