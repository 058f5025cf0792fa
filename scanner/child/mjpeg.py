"""Motion JPEG over HTTP: cutting a multipart stream into pictures, and the client that reads it.

OpenCV's FFMPEG backend reads such streams too, but blocks 30 s on a stalled one, queues frames, and decodes to
colour first. Rules: connect within `open_s`; a whole, decodable picture at least every `read_s`, however the bytes
dribble in; a part is bounded before it is kept; garbage between or inside parts costs those parts and nothing else.
"""

import base64
import http.client
import re
import time
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import cv2
import numpy as np

from scanner.child.newest import Plane
from scanner.spec import Spec

MAX_PART_BYTES = 16 * 1024 * 1024
MAX_HEAD_BYTES = 8 * 1024
READ_BYTES = 256 * 1024
MAX_BAD_PARTS = 50  # in a row, before the stream is opened anew


class CameraError(Exception):
    """The source failed and must be closed and opened again; the message is for the technician."""


class PartCutter:
    """Cuts a multipart body into its parts. `boundary` is without the leading dashes."""

    def __init__(self, boundary: bytes) -> None:
        self._mark = b"--" + boundary
        self._held = bytearray()
        self._seek = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the body of each part completed by `data`; raise CameraError on one above the bound."""
        self._held += data
        while (part := self._next()) is not None:
            yield part
        if len(self._held) > MAX_PART_BYTES:
            raise CameraError(f"a part above {MAX_PART_BYTES >> 20} MiB: this is no picture stream")

    def _next(self) -> bytes | None:
        start = self._held.find(self._mark)
        if start < 0:
            del self._held[: max(0, len(self._held) - len(self._mark))]
            return None
        del self._held[:start]
        body = self._held.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES)
        if body < 0:
            if len(self._held) >= MAX_HEAD_BYTES:
                del self._held[: len(self._mark)]
                return self._next()
            return None
        body += 4
        length = re.search(rb"(?i)\r\ncontent-length:\s*(\d{1,9})\s*\r\n", self._held[:body])
        return self._counted(body, int(length[1])) if length else self._delimited(body)

    def _counted(self, body: int, length: int) -> bytes | None:
        if length > MAX_PART_BYTES:
            raise CameraError(f"a part of {length} bytes: this is no picture stream")
        if len(self._held) < body + length:
            return None
        return self._cut(body, body + length)

    def _delimited(self, body: int) -> bytes | None:
        end = self._held.find(b"\r\n" + self._mark, max(body, self._seek))
        if end < 0:
            self._seek = max(body, len(self._held) - len(self._mark) - 2)
            return None
        return self._cut(body, end)

    def _cut(self, body: int, end: int) -> bytes:
        part = bytes(self._held[body:end])
        del self._held[:end]
        self._seek = 0
        return part


def decode_grey(jpeg: bytes) -> Plane | None:
    """Return a compressed picture as a grey plane, None when it is none; OPENCV_IO_MAX_IMAGE_PIXELS bounds its size."""
    if not jpeg:
        return None
    try:
        plane = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None  # above the size bound, or worse
    return None if plane is None else np.asarray(plane, np.uint8)


class MjpegGrabber:
    """Reads one MJPEG stream. `open`, then `grab` until CameraError, then `close` and begin again."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._open_s: float = spec.option("open_s")
        self._read_s: float = spec.option("read_s")
        self._connection: http.client.HTTPConnection | None = None

    def open(self) -> None:
        """Connect and read the head of the answer."""
        url = urlsplit(self._spec.target)
        make = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connection = make(url.hostname or "", url.port, timeout=self._open_s)
        headers = {"User-Agent": "xinguan-scanner"}
        if url.username is not None:
            pair = f"{unquote(url.username)}:{unquote(url.password or '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            self._connection.connect()
            self._socket = self._connection.sock
            self._connection.request("GET", (url.path or "/") + (f"?{url.query}" if url.query else ""), headers=headers)
            self._answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
        boundary = self._answer.headers.get_boundary()
        if self._answer.status != http.client.OK or not boundary:
            kind = self._answer.headers.get_content_type()
            raise CameraError(f"{self._spec.name}: answer {self._answer.status} of {kind}; expected multipart pictures")
        self._cutter = PartCutter(boundary.removeprefix("--").encode("latin-1", "replace"))
        self._ready: list[bytes] = []

    def grab(self) -> Plane | None:
        """Return the newest whole picture received; raise CameraError when none comes within `read_s`."""
        deadline = time.monotonic() + self._read_s
        for _ in range(MAX_BAD_PARTS):
            plane = decode_grey(self._part(deadline))
            if plane is not None:
                return plane
        raise CameraError(f"{self._spec.name}: {MAX_BAD_PARTS} parts in a row are no pictures")

    def _part(self, deadline: float) -> bytes:
        while not self._ready:
            left = deadline - time.monotonic()
            if left <= 0:
                raise CameraError(f"{self._spec.name}: no whole picture for {self._read_s:g} s")
            self._socket.settimeout(left)
            try:
                data = self._answer.read1(READ_BYTES)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
            if not data:
                raise CameraError(f"{self._spec.name}: the camera closed the stream")
            self._ready = list(self._cutter.feed(data))
        part = self._ready[-1]  # only the newest counts; the others came in the same breath
        self._ready = []
        return part

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
