"""The re-ask of a negative as it travels: what a terminal asks, what the issuer's list key signs (contract.md §8).

Rules of this file:

- an answer counts only for the nonce that was asked with, about the same subject of the same issuer, signed by a key
  that `targets` delegates that issuer's lists to, and at most MAX_AGE_MS old;
- nothing is read before the signature holds; what does not count is a `WireError`, never an all-clear;
- of an entry the reader needs its code and its state. The rest is what the list would say, for people.
"""

from collections.abc import Mapping
from typing import Annotated, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta, Struct

from sync.wire.jws import JwsError, open_jws, sign_jws
from sync.wire.messages import AtMs, Name, Nonce, Number, Text, WireError, decode

REASK: Final = "xg-reask+jwt"
MAX_AGE_MS: Final = 10_000
MAX_ENTRIES: Final = 64

Subject = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]


class Reask(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands against `subject` (pseudonym, hex) of `issuer` now? `nonce` is fresh for each question."""

    issuer: Name
    subject: Subject
    nonce: Nonce


class ReaskedEntry(Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"from_day": "from"}):
    """One entry in force, as `measures.json` would say it."""

    code: Number
    state: Literal["active", "disputed"] = "active"
    key: str | None = None
    from_day: str | None = None
    until: str | None = None
    authority: Text | None = None
    basis: str | None = None


class Reasked(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer. `at_ms`: when the register was read (ms UTC, the platform's clock)."""

    issuer: Name
    subject: Subject
    nonce: Nonce
    at_ms: AtMs
    entries: Annotated[list[ReaskedEntry], Meta(max_length=MAX_ENTRIES)]


class ReaskAnswer(Struct, frozen=True, kw_only=True):
    """The body of the 200: the compact JWS."""

    answer: Annotated[str, Meta(max_length=16 * 1024)]


def sign_reasked(answer: Reasked, key: Ed25519PrivateKey, *, kid: str) -> str:
    """Return the answer signed by a list key, whose id in the metadata is `kid`."""
    return sign_jws(msgspec.json.encode(answer), key, typ=REASK, kid=kid)


def open_reasked(text: str, asked: Reask, *, keys: Mapping[str, Ed25519PublicKey], now_ms: int) -> Reasked:
    """Return the verified answer to `asked`; raise WireError. `keys`: the issuer's list keys by id."""

    def key_of(kid: str | None) -> Ed25519PublicKey:
        if kid is None or kid not in keys:
            raise JwsError("not signed by a list key of this issuer")
        return keys[kid]

    try:
        opened = open_jws(text, typ=REASK, key_of=key_of)
    except JwsError as error:
        raise WireError("bad_reask", str(error)) from error
    found = decode(opened.payload, Reasked, code="bad_reask")
    if (found.nonce, found.issuer, found.subject) != (asked.nonce, asked.issuer, asked.subject):
        raise WireError("foreign_reask", "this answers another question")
    if abs(now_ms - found.at_ms) > MAX_AGE_MS:
        raise WireError("old_reask", f"this answer is {now_ms - found.at_ms} ms old; {MAX_AGE_MS} are allowed")
    return found
