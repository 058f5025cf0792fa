"""Whatever a camera may be shown: no exception, no wrong text, bounded time."""

import importlib.util
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno
import zxingcpp

from scanner.decode import StreamReader, read_codes
from scanner.reading.cascade import Scene
from scanner.reading.soft.reader import Near, read_soft
from scanner.reading.soft.symbols import VERSIONS

OURS = ("XG1:",)
MOST_MS = 400.0  # of CPU, here and now; bench/scanner.py measures properly
FINDER = np.pad(np.pad(np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255), 1), 1, constant_values=255)


def wall(pixels, size=(720, 1280)):
    tile = np.kron(FINDER, np.ones((pixels, pixels), np.uint8))
    return np.tile(tile, (size[0] // len(tile) + 1, size[1] // len(tile) + 1))[: size[0], : size[1]].copy()


def drawn(text, *, scale=3, **how):
    code = segno.make(text, **{"boost_error": False, **how})
    small = np.array([list(row) for row in code.matrix_iter(scale=scale, border=4)], np.uint8)
    return np.where(small, 0, 255).astype(np.uint8)


def on_canvas(picture, size=(720, 1280), level=140):
    frame = np.full(size, level, np.uint8)
    top, left = (size[0] - picture.shape[0]) // 2, (size[1] - picture.shape[1]) // 2
    frame[max(0, top) : max(0, top) + picture.shape[0], max(0, left) : max(0, left) + picture.shape[1]] = picture[
        : size[0], : size[1]
    ]
    return frame


def six():
    """Six dense codes' worth of random modules."""
    dice, frame = np.random.default_rng(6), np.full((720, 1280), 255, np.uint8)
    for n in range(6):
        modules = np.where(dice.random((61, 61)) < 0.5, 0, 255).astype(np.uint8)
        for y, x in ((0, 0), (0, 54), (54, 0)):
            modules[y : y + 7, x : x + 7] = FINDER[1:-1, 1:-1]
        y, x = 40 + 340 * (n // 3), 60 + 400 * (n % 3)
        frame[y : y + 244, x : x + 244] = np.kron(modules, np.ones((4, 4), np.uint8))
    return frame


def pictures():
    dice = np.random.default_rng(3)
    ours = drawn("XG1:" + "ABC 123/" * 30, error="m")
    blurred = cv2.GaussianBlur(on_canvas(drawn("XG1:" + "ABC 123/" * 30, error="m", scale=2)), (0, 0), 2.2)
    half = blurred.copy()
    half[:, 640:] = 140
    waves = cv2.resize(dice.uniform(-9, 9, (12, 16, 2)).astype(np.float32), (1280, 720), interpolation=cv2.INTER_CUBIC)
    rows, columns = np.mgrid[0:720, 0:1280].astype(np.float32)
    cloth = cv2.remap(blurred, columns + waves[..., 0], rows + waves[..., 1], cv2.INTER_LINEAR)
    patches = np.kron(dice.integers(0, 2, (45, 80), np.uint8), np.full((16, 16), 255, np.uint8))
    return {
        "noise": dice.integers(0, 256, (720, 1280), np.uint8),
        "soft noise": cv2.GaussianBlur(dice.integers(0, 256, (720, 1280), np.uint8), (0, 0), 1.2),
        "fine wall": wall(1),
        "wall": wall(3),
        "blurred wall": cv2.GaussianBlur(wall(2), (0, 0), 1.5),
        "six": six(),
        "blurred six": cv2.GaussianBlur(six(), (0, 0), 3),
        "half": half,
        "mirrored": np.ascontiguousarray(cv2.GaussianBlur(on_canvas(ours), (0, 0), 2.6)[:, ::-1]),
        "cloth": cloth,
        "white": np.full((720, 1280), 255, np.uint8),
        "black": np.zeros((720, 1280), np.uint8),
        "flat patches": patches,
        "checkers": np.indices((720, 1280)).sum(0).astype(np.uint8) % 2 * 255,
        "8k": cv2.resize(blurred, (7680, 4320), interpolation=cv2.INTER_NEAREST),
        "strip": np.tile(blurred[350:372], (1, 6)),
    }


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_a_hostile_picture_reads_as_nothing_in_bounded_time(name):
    frame = PICTURES[name]
    reader = StreamReader()
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        began = time.thread_time()
        assert set(read_codes(frame)) <= {"XG1:" + "ABC 123/" * 30}
        assert (time.thread_time() - began) * 1000 < MOST_MS
        for _ in range(3):
            assert set(reader.read(np.roll(frame, 40, 1))) <= {"XG1:" + "ABC 123/" * 30}


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6, 17, 20, 27, 33, 40])
def test_a_code_of_another_version_is_left_to_the_others(version):
    picture = cv2.GaussianBlur(on_canvas(drawn("XG1:OTHER", version=version, error="l", scale=4)), (0, 0), 3.1)
    region = Scene(picture).places.regions

    assert read_soft(picture, region, [], prefixes=OURS).mended is None
    corners = np.array([[500, 200], [700, 200], [700, 400], [500, 400]], np.float64)
    assert read_soft(picture, (), [Near(corners, version)], prefixes=OURS).mended is None
    assert set(read_codes(picture)) <= {"XG1:OTHER"}


@pytest.mark.parametrize("kind", ["m1", "m2", "m3", "m4"])
def test_micro_codes_are_nothing_to_it(kind):
    picture = on_canvas(drawn("12345", micro=True, version=kind, scale=5))

    assert read_soft(picture, Scene(picture).places.regions, [], prefixes=OURS).mended is None
    assert set(read_codes(picture)) <= {"12345"}


@pytest.mark.parametrize("blur", [0.0, 1.6])
@pytest.mark.parametrize("kind", ["RMQRCode", "MicroQRCode", "Aztec", "DataMatrix", "PDF417", "MaxiCode"])
def test_codes_of_other_kinds_read_as_nothing(kind, blur):
    code = zxingcpp.create_barcode("XG1:12345", getattr(zxingcpp.BarcodeFormat, kind))
    scale = 1 if kind == "MaxiCode" else 5
    picture = on_canvas(np.asarray(zxingcpp.write_barcode_to_image(code, scale=scale)))
    picture = cv2.GaussianBlur(picture, (0, 0), blur * scale) if blur else picture
    reader = StreamReader()

    began = time.thread_time()
    assert read_codes(picture) == ()
    assert (time.thread_time() - began) * 1000 < MOST_MS
    assert not read_soft(picture, Scene(picture).places.regions, [], prefixes=OURS, gated=False).mended
    assert [reader.read(np.roll(picture, 40 * n, 1)) for n in range(3)] == [(), (), ()]


@pytest.mark.parametrize("blur", [0.6, 2.2])
def test_light_on_dark_reads_as_it_is(blur):
    text = "XG1:" + "ABC 123/" * 30
    picture = cv2.GaussianBlur(255 - on_canvas(drawn(text, error="m")), (0, 0), blur)

    assert read_codes(picture) == (text,)


def test_no_picture_of_others_is_read_as_anything_else():
    """Forty of the bench's: hollow codes, codes of others and other kinds, textures, seen as a gate sees them."""
    path = Path(__file__).parents[3] / "bench" / "_foreign.py"
    spec = importlib.util.spec_from_file_location("_foreign", path)
    foreign = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(foreign)
    read = 0
    for _, frame, text in foreign.pictures(5, 40):
        got = set(read_codes(frame))
        read += bool(got)
        assert got <= {text} - {""}
    assert read >= 6


@pytest.mark.parametrize(
    "corners",
    [
        [[0, 0], [0, 0], [0, 0], [0, 0]],
        [[0, 0], [100, 0], [200, 0], [300, 0]],
        [[100, 100], [200, 200], [200, 100], [100, 200]],
        [[-5000, -5000], [9000, -5000], [9000, 9000], [-5000, 9000]],
        [[1200, 600], [1500, 600], [1500, 900], [1200, 900]],
        [[2000, 2000], [2100, 2000], [2100, 2100], [2000, 2100]],
        [[-300, -300], [-100, -300], [-100, -100], [-300, -100]],
        [[10, 10], [12, 10], [12, 12], [10, 12]],
        [[0, 0], [1279, 0], [640, 1], [0, 719]],
    ],
)
@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1], 0, 6, 17, 99])
def test_a_near_read_at_a_mad_place_is_passed_over(corners, version):
    frame = PICTURES["blurred six"]
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        outcome = read_soft(frame, (), [Near(np.array(corners, np.float64), version)], prefixes=OURS)

    assert outcome.mended is None
    assert not outcome.seen
