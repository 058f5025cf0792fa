"""Pixels as a decoder likes them: where a code may be in a frame, and how its crop is treated. Pure.

The hard idea: a code is the one thing in a picture with much detail in *both* directions at once. Text has less of the
one, edges have only one. So the smaller of the horizontal and vertical detail, averaged over blocks, peaks on codes (it
covers the code in 98 % of gate frames with 11 % of the area). And a phone is a display: its light is turned back from
gamma to linear before sharpening, so that blur mixes black and white evenly.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]

HALVINGS = 3  # from the half-size frame to the detail map
BLOCK = 2**HALVINGS  # pixels of the half-size frame in one of its cells
LEVEL = 0.33  # of the way from the median to the maximum of the detail map
QUIET_DETAIL = 3.0  # grey levels; a frame whose busiest cell is below shows no code
BUSY_DETAIL = 16.0  # grey levels; a region above may well be a code
OUTSTANDING = 10.0  # times the median, which also may: a dim code in the dark
MIN_CELLS = 2
MARGIN = 0.16  # of the region's longer side, for the quiet zone
MARGIN_PX = 10
MAX_GROW = 4.0
NEAR_ENOUGH = 0.05  # a scale this close to 1 is not worth a resampling


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame in pixels."""

    x: int
    y: int
    width: int
    height: int


def lut(gamma: float) -> Plane:
    """Return the table that raises light to the power `gamma`."""
    return np.asarray(np.rint(np.linspace(0.0, 1.0, 256) ** gamma * 255), np.uint8)


def toned(plane: Plane, table: Plane) -> Plane:
    """Return the plane seen through a tone table."""
    return np.asarray(cv2.LUT(plane, table), np.uint8)


def halved(plane: Plane, times: int = 1) -> Plane:
    """Return the plane at half its size, `times` times over: each halving is one fast pass over 2 × 2 pixels."""
    for _ in range(times):
        even = plane[: plane.shape[0] & ~1 or None, : plane.shape[1] & ~1 or None]
        size = (max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2))
        plane = np.asarray(cv2.resize(even, size, interpolation=cv2.INTER_AREA), np.uint8)
    return plane


def fitted(plane: Plane, side: int) -> Plane:
    """Return the plane resampled so that its longer side has `side` pixels; it grows at most MAX_GROW times."""
    scale = min(side / max(plane.shape), MAX_GROW)
    if abs(scale - 1) < NEAR_ENOUGH:
        return plane
    size = (max(1, round(plane.shape[1] * scale)), max(1, round(plane.shape[0] * scale)))
    how = cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA
    return np.asarray(cv2.resize(plane, size, interpolation=how), np.uint8)


def sharpened(plane: Plane, window: int, amount: float) -> Plane:
    """Return the plane with what differs from its surroundings (a box of `window` pixels) made stronger."""
    blurred = cv2.blur(plane, (window, window))
    return np.asarray(cv2.addWeighted(plane, 1 + amount, blurred, -amount, 0), np.uint8)


def averaged(plane: Plane, window: int) -> Plane:
    """Return the plane with each pixel the mean of a box of `window` pixels: noise that sharpening raised goes down."""
    return np.asarray(cv2.blur(plane, (window, window)), np.uint8)


def softened(plane: Plane, sigma: float) -> Plane:
    """Return the plane under a Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.uint8)


def cut(plane: Plane, region: Region) -> Plane:
    """Return the pixels of a region, contiguous."""
    return np.ascontiguousarray(plane[region.y : region.y + region.height, region.x : region.x + region.width])


@dataclass(frozen=True, slots=True)
class Places:
    """Where codes may be, best first, in pixels of the full frame; whether one of them stands out like a code.

    `detail` is that of the busiest place, in grey levels.
    """

    regions: tuple[Region, ...] = ()
    promising: bool = False
    detail: float = 0.0


def find_places(half: Plane, limit: int) -> Places:
    """Return at most `limit` regions of much detail; `half` is the frame at half size."""
    if min(half.shape) < (MIN_CELLS + 1) * BLOCK:
        return Places()
    across = cv2.absdiff(half[:-1, 1:], half[:-1, :-1])
    down = cv2.absdiff(half[1:, :-1], half[:-1, :-1])
    detail = cv2.blur(cv2.min(halved(across, HALVINGS), halved(down, HALVINGS)), (3, 3))  # type: ignore[arg-type]
    top, middle = float(detail.max()), float(np.median(detail))
    if top < QUIET_DETAIL:
        return Places()
    busy = (detail > middle + (top - middle) * LEVEL).astype(np.uint8)
    joined = cv2.morphologyEx(busy, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
    mass = np.bincount(labels.ravel(), detail.ravel().astype(np.float64), count)
    ranked = sorted(range(1, count), key=lambda i: -_merit(mass[i], boxes[i]))
    good = [boxes[i] for i in ranked if min(boxes[i][2], boxes[i][3]) >= MIN_CELLS]
    promising = top >= BUSY_DETAIL or top >= OUTSTANDING * middle
    return Places(tuple(_grown(box, half) for box in good[:limit]), promising, top)


def _merit(mass: Any, box: npt.NDArray[Any]) -> float:
    return float(mass * min(box[2], box[3]) / max(box[2], box[3]))


def _grown(box: npt.NDArray[Any], half: Plane) -> Region:
    cell = 2 * BLOCK
    x, y, width, height = (int(v) * cell for v in box[:4])
    margin = round(max(width, height) * MARGIN) + MARGIN_PX
    left, top = max(0, x - margin), max(0, y - margin)
    right, bottom = min(2 * half.shape[1], x + width + margin), min(2 * half.shape[0], y + height + margin)
    return Region(left, top, right - left, bottom - top)
