"""Making tokens: what the platform (credentials) and a holder's phone (presentations) sign (docs/token-format.md).

Rules of this file:

- pure: keys, ids, nonces and times are given; nothing is drawn here and no clock is read;
- it writes what it is told, also what a terminal will refuse: tests forge with it, and the rules live in one place,
  `credit.tokens`;
- a terminal never imports it: terminals hold no signing key of an issuer.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from credit.claims import Grant, Reservation, SubjectKind, TokenClass
from credit.codec import base45, cbor
from credit.codec.algorithms import COORDINATE_BYTES
from credit.cose import ALG, KCWT, KID, TYP, TYP_CREDENTIAL, TYP_PRESENTATION, to_be_signed
from credit.keys import CoseKey, cose_map, kid_of
from credit.opening.claim_types import (
    AUD,
    CHALLENGE,
    CNF,
    COSE_KEY,
    CREDIT,
    CTI,
    EXP,
    FLAG_ENTERPRISE,
    FLAG_GROUP,
    FLAG_ID_CHECK,
    FLAG_TEST,
    FLAGS,
    GRANTS,
    GROUPS,
    IAT,
    MAX_USES,
    NBF,
    NONCE,
    REGION,
    RESERVATION,
    SCHEMA,
    STATUS,
    SUBJECT,
    TIER,
)
from credit.tokens import PREFIX

PrivateKey: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey

_KIND_FLAGS: Final = {SubjectKind.PERSON: 0, SubjectKind.GROUP: FLAG_GROUP, SubjectKind.ENTERPRISE: FLAG_ENTERPRISE}
ALL_CLASSES: Final = (TokenClass.BOUND, TokenClass.MINTED, TokenClass.PRINTED)


@dataclass(frozen=True, slots=True)
class IssuerKey:
    """An issuer's signing key; kid and alg follow from the key."""

    issuer: str
    private: PrivateKey = field(repr=False)

    @property
    def public(self) -> CoseKey:
        """The key as terminals know it."""
        return CoseKey.of(self.private.public_key())

    @property
    def kid(self) -> bytes:
        """The first 8 bytes of the key's thumbprint."""
        return kid_of(cose_map(self.private.public_key()))

    @property
    def alg(self) -> int:
        """The COSE id of the key's algorithm."""
        return self.public.alg


def issuer_key(issuer: str, seed: bytes) -> IssuerKey:
    """Return the Ed25519 issuer key of a 32-byte secret seed."""
    return IssuerKey(issuer, ed25519.Ed25519PrivateKey.from_private_bytes(seed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a credential says: a member for each claim. `holder_key` is a public key; times are seconds UTC."""

    subject: bytes
    tier: int
    token_id: bytes
    iat: int
    exp: int
    groups: Iterable[int] = ()
    grants: Sequence[Grant] = ()
    holder_key: object | None = None
    nbf: int | None = None
    region: int | None = None
    status_index: int | None = None
    max_uses: int | None = None
    kind: SubjectKind = SubjectKind.PERSON
    id_check: bool = False
    test: bool = False
    reservation: Reservation | None = None


def mint_credential(key: IssuerKey, said: Credential) -> bytes:
    """Return the signed credential that says so."""
    flags = _KIND_FLAGS[said.kind] | (FLAG_ID_CHECK if said.id_check else 0) | (FLAG_TEST if said.test else 0)
    credit = _present_members(
        {
            SCHEMA: 1,
            SUBJECT: said.subject,
            TIER: said.tier,
            GROUPS: sorted(said.groups),
            GRANTS: [_grant(grant) for grant in said.grants],
            REGION: said.region,
            STATUS: said.status_index,
            MAX_USES: said.max_uses,
            FLAGS: flags or None,
            RESERVATION: None if said.reservation is None else _reservation(said.reservation),
        }
    )
    cnf = None if said.holder_key is None else {COSE_KEY: cose_map(said.holder_key)}
    claims = _present_members(
        {EXP: said.exp, NBF: said.nbf, IAT: said.iat, CTI: said.token_id, CNF: cnf, CREDIT: credit}
    )
    return sign1(key.private, {ALG: key.alg, KID: key.kid, TYP: TYP_CREDENTIAL}, cbor.encode(claims))


def present(
    credential: bytes,
    holder_private: PrivateKey,
    *,
    iat: int,
    nonce: bytes,
    audience: str | None = None,
    challenge: bytes | None = None,
) -> bytes:
    """Return a presentation of `credential` by its holder, as a phone makes one every 10 to 15 seconds."""
    alg = CoseKey.of(holder_private.public_key()).alg
    header: dict[int, object] = {ALG: alg, KCWT: cbor.decode(credential), TYP: TYP_PRESENTATION}
    claims = _present_members({AUD: audience, IAT: iat, NONCE: nonce, CHALLENGE: challenge})
    return sign1(holder_private, header, cbor.encode(claims))


def sign1(private: PrivateKey, protected: dict[int, object], payload: bytes) -> bytes:
    """Return a COSE_Sign1 under tag 18 (RFC 9052 §4.2) with this protected header and payload."""
    header = cbor.encode(protected)
    signature = sign(private, to_be_signed(header, payload))
    return cbor.sign1([header, {}, payload, signature])


def sign(private: PrivateKey, data: bytes) -> bytes:
    """Return the 64-byte signature of `data` in COSE's form (RFC 9053 §2); ECDSA is deterministic (RFC 6979)."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(data)
    r, s = decode_dss_signature(private.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
    return r.to_bytes(COORDINATE_BYTES, "big") + s.to_bytes(COORDINATE_BYTES, "big")


def to_text(raw: bytes) -> str:
    """Return the text of the QR code for a credential or presentation."""
    return PREFIX + base45.encode(raw)


def public_entry(
    key: IssuerKey,
    *,
    from_s: int,
    until_s: int,
    classes: Iterable[TokenClass] = ALL_CLASSES,
    issued_until: int | None = None,
    killed: bool = False,
) -> dict[str, object]:
    """Return the key's row in keys.json (contract.md §7), ready for `json.dumps`."""
    return {
        "issuer": key.issuer,
        "kid": key.kid.hex(),
        "alg": key.alg,
        "key": cbor.encode(cose_map(key.private.public_key())).hex(),
        "classes": [str(name) for name in classes],
        "from": from_s,
        "until": until_s,
        "issued_until": issued_until,
        "killed": killed,
    }


def _present_members(members: dict[int, object]) -> dict[int, object]:
    return {key: value for key, value in members.items() if value is not None}


def _grant(grant: Grant) -> object:
    if grant.grant_id is None or grant.uses is None:
        return grant.code
    return [grant.code, grant.grant_id, grant.uses]


def _reservation(booked: Reservation) -> object:
    return [booked.order, booked.site, booked.from_s, booked.until_s, booked.heads]
