"""From likelihoods to words: Reed-Solomon with the most doubtful words erased, and what is mended helps the rest.

The hard idea, twice. Error correction that is told *where* to doubt mends up to twice as much; how many words to doubt
is not known, so several guesses are tried at once (generalised minimum distance, Forney 1966). And a block that is
mended is certain: its modules, strewn all over the code, become pilots. They teach the equaliser what the fixed modules
could not, they tell each neighbour what light leaks into it, and what a lamp cut off (`clipped`). Where nothing is
mended yet, likely shades of the neighbours tell that too, and each such blind round makes all blocks likelier. Where
rounds bring nothing more, the most promising blocks are mended by their surest bits (`ordered`): one is enough to go on
with.

Rules:

- no mended block is believed because its syndromes are zero alone. It must be `likely`, by the weight of its bits or
  the number of its wrong words: random bits come so near to the code once in 1.2 million tries (LEAST_FIRST). Beside
  a block that is mended the weight may be such as one of 3000 has; the number may not, for it is told of blocks whose
  sure bits are wrong, and of many tries in the dark one passed;
- a code has 2 to 17 blocks and all must pass: a symbol of noise does once in 3.6e9;
- what no round can help (LOST), or no word can be told of (LEAST_FIRST_HOPE), costs no further time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import lgamma
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scanner.reading.soft.clipped import Light, unclipped
from scanner.reading.soft.ordered import SHARPER, likely, ordered, promise
from scanner.reading.soft.reedsolomon import Bools, Words, decode
from scanner.reading.soft.soften import (
    AROUND,
    EVEN_MODULES,
    Shape,
    Soft,
    Values,
    estimated,
    fit,
    likelihoods,
    with_format,
)
from scanner.reading.soft.symbols import LEVELS, MASKS, Blocks, Grid, Layout, Places, blocks, mask

LEAST_FIRST, LEAST_NEXT = 14.0, 8.0  # `likely`, of the first block that is mended and of the others
LOST = -80.0  # `promise` of the best block after a round
VAIN = (
    -10.0
)  # `promise` of the best block below which no words are tried: of 105 tries that gained one had -3, others 17
LEAST_FIRST_HOPE, LEAST_NEXT_HOPE = 14.0, 0.0  # `promise` of a block whose bits are tried: of 31 first ones had 19
GUESSES = 10  # of how many words are wrong
TRIED = 3  # of these, those of the largest margin: of 613 blocks that one of ten mended, 599 were by the first
LEAST_MARGIN = (
    -6.0
)  # deviations of check words over what may be wrong: what a lamp drowned was mended between -4 and -5
SPARE = 3  # syndromes that no guess uses up
BLIND = 3  # rounds on end that may gain nothing
PASSES = 2  # of learning in a round
EAGER = 20.0  # `promise` of a block whose bits are tried after the first round that gains nothing
BEST = 2  # blocks whose bits are tried in a round, also if the first is not mended


@dataclass(slots=True)
class _State:
    """What is mended of a code so far."""

    plan: Layout
    kit: Blocks
    words: Words  # (blocks, length)
    good: Bools  # (blocks,)

    @property
    def least(self) -> float:
        """How `likely` the next block must be."""
        return LEAST_NEXT if self.good.any() else LEAST_FIRST

    @property
    def last(self) -> bool:
        """Whether one block is left: all that a round could learn of the others is learnt."""
        return int(self.good.sum()) == len(self.good) - 1

    def keep(self, at: Places, words: Words) -> bool:
        """Take over mended blocks but those with something in front where there is nothing; return whether any."""
        good = ~((self.kit.words[at] < 0) & (words != 0)).any(1)
        self.words[at[good]] = words[good]
        self.good[at[good]] = True
        return bool(good.any())


def mend(
    seen: Values,
    soft: Soft,
    plan: Layout,
    *,
    shape: Shape = AROUND,
    light: Light | None = None,
    spare: Callable[[], bool] = lambda: True,
) -> tuple[bytes, ...] | None:
    """Return the data words of every block, None if one cannot be mended or no time is to `spare` for another round.

    `seen` are features of this shape; `light` is that of the samples, if some of it was cut off.
    """
    kit = blocks(plan.version, soft.level)
    state = _State(plan, kit, np.zeros(kit.words.shape, np.uint8), np.zeros(len(kit.words), np.bool_))
    llr, veil = soft.llr, mask(plan.version, soft.mask)
    row = LEVELS.index(soft.level) * MASKS + soft.mask
    if _hopes(state, llr * veil).max() > VAIN:
        _mend_words(state, llr * veil)
    idle = 0
    while not state.good.all() and idle < BLIND and spare():
        known = _pilots(state, veil, row)
        llr = _taught(seen, llr, known, shape)
        llr = llr if light is None else unclipped(light, llr, known)
        hopes = _hopes(state, llr * veil)
        if hopes.max() < LOST:
            break
        gained = hopes.max() > VAIN and _mend_words(state, llr * veil)
        if not gained:
            waits = idle == 0 and hopes.max() <= EAGER and not state.last
            gained = not waits and spare() and _mend_bits(state, llr * veil, hopes, spare=spare)
        idle = 0 if gained else idle + 1
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


def mended_blocks(llrs: Values, *, checks: int, least: float = LEAST_FIRST) -> tuple[Words, Bools]:
    """Return blocks (n, length) as the best guess has them, and whether that is `least` likely, by bits or by words."""
    words = np.packbits(llrs < 0, axis=-1)[..., 0]
    wrong = -np.expm1(-np.log1p(np.exp(-SHARPER * np.abs(llrs))).sum(-1))
    doubt = np.argsort(-wrong, axis=1, kind="stable")
    counts, margin = _promising(np.take_along_axis(wrong, doubt, 1), checks)
    chosen, good = words.copy(), np.zeros(len(words), np.bool_)
    some = np.flatnonzero(margin > LEAST_MARGIN)
    if len(some):
        chosen[some], good[some] = _best(llrs[some], words[some], doubt[some], counts[some], checks=checks, least=least)
    return chosen, good


def _promising(wrong: Values, checks: int) -> tuple[Places, Values]:
    """Return the guesses of each block under which the most check words are left, and by how many deviations.

    `wrong` is how likely each word is wrong, the most doubtful first.
    """
    counts = np.array(guessed(checks, GUESSES), np.intp)
    rest = np.zeros((2, len(wrong), wrong.shape[1] + 1), np.float32)
    rest[:, :, :-1] = np.cumsum(np.stack([wrong, wrong * (1 - wrong)])[..., ::-1], -1)[..., ::-1]
    expected, variance = rest[:, :, counts]
    margin = (checks - counts - 2 * expected) / (2 * np.sqrt(variance) + 0.5)
    order = np.argsort(-margin, axis=1)[:, :TRIED]
    return counts[order], margin.max(1)


def _best(
    llrs: Values, words: Words, doubt: Places, counts: Places, *, checks: int, least: float
) -> tuple[Words, Bools]:
    """Return each block as that guess has it which turns the least, and whether that is `least` likely."""
    tried, good = decode(words, doubt, counts, checks=checks)
    turned = np.unpackbits((tried ^ words[:, None])[..., None], axis=-1)
    costs = np.where(good, np.einsum("bkli,bli->bk", turned, np.abs(llrs)), np.inf)
    rows, best = np.arange(len(words)), costs.argmin(1)
    chosen, erased = tried[rows, best], counts[rows, best]
    wrong = (np.take_along_axis(chosen ^ words, doubt, 1) != 0) & (np.arange(words.shape[1]) >= erased[:, None])
    by_words = _likely_words(words.shape[1] - erased, wrong.sum(1), checks=checks - erased) - np.log(TRIED)
    believed = (likely(llrs, chosen, checks=checks) >= least) | (by_words >= LEAST_FIRST)
    return chosen, good[rows, best] & believed


def _likely_words(length: Any, wrong: Any, *, checks: Any) -> npt.NDArray[np.float64]:
    """Return how much likelier so few wrong words are than what chance would bring, as a logarithm.

    Of all rows of words one in 256 ** checks is of the code, and each has (length over wrong) * 255 ** wrong such
    neighbours. That tells a badge in the middle of a code, which is wrong and sure of it.
    """
    ways = np.array([lgamma(n + 1) - lgamma(n - v + 1) - lgamma(v + 1) for n, v in zip(length, wrong, strict=True)])
    return np.asarray(8 * np.log(2) * checks - ways - wrong * np.log(255), np.float64)


@cache
def guessed(checks: int, guesses: int) -> tuple[int, ...]:
    """Return how many words are erased by each guess: an odd number of at least SPARE syndromes is left over.

    >>> guessed(20, 4)
    (1, 7, 11, 17)
    """
    most = checks - SPARE - (checks - SPARE - 1) % 2 if checks % 2 else checks - SPARE
    levels = np.linspace(checks % 2 ^ 1, most, guesses)
    return tuple(sorted({int(2 * round((level - most) / 2) + most) for level in levels}))


def _mend_words(state: _State, bits: Grid) -> bool:
    """Mend what is not yet by its surest words; return whether a block was gained."""
    left = np.flatnonzero(~state.good)
    llrs = block_llrs(bits, state.plan, state.kit)[left]
    words, good = mended_blocks(llrs, checks=state.kit.checks, least=state.least)
    return state.keep(left[good], words[good])


def _hopes(state: _State, bits: Grid) -> npt.NDArray[np.float64]:
    """Return the promise of each block, of a mended one nothing."""
    hopes = promise(block_llrs(bits, state.plan, state.kit), checks=state.kit.checks)
    return np.where(state.good, -np.inf, hopes)


def _mend_bits(
    state: _State, bits: Grid, hopes: npt.NDArray[np.float64], *, spare: Callable[[], bool] = lambda: True
) -> bool:
    """Mend the most promising block by its surest bits, then the next; return whether one was.

    After BEST blocks it goes on only where each was mended: what one round taught of them was enough for all.
    """
    gained = failed = False
    for tried, at in enumerate(np.argsort(-hopes)):
        if hopes[at] <= (LEAST_NEXT_HOPE if state.good.any() else LEAST_FIRST_HOPE):
            break
        if tried >= BEST and (failed or hopes[at] < EAGER or not spare()):
            break
        block = block_llrs(bits, state.plan, state.kit)[[at]]
        words = ordered(block, checks=state.kit.checks)
        if likely(block, words, checks=state.kit.checks)[0] >= state.least:
            gained |= state.keep(np.array([at]), words)
        elif hopes[at] < EAGER:
            break
        else:
            failed = True
    return gained


def _pilots(state: _State, veil: Grid, row: int) -> Grid:
    """Return all that is certain by now: what the version and format fix and the modules of mended blocks."""
    known = with_format(state.plan, row)
    own = state.kit.words[state.good]
    real = own >= 0
    bits = np.unpackbits(state.words[state.good][real][:, None], axis=1)
    at = state.plan.path.reshape(-1, 8)[own[real]]
    known.ravel()[at] = (1.0 - 2.0 * bits) * veil.ravel()[at]
    return known


def _taught(seen: Values, llr: Grid, known: Grid, shape: Shape) -> Grid:
    """Return likelihoods that the pilots and the neighbours' shades have a say in.

    The mean of all shades over which light was evened has one as well: evening took it from each.
    """
    across, down = shape.modules
    told = seen.shape[1]
    both = np.empty((len(seen), told + (2 * across + 1) * (2 * down + 1) + 1), np.float32)
    both[:, :told] = seen
    for _ in range(PASSES):
        shade = np.where(known != 0, known, np.tanh(llr / 2)).astype(np.float32)
        _tell(both[:, told:-1], shade, shape)
        both[:, -1] = cv2.blur(shade, (EVEN_MODULES, EVEN_MODULES), borderType=cv2.BORDER_REPLICATE).ravel()
        soft = estimated(both, fit(both, np.sign(shade), np.abs(shade)))
        llr = likelihoods(soft, known)
    return llr


def _tell(told: Values, shade: Grid, shape: Shape) -> None:
    """Write the shades of the modules around each, light beyond the edge; of itself nothing is told."""
    across, down = shape.modules
    padded = np.pad(shade, ((down, down), (across, across)), constant_values=1)
    window = (2 * down + 1, 2 * across + 1)
    view = told.reshape(*shade.shape, *window)  # of the same memory: each axis is only split
    view[...] = np.lib.stride_tricks.sliding_window_view(padded, window)
    view[:, :, down, across] = 0
