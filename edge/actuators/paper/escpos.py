r"""ESC/POS: a slip as the bytes of a receipt printer, or as plain text. Pure.

    ESC @      begin anew          FS &       Chinese characters (GB18030)
    ESC a n    0 left, 1 centred   ESC E n    bold
    GS ! n     00 normal, 11 twice as wide and high
    GS ( k     QR code, drawn by the printer: model 2, module 6, level M
    GS V 66 n  feed and cut        DLE EOT 4  → one byte: how the paper stands

Rules of this file: every slip begins anew and leaves nothing switched on; what GB18030 cannot write becomes a `?`.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from edge.actuators.paper.slips import Code, Pair, Rule, Size, Slip, Text, broken, columns

BEGIN: Final = b"\x1b@\x1c&"
CENTRE, LEFT = b"\x1ba\x01", b"\x1ba\x00"
BOLD, PLAIN = b"\x1bE\x01", b"\x1bE\x00"
LARGE, SMALL = b"\x1d!\x11", b"\x1d!\x00"
FEED_AND_CUT, FEED = b"\x1dVB\x03", b"\x1bd\x05"
ASK: Final = b"\x10\x04\x04"
ALWAYS, ALWAYS_IS = 0b10010011, 0b00010010  # bits of its answer that never change
NARROW, LEVEL_M = 32, 49


class Paper(StrEnum):
    """How the paper of a printer stands."""

    WELL = "well"
    LOW = "low"
    OUT = "out"
    UNKNOWN = "unknown"  # it does not say


def paper_of(answer: bytes) -> Paper:
    r"""Return what the answer to ASK says; the sensor's bits stand twice.

    >>> paper_of(b"\x12"), paper_of(b"\x1e"), paper_of(b"\x72")
    (<Paper.WELL: 'well'>, <Paper.LOW: 'low'>, <Paper.OUT: 'out'>)
    """
    if not answer or answer[-1] & ALWAYS != ALWAYS_IS:
        return Paper.UNKNOWN
    if answer[-1] & 0b01100000:
        return Paper.OUT
    return Paper.LOW if answer[-1] & 0b00001100 else Paper.WELL


def encode(slip: Slip, width: int, *, cut: bool) -> bytes:
    """Return the bytes of a slip for a printer of so many columns."""
    return BEGIN + b"".join(_encoded(slip, width)) + (FEED_AND_CUT if cut else FEED)


def text(slip: Slip, width: int) -> str:
    """Return a slip as text, a QR code as its address."""
    lines: list[str] = []
    for one in slip:
        if isinstance(one, Code):
            lines.append(f"[QR] {one.text}")
            continue
        for line in _laid(one, width):
            free = width - columns(line)
            lines.append(" " * (free // 2) + line if isinstance(one, Text) and one.centred else line)
    return "\n".join(lines) + "\n"


def _laid(one: Text | Pair | Rule, width: int) -> Iterator[str]:
    if isinstance(one, Rule):
        yield "-" * width
    elif isinstance(one, Text):
        yield from broken(one.text, width // one.size.value)
    elif columns(one.left) + columns(one.right) < width:
        yield one.left + " " * (width - columns(one.left) - columns(one.right)) + one.right
    else:
        yield from broken(one.left, width)
        yield " " * max(0, width - columns(one.right)) + one.right


def _encoded(slip: Slip, width: int) -> Iterator[bytes]:
    for one in slip:
        if isinstance(one, Code):
            yield CENTRE + _code(one.text, 6 if width >= NARROW else 4) + b"\n" + LEFT
            continue
        large = isinstance(one, Text) and one.size is Size.DOUBLE
        bold = not isinstance(one, Rule) and one.bold
        on = (BOLD if bold else b"") + (LARGE if large else b"")
        off = (SMALL if large else b"") + (PLAIN if bold else b"")
        place, back = (CENTRE, LEFT) if isinstance(one, Text) and one.centred else (b"", b"")
        for line in _laid(one, width):
            yield place + on + line.encode("gb18030", "replace") + b"\n" + off + back


def _code(said: str, module: int) -> bytes:
    """Return what lets the printer draw a QR code by itself, with modules of so many dots."""
    data = said.encode("utf-8")
    stored = len(data) + 3
    return b"".join(
        (
            b"\x1d(k\x04\x001A2\x00",
            b"\x1d(k\x03\x001C" + bytes([module]),
            b"\x1d(k\x03\x001E" + bytes([LEVEL_M]),
            b"\x1d(k" + stored.to_bytes(2, "little") + b"1P0" + data,
            b"\x1d(k\x03\x001Q0",
        )
    )
