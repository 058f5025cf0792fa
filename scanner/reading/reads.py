"""What was read in a frame, and in which order people read it. Pure."""

from dataclasses import dataclass

from scanner.reading.decoders import Corners
from scanner.reading.patches import Region


@dataclass(frozen=True, slots=True)
class Read:
    """A code in a frame: its text, its corners in frame pixels, and the step that read it."""

    text: str
    corners: Corners
    step: str


def in_reading_order(reads: list[Read]) -> tuple[Read, ...]:
    """Return each text once: rows from the top, within a row from the left."""
    rows: list[list[Read]] = []
    for read in sorted(reads, key=lambda r: _middle(r, 1)):
        if rows and _middle(read, 1) - _middle(rows[-1][0], 1) < _height(rows[-1][0]) / 2:
            rows[-1].append(read)
        else:
            rows.append([read])
    ordered = [read for row in rows for read in sorted(row, key=lambda r: _middle(r, 0))]
    return tuple(
        {read.text: read for read in reversed(ordered)}[text] for text in dict.fromkeys(r.text for r in ordered)
    )


def bounds(read: Read) -> Region:
    """Return the upright rectangle around a code."""
    xs, ys = [x for x, _ in read.corners], [y for _, y in read.corners]
    return Region(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _middle(read: Read, axis: int) -> float:
    values = [corner[axis] for corner in read.corners]
    return (min(values) + max(values)) / 2


def _height(read: Read) -> int:
    values = [y for _, y in read.corners]
    return max(values) - min(values)
