r"""Revoked tokens of one city: `revocations.json`, with a Token Status List (IETF draft-ietf-oauth-status-list, §4).

    {"issuer": "yunling", "complete": true, "tokens": ["00112233445566aa"],
     "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}

Rules of this file:

- one bit a token index, lowest bit of a byte first, compressed with zlib, base64url without padding;
- it must unfold to exactly as many indexes as the signed index says, and is never unfolded further than that;
- an index beyond the list counts as revoked: it is no all-clear;
- `tokens` (ids, at most 10 000) is for emergencies. The form before this one had the bits plain, as `status`.

    >>> found = read_revocations("x", "p", b'{"issuer": "x", "complete": true, "tokens": [],'
    ...     b' "status_list": {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}}', indexes=16)
    >>> [found.revoked(b"", at) for at in (0, 1, 15, 16)]
    [True, False, True, True]
"""

import base64
import binascii
import zlib
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from cache.lists.refusals import ContentRefusedError
from credit.rules.reading import short

MAX_EMERGENCY_TOKENS: Final = 10_000
TOKEN_ID_BYTES: Final = 8
BITS: Final = 8


class _StatusList(msgspec.Struct, forbid_unknown_fields=True):
    bits: Literal[1]
    lst: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]*$")]


class _Revocations(msgspec.Struct, forbid_unknown_fields=True):
    issuer: str
    complete: Literal[True]
    tokens: list[str]
    status: str | None = None
    status_list: _StatusList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """Revoked tokens of one issuer: by id, and by a bit per status index (lowest bit first), if it keeps one."""

    tokens: frozenset[bytes] = frozenset()
    status: bytes | None = None

    def revoked(self, token_id: bytes, status_index: int | None) -> bool:
        """Tell whether a token is revoked. An index beyond the list counts as revoked."""
        if token_id in self.tokens:
            return True
        if status_index is None or self.status is None:
            return False
        byte, bit = divmod(status_index, BITS)
        return byte >= len(self.status) or bool(self.status[byte] >> bit & 1)


def read_revocations(city: str, path: str, data: bytes, *, indexes: int | None = None) -> Revocations:
    """Read the document; `indexes` is how many it must hold, None for the form before. Raises ContentRefusedError."""
    try:
        found = msgspec.json.decode(data, type=_Revocations)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ContentRefusedError(f"{path}: {short(str(error))}") from error
    if found.issuer != city:
        named = short(repr(found.issuer))
        raise ContentRefusedError(f"{path}: issuer {named} in a document of {city}; a city publishes only its own")
    if len(found.tokens) > MAX_EMERGENCY_TOKENS:
        raise ContentRefusedError(f"{path}: $.tokens: at most {MAX_EMERGENCY_TOKENS}; use the status list")
    tokens = frozenset(_token(text, f"{path}: $.tokens[{number}]") for number, text in enumerate(found.tokens))
    return Revocations(tokens=tokens, status=_status(found, path, indexes))


def _status(found: _Revocations, path: str, indexes: int | None) -> bytes | None:
    if indexes is None:
        try:
            return None if found.status is None else base64.b64decode(found.status, validate=True)
        except binascii.Error as error:
            raise ContentRefusedError(f"{path}: $.status: not base64") from error
    if found.status_list is None or found.status is not None:
        raise ContentRefusedError(f"{path}: $.status_list: missing, or beside its old form")
    packed, size = found.status_list.lst, (indexes + BITS - 1) // BITS
    inflating = zlib.decompressobj()
    try:
        bits = inflating.decompress(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)), size + 1)
    except (zlib.error, binascii.Error) as error:
        raise ContentRefusedError(f"{path}: $.status_list.lst: {error}") from error
    if len(bits) != size or not inflating.eof or inflating.unused_data:
        raise ContentRefusedError(f"{path}: $.status_list.lst: does not unfold to the {indexes} signed indexes")
    return bits


def packed_status(bits: bytes) -> dict[str, int | str]:
    """Return bits as the status list they are published as."""
    packed = base64.urlsafe_b64encode(zlib.compress(bits, 9)).rstrip(b"=")
    return {"bits": 1, "lst": packed.decode()}


def _token(text: str, where: str) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if len(value) != TOKEN_ID_BYTES:
        raise ContentRefusedError(f"{where}: {2 * TOKEN_ID_BYTES} hex digits")
    return value
