"""Where a code is: found by its finders, and pulled into place by its patterns."""

import cv2
import numpy as np
import pytest

from scanner.reading.patches import Region
from scanner.reading.soft.finding.locate import SIZES, dense, finder, located, matches
from scanner.reading.soft.finding.pairs import edges, paired
from scanner.reading.soft.reader import joined, squared
from scanner.reading.soft.refine import finder_sign, fixed_match, lay_of, refined, seen, straightened
from scanner.reading.soft.soften import evened
from scanner.reading.soft.symbols import layout

LINEAR = (np.linspace(0, 1, 256) ** 2.2 * 255).astype(np.float32)


def linear(frame):
    return np.asarray(cv2.LUT(frame, LINEAR), np.float32)


def corners_of(lay, version):
    side = layout(version).side
    return cv2.perspectiveTransform(np.array([[[0, 0], [side, 0], [side, side], [0, side]]], np.float64), lay)[0]


def cut(frame, corners, margin=30):
    (left, top), (right, bottom) = corners.min(0).astype(int) - margin, corners.max(0).astype(int) + margin
    left, top = max(0, left), max(0, top)
    return linear(frame[top:bottom, left:right]), np.array([left, top])


@pytest.mark.parametrize(
    "scene",
    [
        {},
        {"inverted": True},
        {"lamp": 1.5},
        {"px": 1.6, "blur": 0.8},
        {"px": 2.0, "moved": 3, "blur": 0.7},
        {"lean": 0.12, "px": 3.0},
        {"turn": 14},
        {"turn": 180},
        {"noise": 0.06, "light": 0.5},
    ],
)
def test_a_code_is_found_with_its_version_and_polarity(camera, code, scene):
    modules = code()
    version = (len(modules) - 17) // 4
    frame, corners = camera(modules, **scene)
    plane, offset = cut(frame, corners)

    best = located(plane)[0]

    assert best.version == version
    assert best.sign == (-1 if scene.get("inverted") else 1)
    off = np.hypot(*(corners_of(best.lay, version) + offset - corners).T)
    assert off.max() < 2.5 * scene.get("px", 2.5)


@pytest.mark.parametrize("shape", [(220, 220), (220, 97), (64, 220)])
def test_finders_are_matched_as_opencv_matches_them_but_flat_patches_are_like_nothing(shape):
    even = cv2.GaussianBlur(np.random.default_rng(3).standard_normal(shape).astype(np.float32), (0, 0), 1.2)
    even[:50, :50] = 0

    found = {side: match for match, side in matches(even)}

    assert sorted(found) == sorted(len(finder(size)) for size in SIZES)
    for size in SIZES:
        match = found[len(finder(size))]
        wanted = cv2.matchTemplate(even, finder(size), cv2.TM_CCOEFF_NORMED)
        flat = 50 - len(finder(size))
        assert np.abs(match - wanted)[50:].max(initial=0) < 1e-4
        assert np.abs(match - wanted)[:, 50:].max(initial=0) < 1e-4
        assert not np.abs(match[:flat, :flat]).max() > 1e-3


def hidden(frame, corners, which, side):
    """Return the frame with one finder and what is around it as white as a lamp makes it."""
    reach = 9 * np.hypot(*(corners[1] - corners[0])) / side
    x, y = corners[which] + (corners[(which + 2) % 4] - corners[which]) * 4.5 / side
    out = frame.copy()
    cv2.circle(out, (round(x), round(y)), round(reach), 255, -1)
    return out


@pytest.mark.parametrize(
    "scene", [{}, {"px": 1.8, "blur": 0.7}, {"lean": 0.12, "px": 3.0}, {"turn": 100}, {"inverted": True}]
)
@pytest.mark.parametrize("which", [1, 3])
def test_a_code_of_which_two_finders_are_seen_is_found_by_the_side_between_them(camera, code, scene, which):
    modules = code()
    version = (len(modules) - 17) // 4
    frame, corners = camera(modules, **scene)
    plane, offset = cut(hidden(frame, corners, which, len(modules)), corners)

    best = located(plane)[0]

    assert best.version == version
    off = np.hypot(*(corners_of(best.lay, version) + offset - corners).T)
    assert off.max() < 3.5 * scene.get("px", 2.5)
    _, even = refined(plane, best.lay, layout(version), sign=best.sign)
    assert fixed_match(even, layout(version)) > 0.42


def test_no_code_is_made_of_two_finders_between_which_there_is_none():
    dice = np.random.default_rng(5)
    ring = np.full((11, 11), 1.0, np.float32)
    for at, shade in enumerate((-1, 1, -1), 2):
        ring[at:-at, at:-at] = shade
    for _ in range(20):
        even = np.where(dice.random((220, 220)) < 0.5, 1, -1).astype(np.float32)
        even = cv2.GaussianBlur(cv2.resize(even[:110, :110], (220, 220), interpolation=cv2.INTER_NEAREST), (0, 0), 1.0)
        peaks = np.array([[50.5, 50.5, 2.0, 1, 0.8], [150.5, 52.5, 2.0, 1, 0.7]])
        for x, y in peaks[:, :2].astype(int):
            even[y - 11 : y + 11, x - 11 : x + 11] = cv2.resize(ring, (22, 22), interpolation=cv2.INTER_NEAREST)
        assert paired(even, peaks) == []
    assert edges(even, peaks[:1]) == edges(even, peaks[:0]) == []


def test_nothing_is_found_in_noise_flat_light_stripes_or_a_coarse_code(camera, code):
    dice = np.random.default_rng(1)
    stripes = np.tile(np.repeat([20, 220], 4), 40)[None].repeat(320, 0).astype(np.uint8)
    coarse, _ = camera(code("XG1:", version=2), px=8)
    for frame in (
        dice.integers(0, 256, (320, 320), np.uint8),
        np.full((320, 320), 255, np.uint8),
        np.zeros((320, 320), np.uint8),
        stripes,
        coarse[100:-100, 180:-180],
    ):
        for candidate in located(linear(frame)):
            plan = layout(candidate.version)
            even = evened(straightened(linear(frame), candidate.lay, plan.side)) * candidate.sign
            assert fixed_match(even, plan) < 0.42


def test_a_dense_code_is_told_from_coarse_ones_and_from_texture(camera, code):
    frame, corners = camera(code(), px=2.5)
    crop = cv2.resize(cut(frame, corners)[0], (220, 220), interpolation=cv2.INTER_AREA)
    coarse, where = camera(code("XG1:", version=2), px=7)
    large = cv2.resize(cut(coarse, where)[0], (220, 220))
    cloud = cv2.GaussianBlur(np.random.default_rng(1).standard_normal((220, 220)).astype(np.float32), (0, 0), 9)

    assert dense(crop - cv2.blur(crop, (15, 15)))
    for picture in (large - cv2.blur(large, (15, 15)), cloud, np.zeros((220, 220), np.float32)):
        assert not dense(picture.astype(np.float32))


@pytest.mark.parametrize("scene", [{}, {"inverted": True}, {"lamp": 1.5}, {"px": 1.6, "blur": 0.8}, {"turn": 30}])
@pytest.mark.parametrize("seed", range(3))
def test_a_start_two_modules_off_ends_within_a_third_of_one(camera, code, scene, seed):
    modules, px = code(), scene.get("px", 2.5)
    version = (len(modules) - 17) // 4
    plan = layout(version)
    frame, corners = camera(modules, **scene)
    plane = linear(frame)
    start = lay_of(corners + np.random.default_rng(seed).uniform(-1, 1, (4, 2)) * 1.4 * px, version)

    sign = finder_sign(seen(plane, start, plan), plan)
    lay, even = refined(plane, start, plan, sign=sign)

    assert sign == (-1 if scene.get("inverted") else 1)
    assert np.hypot(*(corners_of(lay, version) - corners).T).max() < 0.33 * px
    assert fixed_match(even, plan) > 0.5
    assert np.array_equal(even, evened(straightened(plane, lay, plan.side)) * sign)


def test_a_code_is_not_seen_where_none_is_or_where_another_version_is(camera, code):
    modules = code()
    version = (len(modules) - 17) // 4
    frame, corners = camera(modules)
    plane = linear(frame)
    for other in (version - 2, version + 2):
        found = refined(plane, lay_of(corners, other), layout(other), sign=1)
        assert found is None or fixed_match(found[1], layout(other)) < 0.5
    assert refined(plane, lay_of(corners, version), layout(version), sign=-1) is None
    assert refined(plane, lay_of(corners + 40, version), layout(version), sign=1) is None
    assert refined(np.full_like(plane, 255), lay_of(corners, version), layout(version), sign=1) is None
    _, even = refined(plane, lay_of(corners, version), layout(version), sign=1)
    assert fixed_match(even, layout(version)) > 0.8


def test_what_a_lamp_split_is_joined_and_made_square_but_not_with_a_neighbour_far_away():
    first, beside, far = Region(100, 100, 200, 150), Region(120, 240, 150, 60), Region(500, 100, 90, 90)

    assert joined((first, beside, far)) == Region(100, 100, 200, 200)
    assert joined((first, far, beside)) == Region(100, 100, 200, 200)
    assert joined((first, Region(290, 100, 200, 150))) == first  # together twice as wide: two codes
    assert squared(Region(100, 100, 200, 150)) == Region(100, 75, 200, 200)
