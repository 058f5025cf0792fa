"""Reed-Solomon by the surest *bits*: what errors and erasures of whole words cannot mend.

The hard idea: under noise a word is doubtful for one of its eight bits, and erasing it throws seven good ones away.
Over bits the code is a plain linear one: its check matrix is brought into the form where the most doubtful independent
bits are each given by the surer ones (ordered statistics, Fossorier and Lin 1995). Taking all the surer ones as they
are gives one candidate; so does every one and every two of the least sure of them turned, whose costs are two matrix
products. The cheapest is handed back; whether it is believed, `likely` says.

Rules:

- a candidate is always a word of the code: the caller must ask `likely` of it;
- `likely` is a bound for noise. Of 2^n words 2^k belong to the code, and at most exp(cost) x product of
  (1 + exp(-|L|)) words lie within a cost of what is seen: so a row of random bits, whatever its likelihoods are, comes
  within reach of a word of the code with probability exp(-likely) at most.

>>> import numpy as np
>>> from scanner.reading.soft.reedsolomon import syndromes
>>> llrs = np.full((1, 20, 8), 4.0, np.float32)  # all zero is a word of the code ...
>>> llrs[0, ::2, 3] = -0.1                       # ... ten words of twenty are wrong, each by one bit; ten check
>>> words = ordered(llrs, checks=10)
>>> words.any().item(), bool(likely(llrs, words, checks=10)[0] > 30)
(False, True)
"""

import itertools
from functools import cache

import numpy as np
import numpy.typing as npt

from scanner.reading.soft.reedsolomon import ORDER, POWERS, Words
from scanner.reading.soft.soften import MOST_PRODUCTS

Values = npt.NDArray[np.float32]

BITS = 8  # of a word
SHARPER = 1.5  # likelihoods are modest; this makes of most true blocks the most
TURNED = 127  # of the least sure bits taken as they are, that are turned by ones and twos


def likely(llrs: Values, words: Words, *, checks: int) -> npt.NDArray[np.float64]:
    """Return the natural logarithm of how much likelier blocks (n, length) are than all that chance would bring."""
    turned = np.unpackbits((np.packbits(llrs < 0, axis=-1)[..., 0] ^ words)[..., None], axis=-1)
    sure = SHARPER * np.abs(llrs)
    spent = np.where(turned, sure, 0).sum((-1, -2)) + np.logaddexp(0, -sure).sum((-1, -2))
    return np.asarray(BITS * checks * np.log(2) - spent, np.float64)


def promise(llrs: Values, *, checks: int) -> npt.NDArray[np.float64]:
    """Return what `likely` will be of the right words if likelihoods are as good as they say."""
    sure = SHARPER * np.abs(llrs)
    doubt = np.logaddexp(0, -sure) + sure * np.exp(-sure) / (1 + np.exp(-sure))
    return np.asarray(BITS * checks * np.log(2) - doubt.sum((-1, -2)), np.float64)


def ordered(llrs: Values, *, checks: int) -> Words:
    """Return for blocks (n, length, 8) the cheapest word of the code that is found."""
    return np.stack([_nearest(block, checks) for block in llrs])


def _nearest(llrs: Values, checks: int) -> Words:
    sure, hard = np.abs(llrs).ravel(), llrs.ravel() < 0
    order = np.argsort(sure)
    every = _check_columns(len(llrs), checks)
    off = 0
    for column in itertools.compress(every, hard.tolist()):
        off ^= column
    some = order[: BITS * checks + TURNED].tolist()
    own, others, off = _reduced([every[at] for at in some], off, rows=BITS * checks)
    bits = hard.copy()
    bits[[some[at] for at in _cheapest(sure[some], own, others, off)]] ^= True
    return np.packbits(bits)


@cache
def _check_columns(length: int, checks: int) -> list[int]:
    """Return for each bit of a block the bits of the syndromes that it is part of, as one number."""
    place = np.arange(length - 1, -1, -1)[:, None, None] * np.arange(checks)
    power = place + np.arange(BITS - 1, -1, -1)[:, None]
    return [int.from_bytes(column.tobytes()) for column in POWERS[power % ORDER].reshape(-1, checks)]


def _reduced(columns: list[int], off: int, *, rows: int) -> tuple[dict[int, int], dict[int, int], int]:
    """Return the check matrix (its columns are numbers, the most doubtful bits first) as sums of the surer ones.

    Which row each bit has that is given by others, the columns of those others, and the syndromes in the same rows.
    """
    left, own, others = (1 << rows) - 1, {}, {}
    columns = [*columns, off]
    for at in range(len(columns) - 1):
        column = columns[at]
        row = column & left & -(column & left)
        if not row:
            others[at] = at
            continue
        own[at], left = row.bit_length() - 1, left ^ row
        column ^= row
        columns[at + 1 :] = [c ^ column if c & row else c for c in columns[at + 1 :]]
        for other in others:
            if columns[other] & row:
                columns[other] ^= column
    return own, {at: columns[at] for at in others}, columns[-1]


def _cheapest(sure: Values, own: dict[int, int], others: dict[int, int], off: int) -> list[int]:
    """Return which of the bits, most doubtful first, to turn: those that make a word of the code at the least cost."""
    given, free = list(own), list(others)[:TURNED]
    table = _bits([off, *(others[at] for at in free)], size=len(given) // BITS + 1)[:, [own[at] for at in given]]
    signs = np.where(table, -1, 1).astype(np.float32)
    weights = sure[given] * signs[0]
    whole = float(sure[given].sum())
    costs = (whole - _products(weights * signs[1:], signs[1:].T)) / 2 + sure[free][:, None] + sure[free]
    np.fill_diagonal(costs, (whole - signs[1:] @ weights) / 2 + sure[free])
    turned = []
    if len(free) and costs.min() < (whole - weights.sum()) / 2:
        turned = sorted({int(at) for at in np.unravel_index(costs.argmin(), costs.shape)})
    value = np.bitwise_xor.reduce(table[[0, *(at + 1 for at in turned)]], axis=0)
    return [free[at] for at in turned] + [given[at] for at in np.flatnonzero(value)]


def _products(left: Values, right: Values) -> Values:
    """Return left @ right, a few rows at a time: a larger product wakes the library's other threads."""
    step = max(1, MOST_PRODUCTS // right.size)
    pieces = [left[at : at + step] @ right for at in range(0, len(left), step)]
    return np.concatenate(pieces) if pieces else np.zeros((0, right.shape[1]), np.float32)


def _bits(numbers: list[int], *, size: int) -> npt.NDArray[np.uint8]:
    """Return the bits of numbers of so many bytes, the lowest first: a row each."""
    packed = b"".join(number.to_bytes(size, "little") for number in numbers)
    return np.unpackbits(np.frombuffer(packed, np.uint8).reshape(-1, size), axis=1, bitorder="little")
