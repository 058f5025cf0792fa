"""Short codes: eight characters that a person reads out instead of showing a code (lane.md, "Staff and service").

    7K3M 9QXA        seven random characters of Crockford's base 32 and one that checks them

Rules of this file, no I/O:

- whatever a person types is forgiven: small letters, O for 0, I and L for 1, blanks, hyphens, full-width forms;
- the last character is the sum of the others, weighed by powers of 2 in GF(32): one wrong character, or two that
  changed places, is noticed before anybody is asked. It is no secret: 35 random bits, ten minutes and five wrong tries
  a minute keep others out.

>>> normal("7k3m-9qx" + check("7K3M9QX")) == with_check("7K3M9QX")
True
"""

import unicodedata
from typing import Annotated, Final

from msgspec import Meta, Struct

from sync.wire.messages import WireError

ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 8
MEANT: Final = str.maketrans("OIL", "011", " -–—_·.")
FIELD: Final = 0b100101  # x⁵ + x² + 1

Token = Annotated[str, Meta(min_length=1, max_length=600)]


class ShortMade(Struct, frozen=True, kw_only=True):
    """What the operator is told: the code, and until when it is good (ms UTC)."""

    short: str
    until: int


class ShortAnswer(Struct, frozen=True, kw_only=True):
    """What a short code stands for: a minted token, which is decided about as any other."""

    token: Token


def _doubled(value: int) -> int:
    value <<= 1
    return value ^ FIELD if value & 0b100000 else value


def check(seven: str) -> str:
    """Return the character that checks seven others."""
    total = 0
    for char in seven:  # Horner: each place counts for twice the next
        total = _doubled(total ^ ALPHABET.index(char))
    return ALPHABET[total]


def with_check(seven: str) -> str:
    """Return a whole code."""
    return seven + check(seven)


def normal(typed: str) -> str:
    """Return the code that was meant; raise WireError (bad_short) when it can be none."""
    text = unicodedata.normalize("NFKC", typed).upper().translate(MEANT)
    if len(text) != LENGTH or set(text) - set(ALPHABET) or check(text[:-1]) != text[-1]:
        raise WireError("bad_short", "a short code has 8 characters, and these do not fit together: read it again")
    return text
