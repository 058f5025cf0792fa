"""Reed-Solomon over GF(256) as QR codes use it, mending errors and erasures, many blocks and guesses in one batch.

Rules:

- `s` erased words and `v` wrong ones are mended if 2v + s <= check words; a mended block's syndromes are all zero,
  which is checked once more at the end, so nothing half mended leaves;
- a guess is "the k most doubtful words of this block are erased". All guesses of a block share its syndromes, and the
  locator of k erasures is that of k - 1 times one factor; only Berlekamp-Massey runs once for each guess;
- the logarithm of 0 is ZERO, and the table of powers is 0 from there on, so products need no test for zero.

>>> import numpy as np
>>> sent = np.zeros((1, 20), np.uint8)
>>> seen, doubt = sent.copy(), np.arange(20)[None]
>>> seen[0, :9] = 7                                  # nine wrong words, ten check words: too many errors ...
>>> mended, good = decode(seen, doubt, (0, 8), checks=10)
>>> good.tolist(), mended[0, 1].any().item()         # ... but eight of them erased and one more is well
([[False, True]], False)
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

FIELD = 0x11D  # x^8 + x^4 + x^3 + x^2 + 1
ORDER = 255  # of the multiplicative group
ZERO = 512  # "logarithm" of 0


def _tables() -> tuple[Words, npt.NDArray[np.intp]]:
    powers = np.zeros(2 * ZERO + 1, np.uint8)
    logs = np.full(256, ZERO, np.intp)
    value = 1
    for exponent in range(ORDER):
        powers[[exponent, exponent + ORDER]] = value
        logs[value] = exponent
        value = value << 1 ^ (FIELD if value & 0x80 else 0)
    return powers, logs


POWERS, LOGS = _tables()


def times(left: Words, right: Words) -> Words:
    """Multiply element by element."""
    return np.asarray(POWERS[LOGS[left] + LOGS[right]], np.uint8)


def dot(left: Any, right: Any, axis: int) -> Words:
    """Return the sum of products along an axis of two arrays of logarithms."""
    return np.asarray(np.bitwise_xor.reduce(POWERS[left + right], axis=axis), np.uint8)


@cache
def _exponents(length: int, checks: int) -> Any:
    """Return the logarithms of (place of a word) ** j, (length, checks)."""
    return np.arange(length - 1, -1, -1)[:, None] * np.arange(checks) % ORDER


@cache
def _inverse_exponents(length: int, degree: int) -> Any:
    """Return the logarithms of (1 / place) ** j, (degree, length)."""
    return -np.arange(degree)[:, None] * np.arange(length - 1, -1, -1) % ORDER


def syndromes(words: Words, checks: int) -> Words:
    """Return the syndromes of blocks (n, length): (n, checks), all zero if a block is well."""
    return dot(LOGS[words][..., None], _exponents(words.shape[-1], checks), -2)


def decode(words: Words, doubt: npt.NDArray[np.intp], counts: Any, *, checks: int) -> tuple[Words, Bools]:
    """Mend blocks (b, length) under each guess; `doubt` holds the places of their words, the most doubtful first.

    Guess k erases the first counts[k] of them, or counts[b, k] of block b. Return (b, k, length) mended blocks and
    (b, k) whether each is.
    """
    number, length = words.shape
    guesses = np.broadcast_to(np.asarray(counts, np.intp), (number, np.shape(counts)[-1]))
    each, erased = guesses.shape[1], guesses.ravel()
    sums = np.repeat(syndromes(words, checks), each, 0)
    start = _erasure_locators(doubt, guesses, length=length, checks=checks)
    locator, degree = _located(sums, start, erased)
    roots = dot(LOGS[locator][..., None], _inverse_exponents(length, checks + 1), 1) == 0
    good = (roots.sum(1) == degree) & (2 * degree - erased <= checks)
    mended = np.repeat(words, each, 0)
    if good.any():
        mended[good] ^= _magnitudes(sums[good], locator[good], roots[good])
        good[good] = ~syndromes(mended[good], checks).any(1)
    return mended.reshape(number, each, length), good.reshape(number, each)


def _erasure_locators(doubt: Any, guesses: Any, *, length: int, checks: int) -> Words:
    """Return the products of (1 - x * place) over the erased places, (b * k, checks + 1)."""
    locator = np.zeros((int(guesses.max(initial=0)) + 1, len(doubt), checks + 1), np.uint8)
    locator[0, :, 0] = 1
    for step in range(len(locator) - 1):
        place = length - 1 - doubt[:, step, None]
        locator[step + 1] = locator[step]
        locator[step + 1, :, 1:] ^= POWERS[LOGS[locator[step, :, :-1]] + place]
    return np.asarray(locator[guesses, np.arange(len(doubt))[:, None]].reshape(-1, checks + 1), np.uint8)


def _located(sums: Words, start: Words, erased: Any) -> tuple[Words, Any]:
    """Berlekamp-Massey from the erasure locators on; return locators and their degrees.

    Rows are sorted by how many words they erase: those that a step concerns are the first ones.
    """
    checks, order = sums.shape[1], np.argsort(erased, kind="stable")
    backward = np.ascontiguousarray(LOGS[sums[order, ::-1]])
    locator, other, erased = start[order], start[order], erased[order]
    degree = erased.copy()
    for step in range(int(erased[0]) + 1, checks + 1):
        some = slice(int(np.searchsorted(erased, step)))
        here, last = locator[some], other[some]
        log = LOGS[dot(LOGS[here[:, :step]], backward[some, checks - step :], 1)]
        last[:, 1:] = last[:, :-1].copy()
        last[:, 0] = 0
        change = POWERS[log[:, None] + LOGS[last]]
        grows = np.flatnonzero((log != ZERO) & (2 * degree[some] <= step - 1 + erased[some]))
        if len(grows):
            last[grows] = POWERS[ORDER - log[grows, None] + LOGS[here[grows]]]
            degree[grows] = step + erased[grows] - degree[grows]
        here ^= change
    back = np.argsort(order, kind="stable")
    return locator[back], degree[back]


def _magnitudes(sums: Words, locator: Words, roots: Bools) -> Words:
    """Forney: return what each word must be changed by, 0 where there is no root."""
    checks, length = sums.shape[1], roots.shape[1]
    evaluator = np.zeros_like(sums)
    logs = LOGS[sums]
    for power in range(checks):
        evaluator[:, power:] ^= POWERS[LOGS[locator[:, power, None]] + logs[:, : checks - power]]
    table = _inverse_exponents(length, checks + 1)
    above = dot(LOGS[evaluator][..., None], table[:checks], 1)
    odd = LOGS[locator[:, 1::2]][..., None]
    below = dot(odd, table[: 2 * odd.shape[1] : 2], 1)
    place = np.arange(length - 1, -1, -1)
    log = LOGS[above] + (place + ORDER - LOGS[below]) % ORDER
    return np.where(roots & (below != 0), POWERS[np.minimum(log, 2 * ZERO)], 0).astype(np.uint8)
