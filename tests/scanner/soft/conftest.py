"""A small camera: codes in linear light under blur, motion, lamps, slant and noise; quicker than the bench."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
import segno

TEXT = "XG1:" + "6BFOXN*TS0BI$ZDFRH7 5ESN-.K%" * 9
FRAME = (420, 560)


def matrix(text=TEXT, *, level="m", version=None, mode="alphanumeric"):
    code = segno.make(text, error=level, version=version, mode=mode, boost_error=False, micro=False)
    return np.array([list(row) for row in code.matrix], np.uint8)


def shoot(  # what a scene varies
    modules,
    *,
    px=2.5,
    blur=1.2,
    moved=0,
    lamp=0.0,
    noise=0.004,
    light=0.9,
    lean=0.0,
    turn=0.0,
    inverted=False,
    at=None,
    seed=1,
):
    """Return a grey frame and the corners of the code in it, clockwise from its top left."""
    dice = np.random.default_rng(seed)
    drawn = np.where(modules, 0.02, 1.0).astype(np.float32)
    drawn = 1.02 - drawn if inverted else drawn
    drawn = np.pad(drawn, 4, constant_values=0.02 if inverted else 1.0)
    side, fine = len(modules), 8
    screen = np.kron(drawn, np.ones((fine, fine), np.float32))
    middle = np.array(at or (FRAME[1] / 2, FRAME[0] / 2), np.float64)
    square = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * side * px / 2
    square[[1, 2], 1] *= 1 - lean
    angle = np.radians(turn)
    corners = square @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + middle
    source = np.array([[4, 4], [4 + side, 4], [4 + side, 4 + side], [4, 4 + side]]) * fine - 0.5
    lay = cv2.getPerspectiveTransform(source.astype(np.float32), (2 * corners + 0.5).astype(np.float32))
    size = (2 * FRAME[1], 2 * FRAME[0])
    seen, there = (cv2.warpPerspective(s, lay, size) for s in (screen, np.ones_like(screen)))
    seen, there = (cv2.resize(s, FRAME[::-1], interpolation=cv2.INTER_AREA) for s in (seen, there))
    rows, columns = np.mgrid[0 : FRAME[0], 0 : FRAME[1]].astype(np.float32)
    picture = seen * light + 0.15 * (1 - there)
    if lamp:
        spot, reach = corners.mean(0) + side * px * 0.1, side * px * 0.16
        far = ((columns - spot[0]) / reach) ** 2 + ((rows - spot[1]) / (1.5 * reach)) ** 2
        picture = picture + lamp / (1 + far**2)
    picture = cv2.GaussianBlur(picture, (0, 0), blur)
    if moved:
        picture = cv2.blur(picture, (moved, 1))
    picture = picture + dice.standard_normal(picture.shape).astype(np.float32) * noise
    return (np.clip(picture, 0, 1) ** (1 / 2.2) * 255).astype(np.uint8), corners + 0.5  # a pixel's middle is at 0.5


@pytest.fixture
def camera():
    return shoot


@pytest.fixture
def code():
    return matrix


@pytest.fixture
def text():
    return TEXT


@pytest.fixture
def serve():
    """A Motion JPEG camera on this machine: serve(jpegs, fps=15) is a context with a `url`."""
    path = Path(__file__).parents[3] / "bench" / "_film.py"
    spec = importlib.util.spec_from_file_location("_film", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Film
