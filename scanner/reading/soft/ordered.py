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
    spent = np.where(turned, sure, 0).sum((-1, -2)) + np.log1p(np.exp(-sure)).sum((-1, -2))
    return np.asarray(BITS * checks * np.log(2) - spent, np.float64)


def promise(llrs: Values, *, checks: int) -> npt.NDArray[np.float64]:
    """Return what `likely` will be of the right words if likelihoods are as good as they say."""
    sure = SHARPER * np.abs(llrs)
    turn = np.exp(-sure)
    doubt = np.log1p(turn) + sure * turn / (1 + turn)
    return np.asarray(BITS * checks * np.log(2) - doubt.sum((-1, -2)), np.float64)


def ordered(llrs: Values, *, checks: int) -> Words:
    """Return for blocks (n, length, 8) the cheapest word of the code that is found."""
    return np.stack([_nearest(block, checks) for block in llrs])


def _nearest(llrs: Values, checks: int) -> Words:
    sure, hard = np.abs(llrs).ravel(), llrs.ravel() < 0
    some = np.argsort(sure)[: BITS * checks + TURNED]
    bits = np.empty((BITS * checks, len(some) + 1), np.uint8)
    bits[:, :-1] = _check_bits(len(llrs), checks)[some].T
    bits[:, -1] = np.bitwise_xor.reduce(_check_bits(len(llrs), checks)[hard], axis=0)
    given, rows, table = _reduced(bits)
    free = np.setdiff1d(np.arange(len(some)), given, assume_unique=True)[:TURNED]
    least = _cheapest(sure[some[given]], sure[some[free]], table[rows][:, [len(some), *free]].T)
    turned = hard.copy()
    turned[some[np.concatenate([free, given])[least]]] ^= True
    return np.packbits(turned)


@cache
def _check_bits(length: int, checks: int) -> npt.NDArray[np.uint8]:
    """Return for each bit of a block which bits of the syndromes it is part of: (length * 8, checks * 8)."""
    place = np.arange(length - 1, -1, -1)[:, None, None] * np.arange(checks)
    power = place + np.arange(BITS - 1, -1, -1)[:, None]
    return np.unpackbits(POWERS[power % ORDER].reshape(-1, checks), axis=1)


def _reduced(bits: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """Return which columns are given by the others, the first possible ones, in which rows, and the rows solved so.

    Eight columns at a time (the "four Russians"): of all sums of their eight rows one has what any other row has there.
    """
    width = bits.shape[1]
    packed = np.packbits(np.pad(bits, ((0, 0), (0, -width % 64))), axis=1, bitorder="little")
    wide = packed.view(np.uint64)
    sums, table = np.zeros((2, 1 << BITS, wide.shape[1]), np.uint64)  # of rows; these by what they have in a group
    sums_packed = sums.view(np.uint8)
    left = np.ones(len(bits), np.bool_)
    given: list[int] = []
    rows: list[int] = []
    for group in range((width - 1 + BITS - 1) // BITS):
        if len(rows) == len(bits):
            break
        column, open_rows = packed[:, group], np.flatnonzero(left)
        leads = _leads(column[open_rows].tolist(), width - 1 - group * BITS)
        if not leads:
            continue
        own = open_rows[list(leads.values())]
        for at, row in enumerate(wide[own]):
            np.bitwise_xor(sums[: 1 << at], row, out=sums[1 << at : 2 << at])
        some = 1 << len(own)
        lead = sum(1 << bit for bit in leads)
        table[sums_packed[:some, group] & lead] = sums[:some]
        wide ^= table[column & lead]
        wide[own] = table[[1 << bit for bit in leads]]
        left[own] = False
        given += [group * BITS + bit for bit in leads]
        rows += own.tolist()
    return np.array(given, np.intp), np.array(rows, np.intp), np.unpackbits(packed, axis=1, bitorder="little")


def _leads(values: list[int], most: int) -> dict[int, int]:
    """Return the first independent bits of eight, below `most`, each with the place of a value that has it."""
    mask = (1 << min(BITS, most)) - 1
    full, at = mask.bit_count(), {}
    found: dict[int, int] = {}  # by its lowest bit, which no other has
    for place, value in enumerate(values):
        rest = value & mask
        for lead, base in found.items():
            rest ^= base if rest & lead else 0
        if rest:
            low = rest & -rest
            found = {lead: base ^ rest if base & low else base for lead, base in found.items()}
            found[low], at[low.bit_length() - 1] = rest, place
            if len(found) == full:
                break
    return at


def _cheapest(given: Values, free: Values, table: npt.NDArray[np.uint8]) -> list[int]:
    """Return which of the bits `free` and `given`, in this order, to turn: those that make a word at the least cost.

    The first row of the table says which of `given` to turn if none of `free` is, each other which one of `free` turns.
    """
    signs = np.where(table, np.float32(-1), np.float32(1))
    weights = given * signs[0]
    whole = float(given.sum())
    costs = (whole - _products(weights * signs[1:], signs[1:].T)) / 2 + free[:, None] + free
    np.fill_diagonal(costs, (whole - signs[1:] @ weights) / 2 + free)
    turned: list[int] = []
    if len(free) and costs.min() < (whole - weights.sum()) / 2:
        turned = sorted({int(at) for at in np.unravel_index(costs.argmin(), costs.shape)})
    value = np.bitwise_xor.reduce(table[[0, *(at + 1 for at in turned)]], axis=0)
    return turned + (len(free) + np.flatnonzero(value)).tolist()


def _products(left: Values, right: Values) -> Values:
    """Return left @ right, a few rows at a time: a larger product wakes the library's other threads."""
    step = max(1, MOST_PRODUCTS // right.size)
    pieces = [left[at : at + step] @ right for at in range(0, len(left), step)]
    return np.concatenate(pieces) if pieces else np.zeros((0, right.shape[1]), np.float32)
