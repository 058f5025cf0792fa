"""What is likely of a module: as sure as the picture is, and nothing where there is nothing to be seen."""

import warnings

import cv2
import numpy as np
import pytest

from scanner.reading.soft.refine import lay_of, straightened
from scanner.reading.soft.soften import ALONG, AROUND, QUIET, evened, features, fit, heard, soften
from scanner.reading.soft.symbols import LEVELS, VERSIONS, layout, side_of

LINEAR = (np.linspace(0, 1, 256) ** 2.2 * 255).astype(np.float32)


def flat(frame, corners, version):
    lay = lay_of(corners, version)
    return evened(straightened(np.asarray(cv2.LUT(frame, LINEAR), np.float32), lay, side_of(version)))


def seen(frame, corners, version):
    return features(flat(frame, corners, version))


def shades(modules):
    return np.where(modules, -1, 1)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("version", [11, 16])
def test_a_blurred_code_is_understood_module_by_module(camera, code, level, version):
    modules = code("XG1:SHADES", version=version, level=level.lower())
    frame, corners = camera(modules, px=2.0, blur=1.1, noise=0.01)

    soft = soften(seen(frame, corners, version), layout(version))

    assert soft.level == level
    wrong = np.sign(soft.llr) != shades(modules)
    assert wrong.mean() < 0.02
    assert np.abs(soft.llr[wrong]).mean() < 0.5 * np.abs(soft.llr[~wrong]).mean() if wrong.any() else True


@pytest.mark.parametrize(("turn", "along"), [(0, ALONG[1]), (90, ALONG[0])])
def test_of_a_code_that_moves_more_is_heard_along_its_way(camera, code, turn, along):
    modules = code()
    version, wrong = (len(modules) - 17) // 4, {}
    frame, corners = camera(modules, px=2.5, blur=0.8, moved=5, turn=turn, noise=0.02)
    even = flat(frame, corners, version)

    features_of, shape, weights = heard(even, layout(version))

    assert shape == along
    for way in (AROUND, *ALONG):
        llr = soften(features(even, way), layout(version)).llr
        wrong[way] = float((np.sign(llr) != shades(modules)).mean())
    assert wrong[along] < 0.8 * min(wrong[way] for way in wrong if way != along)
    assert np.array_equal(features_of, features(even, along))
    assert np.array_equal(weights, fit(features_of, layout(version).fixed))


def test_of_a_code_that_stands_all_around_is_heard(camera, code):
    modules = code()
    version = (len(modules) - 17) // 4

    assert heard(flat(*camera(modules, blur=1.5), version), layout(version))[1] is AROUND
    assert heard(np.zeros((2 * (side_of(version) + 4),) * 2, np.float32), layout(version))[1] is AROUND


def test_under_a_lamp_likelihoods_fade(camera, code):
    modules = code()
    version = (len(modules) - 17) // 4
    frame, corners = camera(modules, lamp=3.0, px=3.0)
    frame_without, _ = camera(modules, px=3.0)

    bright, plain = (np.abs(soften(seen(f, corners, version), layout(version)).llr) for f in (frame, frame_without))

    middle = slice(int(len(modules) * 0.55), int(len(modules) * 0.65))
    assert bright[middle, middle].mean() < 0.2 * plain[middle, middle].mean()


def test_likelihoods_say_how_often_they_are_wrong(camera, code):
    sure, unsure = [], []
    for seed in range(6):
        modules = code("XG1:" + "7QZ" * (60 + seed))
        version = (len(modules) - 17) // 4
        frame, corners = camera(modules, px=1.5, blur=0.9, noise=0.03, seed=seed)
        llr = soften(seen(frame, corners, version), layout(version)).llr
        free, wrong = layout(version).fixed == 0, np.sign(llr) != shades(modules)
        sure.append(wrong[free & (np.abs(llr) > 6)].mean())
        unsure.append(wrong[free & (np.abs(llr) < 1)].mean())

    assert np.mean(sure) < 0.005
    assert 0.1 < np.mean(unsure) < 0.5


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_a_flat_patch_says_nothing_and_divides_nothing_by_zero(value, version):
    side = 2 * (side_of(version) + 2 * QUIET)
    with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
        warnings.simplefilter("error")
        even = evened(np.full((side, side), value, np.float32))
        soft = soften(features(even), layout(version))

    assert np.isfinite(soft.llr).all()
    free = layout(version).fixed == 0
    assert np.abs(soft.llr[free]).max() < 1
