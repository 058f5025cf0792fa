"""Frames to texts. Pure: no I/O, no clock."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import zxingcpp
from pyzbar import pyzbar

Frame = npt.NDArray[np.uint8]
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
MIN_SIDE = 21  # modules of the smallest code


PLANE, COLOUR = 2, 3  # dimensions
BGR, BGRA = 3, 4  # channels


def grey(frame: npt.NDArray[Any]) -> Frame | None:
    """Return the frame as one grey uint8 plane; None when no code fits into it or it is no picture."""
    if frame.dtype != np.uint8 or frame.ndim not in (PLANE, COLOUR) or min(frame.shape[:2]) < MIN_SIDE:
        return None
    channels = 1 if frame.ndim == PLANE else frame.shape[2]
    if channels == 1:
        return np.ascontiguousarray(frame.reshape(frame.shape[:2]))
    if channels == BGR:
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGRA2GRAY), np.uint8) if channels == BGRA else None


def read_codes(frame: npt.NDArray[Any]) -> tuple[str, ...]:
    """Return the distinct texts of all QR codes in a BGR or grey uint8 frame, in reading order. Never raises."""
    plane = grey(frame)
    if plane is None:
        return ()
    found = [
        (code.position.top_left.y, code.position.top_left.x, code.bytes)
        for code in zxingcpp.read_barcodes(plane, formats=QR)
    ] or [
        (code.rect.top, code.rect.left, code.data) for code in pyzbar.decode(plane, symbols=[pyzbar.ZBarSymbol.QRCODE])
    ]
    return tuple(dict.fromkeys(raw.decode("utf-8", "replace") for _, _, raw in sorted(found)))


class StreamReader:
    """Reads the frames of one camera."""

    def read(self, frame: npt.NDArray[Any]) -> tuple[str, ...]:
        """Return the texts in view in this frame."""
        return read_codes(frame)

    def new(self) -> "StreamReader":
        """Return a reader of the same setting that remembers nothing."""
        return StreamReader()
