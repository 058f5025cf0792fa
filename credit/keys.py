"""Keys: the COSE_Key of a signer, the trusted keys of issuers, and the keyring that finds them (contract.md §7).

Rules of this file:

- a COSE_Key is a map of exactly {1, -1, -2} or {1, -1, -2, -3} (RFC 9053 §7); its kid is the first 8 bytes of the
  SHA-256 thumbprint over that map (RFC 9679 §4), always recomputed, never believed;
- a key file loads whole or not at all; the error names the member and what is wrong with it;
- a key belongs to one issuer. Two issuers may list keys of one kid: both are tried, in the order the files were
  merged, at most MAX_SAME_KID;
- a killed key stays as a tombstone. Kids killed once stay killed whatever later files say, if the caller keeps
  `Keyring.killed` and hands it back to `Keyring.merged`;
- a keyring never changes. Its memory of verified credentials is its own, so new keys start with an empty one.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple, TypeAlias

from credit.claims import TokenClass
from credit.codec import cbor
from credit.codec.algorithms import ALGORITHMS, BY_CURVE, COORDINATE_BYTES, KeyRefusedError, PublicKey, check_on_curve

KID_BYTES: Final = 8
MAX_SAME_KID: Final = 2
MAX_FILE_BYTES: Final = 1 << 20
_KTY, _CRV, _X, _Y = 1, -1, -2, -3
_COORDINATES: Final = (_X, _Y)
_MEMBERS: Final = frozenset({"issuer", "kid", "alg", "key", "classes", "from", "until", "issued_until", "killed"})

Killed: TypeAlias = frozenset[tuple[str, bytes]]


class KeyringError(ValueError):
    """A key file that is not accepted; the text names the member and the mend."""


class CoseKey(NamedTuple):
    """A public key that may verify: its algorithm and the loaded key."""

    alg: int
    public: PublicKey

    @classmethod
    def from_map(cls, members: object) -> "CoseKey":
        """Load a decoded COSE_Key; raise KeyRefusedError with the reason."""
        kty, crv = (members.get(_KTY), members.get(_CRV)) if type(members) is dict else (None, None)
        algorithm = BY_CURVE.get((kty, crv)) if type(kty) is int and type(crv) is int else None
        if type(members) is not dict or algorithm is None:
            raise KeyRefusedError("not a COSE_Key on Ed25519 or P-256")
        if len(members) != 2 + algorithm.coordinates:
            raise KeyRefusedError("a COSE_Key has exactly kty, crv and its coordinates")
        coordinates: tuple[Any, ...] = (members.get(_X), members.get(_Y))[: algorithm.coordinates]
        for part in coordinates:
            if type(part) is not bytes or len(part) != COORDINATE_BYTES:
                raise KeyRefusedError(f"coordinates are byte strings of {COORDINATE_BYTES}")
        return cls(algorithm.id, algorithm.load(coordinates))

    @classmethod
    def of(cls, public: object) -> "CoseKey":
        """Load a public key object of the `cryptography` package, with all checks; raise KeyRefusedError."""
        return cls.from_map(cose_map(public))


def kid_of(members: object) -> bytes:
    """Return the kid of a decoded COSE_Key that `CoseKey.from_map` accepts: its thumbprint's first bytes."""
    return hashlib.sha256(cbor.encode(members)).digest()[:KID_BYTES]


def cose_map(public: object) -> dict[int, object]:
    """Return the COSE_Key map of a public key object of the `cryptography` package; or raise KeyRefusedError."""
    for algorithm in ALGORITHMS.values():
        coordinates = algorithm.export(public)
        if coordinates is not None:
            return {_KTY: algorithm.kty, _CRV: algorithm.crv, **dict(zip(_COORDINATES, coordinates, strict=False))}
    raise KeyRefusedError("not an Ed25519 or P-256 public key")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedKey:
    """An issuer's key: verifies tokens of `classes` while from_s <= now < until_s, issued until `issued_until`.

    `key` is None only in the tombstone of a kid that no present file lists.
    """

    issuer: str
    kid: bytes
    key: CoseKey | None
    classes: frozenset[TokenClass]
    from_s: int
    until_s: int
    issued_until: int | None = None
    killed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Keyring:
    """The keys a terminal trusts now, by kid. `verified` is `credit.tokens`' memory of opened credentials."""

    by_kid: Mapping[bytes, tuple[TrustedKey, ...]]
    killed: Killed = frozenset()
    verified: dict[bytes, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def empty(cls) -> "Keyring":
        """Return a keyring that knows no key."""
        return cls({})

    @classmethod
    def from_json(cls, raw: bytes) -> "Keyring":
        """Load a key file (contract.md §7); raise KeyringError if any row of it is not acceptable."""
        return cls.merged([cls._of(_rows(raw))])

    @classmethod
    def merged(cls, keyrings: Iterable["Keyring"], *, killed: Killed = frozenset()) -> "Keyring":
        """Join the keyrings of several issuers, in this order; `killed` (issuer, kid) stay killed, listed or not."""
        keys = [key for keyring in keyrings for keys in keyring.by_kid.values() for key in keys]
        listed = {(key.issuer, key.kid) for key in keys}
        tombstones = [
            TrustedKey(issuer=issuer, kid=kid, key=None, classes=frozenset(), from_s=0, until_s=0, killed=True)
            for issuer, kid in sorted(killed - listed)
        ]
        return cls._of(
            [replace(key, killed=key.killed or (key.issuer, key.kid) in killed) for key in keys] + tombstones
        )

    @classmethod
    def _of(cls, keys: Iterable[TrustedKey]) -> "Keyring":
        by_kid: dict[bytes, tuple[TrustedKey, ...]] = {}
        dead = set()
        for key in keys:
            by_kid[key.kid] = (*by_kid.get(key.kid, ()), key)[:MAX_SAME_KID]
            if key.killed:
                dead.add((key.issuer, key.kid))
        return cls(by_kid, frozenset(dead))


def _rows(raw: bytes) -> list[TrustedKey]:
    if len(raw) > MAX_FILE_BYTES:
        raise KeyringError(f"a key file has at most {MAX_FILE_BYTES} bytes")
    try:
        rows = json.loads(raw, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise KeyringError(f"not JSON: {error}") from error
    if not isinstance(rows, list):
        raise KeyringError("$: a key file is an array of keys")
    keys: dict[tuple[str, bytes], TrustedKey] = {}
    for index, row in enumerate(rows):
        key = _row(row, f"$[{index}]")
        if keys.setdefault((key.issuer, key.kid), key) is not key:
            raise KeyringError(f"$[{index}].kid: listed twice for {key.issuer}")
    return list(keys.values())


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise KeyringError("a member is given twice in one object")
    return members


def _row(row: object, path: str) -> TrustedKey:
    if not isinstance(row, dict) or row.keys() != _MEMBERS:
        wrong = sorted(_MEMBERS ^ row.keys()) if isinstance(row, dict) else []
        raise KeyringError(f"{path}: a key has exactly {sorted(_MEMBERS)}; missing or unknown here: {wrong}")
    issuer, alg, issued_until = row["issuer"], row["alg"], row["issued_until"]
    if not isinstance(issuer, str) or not issuer:
        raise KeyringError(f"{path}.issuer: a name")
    if type(row["killed"]) is not bool:
        raise KeyringError(f"{path}.killed: true or false")
    for name, value in (("from", row["from"]), ("until", row["until"]), ("issued_until", issued_until)):
        if type(value) is not int and not (name == "issued_until" and value is None):
            raise KeyringError(f"{path}.{name}: whole seconds UTC")
    key, kid = _cose_key(row["key"], f"{path}.key")
    if type(alg) is not int or alg != key.alg:
        raise KeyringError(f"{path}.alg: the key is for {key.alg}")
    if row["kid"] != kid.hex():
        raise KeyringError(f"{path}.kid: the key's thumbprint begins with {kid.hex()}")
    return TrustedKey(
        issuer=issuer,
        kid=kid,
        key=key,
        classes=_classes(row["classes"], f"{path}.classes"),
        from_s=row["from"],
        until_s=row["until"],
        issued_until=issued_until,
        killed=row["killed"],
    )


def _cose_key(text: object, path: str) -> tuple[CoseKey, bytes]:
    try:
        members = cbor.decode(bytes.fromhex(text) if isinstance(text, str) else b"")
        key = CoseKey.from_map(members)
        check_on_curve(key.public)
    except ValueError as error:
        raise KeyringError(f"{path}: {error}") from error
    return key, kid_of(members)


def _classes(names: object, path: str) -> frozenset[TokenClass]:
    if not isinstance(names, list) or not names:
        raise KeyringError(f"{path}: at least one of bound, minted, printed")
    try:
        return frozenset(TokenClass(name) for name in names)
    except ValueError as error:
        raise KeyringError(f"{path}: {error}") from error
