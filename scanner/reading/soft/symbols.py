"""What ISO/IEC 18004 fixes of a dense QR code: tables and places, no picture.

Rules:

- versions 7 to 16 only: they bear version words, and our tokens are drawn as 8 to 15;
- a module is +1 if light (bit 0) and -1 if dark (bit 1), so turning a mask off is one multiplication;
- places are `row * side + column`; everything is made once a version and never written to.

>>> layout(7).side, len(layout(7).path) // 8
(45, 196)
>>> blocks(7, "L").words.shape, blocks(7, "L").checks
((2, 98), 20)
"""

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Grid = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
T = TypeVar("T", bound=np.generic)

VERSIONS = range(7, 17)
LEVELS = ("M", "L", "H", "Q")  # in the order of their two bits
MASKS = 8
FINDER = 7  # modules of a finder pattern
FORMAT_BITS, VERSION_BITS = 15, 18
FORMAT_GENERATOR, VERSION_GENERATOR = 0x537, 0x1F25
FORMAT_VEIL = 0x5412
TIMING = 6  # the row and the column of the timing patterns

# Table E.1: rows and columns of the middles of alignment patterns
ALIGNMENTS = {
    7: (6, 22, 38),
    8: (6, 24, 42),
    9: (6, 26, 46),
    10: (6, 28, 50),
    11: (6, 30, 54),
    12: (6, 32, 58),
    13: (6, 34, 62),
    14: (6, 26, 46, 66),
    15: (6, 26, 48, 70),
    16: (6, 26, 50, 74),
}
# Table 9: check words of a block and how many blocks, by version from 7 on
CHECKS = {
    "L": (20, 24, 30, 18, 20, 24, 26, 30, 22, 24),
    "M": (18, 22, 22, 26, 30, 22, 22, 24, 24, 28),
    "Q": (18, 22, 20, 24, 28, 26, 24, 20, 30, 24),
    "H": (26, 26, 24, 28, 24, 28, 22, 24, 24, 30),
}
COUNTS = {
    "L": (2, 2, 2, 4, 4, 4, 4, 4, 6, 6),
    "M": (4, 4, 5, 5, 5, 8, 9, 9, 10, 10),
    "Q": (6, 6, 8, 8, 8, 10, 12, 16, 12, 17),
    "H": (5, 6, 8, 8, 11, 11, 16, 16, 18, 16),
}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where things lie in codes of one version."""

    version: int
    side: int  # modules
    fixed: Grid  # (side, side): what every code of the version shows; 0 where codes differ
    formats: Places  # (2, 15): both copies of the format word, lowest bit first
    path: Places  # the modules of the words, bit after bit
    finders: npt.NDArray[np.float32]  # (3, 2): middles as x, y in modules: top left, top right, bottom left
    alignments: npt.NDArray[np.float32]  # (n, 2): the same


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """How the words of a code make Reed-Solomon blocks: a short block has a zero in front (place -1)."""

    words: Places  # (blocks, length): places in the stream of words
    checks: int  # check words at the end of each block
    data: tuple[int, ...]  # data words of each block


def side_of(version: int) -> int:
    """Return the modules of one side."""
    return 17 + 4 * version


@cache
def layout(version: int) -> Layout:
    """Return the places of a version of VERSIONS."""
    side = side_of(version)
    fixed = np.zeros((side, side), np.float32)
    _draw_timing(fixed)
    middles = _alignment_middles(version)
    for x, y in middles:
        _draw_square(fixed, x, y, (-1, 1, -1))
    _draw_finders(fixed)
    _draw_version(fixed, version)
    fixed[side - 8, 8] = -1
    formats = _format_places(side)
    taken = fixed != 0
    taken.ravel()[formats.ravel()] = True
    low, high = FINDER / 2, side - FINDER / 2
    return Layout(
        version,
        side,
        _kept(fixed),
        _kept(formats),
        _kept(_path(taken)),
        _kept(np.array([[low, low], [high, low], [low, high]], np.float32)),
        _kept(np.array(middles, np.float32) + np.float32(0.5)),
    )


@cache
def mask(version: int, number: int) -> Grid:
    """Return a data mask: -1 where it turns a module."""
    side = side_of(version)
    y, x = np.mgrid[0:side, 0:side]
    turned = (
        (x + y) % 2,
        y % 2,
        x % 3,
        (x + y) % 3,
        (x // 3 + y // 2) % 2,
        x * y % 2 + x * y % 3,
        (x * y % 2 + x * y % 3) % 2,
        ((x + y) % 2 + x * y % 3) % 2,
    )[number]
    return _kept(np.where(turned == 0, -1, 1).astype(np.float32))


@cache
def format_words() -> Grid:
    """Return the 32 format words, (32, 15), lowest bit first; row = 8 * place of the level in LEVELS + mask."""
    words = [(data << 10 | _remainder(data, 10, FORMAT_GENERATOR)) ^ FORMAT_VEIL for data in range(32)]
    return _kept(np.array([_shades(word, FORMAT_BITS) for word in words], np.float32))


@cache
def blocks(version: int, level: str) -> Blocks:
    """Return the blocks of a version at an error-correction level."""
    at = version - VERSIONS[0]
    checks, count = CHECKS[level][at], COUNTS[level][at]
    total = len(layout(version).path) // 8
    short, long = total // count - checks, total % count
    starts = count - long  # blocks from this one on have one data word more
    lengths = tuple(short + (number >= starts) for number in range(count))
    words = np.full((count, short + checks + bool(long)), -1, np.intp)
    column = np.arange(short) * count
    tail = sum(lengths) + np.arange(checks) * count
    for number, length in enumerate(lengths):
        data = list(column + number) + [short * count + number - starts] * (length - short)
        words[number, words.shape[1] - checks - length :] = [*data, *(tail + number)]
    return Blocks(_kept(words), checks, lengths)


def _kept(values: npt.NDArray[T]) -> npt.NDArray[T]:
    values.flags.writeable = False
    return values


def _remainder(data: int, bits: int, generator: int) -> int:
    value = data << bits
    for bit in range(value.bit_length() - 1, bits - 1, -1):
        if value >> bit & 1:
            value ^= generator << (bit - bits)
    return value


def _shades(word: int, bits: int) -> list[int]:
    return [-1 if word >> bit & 1 else 1 for bit in range(bits)]


def _draw_square(grid: Grid, x: int, y: int, shades: tuple[int, ...]) -> None:
    """Draw nested squares around a middle, the outermost first."""
    for shade, reach in zip(shades, range(len(shades) - 1, -1, -1), strict=True):
        grid[y - reach : y + reach + 1, x - reach : x + reach + 1] = shade


def _draw_timing(grid: Grid) -> None:
    shades = np.where(np.arange(len(grid)) % 2, 1, -1)
    grid[TIMING, :] = grid[:, TIMING] = shades


def _draw_finders(grid: Grid) -> None:
    side = len(grid)
    for y, x in ((0, 0), (0, side - 8), (side - 8, 0)):
        grid[y : y + 8, x : x + 8] = 1
    for y, x in ((3, 3), (3, side - 4), (side - 4, 3)):
        _draw_square(grid, x, y, (-1, 1, -1, -1))


def _draw_version(grid: Grid, version: int) -> None:
    side = len(grid)
    word = version << 12 | _remainder(version, 12, VERSION_GENERATOR)
    for bit, shade in enumerate(_shades(word, VERSION_BITS)):
        far, near = side - 11 + bit % 3, bit // 3
        grid[near, far] = grid[far, near] = shade


def _alignment_middles(version: int) -> list[tuple[int, int]]:
    lines = ALIGNMENTS[version]
    corners = {(lines[0], lines[0]), (lines[0], lines[-1]), (lines[-1], lines[0])}
    return [(x, y) for y in lines for x in lines if (x, y) not in corners]


def _format_places(side: int) -> Places:
    near = [(8, y) for y in (0, 1, 2, 3, 4, 5, 7, 8)] + [(x, 8) for x in (7, 5, 4, 3, 2, 1, 0)]
    far = [(side - 1 - i, 8) for i in range(8)] + [(8, side - 7 + i) for i in range(7)]
    return np.array([[y * side + x for x, y in copy] for copy in (near, far)], np.intp)


def _path(taken: npt.NDArray[np.bool_]) -> Places:
    """Return the free modules in zigzag order, whole words only."""
    side, found, upward = len(taken), [], True
    for right in (*range(side - 1, TIMING, -2), 5, 3, 1):
        rows = range(side - 1, -1, -1) if upward else range(side)
        found += [y * side + x for y in rows for x in (right, right - 1) if not taken[y, x]]
        upward = not upward
    return np.array(found[: len(found) // 8 * 8], np.intp)
