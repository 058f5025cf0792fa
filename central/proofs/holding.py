"""Whether somebody holds the very phone that a notice is about (lane.md, "Staff and service").

Rules of this file:

1. A wallet that opens a notice signs a presentation that answers the notice's own challenge, which follows from its
   name: a code that was drawn for a gate, and photographed there, answers none and opens nothing.
2. The credential is the one that was shown then, known by the hash in the fact; that it has ended since matters not.
3. Whatever does not hold, the answer is the same: not proved.

>>> challenge_of("AAAAAAAAAAAAAAAAAAAAAQ").hex()
'981dc1b6d3a390d0'
"""

from hashlib import sha256
from typing import Final

from central.proofs.judging import IssuerRow, keyring_of
from credit.tokens import TokenError, open_token

LABEL: Final = b"xinguan-notice-1\0"
CHALLENGE_BYTES: Final = 8
HASHED_ID_BYTES: Final = 16  # of SHA-256(issuer, token id), as terminals write it into a denial


class NotProvedError(Exception):
    """What was shown does not prove that the holder is here."""


def challenge_of(notice: str) -> bytes:
    """Return what a wallet has to answer to open this notice."""
    return sha256(LABEL + notice.encode()).digest()[:CHALLENGE_BYTES]


def prove_holder(
    shown: str, notice: str, *, token_hash: str, keys: tuple[IssuerRow, ...], now_s: int, test: bool
) -> None:
    """Pass if `shown` is the holder's answer to this notice, now; raise NotProvedError."""
    try:
        token = open_token(
            shown, keyring_of(keys), now=now_s, challenge=challenge_of(notice), allow_test=test, allow_expired=True
        )
    except TokenError as error:
        raise NotProvedError(error.reason.value) from error
    if not token.challenged:
        raise NotProvedError("no_challenge")
    if sha256(token.issuer.encode() + token.token_id).digest()[:HASHED_ID_BYTES].hex() != token_hash:
        raise NotProvedError("another_holder")
