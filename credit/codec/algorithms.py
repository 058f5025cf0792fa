"""The signature algorithms of XG1: one table from algorithm id to how its keys are loaded and used.

Rules of this file:

- ids are COSE's fully specified ones: -19 Ed25519, -9 ESP256 (ECDSA on P-256 with SHA-256); RFC 9864. SM2 with SM3
  (-65601) will be one more row here and one module that loads its keys;
- a key comes in as coordinates (RFC 9053 §7) and goes out as something with `verify`, or not at all: `KeyRefusedError`
  says why. Points that are not on the curve, not in canonical form or of small order never become keys: with a
  small-order Ed25519 key, anybody can write signatures that verify, and OpenSSL loads them;
- ECDSA signatures are malleable, (r, n - s) verifies too: nothing may identify a token by its signature.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE_BYTES: Final = 64
COORDINATE_BYTES: Final = 32

_P: Final = 2**255 - 19  # the field of edwards25519, RFC 8032 §5.1
_Y_BITS: Final = 2**255 - 1  # the bit above them is the sign of x
_TOP_Y_BITS: Final = 0x7F  # in the last octet; y is below p unless all of them are set
_D: Final = -121665 * pow(121666, -1, _P) % _P
_Y_OF_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset(
    {
        (y | sign << 255).to_bytes(COORDINATE_BYTES, "little")
        for y in (0, 1, _P - 1, _Y_OF_ORDER_8, _P - _Y_OF_ORDER_8)  # orders 4, 1, 2, 8, 8
        for sign in (0, 1)
    }
)
_ECDSA_SHA256: Final = ec.ECDSA(SHA256())


class KeyRefusedError(ValueError):
    """These coordinates are no key we use; the text says why."""


class PublicKey(Protocol):
    """What verifies a signature of SIGNATURE_BYTES; raises cryptography's InvalidSignature if it does not hold."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Return if `signature` holds for `data`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One row: its COSE id, key type and curve, and how to load a key from its coordinates (x, or x and y)."""

    id: int
    name: str
    kty: int
    crv: int
    coordinates: int
    load: Callable[[tuple[bytes, ...]], PublicKey]
    export: Callable[[object], tuple[bytes, ...] | None]


def _load_ed25519(coordinates: tuple[bytes, ...]) -> PublicKey:
    (encoded,) = coordinates
    if encoded[-1] & _TOP_Y_BITS == _TOP_Y_BITS and int.from_bytes(encoded, "little") & _Y_BITS >= _P:
        raise KeyRefusedError("Ed25519 key not in canonical form")
    if encoded in _SMALL_ORDER:
        raise KeyRefusedError("Ed25519 key of small order")
    return ed25519.Ed25519PublicKey.from_public_bytes(encoded)


def check_on_curve(public: object) -> None:
    """Raise KeyRefusedError if an Ed25519 key decodes to no point (RFC 8032 §5.1.3). Other kinds were checked on load.

    A key that does not verifies nothing, and asking costs as much as a third of a signature check. So key files are
    asked, and the holder keys of a crowd at the gate are not.
    """
    if isinstance(public, ed25519.Ed25519PublicKey):
        y = int.from_bytes(public.public_bytes_raw(), "little") & _Y_BITS
        x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
        if pow(x_squared, (_P - 1) // 2, _P) != 1:
            raise KeyRefusedError("Ed25519 point not on the curve")


def _export_ed25519(public: object) -> tuple[bytes, ...] | None:
    return (public.public_bytes_raw(),) if isinstance(public, ed25519.Ed25519PublicKey) else None


class P256Key:
    """A P-256 public key over COSE's signature form, r and s of 32 bytes each (RFC 9053 §2.1)."""

    __slots__ = ("point",)

    def __init__(self, point: ec.EllipticCurvePublicKey) -> None:
        self.point = point

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Return if `signature` holds for `data`; raise InvalidSignature if not."""
        if len(signature) != SIGNATURE_BYTES:
            raise InvalidSignature
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        self.point.verify(encode_dss_signature(r, s), data, _ECDSA_SHA256)


def _load_p256(coordinates: tuple[bytes, ...]) -> PublicKey:
    try:
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), b"\x04" + b"".join(coordinates))
    except ValueError as error:
        raise KeyRefusedError("P-256 point not on the curve") from error
    return P256Key(point)


def _export_p256(public: object) -> tuple[bytes, ...] | None:
    if not isinstance(public, ec.EllipticCurvePublicKey) or not isinstance(public.curve, ec.SECP256R1):
        return None
    point = public.public_numbers()
    return point.x.to_bytes(COORDINATE_BYTES, "big"), point.y.to_bytes(COORDINATE_BYTES, "big")


ED25519: Final = Algorithm(
    id=-19, name="Ed25519", kty=1, crv=6, coordinates=1, load=_load_ed25519, export=_export_ed25519
)
ESP256: Final = Algorithm(id=-9, name="ESP256", kty=2, crv=1, coordinates=2, load=_load_p256, export=_export_p256)

ALGORITHMS: Final[Mapping[int, Algorithm]] = {row.id: row for row in (ED25519, ESP256)}
BY_CURVE: Final[Mapping[tuple[object, object], Algorithm]] = {(row.kty, row.crv): row for row in ALGORITHMS.values()}
