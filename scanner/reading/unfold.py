"""Codes on cloth, bottles and crumpled paper: the grid of modules follows the picture where it is bent.

The hard idea: a decoder lays a flat grid over a code, and one fold moves half of the modules off it. zxing-cpp then
says where the code is and which version, only that too many modules are wrong. So the grid is let go. Each module is
pulled towards the nearest place that is as dark as the standard says (finders, timing, alignment), or as far from the
grey in between as can be (all others); the pulls are smoothed, first over many modules, then over few, so neighbours
move together. What the bent grid samples is drawn as a flat, clean code, and zxing-cpp reads that: no code is believed
but by its own error correction.

Small versions only: dense codes are on flat phones, where bending the grid was measured to bring nothing.
"""

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp

from scanner.reading.crowd import bearable
from scanner.reading.decoders import QR, Corners, Found, corners_of, zxing
from scanner.reading.patches import Plane

Values = npt.NDArray[np.float32]

MAX_VERSION = 6  # above, a code has more than one alignment pattern and flat grids hold well
SMALL_VERSIONS = frozenset(str(version) for version in range(1, MAX_VERSION + 1))
MAX_CODES = 2  # positions tried in one picture
PITCH = 6  # pixels of the flattened picture in one module
EDGE = 2  # modules around the code that the flattened picture keeps
SOFT = 0.35  # modules; the blur that lets a pull reach across an edge
WINDOW = 7  # modules over which the darkest and the lightest make the local grey in between
LEAST_CONTRAST = 16.0  # grey levels
ROUNDS = 10
FIRST_REACH, LAST_REACH = 6.0, 1.5  # modules over which pulls are smoothed, in the first and in the last round
STRENGTH = 0.7 * PITCH  # of a pull, in pixels
SURE = 3.0  # a module this many times past the middle pulls with full strength
SETTLED = 0.3  # the pull of a module that is plainly dark or light
QUIET = 4  # modules
DRAWN = 3  # pixels of a drawn module

_clean = zxing(level=zxingcpp.Binarizer.GlobalHistogram)


def unfolded(plane: Plane) -> list[Found]:
    """Read what zxing-cpp finds but cannot mend, once its grid is bent to the picture."""
    if not bearable(plane):
        return []
    codes = zxingcpp.read_barcodes(
        plane,
        formats=QR,
        binarizer=zxingcpp.Binarizer.LocalAverage,
        try_invert=False,
        try_rotate=False,
        try_downscale=False,
        text_mode=zxingcpp.TextMode.Plain,
        return_errors=True,
    )
    found = []
    for code in codes[:MAX_CODES]:
        version, corners = _version(code), corners_of(code.position)
        if version and cv2.isContourConvex(np.array(corners, np.int32)):
            found += [Found(read.text, corners) for read in _clean(flat(plane, corners, version))]
    return found


def _version(code: zxingcpp.Barcode) -> int:
    """Return the version that a code states, 0 if none or that of another kind ("M4", "R7x43")."""
    extra: Any = code.extra or {}
    stated = str(extra.get("Version", ""))
    return int(stated) if stated in SMALL_VERSIONS else 0


def flat(plane: Plane, corners: Corners, version: int) -> Plane:
    """Return a clean drawing of the code of this version whose corners, clockwise from its top left, are given."""
    picture = _contrast(_straight(plane, corners, size(version)))
    at = _bent(picture, version)
    dark = _seen(picture, at) < 0
    light = np.where(np.pad(dark, QUIET), 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(light, None, fx=DRAWN, fy=DRAWN, interpolation=cv2.INTER_NEAREST), np.uint8)


def size(version: int) -> int:
    """Return the modules of one side."""
    return 17 + 4 * version


@cache
def known(version: int) -> Values:
    """Return what the standard fixes: -1 dark, 1 light, 0 anything."""
    side = size(version)
    grid = np.zeros((side, side), np.float32)
    for y, x in ((0, 0), (0, side - 8), (side - 8, 0)):
        grid[y : y + 8, x : x + 8] = 1
    for y, x in ((0, 0), (0, side - 7), (side - 7, 0)):
        _square(grid, y + 3, x + 3, rings=4)
    timing = np.where(np.arange(8, side - 8) % 2, 1, -1)
    grid[6, 8 : side - 8] = grid[8 : side - 8, 6] = timing
    if version > 1:
        _square(grid, side - 7, side - 7, rings=3)
    return grid


def _square(grid: Values, y: int, x: int, *, rings: int) -> None:
    """Draw nested squares around a module, as finders (4: two of the rings dark inside) and alignment patterns (3)."""
    shades = {4: (-1, 1, -1, -1), 3: (-1, 1, -1)}[rings]
    for shade, reach in zip(shades, range(rings - 1, -1, -1), strict=True):
        grid[y - reach : y + reach + 1, x - reach : x + reach + 1] = shade


def _straight(plane: Plane, corners: Corners, side: int) -> Plane:
    """Return the code without its perspective, PITCH pixels a module."""
    low, high, whole = EDGE * PITCH, (EDGE + side) * PITCH, (side + 2 * EDGE) * PITCH
    square = np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)
    lay = cv2.getPerspectiveTransform(np.array(corners, np.float32), square)
    return np.asarray(cv2.warpPerspective(plane, lay, (whole, whole), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _contrast(straight: Plane) -> Values:
    """Return how light each pixel is among those around it (darkest -1, lightest 1), and both slopes of that."""
    modules = straight.shape[0] // PITCH
    soft = np.asarray(cv2.GaussianBlur(straight, (0, 0), SOFT * PITCH), np.float32)
    cells = cv2.resize(soft, (modules, modules), interpolation=cv2.INTER_AREA)
    window = np.ones((WINDOW, WINDOW), np.uint8)
    light = cv2.blur(cv2.dilate(cells, window), (WINDOW, WINDOW))
    dark = cv2.blur(cv2.erode(cells, window), (WINDOW, WINDOW))
    middle = cv2.resize((light + dark) / 2, straight.shape)
    reach = cv2.resize((light - dark + LEAST_CONTRAST) / 2, straight.shape)
    level = (soft - middle) / reach
    slopes = [cv2.Sobel(level, cv2.CV_32F, x, y, scale=PITCH / 8) for x, y in ((1, 0), (0, 1))]
    return np.asarray(cv2.merge([level, *slopes]), np.float32)


def _bent(picture: Values, version: int) -> Values:
    """Return where the middle of each module is."""
    middles = (np.arange(size(version), dtype=np.float32) + 0.5 + EDGE) * PITCH - 0.5
    home = np.dstack(np.meshgrid(middles, middles))
    fixed, moved = known(version), np.zeros_like(home)
    for reach in np.linspace(FIRST_REACH, LAST_REACH, ROUNDS):
        seen = _sampled(picture, home + moved)
        level = seen[..., 0]
        wish = np.where(fixed != 0, fixed, np.clip(SURE * level, -1, 1)) * np.where(np.abs(level) > 1, SETTLED, 1)
        pull = (seen[..., 1:] * wish[..., None]).astype(np.float32)
        moved += STRENGTH * cv2.GaussianBlur(pull, (0, 0), float(reach))
    return np.asarray(home + moved, np.float32)


def _seen(picture: Values, at: Values) -> Values:
    return _sampled(picture, at)[..., 0]


def _sampled(picture: Values, at: Values) -> Values:
    return np.asarray(cv2.remap(picture, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)  # type: ignore[call-overload]
