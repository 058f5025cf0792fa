"""Where pictures come from: one small class for each kind of source, all with open, grab and close.

`grab` returns the next grey plane, None at the natural end, or raises `CameraError` after the set time-out: the
handle is then dead (a stalled OpenCV capture never recovers, measured) and must be closed and opened anew.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from scanner.child.cameras import RtspGrabber, V4l2Grabber
from scanner.child.mjpeg import CameraError, MjpegGrabber, decode_grey
from scanner.child.newest import Newest, Plane
from scanner.spec import Spec

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm", ".tif", ".tiff"})
MAX_PICTURE_BYTES = 64 * 1024 * 1024
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 10.0
POLL_S = 0.1


class Grabber(Protocol):
    """One source of pictures."""

    def open(self) -> None:
        """Open the source or raise CameraError."""

    def grab(self) -> Plane | None:
        """Return the next frame, or None at the end; raise CameraError."""

    def close(self) -> None:
        """Release whatever `open` took."""


class Pace:
    """Lets a recording run as fast as a camera would film it."""

    def __init__(self, fps: float) -> None:
        self._step = 1 / fps
        self._due = time.monotonic()

    def wait(self) -> None:
        """Wait for the next frame's time; a late one does not make the following hurry."""
        late = time.monotonic() - self._due
        if late < 0:
            time.sleep(-late)
        self._due = max(self._due, time.monotonic() - self._step) + self._step


class FileGrabber:
    """A video file, once or in a loop."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec

    def open(self) -> None:
        """Open the file."""
        self._capture = cv2.VideoCapture(self._spec.target)
        if not self._capture.isOpened():
            raise CameraError(f"{self._spec.name}: no readable video")
        fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._pace = Pace(fps if 1 <= fps <= 240 else self._spec.option("fps"))  # noqa: PLR2004 - sane frame rates

    def grab(self) -> Plane | None:
        """Return the next frame."""
        ok, frame = self._capture.read()
        if not ok and self._spec.option("loop") and self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0):
            ok, frame = self._capture.read()
        if not ok:
            return None
        if self._spec.option("pace"):
            self._pace.wait()
        return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)

    def close(self) -> None:
        """Release the file."""
        self._capture.release()


class FolderGrabber:
    """The pictures of a folder in the order of their names; watched for more unless told otherwise."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._done: set[str] = set()
        self._half: dict[str, int] = {}

    def open(self) -> None:
        """Check the folder."""
        self._pace = Pace(self._spec.option("fps"))
        if not Path(self._spec.target).is_dir():
            raise CameraError(f"{self._spec.name}: no such folder")

    def grab(self) -> Plane | None:
        """Return the next picture; an empty plane says that none is there yet."""
        try:
            names = sorted(p.name for p in Path(self._spec.target).iterdir() if p.suffix.lower() in PICTURES)
        except OSError as error:
            raise CameraError(f"{self._spec.name}: {error.strerror}") from error
        for name in names:
            if name not in self._done and (plane := self._load(name)) is not None:
                self._done.add(name)
                if self._spec.option("pace"):
                    self._pace.wait()
                return plane
        return np.empty((0, 0), np.uint8) if self._spec.option("watch") else None

    def _load(self, name: str) -> Plane | None:
        """Return the picture; None for one still being written, which is tried again once it has grown."""
        path = Path(self._spec.target, name)
        try:
            size = path.stat().st_size
            if size > MAX_PICTURE_BYTES or self._half.get(name) == size:
                return None
            plane = decode_grey(path.read_bytes())
        except OSError:
            return None  # taken away between listing and reading
        if plane is None:
            self._half[name] = size
        return plane

    def close(self) -> None:
        """Nothing is held."""


GRABBERS: dict[str, Callable[[Spec], Grabber]] = {
    "http": MjpegGrabber,
    "https": MjpegGrabber,
    "file": FileGrabber,
    "folder": FolderGrabber,
    "v4l2": V4l2Grabber,
    "rtsp": RtspGrabber,
}


def capture(spec: Spec, newest: Newest) -> None:
    """Keep `newest` filled until the source ends or `newest` is stopped; open again after each failure."""
    grabber = GRABBERS[spec.kind](spec)
    every = "pace" in spec.options and not spec.option("pace")
    pause = FIRST_PAUSE_S
    while not newest.stopped:
        try:
            newest.alive()
            grabber.open()
            while not newest.stopped:
                frame = grabber.grab()
                newest.alive()
                if frame is None:
                    newest.end()
                    return
                if frame.size:
                    newest.put(frame, every=every)
                    pause = FIRST_PAUSE_S
                else:
                    newest.pause(POLL_S)
        except CameraError as error:
            newest.fail(str(error))
        finally:
            grabber.close()
        newest.pause(pause)
        pause = min(pause * 2, LONGEST_PAUSE_S)


def start_capture(spec: Spec, newest: Newest) -> threading.Thread:
    """Run `capture` in a daemon thread: a native call that hangs must not keep the process alive."""
    thread = threading.Thread(target=capture, args=(spec, newest), name="capture", daemon=True)
    thread.start()
    return thread
