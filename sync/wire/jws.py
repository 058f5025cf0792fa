"""Compact JWS (RFC 7515) with Ed25519 (RFC 8037), in the one strict form every signed message of ours has.

Rules of this file:

- the protected header is exactly {alg: "EdDSA", typ} or {alg: "EdDSA", typ, kid}; anything else is refused, so no
  header can select a key, an algorithm or a critical extension;
- a text is the one way to write its octets: base64url without padding, no bit left over (RFC 7515, appendix C);
- `typ` separates the forms: a seal is never taken for a receipt, a time never for a command;
- `open_jws` returns the payload bytes or raises `JwsError`, whatever text it is given;
- a text whose header is byte for byte the one that we write needs no library to be read: its signature is checked as
  it stands. Any other text is judged by PyJWT, and tests hold the two against each other;
- keys that hold for every message (small order, RFC 8032 §5.1.7 leaves them valid) are refused on load.
"""

import binascii
import hashlib
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_JWS_CHARS = 16 * 1024
KEY_BYTES = 32
KID_BYTES = 8
MAX_HEAD = 512  # characters of a header as we write it

_JWS = jwt.PyJWS(algorithms=["EdDSA"])
_PLAIN: Final = r"[A-Za-z0-9._+-]{1,128}"  # what JSON writes as it is
_HEAD: Final = re.compile(rf'{{"alg":"EdDSA",(?:"kid":"({_PLAIN})",)?"typ":"({_PLAIN})"}}')

# The y coordinates of the points of small order (order 1, 2, 4 and both of order 8); the sign bit does not matter.
_P = 2**255 - 19
_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
_SMALL_Y = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


class JwsError(Exception):
    """The text is no JWS of the form asked for, or its signature does not hold."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A verified JWS: who signed (None where the form names nobody) and the payload bytes."""

    kid: str | None
    payload: bytes


@lru_cache(maxsize=4096)
def public_key(hexed: str) -> Ed25519PublicKey:
    """Return the Ed25519 key of 64 hex digits; raise JwsError when it is none, non-canonical or of small order."""
    try:
        raw = bytes.fromhex(hexed)
    except ValueError as error:
        raise JwsError("a public key is 64 hexadecimal digits") from error
    y = int.from_bytes(raw, "little") & ~(1 << 255)
    if len(raw) != KEY_BYTES or hexed != raw.hex():
        raise JwsError("a public key is 64 lower-case hexadecimal digits")
    if y >= _P or y in _SMALL_Y:
        raise JwsError("this public key is of small order or not canonical")
    return Ed25519PublicKey.from_public_bytes(raw)


def public_hex(key: Ed25519PrivateKey) -> str:
    """Return the public half of `key` as 64 lower-case hexadecimal digits."""
    return key.public_key().public_bytes_raw().hex()


def kid_of(hexed: str) -> str:
    """Return a platform key's id: the first 8 bytes of SHA-256 over the 32 key bytes, in hex."""
    return hashlib.sha256(bytes.fromhex(hexed)).digest()[:KID_BYTES].hex()


def sign_jws(payload: bytes, key: Ed25519PrivateKey, *, typ: str, kid: str | None = None) -> str:
    """Return the compact JWS of `payload`."""
    signed = f"{_head(typ, kid)}.{_plain(payload)}"
    return f"{signed}.{_plain(key.sign(signed.encode()))}"


@lru_cache(maxsize=256)
def _head(typ: str, kid: str | None) -> str:
    """Return the header as it travels."""
    header = {"alg": "EdDSA", "typ": typ} | ({} if kid is None else {"kid": kid})
    return _plain(json.dumps(header, separators=(",", ":"), sort_keys=True).encode())


def _plain(raw: bytes) -> str:
    """Return octets as base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


class _Usual(NamedTuple):
    """A JWS as we write it, not verified: who is said to have signed, what, and the signature."""

    kid: str | None
    payload: bytes
    signature: bytes


def _usual(text: str, typ: str) -> _Usual | None:
    """Return the parts of a JWS whose header is the one that we write for `typ`; None says nothing of any other."""
    head, *rest = text.split(".")
    said = _said(head) if len(head) <= MAX_HEAD else None
    if said is None or said[0] != typ or len(rest) != 2:  # noqa: PLR2004 - what was signed, and the signature
        return None
    return _Usual(said[1], *[urlsafe_b64decode(_padded(part)) for part in rest])


@lru_cache(maxsize=256)
def _said(head: str) -> tuple[str, str | None] | None:
    """Return the type and the kid of a header, None where it is none as we write it."""
    try:
        found = _HEAD.fullmatch(urlsafe_b64decode(_padded(head)).decode("ascii"))
    except ValueError:
        return None
    return None if found is None or _head(found[2], found[1]) != head else (found[2], found[1])


def _padded(part: str) -> str:
    return part + "=" * (-len(part) % 4)


def _header(text: str) -> dict[str, object]:
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise JwsError("this is no compact JWS") from error
    return dict(header)


def head_of(text: str) -> tuple[str | None, str | None]:
    """Return what a JWS as we write it calls itself and whose key it names, unverified; (None, None) for any other."""
    head = text[: MAX_HEAD + 1].partition(".")[0]
    return (_said(head) if len(head) <= MAX_HEAD else None) or (None, None)


def typ_of(text: str) -> object:
    """Return what `text` calls itself, unverified: for choosing how to open it. None when it is no JWS."""
    try:
        return _header(text).get("typ")
    except JwsError:
        return None


def _is_plain(part: str) -> bool:
    """Return whether a part is exactly the base64url of its octets, so that nobody makes another text of a JWS."""
    try:
        return _plain(urlsafe_b64decode(_padded(part))) == part
    except ValueError:
        return False


def open_jws(
    text: str, *, typ: str, key_of: Callable[[str | None], Ed25519PublicKey], max_chars: int = MAX_JWS_CHARS
) -> Opened:
    """Return the verified content of `text`; raise JwsError.

    `key_of` is asked for the key of the header's kid (None when it has none) and raises JwsError for one it
    does not know.
    """
    if len(text) > max_chars or not text.isascii() or not all(_is_plain(part) for part in text.split(".")):
        raise JwsError("this is no compact JWS of ours: too long, or not base64url as RFC 7515 writes it")
    usual = _usual(text, typ)
    if usual is not None:
        try:
            key_of(usual.kid).verify(usual.signature, text.rpartition(".")[0].encode())
        except InvalidSignature as error:
            raise JwsError("the signature does not hold") from error
        return Opened(usual.kid, usual.payload)
    header = _header(text)
    kid = header.get("kid")
    expected = {"alg": "EdDSA", "typ": typ} | ({} if kid is None else {"kid": kid})
    if header != expected or not (kid is None or isinstance(kid, str)):
        raise JwsError(f"this is no JWS of type {typ}")
    try:
        payload: bytes = _JWS.decode(text, key_of(kid), algorithms=["EdDSA"])
    except (jwt.PyJWTError, binascii.Error, ValueError) as error:
        raise JwsError("the signature does not hold") from error
    return Opened(kid, payload)
