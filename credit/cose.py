"""COSE_Sign1 (RFC 9052 §4.2, §4.4): one core, strict for our tokens, lenient for foreign ones in tests.

Rules of this file:

- a `Profile` says what a message may look like and which algorithms exist; there is no default profile. `XG1` is the
  only one that anything but tests may use;
- the key says which algorithm is run. The header's alg is compared with it and selects nothing;
- XG1: tag 18, deterministic CBOR all through (headers and payload too), an empty unprotected header, and a protected
  header of exactly {1: alg, 4: kid, 16: 65001} (a credential) or {1: alg, 13: credential, 16: 294} (a presentation);
- `verify_sign1` and `check_signature` return or raise `TokenError`; nothing before them is proved.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from credit.codec import cbor
from credit.codec.algorithms import ALGORITHMS, SIGNATURE_BYTES, KeyRefusedError, P256Key
from credit.codec.cbor_any import Tag, decode_any
from credit.codec.refusals import TokenError
from credit.keys import KID_BYTES, CoseKey
from credit.reasons import Reason

STEP_SHAPE: Final = 5  # of the order in credit.tokens
MAX_TOKEN_BYTES: Final = 397  # what 600 characters hold, 4 of them the prefix
ALG, CRIT, KID, KCWT, TYP = 1, 2, 4, 13, 16  # header labels: RFC 9052 §3.1, RFC 9528, RFC 9596
TYP_CREDENTIAL: Final = 65001
TYP_PRESENTATION: Final = 294  # kb+cwt
CREDENTIAL_HEADER_BYTES: Final = 17
_CREDENTIAL_HEADER: Final = {ALG, KID, TYP}
_PRESENTATION_HEADER: Final = {ALG, KCWT, TYP}
_HEADS: Final = [cbor.bstr(bytes(size))[: -size or None] for size in range(MAX_TOKEN_BYTES + 1)]
_CONTEXT: Final = b"\x84\x6aSignature1"  # the head of Sig_structure, RFC 9052 §4.4


class _Header(NamedTuple):
    """A protected header that XG1 allows. `protected` is shared between messages: read it, never change it."""

    protected: Mapping[int, cbor.Item]
    kid: bytes
    alg: int


class Envelope(NamedTuple):
    """A COSE_Sign1 that was taken apart, not verified. `claims` is the decoded payload where the profile decodes it."""

    protected: Mapping[Any, Any]
    protected_raw: bytes
    kid: bytes
    alg: int
    payload: bytes
    signature: bytes
    claims: object


@dataclass(frozen=True, slots=True)
class Signed:
    """A verified COSE_Sign1. `kid` is empty if the header names none."""

    protected: Mapping[Any, Any]
    payload: bytes
    kid: bytes
    alg: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a message may look like: how its bytes are decoded, taken apart, and how a resolved key becomes a verifier.

    `decode` raises CborError, `envelope` CborError or TokenError, `load_key` KeyRefusedError.
    """

    name: str
    max_bytes: int
    decode: Callable[[bytes], object]
    envelope: Callable[[object], Envelope]
    load_key: Callable[[object], CoseKey]


def verify_sign1(
    raw: bytes, *, profile: Profile, resolve_key: Callable[[bytes, int], object], aad: bytes = b""
) -> Signed:
    """Return what `raw` says if it is a COSE_Sign1 of `profile` with a good signature; raise TokenError.

    `resolve_key(kid, alg)` returns a `CoseKey` or a public key object of the `cryptography` package, or raises
    LookupError. `aad` is the external additional data (RFC 9052 §4.3).
    """
    if len(raw) > profile.max_bytes:
        _damaged(f"more than {profile.max_bytes} bytes")
    try:
        envelope = profile.envelope(profile.decode(raw))
    except cbor.CborError as error:
        raise TokenError(Reason.DAMAGED_CODE, str(error)) from error
    try:
        resolved = resolve_key(envelope.kid, envelope.alg)
    except LookupError as error:
        raise TokenError(Reason.UNKNOWN_KEY, "no key of this kid") from error
    try:
        key = profile.load_key(resolved)
    except KeyRefusedError as error:
        raise TokenError(Reason.BAD_SIGNATURE, str(error)) from error
    check_signature(envelope, key, aad)
    return Signed(dict(envelope.protected), envelope.payload, envelope.kid, envelope.alg)


def check_signature(envelope: Envelope, key: CoseKey, aad: bytes = b"", *, step: int | None = None) -> None:
    """Return if `envelope` was signed by `key`; raise TokenError bad_signature. Never trusts the header's alg.

    `step` is what the error says of the order in credit.tokens.
    """
    if envelope.alg != key.alg:
        raise TokenError(Reason.BAD_SIGNATURE, "alg is not the key's", step)
    try:
        key.public.verify(envelope.signature, to_be_signed(envelope.protected_raw, envelope.payload, aad))
    except InvalidSignature as error:
        raise TokenError(Reason.BAD_SIGNATURE, "the signature does not hold", step) from error


def to_be_signed(protected_raw: bytes, payload: bytes, aad: bytes = b"") -> bytes:
    """Return Sig_structure (RFC 9052 §4.4): what a signer signs and a verifier checks."""
    if aad or max(len(payload), len(protected_raw)) > MAX_TOKEN_BYTES:
        return b"".join((_CONTEXT, cbor.bstr(protected_raw), cbor.bstr(aad), cbor.bstr(payload)))
    return b"".join((_CONTEXT, _HEADS[len(protected_raw)], protected_raw, b"\x40", _HEADS[len(payload)], payload))


def _damaged(detail: str, step: int | None = None) -> NoReturn:
    raise TokenError(Reason.DAMAGED_CODE, detail, step)


# ------------------------------------------------------------------------------------------------ XG1


def _xg1_envelope(message: object) -> Envelope:
    """Take a decoded XG1 message apart; raise TokenError damaged_code, or CborError from its inner items."""
    if type(message) is not cbor.Tagged or type(message.item) is not list or len(message.item) != 4:  # noqa: PLR2004 - RFC 9052 §4.2
        _damaged("not a COSE_Sign1 under tag 18", STEP_SHAPE)
    protected_raw, unprotected, payload, signature = message.item
    if type(protected_raw) is not bytes or type(payload) is not bytes or type(signature) is not bytes:
        _damaged("protected header, payload and signature are byte strings", STEP_SHAPE)
    claims = cbor.decode(payload)
    header = _known_header(protected_raw) if len(protected_raw) == CREDENTIAL_HEADER_BYTES else _header(protected_raw)
    if unprotected != {}:
        _damaged("the unprotected header is not an empty map", STEP_SHAPE)
    if len(signature) != SIGNATURE_BYTES:
        _damaged(f"the signature has not {SIGNATURE_BYTES} bytes", STEP_SHAPE)
    return Envelope(header.protected, protected_raw, header.kid, header.alg, payload, signature, claims)


def _header(protected_raw: bytes) -> _Header:
    """Read a protected header; it is a credential's, with a kid, or a presentation's, without; others are refused."""
    protected = cbor.decode(protected_raw)
    if type(protected) is not dict:
        _damaged("the protected header is not a map", STEP_SHAPE)
    alg, kid, typ = protected.get(ALG), protected.get(KID, b""), protected.get(TYP)
    if type(alg) is not int or type(kid) is not bytes:
        _damaged("alg is no integer, or kid no byte string", STEP_SHAPE)
    if protected.keys() == _CREDENTIAL_HEADER and typ == TYP_CREDENTIAL and len(kid) == KID_BYTES:
        return _Header(protected, kid, alg)
    if protected.keys() == _PRESENTATION_HEADER and typ == TYP_PRESENTATION:
        return _Header(protected, kid, alg)
    _damaged("neither the header of a credential nor of a presentation", STEP_SHAPE)


_known_header = lru_cache(maxsize=64)(_header)  # one issuer key's credentials all have the same header


def _xg1_key(resolved: object) -> CoseKey:
    key = resolved if isinstance(resolved, CoseKey) else CoseKey.of(resolved)
    if key.alg not in ALGORITHMS:
        raise KeyRefusedError("no key of an XG1 algorithm")
    return key


XG1: Final = Profile(
    name="XG1", max_bytes=MAX_TOKEN_BYTES, decode=cbor.decode, envelope=_xg1_envelope, load_key=_xg1_key
)


# ------------------------------------------------------------------- HCERT: European health certificates, tests only

MAX_FOREIGN_BYTES: Final = 16 * 1024
ES256, PS256 = -7, -37  # RFC 9053 §2.1, RFC 8230 §2
MIN_RSA_BITS: Final = 2048
_TAG_CWT: Final = 61  # RFC 8392 §6
_PSS: Final = padding.PSS(mgf=padding.MGF1(SHA256()), salt_length=SHA256.digest_size)


class _RsaPssKey:
    """An RSA public key with RSASSA-PSS, SHA-256 and a salt of 32 bytes (RFC 8230 §2)."""

    __slots__ = ("modulus",)

    def __init__(self, modulus: rsa.RSAPublicKey) -> None:
        self.modulus = modulus

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Return if `signature` holds for `data`; raise InvalidSignature if not."""
        self.modulus.verify(signature, data, _PSS, SHA256())


def _foreign_envelope(message: object) -> Envelope:
    """Tags 61 and 18 may be there, the kid may be in either header (the protected one wins), the payload is any."""
    for number in (_TAG_CWT, cbor.TAG_SIGN1):
        if isinstance(message, Tag) and message.number == number:
            message = message.item
    if not isinstance(message, list) or len(message) != 4:  # noqa: PLR2004 - RFC 9052 §4.2
        _damaged("not a COSE_Sign1")
    protected_raw, unprotected, payload, signature = message
    if not (isinstance(protected_raw, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        _damaged("protected header, payload and signature are byte strings")
    protected = decode_any(protected_raw)
    if not isinstance(protected, dict) or not isinstance(unprotected, dict):
        _damaged("the headers are not maps")
    alg, kid = protected.get(ALG), protected.get(KID, unprotected.get(KID, b""))
    if not isinstance(alg, int) or not isinstance(kid, bytes):
        _damaged("alg is no integer of the protected header, or kid no byte string")
    if CRIT in protected or CRIT in unprotected:
        _damaged("a header that must be understood and is not")
    return Envelope(protected, protected_raw, kid, alg, payload, signature, None)


def _foreign_key(resolved: object) -> CoseKey:
    """Load a public key object, as X.509 certificates hold them: P-256 is for ES256, RSA for PS256."""
    if isinstance(resolved, ec.EllipticCurvePublicKey) and isinstance(resolved.curve, ec.SECP256R1):
        return CoseKey(ES256, P256Key(resolved))
    if isinstance(resolved, rsa.RSAPublicKey) and resolved.key_size >= MIN_RSA_BITS:
        return CoseKey(PS256, _RsaPssKey(resolved))
    raise KeyRefusedError(f"neither a P-256 key nor an RSA key of {MIN_RSA_BITS} bits")


HCERT: Final = Profile(
    name="HCERT", max_bytes=MAX_FOREIGN_BYTES, decode=decode_any, envelope=_foreign_envelope, load_key=_foreign_key
)
