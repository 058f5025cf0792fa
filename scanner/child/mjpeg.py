"""Pictures over HTTP: a Motion JPEG stream, or an address that gives one picture at a time.

OpenCV's FFMPEG backend reads such streams too, but blocks 30 s on a stalled one, queues frames, and decodes to
colour first. Rules: connect within `open_s`; a whole, decodable picture at least every `read_s`, however the bytes
dribble in; pictures are cut by what a JPEG is (`jpegs`), so odd multipart heads cost nothing, and garbage costs the
pictures it is in and nothing else; what asks for Digest or Basic gets it; one redirect is followed, within the host.
A head that cannot be read, a body that is not framed as its head says or is named as text are no reason to see nothing:
then all that comes is searched for pictures.
"""

import http.client
import secrets
import time
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import cv2
import numpy as np

from scanner.child.digest import Challenge, Login, challenge_of
from scanner.child.jpegs import SOI, JpegCutter
from scanner.child.newest import Plane
from scanner.spec import Spec

READ_BYTES = 256 * 1024
MAX_BAD_PICTURES = 50  # in a row, before the stream is opened anew
STILL_EVERY_S = 1 / 15  # at most so often is a picture asked for that comes alone
MOVED = frozenset({301, 302, 303, 307, 308})
GIVEN = frozenset({200, 206})
ODD_HEADS = frozenset(
    {http.client.BadStatusLine, http.client.UnknownProtocol, http.client.LineTooLong, http.client.HTTPException}
)


class CameraError(Exception):
    """The source failed and must be closed and opened again; the message is for the technician."""


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
    """Reads one camera. `open`, then `grab` until CameraError, then `close` and begin again."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._open_s: float = spec.option("open_s")
        self._read_s: float = spec.option("read_s")
        self._connection: http.client.HTTPConnection | None = None
        self._challenge: Challenge | None = None
        self._asked = 0  # times that the challenge's nonce was used

    def open(self) -> None:
        """Connect and read the head of the answer, after a login and one redirect if they are asked for."""
        self._url = urlsplit(self._spec.target)
        user = self._url.username
        self._login = None if user is None else Login(unquote(user), unquote(self._url.password or ""))
        self._cutter, self._ready, self._bare, self._single = JpegCutter(), list[bytes](), False, False
        self._due_s = 0.0
        self._ask()

    def _ask(self) -> None:
        """Ask for the pictures; raise CameraError when the answer holds none."""
        logins, moves = 2, 1  # a nonce may have become stale
        kept = self._connection is not None
        while True:
            try:
                answer = self._request()
            except (OSError, http.client.HTTPException) as error:
                if kept:  # the camera closed a connection that was kept for the next picture
                    kept = False
                    self.close()
                    continue
                if type(error) not in ODD_HEADS:
                    raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
                self._bare_request()
                return
            if answer.status == http.client.UNAUTHORIZED and self._login is not None and logins:
                logins -= 1
                self._challenge, self._asked = challenge_of(answer.headers.get_all("WWW-Authenticate", [])), 0
                self._challenge = self._challenge or Challenge("basic", {})
            elif answer.status in MOVED and moves:
                moves -= 1
                self._url = self._moved(answer.headers.get("Location", ""))
            else:
                self._check(answer)
                return
            self.close()

    def _check(self, answer: http.client.HTTPResponse) -> None:
        kind = answer.headers.get_content_type()
        if answer.status == http.client.UNAUTHORIZED:
            raise CameraError(f"{self._spec.name}: the camera does not take this user name and password")
        if answer.status not in GIVEN or (kind.startswith("text/") and not self._shows(answer)):
            raise CameraError(f"{self._spec.name}: answer {answer.status} of {kind}; expected pictures")
        self._single = kind.startswith("image/")
        if not self._single:
            answer.length = None  # a stream ends with its connection, whatever its head says
        self._answer = answer

    def _shows(self, answer: http.client.HTTPResponse) -> bool:
        """Return whether a picture begins in what is named as text, or as nothing at all; what was read is kept."""
        self._socket.settimeout(self._read_s)
        try:
            data = answer.read1(READ_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
        self._ready = list(self._cutter.feed(data))
        return SOI in data

    def _moved(self, location: str) -> SplitResult:
        """Return where the camera sends us; only to itself, and never from https to http."""
        to = urlsplit(urljoin(self._url.geturl(), location))
        same = to.hostname == self._url.hostname and to.scheme in {"http", "https"}
        if not location or not same or (self._url.scheme, to.scheme) == ("https", "http"):
            raise CameraError(f"{self._spec.name}: sends to {to.hostname}; write the address of the pictures itself")
        return to

    def _request(self) -> http.client.HTTPResponse:
        connection = self._connect()
        uri = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        connection.request("GET", uri, headers=self._headers(uri))
        if connection.sock is not None:
            self._socket = connection.sock
        return connection.getresponse()

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            make = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
            self._connection = make(self._url.hostname or "", self._url.port, timeout=self._open_s)
        return self._connection

    def _headers(self, uri: str) -> dict[str, str]:
        headers = {"User-Agent": "xinguan-scanner"}
        if self._login is not None and self._challenge is not None:
            self._asked += 1
            headers["Authorization"] = self._login.answer(
                self._challenge, method="GET", uri=uri, count=self._asked, cnonce=secrets.token_hex(8)
            )
        return headers

    def _bare_request(self) -> None:
        """Ask once more, of a camera that answers without a status line: all that comes is searched for pictures."""
        self.close()
        connection = self._connect()
        path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
        try:
            connection.connect()
            self._socket = connection.sock
            told = {"Host": str(self._url.hostname), **self._headers(path)}
            lines = [f"GET {path} HTTP/1.0", *(f"{name}: {value}" for name, value in told.items()), "", ""]
            self._socket.sendall("\r\n".join(lines).encode())
        except OSError as error:
            raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
        self._bare = True

    def grab(self) -> Plane | None:
        """Return the newest whole picture received; raise CameraError when none comes within `read_s`."""
        deadline = time.monotonic() + self._read_s
        for _ in range(MAX_BAD_PICTURES):
            plane = decode_grey(self._picture(deadline))
            if plane is not None:
                return plane
        raise CameraError(f"{self._spec.name}: {MAX_BAD_PICTURES} pictures in a row cannot be decoded")

    def _picture(self, deadline: float) -> bytes:
        while not self._ready:
            left = deadline - time.monotonic()
            if left <= 0:
                raise CameraError(f"{self._spec.name}: no whole picture for {self._read_s:g} s")
            try:
                data = self._bytes(left)
                self._ready = list(self._cutter.feed(data))
            except http.client.IncompleteRead as error:  # chunked by its head alone
                if self._bare:
                    raise CameraError(f"{self._spec.name}: {error}") from error
                self._bare_request()
                continue
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise CameraError(f"{self._spec.name}: {error or type(error).__name__}") from error
            if not data:
                self._again()
        picture = self._ready[-1]  # only the newest counts; the others came in the same breath
        self._ready = []
        return picture

    def _bytes(self, within_s: float) -> bytes:
        """Return what came; nothing at its end, where Python 3.13 has let go of the socket with the last byte."""
        if self._bare:
            self._socket.settimeout(within_s)
            return self._socket.recv(READ_BYTES)
        if self._answer.isclosed():
            return b""
        self._socket.settimeout(within_s)
        return self._answer.read1(READ_BYTES)

    def _again(self) -> None:
        """Ask for the next picture where they come one at a time; a stream that was closed is over."""
        if not self._single:
            raise CameraError(f"{self._spec.name}: the camera closed the stream")
        self._answer.close()  # it was read to its end: the connection is free for the next
        time.sleep(max(0.0, self._due_s - time.monotonic()))
        self._due_s = time.monotonic() + STILL_EVERY_S
        self._cutter = JpegCutter()
        self._ask()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
