"""A PIN as it is kept: Argon2id with this terminal's own key as its secret (lane.md, "Staff and service").

Rules of this file:

- a copied database is worth nothing without the key: a new key asks for new PINs;
- hashing takes tens of milliseconds and 19 MiB, so it runs in a worker thread, one at a time.
"""

import secrets
from itertools import pairwise
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

LEAST_DIGITS: Final = 6
MOST_DIGITS: Final = 16
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
ITERATIONS: Final = 2
LANES: Final = 1
MEMORY_KIB: Final = 19_456
USE: Final = b"xinguan-staff-pin-1"


class WrongPinError(Exception):
    """The PIN is not that of this person."""


class WeakPinError(Exception):
    """The PIN cannot be taken. The text says why."""


def secret_of(key: Ed25519PrivateKey) -> bytes:
    """Return what this terminal's key gives for hashing PINs."""
    return HKDF(algorithm=SHA256(), length=HASH_BYTES, salt=None, info=USE).derive(key.private_bytes_raw())


def hash_pin(pin: str, secret: bytes) -> str:
    """Return the PIN's hash in PHC form; raise WeakPinError."""
    if not (pin.isascii() and pin.isdigit() and LEAST_DIGITS <= len(pin) <= MOST_DIGITS):
        raise WeakPinError(f"a PIN has {LEAST_DIGITS} to {MOST_DIGITS} digits")
    steps = {(int(b) - int(a)) % 10 for a, b in pairwise(pin)}
    if len(steps) == 1 and steps <= {0, 1, 9}:
        raise WeakPinError("a PIN is no row of equal or rising digits")
    return _argon(secret).derive_phc_encoded(pin.encode())


def check_pin(pin: str, kept: str, secret: bytes) -> None:
    """Return when `pin` is the one that was kept; raise WrongPinError."""
    try:
        Argon2id.verify_phc_encoded(pin.encode("utf-8", "surrogateescape"), kept, secret=secret)
    except InvalidKey as error:
        raise WrongPinError from error


def _argon(secret: bytes) -> Argon2id:
    return Argon2id(
        salt=secrets.token_bytes(SALT_BYTES),
        length=HASH_BYTES,
        iterations=ITERATIONS,
        lanes=LANES,
        memory_cost=MEMORY_KIB,
        secret=secret,
    )
