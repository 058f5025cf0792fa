"""Reed-Solomon by its property: s erasures and v errors mend while 2v + s is at most the check words."""

import numpy as np
import pytest

from scanner.reading.soft.reedsolomon import decode, syndromes, times

CHECKS = 18


def coded(dice, number, length, checks):
    """Return blocks with right check words: long division by the generator polynomial, one word at a time."""
    generator = np.array([1], np.uint8)
    root = 1
    for _ in range(checks):
        generator = np.append(generator, 0) ^ np.append(0, times(generator, np.uint8(root)))
        root = int(times(np.uint8(root), np.uint8(2)))
    blocks = np.zeros((number, length), np.uint8)
    blocks[:, : length - checks] = dice.integers(0, 256, (number, length - checks))
    for block in blocks:
        rest = block.copy()
        for at in range(length - checks):
            rest[at : at + checks + 1] ^= times(generator.astype(np.uint8), rest[at])
        block[length - checks :] = rest[length - checks :]
    return blocks


def spoiled(dice, block, wrong):
    seen = block.copy()
    seen[wrong] ^= dice.integers(1, 256, len(wrong), dtype=np.uint8)
    return seen


@pytest.mark.parametrize(("length", "checks"), [(70, 26), (44, 18), (98, 20), (146, 30), (33, 22)])
def test_errors_and_erasures_within_the_bound_are_mended(length, checks):
    dice = np.random.default_rng(length)
    (block,) = coded(dice, 1, length, checks)
    assert not syndromes(block[None], checks).any()

    for erased in range(checks + 1):
        most = (checks - erased) // 2
        for errors in {0, most // 2, most}:
            order = dice.permutation(length)
            unknown = order[erased : erased + errors]
            seen = spoiled(dice, block, np.append(order[:erased], unknown))
            mended, good = decode(seen[None], order[None], (erased,), checks=checks)
            assert good.all()
            assert (mended[0, 0] == block).all()


def test_one_error_more_is_never_taken_for_the_block_that_was_sent():
    dice, kept = np.random.default_rng(3), 0
    for _ in range(400):
        (block,) = coded(dice, 1, 40, CHECKS)
        order = dice.permutation(40)
        erased = int(dice.integers(0, CHECKS - 1))
        errors = (CHECKS - erased) // 2 + 1
        seen = spoiled(dice, block, order[: erased + errors])
        mended, good = decode(seen[None], order[None], (erased,), checks=CHECKS)
        if good[0, 0]:
            assert not syndromes(mended[0], CHECKS).any()  # another block of the code, not something half mended
            assert np.count_nonzero(mended[0, 0] != seen) <= (CHECKS - erased) // 2 + erased
        else:
            assert (mended[0, 0] == seen).all()
            kept += 1
    assert kept > 200


def test_many_blocks_and_guesses_in_one_batch_are_what_each_is_alone():
    dice = np.random.default_rng(4)
    blocks = coded(dice, 6, 50, CHECKS)
    orders = np.stack([dice.permutation(50) for _ in blocks])
    seen = np.stack([spoiled(dice, b, o[: 2 + 3 * n]) for n, (b, o) in enumerate(zip(blocks, orders, strict=True))])
    counts = (0, 3, 7, 11, 15)

    mended, good = decode(seen, orders, counts, checks=CHECKS)

    assert good.any()
    assert not good.all()
    for n in range(6):
        for k, count in enumerate(counts):
            one, fine = decode(seen[n : n + 1], orders[n : n + 1], (count,), checks=CHECKS)
            assert fine[0, 0] == good[n, k]
            assert (one[0, 0] == mended[n, k]).all()


def test_each_block_may_have_guesses_of_its_own():
    dice = np.random.default_rng(6)
    blocks = coded(dice, 2, 50, CHECKS)
    orders = np.stack([dice.permutation(50) for _ in blocks])
    seen = np.stack([spoiled(dice, b, o[:n]) for b, o, n in zip(blocks, orders, (4, 15), strict=True)])

    mended, good = decode(seen, orders, np.array([[1, 3], [15, 13]]), checks=CHECKS)

    assert good.all()
    assert (mended == blocks[:, None]).all()
    assert not decode(seen, orders, (1, 3), checks=CHECKS)[1][1].any()


def test_a_block_that_is_well_stays_as_it_is():
    dice = np.random.default_rng(5)
    blocks = coded(dice, 3, 60, CHECKS)
    order = np.tile(np.arange(60), (3, 1))

    mended, good = decode(blocks, order, (0, 5, CHECKS), checks=CHECKS)

    assert good.all()
    assert (mended == blocks[:, None]).all()
