"""A frame as the technician sees it: small, each code boxed, a line of figures below. Runs only in the child."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.cascade import MAX_SIDE
from scanner.reading.reads import Read

PLANE = 2  # dimensions
WIDTH = 640  # pixels
GREEN, DARK, WHITE = (80, 200, 60), (20, 20, 20), (255, 255, 255)  # BGR
LINE = 22  # pixels
JPEG_QUALITY = 70


def draw(frame: npt.NDArray[Any], reads: tuple[Read, ...], caption: str = "", width: int = WIDTH) -> npt.NDArray[Any]:
    """Return a colour copy at most `width` pixels wide; `reads` are as `find_codes` gives them for the frame."""
    scale = min(1.0, width / frame.shape[1])
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    small = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    picture = cv2.cvtColor(small, cv2.COLOR_GRAY2BGR) if small.ndim == PLANE else np.ascontiguousarray(small)
    shrink = scale * max(1.0, max(frame.shape[:2]) / MAX_SIDE)
    for read in reads:
        corners = np.rint(np.array(read.corners, np.float64) * shrink).astype(np.int32)
        cv2.polylines(picture, [corners], isClosed=True, color=GREEN, thickness=2)
        place = (int(corners[:, 0].min()), max(12, int(corners[:, 1].min()) - 6))
        cv2.putText(picture, read.step, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, GREEN, 1, cv2.LINE_AA)
    if caption:
        cv2.rectangle(picture, (0, size[1] - LINE), size, DARK, cv2.FILLED)
        cv2.putText(picture, caption, (8, size[1] - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
    return picture


def to_jpeg(picture: npt.NDArray[Any]) -> bytes:
    """Return a picture as JPEG bytes."""
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return bytes(data)
