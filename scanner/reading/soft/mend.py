"""From likelihoods to words: Reed-Solomon with the most doubtful words erased, and what is mended helps the rest.

The hard idea, twice. Error correction that is told *where* to doubt mends up to twice as much; how many words to doubt
is not known, so several guesses are tried at once (generalised minimum distance, Forney 1966). And a block that is
mended is certain: its modules, strewn all over the code, become pilots. They teach the equaliser what the fixed modules
could not, and they tell each neighbour what light leaks into it. Where nothing is mended yet, likely shades of the
neighbours tell that too: one such round mends most codes that moved.

No mended block is believed because its syndromes are zero alone: the bits that were turned must weigh little
(ACCEPTED). A wrong block passes that once in 4000; a code has 2 to 17 blocks and all must pass.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from scanner.reading.soft.reedsolomon import Bools, Words, decode
from scanner.reading.soft.soften import Soft, Values, estimated, fit, likelihoods, with_format
from scanner.reading.soft.symbols import LEVELS, MASKS, Blocks, Grid, Layout, blocks, mask

ACCEPTED = 0.05  # the most that turned bits may weigh of all in a block
FEW, MANY = 6, 10  # guesses at first, and when a round of pilots has passed
SPARE = 3  # syndromes that no guess uses up
ROUNDS = 3
PASSES = 2  # of learning with pilots
NEAR = 2  # modules on each side whose shades are told


@dataclass(slots=True)
class _State:
    """What is mended of a code so far."""

    words: Words  # (blocks, length)
    good: Bools  # (blocks,)


def mend(
    seen: Values, soft: Soft, plan: Layout, *, spare: Callable[[], bool] = lambda: True
) -> tuple[bytes, ...] | None:
    """Return the data words of every block, None if one cannot be mended or no time is to `spare` for another round."""
    kit = blocks(plan.version, soft.level)
    state = _State(np.zeros(kit.words.shape, np.uint8), np.zeros(len(kit.words), np.bool_))
    llr, veil = soft.llr, mask(plan.version, soft.mask)
    row = LEVELS.index(soft.level) * MASKS + soft.mask
    gained = _mend_blocks(state, llr * veil, plan, kit, FEW)
    for first in (True, *[False] * (ROUNDS - 1)):
        if state.good.all() or not (gained or first) or not spare():
            break
        llr = _taught(seen, llr, _pilots(state, plan, kit, veil, row))
        gained = _mend_blocks(state, llr * veil, plan, kit, MANY)
    if not state.good.all():
        return None
    return tuple(
        block[len(block) - kit.checks - data : len(block) - kit.checks].tobytes()
        for block, data in zip(state.words, kit.data, strict=True)
    )


def block_llrs(bits: Grid, plan: Layout, kit: Blocks) -> Values:
    """Return the likelihoods of each block's bits, (blocks, length, 8), from those of the unmasked modules."""
    stream = bits.ravel()[plan.path].reshape(-1, 8)
    certain = np.full((1, 8), 60.0, np.float32)  # the zero in front of short blocks
    return np.asarray(np.concatenate([stream, certain])[kit.words], np.float32)


def mended_blocks(llrs: Values, *, checks: int, guesses: int) -> tuple[Words, Bools]:
    """Return blocks (n, length) as the best accepted guess has them, and whether there is one."""
    words = np.packbits(llrs < 0, axis=-1)[..., 0]
    doubt = np.argsort(-np.logaddexp(0, -np.abs(llrs)).sum(-1), axis=1, kind="stable")
    tried, good = decode(words, doubt, guessed(checks, guesses), checks=checks)
    turned = np.unpackbits((tried ^ words[:, None])[..., None], axis=-1).astype(np.bool_)
    weights = np.abs(llrs)
    costs = (turned * weights[:, None]).sum((-1, -2)) / np.maximum(weights.sum((-1, -2)), 1e-6)[:, None]
    costs = np.where(good, costs, np.inf)
    best = costs.argmin(1)
    rows = np.arange(len(words))
    return tried[rows, best], costs[rows, best] <= ACCEPTED


@cache
def guessed(checks: int, guesses: int) -> tuple[int, ...]:
    """Return how many words are erased by each guess: an odd number of at least SPARE syndromes is left over.

    >>> guessed(20, 4)
    (1, 7, 11, 17)
    """
    most = checks - SPARE - (checks - SPARE - 1) % 2 if checks % 2 else checks - SPARE
    levels = np.linspace(checks % 2 ^ 1, most, guesses)
    return tuple(sorted({int(2 * round((level - most) / 2) + most) for level in levels}))


def _mend_blocks(state: _State, bits: Grid, plan: Layout, kit: Blocks, guesses: int) -> bool:
    """Mend what is not yet; return whether a block was gained."""
    left = np.flatnonzero(~state.good)
    llrs = block_llrs(bits, plan, kit)[left]
    words, good = mended_blocks(llrs, checks=kit.checks, guesses=guesses)
    good &= ~((kit.words[left] < 0) & (words != 0)).any(1)
    state.words[left[good]] = words[good]
    state.good[left[good]] = True
    return bool(good.any())


def _pilots(state: _State, plan: Layout, kit: Blocks, veil: Grid, row: int) -> Grid:
    """Return all that is certain by now: what the version and format fix and the modules of mended blocks."""
    known = with_format(plan, row)
    own = kit.words[state.good]
    real = own >= 0
    bits = np.unpackbits(state.words[state.good][real][:, None], axis=1)
    at = plan.path.reshape(-1, 8)[own[real]]
    known.ravel()[at] = (1.0 - 2.0 * bits) * veil.ravel()[at]
    return known


def _taught(seen: Values, llr: Grid, known: Grid) -> Grid:
    """Return likelihoods that the pilots and the neighbours' shades have a say in."""
    for _ in range(PASSES):
        shade = np.where(known != 0, known, np.tanh(llr / 2)).astype(np.float32)
        both = np.concatenate([seen, _neighbours(shade)], 1)
        trust = np.abs(shade)
        soft = estimated(both, fit(both, np.sign(shade), trust))
        llr = likelihoods(soft, known)
    return llr


def _neighbours(shade: Grid) -> Values:
    """Return the shades of the modules around each, (modules, 24); light beyond the edge."""
    width = 2 * NEAR + 1
    padded = np.pad(shade, NEAR, constant_values=1)
    near = np.lib.stride_tricks.sliding_window_view(padded, (width, width)).reshape(shade.size, -1)
    return np.delete(near, width * width // 2, axis=1)
