"""Codes on bent things: what the flat grid of zxing-cpp finds but cannot mend."""

import io

import cv2
import numpy as np
import pytest
import segno

from scanner.decode import find_codes
from scanner.reading.cascade import BY_NAME, EVERY, STEPS, Scene, attempt
from scanner.reading.soft.reader import Near
from scanner.reading.unfold import MAX_VERSION, flat, known, size, unfolded


def free():
    return 0.0


def printed(text, version, *, scale=8, border=6):
    out = io.BytesIO()
    segno.make(text, version=version, error="m", micro=False, boost_error=False).save(
        out, kind="png", scale=scale, border=border
    )
    return cv2.imdecode(np.frombuffer(out.getvalue(), np.uint8), cv2.IMREAD_GRAYSCALE)


def folded(picture, depth, *, folds=1.5):
    """Shift rows and columns to and fro by `depth` pixels, as cloth does; soften and light it unevenly."""
    height, width = picture.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    bent_x = x + depth * np.sin(folds * np.pi * y / height + 0.7).astype(np.float32)
    bent_y = y + depth * np.sin(folds * np.pi * x / width + 1.9).astype(np.float32)
    bent = cv2.remap(picture, bent_x, bent_y, cv2.INTER_LINEAR, borderValue=255)
    light = 0.55 + 0.4 * (x + y) / (width + height)
    return (cv2.GaussianBlur(bent, (0, 0), 1.5) * light).astype(np.uint8)


@pytest.mark.parametrize(("version", "depth", "folds"), [(2, 5, 2), (3, 7, 1.5), (4, 3, 2.5), (5, 3, 3), (5, 6, 1.5)])
def test_a_folded_code_is_read_by_no_other_step(version, depth, folds):
    picture = folded(printed("https://example.org/folded", version), depth, folds=folds)
    scene = Scene(picture)

    assert not any(attempt(step, scene) for step in EVERY if step.name != "unfold")
    (read,) = find_codes(picture, cpu_ms=free)
    assert (read.text, read.step) == ("https://example.org/folded", "unfold")


def test_it_is_tried_only_where_a_small_code_was_found():
    (step,) = [step for step in STEPS if step.name == "unfold"]
    for versions, tried in (((3,), True), ((9,), False), ((9, 1), True), ((), False)):
        scene = Scene(printed("X", 2))
        scene.near += [Near(np.zeros((4, 2)), version) for version in versions]
        assert (step.look(scene) is not None) == tried


@pytest.mark.parametrize("version", range(1, MAX_VERSION + 1))
def test_what_the_standard_fixes_is_where_an_encoder_draws_it(version):
    drawn = np.array([list(row) for row in segno.make("X", version=version, micro=False).matrix], np.int8)
    fixed = known(version)

    assert fixed.shape == drawn.shape == (size(version), size(version))
    assert ((fixed < 0) == (drawn == 1))[fixed != 0].all()
    assert np.count_nonzero(fixed) == 3 * 64 + 2 * (size(version) - 16) + (25 if version > 1 else 0)


def test_noise_unfolds_to_nothing():
    dice = np.random.default_rng(8)
    for _ in range(20):
        assert unfolded(dice.integers(0, 256, (200, 200), np.uint8)) == []


def test_any_corners_give_a_drawing_that_reads_as_nothing():
    """The corners come from the other decoder's guess: nothing that it guesses may raise or be believed."""
    dice = np.random.default_rng(9)
    picture = folded(printed("CORNERS", 2), 3)
    for _ in range(300):
        corners = tuple(tuple(int(v) for v in dice.integers(-400, 800, 2)) for _ in range(4))
        drawing = flat(picture, corners, 2)
        assert drawing.shape == (99, 99)
    for corners in ([(5, 5)] * 4, [(0, 0), (9, 9), (20, 20), (50, 50)]):
        assert flat(picture, tuple(corners), 1).shape == (87, 87)


def test_a_flat_code_stays_as_it_is():
    picture = printed("FLAT", 2, scale=8, border=6)
    low, high = 48, 48 + 25 * 8

    drawing = flat(picture, ((low, low), (high, low), (high, high), (low, high)), 2)

    assert np.array_equal(drawing[1::3, 1::3][4:-4, 4:-4] // 255, picture[52:high:8, 52:high:8] // 255)


def test_what_looks_like_a_micro_code_is_no_version():
    """zxing-cpp also states versions as "M4" and "R7x43"; a wall of small finder patterns brought them up."""
    finder = np.pad(np.pad(np.pad(np.zeros((3, 3), np.uint8), 1, constant_values=255), 1), 1, constant_values=255)

    for pixels in (1, 2):
        wall = np.tile(np.kron(finder, np.ones((pixels, pixels), np.uint8)), (80, 143))[:720, :1280]
        view = BY_NAME["unfold"].look(Scene(wall))
        assert unfolded(view.plane) == []
