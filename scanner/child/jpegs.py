"""Cutting a stream into JPEG pictures by what a JPEG is (ITU-T T.81, annex B), whatever stands between them.

Cameras wrap their pictures in multipart heads that end in LF alone, bear a wrong or no length, have a boundary that
the answer's head never named, or none. A JPEG says itself where it ends. So the heads are not read at all:

- a picture begins with SOI (FF D8 FF); its segments tell their lengths, so a thumbnail inside one is skipped;
- coded data runs to the next marker that is no restart and no stuffed byte; EOI (FF D9) ends the picture;
- an SOI within coded data begins the next picture: the one before was torn and is lost, nothing else;
- where no marker stands though one must, the search begins anew behind that SOI.
"""

import re
from collections.abc import Iterator

MAX_PICTURE_BYTES = 16 * 1024 * 1024
SOI = b"\xff\xd8\xff"
START, END, SCAN, FILL = 0xD8, 0xD9, 0xDA, 0xFF
MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # within coded data: neither stuffed, nor a restart, nor fill
LENGTH_BYTES = 2


class TooLargeError(ValueError):
    """No picture ends within the bound: this is no stream of pictures."""


class JpegCutter:
    """Cuts a byte stream into whole JPEG pictures."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._at = 0  # how far the picture that begins at 0 was followed
        self._coded = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield each picture completed by `data`; raise TooLargeError on one above the bound."""
        self._held += data
        while (picture := self._next()) is not None:
            yield picture
        if len(self._held) > MAX_PICTURE_BYTES:
            raise TooLargeError(f"a picture above {MAX_PICTURE_BYTES >> 20} MiB: this is no picture stream")

    def _next(self) -> bytes | None:
        while self._begin():
            end = self._follow()
            if end is None:
                return None  # more bytes are needed
            if end > 0:
                picture = bytes(self._held[:end])
                self._forget(end)
                return picture
            self._forget(-end)
        return None

    def _begin(self) -> bool:
        """Let the buffer begin with a picture; return whether it does."""
        if self._at:
            return True
        start = self._held.find(SOI)
        if start < 0:
            del self._held[: max(0, len(self._held) - len(SOI) + 1)]
            return False
        del self._held[:start]
        self._at, self._coded = LENGTH_BYTES, False
        return True

    def _forget(self, count: int) -> None:
        del self._held[:count]
        self._at, self._coded = 0, False

    def _follow(self) -> int | None:
        """Return where the picture ends, minus how much is no picture, or None for "more bytes"."""
        while True:
            if self._coded:
                found = MARKER.search(self._held, self._at)
                if found is None:
                    self._at = max(self._at, len(self._held) - 1)
                    return None
                self._at, self._coded = found.start(), False
            if len(self._held) < self._at + LENGTH_BYTES:
                return None
            first, marker = self._held[self._at], self._held[self._at + 1]
            if first != FILL:
                return -len(SOI)
            if marker == END:
                return self._at + LENGTH_BYTES
            if marker == START:
                return -self._at
            if marker == FILL:
                self._at += 1
            elif not self._skip(marker):
                return None if len(self._held) < self._at + 2 * LENGTH_BYTES else -len(SOI)

    def _skip(self, marker: int) -> bool:
        """Step over the segment at hand; return whether its length is there and can be one."""
        length = int.from_bytes(self._held[self._at + 2 : self._at + 4], "big")
        if len(self._held) < self._at + 2 * LENGTH_BYTES or length < LENGTH_BYTES:
            return False
        self._coded = marker == SCAN
        self._at += LENGTH_BYTES + length
        return True
