"""From a rough place to a good one: the patterns that every code has pull the grid onto the picture.

A `Lay` is a homography from modules (x, y; the code is [0, side]²) to pixels of a plane. The code is straightened with
it; where each finder and alignment pattern then really lies moves the lay. What says whether a code is there at all is
the correlation with everything that its version fixes.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.soften import DENSITY, QUIET, Values, evened
from scanner.reading.soft.symbols import Grid, Layout, layout

Lay = npt.NDArray[np.float64]

ROUNDS = ((2.5, 0.3), (1.2, 0.42))  # modules by which a pattern is looked for, and what must be seen of a code then
PRIOR = 0.02  # weight of staying, beside that of a perfect match
OUTLIER = 0.6  # modules off the fit that halve a pattern's say
LEAST_MATCH = 0.15  # of a single pattern
FLAT = 1e-6
STAYING = PRIOR * np.diag([1, 1, 0.05, 1, 1, 0.05, 8, 8])


def lay_of(corners: Any, version: int) -> Lay:
    """Return the lay of a code whose corners, clockwise from its top left, are given in pixels."""
    side = layout(version).side
    square = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(square, np.asarray(corners, np.float32)), np.float64)


def straightened(plane: Values, lay: Lay, side: int) -> Values:
    """Return the code and QUIET modules around it, DENSITY samples a module, from linear light."""
    size = (side + 2 * QUIET) * DENSITY
    to_modules = np.array(
        [[1 / DENSITY, 0, 0.5 / DENSITY - QUIET], [0, 1 / DENSITY, 0.5 / DENSITY - QUIET], [0, 0, 1]], np.float64
    )
    half = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], np.float64)  # pixel centres
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpPerspective(
        plane, half @ lay @ to_modules, (size, size), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)


@cache
def _pattern(rings: int) -> Values:
    """Return a finder (4 rings) or alignment pattern (3) with the light around the finder, DENSITY samples a module."""
    shades = {4: (1, -1, 1, -1, -1), 3: (-1, 1, -1)}[rings]
    reach = len(shades) - 1
    grid = np.zeros((2 * reach + 1, 2 * reach + 1), np.float32)
    for at, shade in enumerate(shades):
        grid[at : len(grid) - at, at : len(grid) - at] = shade
    drawn = np.kron(grid, np.ones((DENSITY, DENSITY), np.float32))
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.5 * DENSITY), np.float32)


def refined(
    plane: Values, lay: Lay, plan: Layout, *, sign: int, start: Values | None = None
) -> tuple[Lay, Values] | None:
    """Return the lay moved to where the patterns are, and evened samples, dark below 0; None if no code is there.

    `sign` is -1 for a code that is light on dark; `start` is what is `seen` under the lay, if known. What a version
    fixes is seen with a correlation of at least 0.47 at right places, and of 0.41 after the first round (418 of them);
    of wrong ones three of four end there.
    """
    even = (seen(plane, lay, plan) if start is None else start) * sign
    for reach, least in ROUNDS:
        lay = lay @ _moved(_moves(even, plan, reach), plan.side)
        even = seen(plane, lay, plan) * sign
        if not fixed_match(even, plan) >= least:
            return None
    return lay, even


def seen(plane: Values, lay: Lay, plan: Layout) -> Values:
    """Return evened samples of what lies under a lay."""
    return evened(straightened(plane, lay, plan.side))


def finder_sign(even: Values, plan: Layout) -> int:
    """Return 1 if the finders near where they should be in evened samples are dark on light, -1 if light on dark."""
    pattern, total = _pattern(4), 0.0
    half, span = pattern.shape[0] // 2, round(ROUNDS[0][0] * DENSITY)
    for x, y in plan.finders:
        cx, cy = round((x + QUIET) * DENSITY), round((y + QUIET) * DENSITY)
        top, left = max(0, cy - half - span), max(0, cx - half - span)
        match = cv2.matchTemplate(even[top : cy + half + span, left : cx + half + span], pattern, cv2.TM_CCOEFF_NORMED)
        total += float(match.max() + match.min())
    return 1 if total >= 0 else -1


def fixed_match(even: Values, plan: Layout) -> float:
    """Return the correlation of evened samples with all that the version fixes: -1 … 1, negative if inverted."""
    edge = QUIET * DENSITY
    inner = even[edge:-edge, edge:-edge]
    means = cv2.resize(inner, (plan.side, plan.side), interpolation=cv2.INTER_AREA)
    at = plan.fixed != 0
    return correlation(means[at], plan.fixed[at])


def correlation(seen: Any, wanted: Grid) -> float:
    """Return the correlation of two rows of values, 0 if one is flat."""
    a, b = seen - seen.mean(), wanted - wanted.mean()
    size = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / size if size > FLAT else 0.0


def _moves(even: Values, plan: Layout, reach: float) -> npt.NDArray[np.float64]:
    """Return rows of x, y (modules), dx, dy, weight."""
    rows = []
    for middles, rings in ((plan.finders, 4), (plan.alignments, 3)):
        for x, y in middles:
            found = _found(even, x, y, _pattern(rings), reach)
            if found is not None:
                rows.append((x, y, *found))
    return np.array(rows or [(0, 0, 0, 0, 0)], np.float64)


def _found(even: Values, x: float, y: float, pattern: Values, reach: float) -> tuple[float, float, float] | None:
    """Return by how many modules a pattern is off and how well it matches."""
    half, span = pattern.shape[0] // 2, round(reach * DENSITY)
    cx, cy = round((x + QUIET) * DENSITY), round((y + QUIET) * DENSITY)
    left, top = max(0, cx - half - span), max(0, cy - half - span)
    window = even[top : cy + half + span, left : cx + half + span]
    if window.shape[0] < pattern.shape[0] or window.shape[1] < pattern.shape[1]:
        return None
    match = cv2.matchTemplate(window, pattern, cv2.TM_CCOEFF_NORMED)
    _, best, _, (bx, by) = cv2.minMaxLoc(match)
    if not best > LEAST_MATCH:
        return None
    dx = left + bx + _vertex(match[by, :], bx) - (cx - half)
    dy = top + by + _vertex(match[:, bx], by) - (cy - half)
    return dx / DENSITY, dy / DENSITY, best * best


def _vertex(row: Any, at: int) -> float:
    """Return how far beside its largest value a row would have its top."""
    if not 0 < at < len(row) - 1:
        return 0.0
    before, here, after = (float(v) for v in row[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < -FLAT else 0.0


def _moved(moves: npt.NDArray[np.float64], side: int) -> Lay:
    """Return the homography of modules nearest to no change that makes the moves, outliers heard less."""
    scale = np.array([[2 / side, 0, -1], [0, 2 / side, -1], [0, 0, 1]])
    x, y = moves[:, 0] * 2 / side - 1, moves[:, 1] * 2 / side - 1
    dx, dy, weight = moves[:, 2] * 2 / side, moves[:, 3] * 2 / side, moves[:, 4].copy()
    zero, one = np.zeros_like(x), np.ones_like(x)
    u, v = x + dx, y + dy
    rows = np.concatenate(
        [
            np.stack([x, y, one, zero, zero, zero, -u * x, -u * y], 1),
            np.stack([zero, zero, zero, x, y, one, -v * x, -v * y], 1),
        ]
    )
    aim = np.concatenate([dx, dy])
    change = np.zeros(8)
    for _ in range(2):
        twice = np.concatenate([weight, weight])
        change = np.linalg.solve(rows.T @ (rows * twice[:, None]) + STAYING, rows.T @ (aim * twice))
        off = (rows @ change - aim).reshape(2, -1) * side / 2
        weight = moves[:, 4] / (1 + (off**2).sum(0) / OUTLIER**2)
    step = np.append(change, 0).reshape(3, 3) + np.eye(3)
    return np.asarray(np.linalg.inv(scale) @ step @ scale, np.float64)
