"""Cameras that OpenCV opens: V4L2 devices and RTSP streams.

Rules:

- time-outs are set at opening (the defaults block for 30 s, measured); a handle that timed out is released, never
  reused;
- V4L2 gives raw buffers (`CONVERT_RGB` off): the grey plane is the luma of YUYV, or GREY as it is, or a JPEG decoded
  straight to grey (1.4 ms, half of what colour costs);
- the device is claimed before it is opened, and a refusal names the holder.
"""

import os
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.child.mjpeg import CameraError, decode_grey
from scanner.child.newest import Plane
from scanner.holder import HeldError, claim, describe
from scanner.spec import Spec

LUMA_CHROMA = 2  # bytes of a YUYV pixel
FORMATS = ("YUYV", "GREY", "MJPG")  # in the order in which they are asked for
SETTINGS = {"exposure": cv2.CAP_PROP_EXPOSURE, "focus": cv2.CAP_PROP_FOCUS, "gain": cv2.CAP_PROP_GAIN}
MANUAL_EXPOSURE = 1  # V4L2_EXPOSURE_MANUAL
FULL_RATE = 0.7  # of the asked frame rate; below, YUYV does not fit through USB and MJPG is taken


def luma(buffer: npt.NDArray[Any], width: int, height: int) -> Plane | None:
    """Return the grey plane of a raw V4L2 buffer: GREY, YUYV or JPEG bytes; None when it is none of them."""
    if buffer.dtype != np.uint8:
        return None
    if buffer.ndim == 3 and buffer.shape[2] == LUMA_CHROMA:  # noqa: PLR2004 - rows, columns, channels
        return np.ascontiguousarray(buffer[:, :, 0])
    if buffer.size == width * height * LUMA_CHROMA:
        return np.ascontiguousarray(buffer.reshape(height, width, LUMA_CHROMA)[:, :, 0])
    if buffer.size == width * height:
        return np.ascontiguousarray(buffer.reshape(height, width))
    return decode_grey(buffer.tobytes())


class V4l2Grabber:
    """A local camera by index, path or by-id path."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._path = f"/dev/video{spec.target}" if spec.target.isdigit() else spec.target
        self._claim = -1
        self._capture = cv2.VideoCapture()

    def open(self) -> None:
        """Claim and open the device and set what the options ask for."""
        try:
            self._claim = claim(self._path)
        except HeldError as error:
            raise CameraError(str(error)) from error
        except OSError as error:
            raise CameraError(f"{self._path}: {error.strerror}") from error
        for form in FORMATS:
            self._capture = cv2.VideoCapture(os.path.realpath(self._path), cv2.CAP_V4L2)
            if not self._capture.isOpened():
                raise CameraError(f"{self._path}: no camera, or held by {describe(self._path)}")
            if self._set(form) or form == FORMATS[-1]:
                return
            self._capture.release()

    def _set(self, form: str) -> bool:
        """Apply the options; return whether the camera gives this format at about the asked rate."""
        fourcc = cv2.VideoWriter.fourcc(*form)
        self._capture.set(cv2.CAP_PROP_FOURCC, fourcc)
        for prop, name in ((cv2.CAP_PROP_FRAME_WIDTH, "width"), (cv2.CAP_PROP_FRAME_HEIGHT, "height")):
            self._capture.set(prop, self._spec.option(name))
        self._capture.set(cv2.CAP_PROP_FPS, self._spec.option("fps"))
        self._capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)
        if self._spec.option("exposure") is not None:
            self._capture.set(cv2.CAP_PROP_AUTO_EXPOSURE, MANUAL_EXPOSURE)
        if self._spec.option("focus") is not None:
            self._capture.set(cv2.CAP_PROP_AUTOFOCUS, 0)
        for name, prop in SETTINGS.items():
            if self._spec.option(name) is not None and not self._capture.set(prop, self._spec.option(name)):
                raise CameraError(f"{self._path}: this camera cannot set {name}; take the option away")
        taken = int(self._capture.get(cv2.CAP_PROP_FOURCC)) == fourcc
        return taken and self._capture.get(cv2.CAP_PROP_FPS) >= FULL_RATE * self._spec.option("fps")

    def grab(self) -> Plane | None:
        """Return the next frame."""
        ok, buffer = self._capture.read()
        if not ok:
            raise CameraError(f"{self._path}: no frame; unplugged?")
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        plane = luma(np.asarray(buffer), width, int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT)))
        return np.empty((0, 0), np.uint8) if plane is None else plane  # a torn JPEG costs one frame

    def close(self) -> None:
        """Release the camera and the claim."""
        self._capture.release()
        if self._claim >= 0:
            os.close(self._claim)
            self._claim = -1


class RtspGrabber:
    """A network camera by RTSP, through FFMPEG."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._capture = cv2.VideoCapture()

    def open(self) -> None:
        """Open the stream."""
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = f"rtsp_transport;{self._spec.option('transport')}"
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(self._spec.option("open_s") * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(self._spec.option("read_s") * 1000),
        ]
        self._capture = cv2.VideoCapture(self._spec.target, cv2.CAP_FFMPEG, limits)
        if not self._capture.isOpened():
            raise CameraError(f"{self._spec.name}: no stream; is the camera on, the address and the password right?")

    def grab(self) -> Plane | None:
        """Return the next frame."""
        ok, frame = self._capture.read()
        if not ok:
            raise CameraError(f"{self._spec.name}: no frame for {self._spec.option('read_s'):g} s, or the stream ended")
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)

    def close(self) -> None:
        """Release the stream."""
        self._capture.release()
