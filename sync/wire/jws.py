"""Compact JWS (RFC 7515) with Ed25519 (RFC 8037), in the one strict form every signed message of ours has.

Rules of this file:

- the protected header is exactly {alg: "EdDSA", typ} or {alg: "EdDSA", typ, kid}; anything else is refused, so no
  header can select a key, an algorithm or a critical extension;
- a text is the one way to write its octets: base64url without padding, no bit left over (RFC 7515, appendix C);
- `typ` separates the forms: a seal is never taken for a receipt, a time never for a command;
- `open_jws` returns the payload bytes or raises `JwsError`, whatever text it is given;
- keys that hold for every message (small order, RFC 8032 §5.1.7 leaves them valid) are refused on load.
"""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_JWS_CHARS = 16 * 1024
KEY_BYTES = 32
KID_BYTES = 8

_JWS = jwt.PyJWS(algorithms=["EdDSA"])

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
    header = {"typ": typ} if kid is None else {"typ": typ, "kid": kid}
    return _JWS.encode(payload, key, algorithm="EdDSA", headers=header)


def _header(text: str) -> dict[str, object]:
    try:
        header = jwt.get_unverified_header(text)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise JwsError("this is no compact JWS") from error
    return dict(header)


def typ_of(text: str) -> object:
    """Return what `text` calls itself, unverified: for choosing how to open it. None when it is no JWS."""
    try:
        return _header(text).get("typ")
    except JwsError:
        return None


def _is_plain(part: str) -> bool:
    """Return whether a part is exactly the base64url of its octets, so that nobody makes another text of a JWS."""
    try:
        raw = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return False
    return urlsafe_b64encode(raw).rstrip(b"=") == part.encode()


def open_jws(
    text: str, *, typ: str, key_of: Callable[[str | None], Ed25519PublicKey], max_chars: int = MAX_JWS_CHARS
) -> Opened:
    """Return the verified content of `text`; raise JwsError.

    `key_of` is asked for the key of the header's kid (None when it has none) and raises JwsError for one it
    does not know.
    """
    if len(text) > max_chars or not text.isascii() or not all(_is_plain(part) for part in text.split(".")):
        raise JwsError("this is no compact JWS of ours: too long, or not base64url as RFC 7515 writes it")
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
