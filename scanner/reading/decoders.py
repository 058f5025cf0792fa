"""The two decoders, behind one shape: a grey plane in, texts with corners out. Neither keeps anything between calls.

zxing-cpp reads first: it is ten times faster than zbar and reads more. zbar (pyzbar) is an independent second opinion
on some damaged codes. Bytes that are ASCII are taken as they are, as every token of ours is; for anything else
zxing-cpp's guess of the character set is taken, and nothing from zbar, which guesses otherwise. Where the guess shows
that it took Chinese in GB18030 for Japanese or Latin, it is corrected. A picture that would hold a decoder up for long
is not given to it.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import zxingcpp
from pyzbar import pyzbar

from scanner.cleaning import decoded, is_gb18030
from scanner.reading.crowd import bearable, bearable_for_zbar
from scanner.reading.patches import Plane

Corners = tuple[tuple[int, int], ...]

WITH_ECI = "]Q2"  # the code says what its characters are
MISREAD = re.compile("[\uff61-\uff9f\u0080-\u00ff\ufffd]")  # half-width katakana, Latin letters beyond ASCII
KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")  # full-width: GB18030 has their octets for rare characters only
QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCodeModel2)


@dataclass(frozen=True, slots=True)
class Found:
    """One code: its text and its four corners in pixels of the plane, clockwise from its own top left.

    A near-read has no text: the decoder found the code, and its version, but could not mend it.
    """

    text: str
    corners: Corners
    version: int = 0  # of a near-read


Decoder = Callable[[Plane], list[Found]]


def zxing(*, level: zxingcpp.Binarizer, inverted: bool = False, thorough: bool = False) -> Decoder:
    """Return a zxing-cpp setting; `thorough` also looks at quarter turns and smaller copies."""

    def decode(plane: Plane) -> list[Found]:
        if not bearable(plane):
            return []
        codes = zxingcpp.read_barcodes(
            plane,
            formats=QR,
            binarizer=level,
            try_invert=inverted,
            try_rotate=thorough,
            try_downscale=thorough,
            text_mode=zxingcpp.TextMode.Plain,
            return_errors=True,
        )
        return [_found(code) for code in codes]

    return decode


def zbar(plane: Plane) -> list[Found]:
    """Read with zbar."""
    if not bearable_for_zbar(plane):
        return []
    return [
        Found(code.data.decode("ascii"), tuple((p.x, p.y) for p in code.polygon))
        for code in pyzbar.decode(plane, symbols=[pyzbar.ZBarSymbol.QRCODE])
        if code.data and code.data.isascii()
    ]


def _found(code: zxingcpp.Barcode) -> Found:
    corners = corners_of(code.position)
    return Found(_text(code), corners) if code.valid else Found("", corners, version_of(code))


def version_of(code: zxingcpp.Barcode) -> int:
    """Return the version that a code states, 0 if none or that of another kind ("M4", "R7x43")."""
    extra: Any = code.extra or {}
    stated = str(extra.get("Version", ""))
    return int(stated) if stated.isascii() and stated.isdecimal() else 0


def _text(code: zxingcpp.Barcode) -> str:
    raw = bytes(code.bytes)
    if raw.isascii():
        return raw.decode("ascii")
    guessed = str(code.text)
    unnamed = code.symbology_identifier != WITH_ECI and MISREAD.search(guessed)
    return decoded(raw) if unnamed and not KANA.search(guessed) and is_gb18030(raw) else guessed


def corners_of(p: zxingcpp.Position) -> Corners:
    """Return the four corners of a code, clockwise from its own top left."""
    return tuple((q.x, q.y) for q in (p.top_left, p.top_right, p.bottom_right, p.bottom_left))
