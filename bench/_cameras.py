"""Other cameras: what their own processing makes of a frame, after it was taken. Each takes and gives BGR uint8."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Frame = npt.NDArray[Any]


def sharpened(frame: Frame) -> Frame:
    """Sharpen as most cameras do."""
    return np.asarray(cv2.addWeighted(frame, 2.0, cv2.GaussianBlur(frame, (0, 0), 1.5), -1.0, 0))


def toned(frame: Frame) -> Frame:
    """Apply an S-shaped tone curve."""
    light = np.linspace(0, 1, 256)
    return np.asarray(cv2.LUT(frame, ((3 * light**2 - 2 * light**3) * 255).astype(np.uint8)))


def denoised(frame: Frame) -> Frame:
    """Denoise, and lose detail with it."""
    return np.asarray(cv2.bilateralFilter(frame, 5, 30, 3))


def packed(frame: Frame) -> Frame:
    """Send through Motion JPEG of quality 50."""
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 50])[1], cv2.IMREAD_COLOR))


def bulged(frame: Frame) -> Frame:
    """Look through a lens with barrel distortion."""
    height, width = frame.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = (x - width / 2) / width, (y - height / 2) / width
    stretch = 1 - 0.12 * (x * x + y * y)
    x, y = x * stretch * width + width / 2, y * stretch * width + height / 2
    return np.asarray(cv2.remap(frame, x, y, cv2.INTER_CUBIC))


def sheared(frame: Frame) -> Frame:
    """Shear by 3 %, as a rolling shutter does to what moves sideways."""
    lay = np.array([[1, 0.03, -0.03 * frame.shape[0] / 2], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(frame, lay, frame.shape[1::-1], flags=cv2.INTER_CUBIC))


def small(frame: Frame) -> Frame:
    """Scale down to 640 × 480, the picture kept whole."""
    scale = min(640 / frame.shape[1], 480 / frame.shape[0])
    return np.asarray(cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


CAMERAS: dict[str, Callable[[Frame], Frame]] = {
    "sharpening": sharpened,
    "tone curve": toned,
    "denoising": denoised,
    "MJPEG q50": packed,
    "barrel": bulged,
    "shear": sheared,
    "640 × 480": small,
}
