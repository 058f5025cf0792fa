"""Blocks by their surest bits: always a word of the code, mostly the one that was sent, and noise is told from both."""

import numpy as np
import pytest

from scanner.reading.soft.mend import LEAST_FIRST, mended_blocks
from scanner.reading.soft.ordered import likely, ordered, promise
from scanner.reading.soft.reedsolomon import syndromes


def sent(dice, number, length, checks):
    """Return blocks with right check words: a random word of the code is any mended by erasing its check words."""
    from scanner.reading.soft.reedsolomon import decode

    words = dice.integers(0, 256, (number, length), dtype=np.uint8)
    order = np.tile(np.arange(length - 1, -1, -1), (number, 1))
    mended, good = decode(words, order, (checks,), checks=checks)
    assert good.all()
    return mended[:, 0]


def seen(dice, words, *, noise):
    shades = 1 - 2.0 * np.unpackbits(words[..., None], axis=-1)
    return (2 * (shades + noise * dice.standard_normal(shades.shape)) / noise**2).astype(np.float32)


@pytest.mark.parametrize(("length", "checks", "noise"), [(37, 20, 0.68), (59, 22, 0.6), (70, 26, 0.6), (121, 24, 0.48)])
def test_noise_that_no_guess_of_words_mends_is_mended_by_bits(length, checks, noise):
    dice = np.random.default_rng(length)
    words = sent(dice, 10, length, checks)
    llrs = seen(dice, words, noise=noise)

    found = ordered(llrs, checks=checks)
    right = (found == words).all(1)
    _, by_words = mended_blocks(llrs, checks=checks)

    assert right.sum() >= 8
    assert by_words.sum() <= 3
    assert (likely(llrs, found, checks=checks)[right] > LEAST_FIRST).mean() > 0.7
    assert (likely(llrs, found, checks=checks)[~right] < LEAST_FIRST).all()


@pytest.mark.parametrize(("length", "checks"), [(37, 20), (146, 30), (44, 18)])
def test_whatever_is_seen_it_gives_a_word_of_the_code(length, checks):
    dice = np.random.default_rng(checks)
    for llrs in (
        3 * dice.standard_normal((4, length, 8)),
        np.zeros((1, length, 8)),
        np.full((1, length, 8), -30.0),
        np.where(dice.random((2, length, 8)) < 0.5, 0.0, 5.0),
    ):
        assert not syndromes(ordered(llrs.astype(np.float32), checks=checks), checks).any()


def test_two_sure_bits_that_are_wrong_are_found_and_three_are_not_made_up():
    dice = np.random.default_rng(8)
    words = sent(dice, 6, 50, 20)
    llrs = seen(dice, words, noise=0.3)
    for block, wrong in zip(llrs, (0, 1, 2, 0, 1, 2), strict=True):
        flat = block.reshape(-1)
        order = np.argsort(np.abs(flat))
        flat[order[:150]] *= 0.02
        flat[order[:40:2]] *= -1
        flat[order[165 : 165 + 4 * wrong : 4]] *= -0.05

    assert (ordered(llrs, checks=20) == words).all()


def test_no_random_block_is_likely_by_its_bits():
    dice = np.random.default_rng(30)
    for length, checks in ((70, 26), (98, 20), (44, 22)):
        llrs = 3 * dice.standard_normal((40, length, 8)).astype(np.float32)
        llrs[dice.random((40, length)) < 0.2] *= 0.05
        assert (likely(llrs, ordered(llrs, checks=checks), checks=checks) < LEAST_FIRST).all()


def test_promise_foretells_how_likely_the_right_words_are():
    dice = np.random.default_rng(4)
    for noise in (0.4, 0.5, 0.6):
        words = sent(dice, 40, 60, 22)
        llrs = seen(dice, words, noise=noise) / 1.5  # modest, as the equaliser's are
        gap = likely(llrs, words, checks=22) - promise(llrs, checks=22)
        assert abs(gap.mean()) < 6
    assert promise(np.zeros((1, 60, 8), np.float32), checks=22)[0] < -150
    assert np.isfinite(promise(np.full((1, 60, 8), 1e4, np.float32), checks=22)).all()
