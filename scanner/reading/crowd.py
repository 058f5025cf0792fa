"""How much a decoder may be given at once, so that no native call takes long. Pure.

The hard idea: nothing can interrupt a native call, and both decoders look at every three finder patterns of a picture
together. A drawn picture of thousands takes a second (measured: 1.2 s for 25 000 in 1920 × 1080 by zxing-cpp, 1 s for
1 900 in 400 × 400 by zbar). So such pictures are told before the call:

- zxing-cpp wants contrast, and a pattern has ten steep places in the rows that are looked at. A view that is steep in
  more places than 4500 patterns have is not decoded; whole frames reach that only under the noise of the dark, where
  half the frame and its regions are read instead;
- zbar takes fewer still. Lines of 1 : 1 : 3 : 1 : 1 that also have a ring and a frame above or below are counted.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.patches import Plane

ROWS = 3  # of a pattern of one pixel a module cross its middle: every third row misses none
STEEP = 30  # grey levels from one pixel to the next
MOST_STEEP = 45_000  # places in every third row
MOST_LINES = 60  # through patterns, for zbar; a real crop has 16, nineteen of twenty at most 45
WINDOW = 25  # pixels around one that tell whether it is dark
LEAST_CONTRAST = 8  # grey levels below what is around
RUNS = 5  # dark, light, dark, light, dark


def bearable(plane: Plane) -> bool:
    """Return whether zxing-cpp may be given the plane."""
    if plane.size <= MOST_STEEP * ROWS:
        return True
    steps = cv2.absdiff(plane[::ROWS, 1:], plane[::ROWS, :-1])
    return cv2.countNonZero(cv2.compare(steps, STEEP, cv2.CMP_GT)) <= MOST_STEEP  # type: ignore[call-overload]


def bearable_for_zbar(plane: Plane) -> bool:
    """Return whether zbar may be given the plane."""
    return pattern_lines(plane) <= MOST_LINES


def pattern_lines(plane: Plane) -> int:
    """Return how many lines through something like a finder pattern every third row holds."""
    around = cv2.blur(plane, (WINDOW, WINDOW))
    shade = cv2.compare(cv2.subtract(around, plane), LEAST_CONTRAST, cv2.CMP_GT)  # type: ignore[call-overload]
    dark = np.pad(shade > 0, ((0, 0), (1, 1)))  # light on both sides, so that runs alternate from row to row
    ends = np.flatnonzero(np.diff(dark[::ROWS].ravel()))
    if len(ends) <= RUNS:
        return 0
    runs = np.diff(ends)
    five = [runs[i : len(runs) - RUNS + 1 + i] for i in range(RUNS)]
    module = (five[0] + five[1] + five[2] + five[3] + five[4]) / 7
    fits = np.abs(five[2] - 3 * module) <= 1.5 * module
    for side in (0, 1, 3, 4):
        fits &= np.abs(five[side] - module) <= 0.5 * module + 0.5
    starts = np.flatnonzero(fits)
    middle = (ends[starts + 2] + ends[starts + 3] + 1) // 2
    y, x = middle // dark.shape[1] * ROWS, middle % dark.shape[1]
    return int(np.count_nonzero(_crossed(dark, y, x, module[starts])))


def _crossed(dark: npt.NDArray[np.bool_], y: npt.NDArray[Any], x: npt.NDArray[Any], module: Any) -> Any:
    """Return which places have a dark middle and, above or below, a light ring in a dark frame."""
    middle, found = dark[y, x], np.zeros(len(y), np.bool_)
    for way in (-1, 1):
        ring, frame = (
            dark[np.clip(y + np.rint(way * far * module).astype(int), 0, len(dark) - 1), x] for far in (2, 3)
        )
        found |= ~ring & frame
    return middle & found
