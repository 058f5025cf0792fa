"""Pictures in which no code of ours is: what a gate's camera may be shown instead. Seeded, ours.

Other people's QR codes of every version, codes of other kinds, textures, and what is most like a code of ours: dense
codes whose every fixed module is right and whose words are noise, or where one block of a right code is another's. All
are seen from the side, out of focus, under a lamp, in the dark.
"""

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import segno
import zxingcpp

from scanner.reading.soft.mend import LEAST_FIRST, mended_blocks
from scanner.reading.soft.ordered import likely, ordered

Image = npt.NDArray[Any]
SIZE = (720, 1280)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 $%*+-./:"
OTHER_KINDS = ("MicroQRCode", "RMQRCode", "Aztec", "DataMatrix", "PDF417", "MaxiCode")


def text_of(dice: np.random.Generator, length: int) -> str:
    """Return a text that is not ours."""
    return "HC1:"[: int(dice.integers(0, 5))] + "".join(dice.choice(list(LETTERS), length))


def qr(dice: np.random.Generator) -> tuple[Image, str]:
    """Return the modules of somebody else's code, 1 is dark, and its text."""
    text = text_of(dice, int(dice.integers(3, 420)))
    text = text.lower() if dice.random() < 0.3 else text
    code = segno.make(text, error=str(dice.choice(list("lmqh"))), boost_error=False, micro=False)
    return np.array([list(row) for row in code.matrix], np.uint8), text


def other_kind(dice: np.random.Generator) -> tuple[Image, str]:
    """Return the modules of a code of another kind; nobody here reads it."""
    kind = str(dice.choice(OTHER_KINDS))
    text = text_of(dice, int(dice.integers(3, 10 if kind == "MicroQRCode" else 60)))
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, kind))
    drawn = np.asarray(zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False))
    return (drawn < 128).astype(np.uint8), ""


def hollow(dice: np.random.Generator) -> tuple[Image, str]:
    """Return a dense code of ours with noise in place of its words, or of a part of them."""
    code = segno.make(
        "XG1:" + text_of(dice, int(dice.integers(150, 420))),
        error=str(dice.choice(list("lmq"))),
        mode="alphanumeric",
        boost_error=False,
    )
    modules = np.array([list(row) for row in code.matrix], np.uint8)
    kinds = np.array([list(row) for row in code.matrix_iter(verbose=True, border=0)], np.int64)
    data = (kinds == segno.consts.TYPE_DATA_DARK) | (kinds == segno.consts.TYPE_DATA_LIGHT)
    side = len(modules)
    spoiled = np.zeros_like(data)
    spoiled[:, : side if dice.random() < 0.5 else int(side * dice.uniform(0.45, 0.9))] = True
    return np.where(data & spoiled, dice.integers(0, 2, modules.shape), modules).astype(np.uint8), ""


def texture(dice: np.random.Generator) -> tuple[Image, str]:
    """Return something busy that is no code."""
    side = int(dice.integers(40, 90))
    kind = int(dice.integers(0, 6))
    y, x = np.mgrid[0:side, 0:side]
    if kind == 0:
        return dice.integers(0, 2, (side, side), np.uint8), ""
    if kind == 1:
        return ((x // dice.integers(1, 4) + y // dice.integers(1, 4)) % 2).astype(np.uint8), ""
    if kind == 2:  # a maze of diagonals
        return np.kron(dice.integers(0, 2, (side // 2, side // 2)), np.eye(2)).astype(np.uint8), ""
    if kind == 3:  # lines of words
        return ((y % 4 < 2) & (dice.random((side, side)) < 0.6)).astype(np.uint8), ""
    if kind == 4:  # rings
        reach = np.hypot(x - side / 2, y - side / 2)
        return (reach % dice.uniform(3, 9) < 2).astype(np.uint8), ""
    finders = dice.integers(0, 2, (side, side), np.uint8)  # a heap of finders
    ring = np.pad(np.pad(np.pad(np.ones((3, 3), np.uint8), 1), 1, constant_values=1), 1)
    for top, left in dice.integers(0, side - 9, (int(dice.integers(3, 12)), 2)):
        finders[top : top + 9, left : left + 9] = ring
    return finders, ""


KINDS: tuple[tuple[str, Callable[[np.random.Generator], tuple[Image, str]]], ...] = (
    ("QR codes of others", qr),
    ("other kinds", other_kind),
    ("hollow codes", hollow),
    ("textures", texture),
)


def seen(dice: np.random.Generator, modules: Image) -> Image:
    """Return modules as a camera sees them: from somewhere, blurred, perhaps under a lamp, noisy."""
    drawn = np.pad(np.where(modules, 0.02, 1.0).astype(np.float32), 4, constant_values=1.0)
    drawn = 1.02 - drawn if dice.random() < 0.15 else drawn
    high, wide = drawn.shape
    px = min(dice.uniform(1.4, 5.0), 600 / max(drawn.shape))
    square = np.array([[-wide, -high], [wide, -high], [wide, high], [-wide, high]]) * px / 2
    angle = np.radians(dice.normal(0, 8) + 90 * (dice.random() < 0.2))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners = square @ turn * (1 - dice.uniform(0, 0.18, (4, 2))) + [SIZE[1] / 2, SIZE[0] / 2]
    source = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) * 4 - 0.5
    lay = cv2.getPerspectiveTransform(source, corners.astype(np.float32))
    big = np.kron(drawn, np.ones((4, 4), np.float32))
    light = cv2.warpPerspective(big, lay, SIZE[::-1], flags=cv2.INTER_AREA, borderValue=(0.2,))
    light = light * dice.uniform(0.25, 1.1)
    if dice.random() < 0.3:
        rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
        x, y = corners.mean(0) + dice.uniform(-0.3, 0.3, 2) * np.ptp(corners, axis=0)
        reach = np.ptp(corners, axis=0).max() * dice.uniform(0.1, 0.3)
        light = light + dice.uniform(0.5, 1.6) / (1 + (((columns - x) ** 2 + (rows - y) ** 2) / reach**2) ** 2)
    light = cv2.GaussianBlur(light, (0, 0), dice.uniform(0.4, 0.4 + 0.35 * px))
    if dice.random() < 0.2:
        light = cv2.blur(light, (1 + int(px * dice.uniform(0, 1.5)), 1))
    light = light + dice.standard_normal(light.shape).astype(np.float32) * dice.uniform(0.002, 0.05)
    return np.asarray(np.clip(light, 0, 1) ** (1 / 2.2) * 255, np.uint8)


def pictures(seed: int, count: int) -> Iterator[tuple[str, Image, str]]:
    """Yield a kind, a grey frame, and the text in it that may be read ("" if none)."""
    for number in range(count):
        dice = np.random.default_rng([seed, number])
        name, draw = KINDS[number % len(KINDS)]
        modules, text = draw(dice)
        yield name, seen(dice, modules), text


BLOCKS = ((70, 26), (98, 20), (44, 22), (121, 30), (37, 16), (146, 30))  # words and check words
BITWISE = 20  # of each hundred random blocks that are also mended by their bits, which takes forty times as long


def blocks(seed: int, count: int) -> tuple[int, int, float]:
    """Return how many of `count` random blocks the soft decoder's test accepts by words and by bits, and the likeliest.

    Half are as under a lamp: up to 40 % of their words all but erased.
    """
    dice, by_words, by_bits, most = np.random.default_rng(seed), 0, 0, -np.inf
    for part in range(count // 100):
        length, checks = BLOCKS[part % len(BLOCKS)]
        llrs = dice.uniform(1, 5) * dice.standard_normal((100, length, 8)).astype(np.float32)
        llrs[dice.random((100, length)) < (part % 2) * dice.uniform(0, 0.4)] *= 0.05
        by_words += int(mended_blocks(llrs, checks=checks)[1].sum())
        some = llrs[:BITWISE]
        odds = likely(some, ordered(some, checks=checks), checks=checks)
        by_bits, most = by_bits + int((odds >= LEAST_FIRST).sum()), max(most, float(odds.max()))
    return by_words, by_bits, most
