"""What a lamp cut off says only that there was at least so much light, and more is understood of what was not."""

import numpy as np
import pytest

from scanner.reading.soft import reader
from scanner.reading.soft.clipped import TRUSTS, light_of, trusts, unclipped
from scanner.reading.soft.reader import LINEAR, Near, read_soft
from scanner.reading.soft.refine import lay_of, seen, straightened
from scanner.reading.soft.soften import heard, soften
from scanner.reading.soft.symbols import layout


def understood(modules, frame, corners, *, sign=1):
    """Return what `soften` says of a code at its very place, and its light."""
    version = (len(modules) - 17) // 4
    plan, plane = layout(version), LINEAR[frame]
    lay = lay_of(corners, version)
    features, _, weights = heard(seen(plane, lay, plan) * sign, plan)
    return plan, soften(features, plan, weights).llr, light_of(straightened(plane, lay, plan.side), plan)


def doubt(llr, modules, asked):
    """Return how many bits are wanting in what likelihoods say of each module asked for, and how many are wrong."""
    right = np.where(modules, -1, 1) * llr
    return np.logaddexp2(0, -1.5 * right[asked] / np.log(2)).mean(), np.mean(right[asked] < 0)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_under_a_lamp_more_is_told_of_the_modules(camera, code, inverted, seed):
    modules = code(level="l")
    frame, corners = camera(modules, px=3.0, lamp=1.3, noise=0.01, seed=seed, inverted=inverted)
    plan, llr, light = understood(modules, frame, corners, sign=-1 if inverted else 1)

    better = unclipped(light, llr, plan.fixed)

    asked = (light.under > 0) & (plan.fixed == 0)
    before, after = doubt(llr, modules, asked), doubt(better, modules, asked)
    assert after[0] < 0.95 * before[0]
    assert after[1] < before[1]
    assert (better == llr)[light.under == 0].all()


def test_where_hardly_any_light_was_cut_off_nothing_is_asked(camera, code):
    modules = code()
    frame, corners = camera(modules)

    assert understood(modules, frame, corners)[2] is None


@pytest.mark.parametrize("shade", [254.5, 255.0])
def test_where_all_light_was_cut_off_nothing_is_said(shade):
    plan = layout(7)
    llr = np.random.default_rng(1).standard_normal((plan.side, plan.side)).astype(np.float32)
    white = np.full((2 * plan.side + 8,) * 2, shade, np.float32)

    assert (unclipped(light_of(white, plan), llr, plan.fixed) == llr).all()


def test_light_that_has_nothing_to_do_with_a_code_is_hardly_believed():
    """Known modules say otherwise: what is said by the picture is weighed by them."""
    plan, dice = layout(9), np.random.default_rng(4)
    shades = np.where(plan.fixed != 0, plan.fixed, np.where(dice.random(plan.fixed.shape) < 0.5, -1, 1))
    noise = np.clip(dice.normal(235, 50, (2 * plan.side + 8,) * 2), 0, 255).astype(np.float32)
    noise[: plan.side] = np.minimum(noise[: plan.side], 240)  # as beside a lamp
    llr = (4 * shades).astype(np.float32)

    weighed = unclipped(light_of(noise, plan), llr, plan.fixed)

    assert np.isfinite(weighed).all()
    assert (np.sign(weighed) == shades).mean() > 0.99


@pytest.mark.parametrize(("agree", "low", "high"), [(0.5, 0.0, 0.3), (1.0, 1.2, 3.0)])
def test_evidence_is_believed_as_far_as_known_modules_bear_it_out(agree, low, high):
    dice = np.random.default_rng(6)
    known = np.where(dice.random(400) < 0.5, -1.0, 1.0)
    said = np.where(dice.random((400, 2)) < agree, 1, -1) * known[:, None] * (1 / TRUSTS)

    believed = trusts(said, known) / TRUSTS

    assert (low <= believed).all()
    assert (believed <= high).all()
    assert (trusts(said[:0], known[:0]) == TRUSTS).all()


def test_codes_under_a_lamp_are_read_that_were_not(camera, code, text, monkeypatch):
    modules = code(level="l")
    near = (len(modules) - 17) // 4

    def read():
        found = 0
        for seed in range(4):
            frame, corners = camera(modules, px=3.0, lamp=1.5, noise=0.015, seed=seed)
            mended = read_soft(frame, (), [Near(corners, near)], prefixes=("XG1:",)).mended
            assert mended is None or mended.text == text
            found += mended is not None
        return found

    heeded = read()
    monkeypatch.setattr(reader, "light_of", lambda *_: None)
    assert heeded >= read() + 2
