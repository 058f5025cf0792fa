"""Passwords, kept as Argon2id (RFC 9106) by `cryptography`. Pure, and slow on purpose: never inside a job of the books.

A wrong password and an unknown account take the same time, and nobody is told which it was.
"""

import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MEMORY_KIB: Final = 19 * 1024  # OWASP's first choice for Argon2id: 19 MiB, two passes, one lane
PASSES: Final = 2
LANES: Final = 1
BYTES: Final = 32
SALT_BYTES: Final = 16
MIN_CHARS: Final = 10
MAX_CHARS: Final = 200


class WeakPasswordError(ValueError):
    """The password is too short, too long or one character over and over. The text names the mend."""


def hashed(password: str) -> str:
    """Return what is kept of a password (PHC form); raise WeakPasswordError."""
    if not MIN_CHARS <= len(password) <= MAX_CHARS or len(set(password)) < MIN_CHARS // 2:
        raise WeakPasswordError(
            f"密码需 {MIN_CHARS} 至 {MAX_CHARS} 个字符，且不能只是少数字符重复 ·"
            f" a password has {MIN_CHARS} to {MAX_CHARS} characters, and not the same few again and again"
        )
    return _derive(password)


def _derive(password: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    kdf = Argon2id(salt=salt, length=BYTES, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode("utf-8", "surrogatepass"))


@cache
def _nobody() -> str:
    """Return what is compared when there is no such account, so that it takes as long."""
    return _derive("")


def holds(password: str, kept: str | None) -> bool:
    """Return whether `password` is the one of which `kept` was kept; None for an account that is not there."""
    given = password[: MAX_CHARS + 1].encode("utf-8", "surrogatepass")
    try:
        Argon2id.verify_phc_encoded(given, kept or _nobody())
    except InvalidKey:
        return False
    return kept is not None
