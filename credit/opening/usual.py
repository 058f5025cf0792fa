"""The usual code, taken apart at one stroke: what nearly every visitor shows has one shape, so look for that shape.

`credit.codec.cbor`, `credit.cose` and `credit.opening.claim_types` say what an XG1 code is, item by item, and name the
rule that a bad one breaks. That costs a third as much as a signature check. But in deterministic encoding the usual
code is a regular language: its CDDL (credential.md) can be written as a regular expression over bytes; one match does
the work.

Rules of this file:

- a match is a proof: a code that matches is one that the long way accepts, and both read the same out of it. Tests hold
  the two against each other, on every vector and on every mutated and random input they have;
- no match proves nothing: None means "go the long way", never "refused". So there are no reasons here;
- every length and every count of members in the bytes is compared with what was matched. Strings of bytes may hold
  anything, even what looks like the next item; so nothing may rest on where an expression happened to stop;
- left to the long way: issuers' members of credit from 32 on, grants with an id, reservations, numbers above 32 bits,
  many groups, an audience that is not ASCII, and whatever will be added. All of it stays correct, only slower.
"""

import re
from functools import lru_cache
from typing import Any, Final

from credit.claims import Grant, SubjectKind
from credit.codec import cbor
from credit.cose import Envelope
from credit.opening.claim_types import STATUS_INDEX_NEEDED_S, CredentialClaims, PresentationClaims


def _codes_up_to(most: int) -> bytes:
    """Return the expression of an array of at most so many codes of at most 16 bits each."""
    return (
        b"(" + b"|".join(b"\\x%02x" % (_ARRAY + count) + _PARTS[b"small"] * count for count in range(most + 1)) + b")"
    )


_ARRAY: Final = 0x80
_PARTS: Final = {
    b"alg": rb"( \x32 | \x28 )",  # Ed25519, ESP256
    b"small": rb"(?: [\x00-\x17] | \x18[\x18-\xff] | \x19[\x01-\xff]. )",  # a number of at most 16 bits
    b"number": rb"( [\x00-\x17] | \x18[\x18-\xff] | \x19[\x01-\xff]. | \x1a(?!\0\0).{4} )",  # at most 32 bits
    b"time": rb"\x1a ( (?!\0\0).{4} )",  # seconds: 32 bits, and more than 16 needed
    b"signature": rb"\x58\x40 (.{64})",
}
_PARTS[b"groups"] = _codes_up_to(12)
_PARTS[b"grants"] = _codes_up_to(4)
_CREDENTIAL: Final = re.compile(
    rb"""
    \xd2\x84 \x51 ( \xa3 \x01 %(alg)s \x04 \x48(.{8}) \x10 \x19\xfd\xe9 ) \xa0   # {1: alg, 4: kid, 16: 65001}, {}
    \x58([\x18-\xff]) (
        ([\xa4-\xa6])
        \x04 %(time)s (?: \x05 %(time)s )? \x06 %(time)s                         # exp, nbf, iat
        \x07 \x48(.{8})                                                          # token id
        (?: \x08 \xa1 \x01 (?:                                                   # the holder's key
            \xa3 \x01\x01 \x20\x06 \x21\x58\x20(.{32})
            | \xa4 \x01\x02 \x20\x01 \x21\x58\x20(.{32}) \x22\x58\x20(.{32}) ) )?
        \x3a\x00\x01\x00\x00 ([\xa5-\xa9])                                       # -65537: credit
            \x00\x01 \x01\x50(.{16}) \x02([\x00-\x09])                           # schema, subject, tier
            \x03 %(groups)s \x04 %(grants)s
            (?: \x05 %(number)s )? (?: \x06 %(number)s )? (?: \x07 %(number)s )? # region, status index, max uses
            (?: \x08 ([\x00-\x0b]) )?                                            # flags, not group and enterprise
    ) %(signature)s
    """
    % _PARTS,
    re.DOTALL | re.VERBOSE,
)
_PRESENTATION: Final = re.compile(
    rb"""
    \xd2\x84 (?: \x58([\x18-\xff]) | \x59([\x01-\xff].) )
    ( \xa3 \x01 %(alg)s \x0d (\xd2\x84.+) \x10 \x19\x01\x26 ) \xa0               # {1: alg, 13: credential, 16: 294}, {}
    (?: ([\x40-\x57]) | \x58([\x18-\xff]) ) (
        ([\xa2-\xa4])
        (?: \x03 ([\x61-\x77]) ([\x00-\x7f]+) )?                                 # audience
        \x06 %(time)s \x07 \x48(.{8})                                            # iat, nonce
        (?: \x18\x27 ([\x40-\x57]) (.*) )?                                       # challenge
    ) %(signature)s
    """
    % _PARTS,
    re.DOTALL | re.VERBOSE,
)
_ALGS: Final = {b"\x32": -19, b"\x28": -9}
_KINDS: Final = (SubjectKind.PERSON, SubjectKind.GROUP, SubjectKind.ENTERPRISE)  # flags >> 2
MAX_REMEMBERED: Final = 256  # sets of groups, and of grants
_NOTHING: Final[dict[int, object]] = {}
_number = int.from_bytes


def presentation(raw: bytes) -> tuple[Envelope, bytes] | None:
    """Return a usual presentation, its claims typed, and the bytes of the credential in it, not looked at; or None.

    `protected` of the envelope is left empty.
    """
    match = _PRESENTATION.fullmatch(raw)
    if match is None:
        return None
    (short, long, header, alg, credential, inline, follows, payload, members, text_head, audience, issued_at, nonce,
     challenge_head, challenge, signature) = match.groups()  # fmt: skip
    if (
        len(header) != _number(short or long, "big")
        or len(payload) != (inline[0] - 0x40 if inline else follows[0])
        or members[0] != 0xA2 + (audience is not None) + (challenge is not None)
        or (audience is not None and len(audience) != text_head[0] - 0x60)
        or (challenge is not None and len(challenge) != challenge_head[0] - 0x40)
    ):
        return None
    claims = PresentationClaims(
        _number(issued_at, "big"), nonce, None if audience is None else audience.decode("ascii"), challenge
    )
    return Envelope(_NOTHING, header, b"", _ALGS[alg], payload, signature, claims), credential


def credential(raw: bytes) -> Envelope | None:
    """Return a usual credential, its claims typed; or None. `protected` of the envelope is left empty."""
    match = _CREDENTIAL.fullmatch(raw)
    if match is None:
        return None
    (header, alg, kid, length, payload, members, expires, not_before, issued_at, token_id, ed25519_x, p256_x,
     p256_y, credit_members, subject, tier, groups, grants, region, status, max_uses, flags,
     signature) = match.groups()  # fmt: skip
    holder: dict[int, object] | None = None
    if ed25519_x is not None:
        holder = {1: 1, -1: 6, -2: ed25519_x}
    elif p256_x is not None:
        holder = {1: 2, -1: 1, -2: p256_x, -3: p256_y}
    expires, issued_at = _number(expires, "big"), _number(issued_at, "big")
    optional = (region is not None) + (status is not None) + (max_uses is not None) + (flags is not None)
    if (
        len(payload) != length[0]
        or members[0] != 0xA4 + (not_before is not None) + (holder is not None)
        or credit_members[0] != 0xA5 + optional
        or (status is None and expires - issued_at > STATUS_INDEX_NEEDED_S)
    ):
        return None
    bits = flags[0] if flags else 0
    claims = CredentialClaims(
        token_id, expires, None if not_before is None else _number(not_before, "big"), issued_at, holder, subject,
        tier[0], _groups(groups), _grants(grants), _argument(region),
        _argument(status), _argument(max_uses), _KINDS[bits >> 2], bool(bits & 1), bool(bits & 2), None,
    )  # fmt: skip
    return Envelope(_NOTHING, header, kid, _ALGS[alg], payload, signature, claims)


@lru_cache(maxsize=MAX_REMEMBERED)
def _groups(array: bytes) -> frozenset[int]:
    """Return the codes of an encoded array. A city's visitors fall into few sets of groups: most are remembered."""
    codes: Any = cbor.decode(array)
    return frozenset(codes)


@lru_cache(maxsize=MAX_REMEMBERED)
def _grants(array: bytes) -> tuple[Grant, ...]:
    codes: Any = cbor.decode(array)
    return tuple([Grant(code=code) for code in codes])


def _argument(number: bytes | None) -> int | None:
    """Return an encoded number of at most 32 bits (RFC 8949 §3)."""
    if number is None:
        return None
    return number[0] if len(number) == 1 else _number(number[1:], "big")
