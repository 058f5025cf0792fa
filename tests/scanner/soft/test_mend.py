"""Blocks are mended by doubt and by each other, and never believed for their syndromes alone."""

import cv2
import numpy as np
import pytest

from scanner.reading.soft.mend import (
    LEAST_FIRST,
    LEAST_NEXT,
    SPARE,
    TRIED,
    block_llrs,
    guessed,
    mend,
    mended_blocks,
)
from scanner.reading.soft.ordered import ordered
from scanner.reading.soft.reedsolomon import decode
from scanner.reading.soft.soften import AROUND, Soft, features
from scanner.reading.soft.symbols import CHECKS, blocks, layout, mask


def likely(modules, dice, *, noise):
    """Return what a channel of white noise makes of a code, as likelihoods."""
    shades = np.where(modules, -1.0, 1.0)
    return (2 * (shades + noise * dice.standard_normal(shades.shape)) / noise**2).astype(np.float32)


def samples(llr):
    """Return samples that show each module twice each way, as the camera of these likelihoods would."""
    even = np.clip(np.kron(np.pad(llr, 2, constant_values=9.0), np.ones((2, 2))), -3, 3)
    return features(even.astype(np.float32))


def understood(modules, llr, level="M"):
    version = (len(modules) - 17) // 4
    copy = layout(version).formats[0]
    from scanner.reading.soft.symbols import LEVELS, MASKS, format_words

    row = int((format_words() @ np.where(modules, -1, 1).ravel()[copy]).argmax())
    assert LEVELS[row // MASKS] == level
    return Soft(level, row % MASKS, 1.0, llr), layout(version)


@pytest.mark.parametrize("level", "LMQ")
def test_words_come_back_from_a_noisy_channel(code, level):
    modules, dice = code(level=level.lower()), np.random.default_rng(1)
    llr = likely(modules, dice, noise=0.36)

    words = mend(samples(llr), *understood(modules, llr, level))

    assert words is not None
    assert b"".join(words)[:2] != b"\0\0"


def test_hidden_words_are_mended_as_erasures_though_more_are_hidden_than_errors_could_be(code):
    modules = code(level="m")
    version = (len(modules) - 17) // 4
    plan, kit = layout(version), blocks(version, "M")
    llr = np.where(modules, -8.0, 8.0).astype(np.float32)
    most = kit.checks - SPARE
    for block in kit.words:
        for word in block[-most:]:
            llr.ravel()[plan.path[8 * word : 8 * word + 8]] = 0.01

    soft, plan = understood(modules, llr)

    assert most > kit.checks // 2
    assert mend(samples(llr), soft, plan) is not None


def test_pilots_mend_what_is_beyond_doubt_alone(code):
    """Without a second look these are lost: light leaks into each module from the one before it."""
    dice, alone, together = np.random.default_rng(5), 0, 0
    for seed in range(6):
        modules = code("XG1:" + "PILOT7" * (30 + seed), level="m")
        shades = np.where(modules, -1.0, 1.0)
        leaked = shades + 0.75 * np.roll(shades, 1, 1) + 0.42 * dice.standard_normal(shades.shape)
        llr = (2 * leaked).astype(np.float32)
        soft, plan = understood(modules, llr)
        alone += mend(samples(llr / 2), soft, plan, spare=lambda: False) is not None
        together += mend(samples(llr / 2), soft, plan) is not None

    assert together > alone


def test_no_round_begins_when_no_time_is_to_spare(code):
    modules, asked = code(), []
    llr = np.random.default_rng(1).standard_normal(modules.shape).astype(np.float32)

    def spare():
        asked.append(1)
        return len(asked) < 2

    assert mend(samples(llr), *understood(modules, llr), spare=spare) is None
    assert 1 <= len(asked) <= 2


def test_what_no_word_guess_mends_is_mended_by_its_bits(code, monkeypatch):
    """As in the dark: nearly every second word is wrong, each by a bit."""
    from scanner.reading.soft import mend as room

    modules, without = code(level="q"), 0
    for seed in range(4):
        llr = likely(modules, np.random.default_rng(seed), noise=0.64)
        soft, plan = understood(modules, llr, "Q")
        flat = np.ones((modules.size, 2), np.float32)  # samples that tell nothing more: each round stays as it is
        with monkeypatch.context() as bare:
            bare.setattr(room, "_taught", lambda _seen, llr, _known, _shape: llr)
            assert mend(flat, soft, plan) is not None
            bare.setattr(room, "_mend_bits", lambda *_, **__: False)
            without += mend(flat, soft, plan) is not None

    assert without == 0


@pytest.mark.parametrize(("spoilt", "tried"), [(None, 8), (0, 2), (1, 2)])
def test_bits_mend_block_after_block_while_each_is_mended_and_time_is_to_spare(code, monkeypatch, spoilt, tried):
    """In the dark one round teaches enough for all blocks: a round for every two of them took what time there was."""
    from scanner.reading.soft import mend as room

    modules, asked = code(level="q"), []
    soft, plan = understood(modules, likely(modules, np.random.default_rng(3), noise=0.5), "Q")
    kit, bits = blocks(plan.version, "Q"), soft.llr * mask(plan.version, soft.mask)

    def nearest(llrs, *, checks):
        asked.append(1)
        return ordered(llrs, checks=checks) ^ np.uint8(len(asked) - 1 == spoilt)

    def gained(spare):
        state = room._State(plan, kit, np.zeros(kit.words.shape, np.uint8), np.zeros(len(kit.words), np.bool_))
        asked.clear()
        room._mend_bits(state, bits, np.full(len(kit.words), 30.0), spare=spare)
        return int(state.good.sum())

    monkeypatch.setattr(room, "ordered", nearest)
    assert len(kit.words) == 8
    assert gained(lambda: True) == tried - (spoilt is not None)
    assert len(asked) == tried
    assert gained(lambda: False) == room.BEST - (spoilt is not None)


def test_the_last_block_is_tried_by_its_bits_without_another_round(code, monkeypatch):
    """Nothing more can be learnt of the others: the round that was waited for brought the same likelihoods."""
    from scanner.reading.soft import mend as room

    modules, asked = code(level="q"), []
    llr = likely(modules, np.random.default_rng(1), noise=0.3)
    soft, plan = understood(modules, llr, "Q")
    kit = blocks(plan.version, "Q")
    doubtful = np.concatenate([plan.path.reshape(-1, 8)[word] for word in kit.words[2] if word >= 0])
    llr.ravel()[doubtful] = likely(modules, np.random.default_rng(2), noise=0.8).ravel()[doubtful]
    flat = np.ones((modules.size, 2), np.float32)
    monkeypatch.setattr(room, "_taught", lambda _seen, llr, _known, _shape: llr)
    monkeypatch.setattr(room, "EAGER", np.inf)  # otherwise so good a block is not waited for at all

    assert mend(flat, soft, plan, spare=lambda: asked.append(1) or True) is not None
    assert len(asked) == 2  # before the round, and before the bits


def test_what_evening_took_from_a_module_the_shades_around_it_give_back():
    """Light is evened over 7 modules: where more of them are dark, each was made lighter."""
    from scanner.reading.soft import mend as room

    plan, dice = layout(9), np.random.default_rng(3)
    shades = np.where(dice.random((plan.side, plan.side)) < 0.5, -1, 1).astype(np.float32)
    evened = shades - 4 * cv2.blur(shades, (7, 7), borderType=cv2.BORDER_REPLICATE)
    seen = np.stack([evened.ravel(), np.ones(shades.size)], 1).astype(np.float32)
    known = np.where(dice.random(shades.shape) < 0.8, shades, 0).astype(np.float32)

    llr = room._taught(seen, 2 * evened, known, AROUND)

    asked = known == 0
    assert np.mean((evened * shades)[asked] < 0) > 0.05
    assert not ((llr * shades)[asked] < 0).any()


def test_a_symbol_of_noise_costs_no_more_rounds_once_it_is_lost(code):
    modules, asked = code(), []
    llr = 0.1 * np.random.default_rng(1).standard_normal(modules.shape).astype(np.float32)

    assert mend(samples(llr), *understood(modules, llr), spare=lambda: asked.append(1) or True) is None
    assert len(asked) == 1


@pytest.mark.parametrize("checks", sorted({n for row in CHECKS.values() for n in row}))
@pytest.mark.parametrize("guesses", [6, 10])
def test_each_guess_leaves_an_odd_number_of_syndromes_and_three_at_least(checks, guesses):
    counts = guessed(checks, guesses)

    assert 4 <= len(counts) <= guesses
    assert all((checks - count) % 2 == 1 and checks - count >= SPARE for count in counts)


def test_no_random_block_is_believed_and_a_symbol_of_noise_is_less_likely_than_one_in_ten_millions():
    """A symbol has at least two blocks, and all must pass. Then come mode and prefix."""
    dice, tried = np.random.default_rng(77), 0
    for length, checks in ((70, 26), (98, 20), (44, 22)):
        for _ in range(2):
            llrs = 3 * dice.standard_normal((1000, length, 8)).astype(np.float32)
            hidden = dice.random((1000, length)) < dice.uniform(0, 0.3, (1000, 1))
            llrs[hidden] *= 0.05  # as under a lamp
            _, good = mended_blocks(llrs, checks=checks)
            assert not good.any()
            tried += len(good)

    assert tried == 6000
    assert np.exp(-LEAST_FIRST - LEAST_NEXT) < 1e-7


def test_a_block_is_tried_under_its_three_best_guesses_only_and_not_at_all_if_none_is_good(monkeypatch):
    from scanner.reading.soft import mend as room

    tried, llrs = [], np.full((3, 44, 8), 6.0, np.float32)
    llrs[1, :14] = 0.05  # a lamp: what is hidden must be erased
    llrs[1, :14, ::2] = -0.05
    llrs[2] *= 0.02  # nothing is seen

    def spied(words, doubt, counts, *, checks):
        tried.append(counts)
        return decode(words, doubt, counts, checks=checks)

    monkeypatch.setattr(room, "decode", spied)
    words, good = mended_blocks(llrs, checks=18, least=LEAST_NEXT)

    assert good.tolist() == [True, True, False]
    assert not words[:2].any()
    assert tried[0].shape == (2, TRIED)
    assert min(tried[0][0]) <= 3
    assert max(tried[0][1]) >= 14


@pytest.mark.parametrize(
    ("hopes", "asked"), [((13.0, 12.0), 0), ((16.0, 15.0), 1), ((40.0, 15.0), 2), ((40.0, 13.0), 1)]
)
def test_bits_are_tried_of_blocks_that_promise_enough(code, monkeypatch, hopes, asked):
    """One try takes as long as a round: of noise none is believed, so each that is asked for is in vain."""
    from scanner.reading.soft import mend as room

    plan, kit, tried = layout(11), blocks(11, "M"), []
    state = room._State(plan, kit, np.zeros(kit.words.shape, np.uint8), np.zeros(len(kit.words), np.bool_))
    noise = np.random.default_rng(1).standard_normal((plan.side, plan.side)).astype(np.float32)
    monkeypatch.setattr(room, "ordered", lambda llrs, *, checks: tried.append(1) or ordered(llrs, checks=checks))

    gained = room._mend_bits(state, noise, np.array([*hopes, *[-99.0] * (len(kit.words) - 2)]))

    assert not gained
    assert len(tried) == asked


def test_a_badge_that_is_sure_of_its_wrong_words_is_mended():
    zero = np.full((1, 44, 8), 6.0, np.float32)  # the block of zeros is a block
    zero[0, :8] = -20.0

    words, good = mended_blocks(zero, checks=18)

    assert good.all()
    assert not words.any()


def test_a_turned_bit_that_weighs_much_is_not_believed_where_check_words_are_used_up():
    block = np.full((1, 44, 8), 6.0, np.float32)
    block[0, :14] = np.where(np.random.default_rng(2).random((14, 8)) < 0.5, -0.1, 0.1)
    for weight, believed in ((0.3, True), (20.0, False)):
        block[0, 20, :4] = -weight
        words, good = mended_blocks(block, checks=18)
        assert not words.any()
        assert good.all() == believed


def test_sure_words_that_are_wrong_are_not_believed_the_easier_beside_a_mended_block():
    """Five syndromes are left over two wrong words, which chance brings once in 9000 tries: a code is tried oftener."""
    block = np.full((1, 44, 8), 6.0, np.float32)
    block[0, :13] = np.where(np.random.default_rng(2).random((13, 8)) < 0.5, -0.1, 0.1)
    believed = []
    for wrong in ((20,), (20, 30)):
        block[0, wrong] = -20.0
        words, good = mended_blocks(block, checks=18, least=LEAST_NEXT)
        assert not words.any()
        believed += good.tolist()

    assert believed == [True, False]


def test_the_zero_in_front_of_short_blocks_is_never_doubted():
    version = next(v for v in range(7, 17) if (blocks(v, "M").words < 0).any())
    kit, plan = blocks(version, "M"), layout(version)

    llrs = block_llrs(np.ones((plan.side, plan.side), np.float32) * mask(version, 0), plan, kit)

    assert (llrs[kit.words < 0] >= 60).all()
    assert (np.abs(llrs[kit.words >= 0]) == 1).all()
