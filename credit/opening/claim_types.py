"""Strict claim types: decoded claims in, typed claims out, or `TokenError` damaged_code (credential.md, CDDL).

Rules of this file:

- a claim has exactly the CBOR type, size and range of the CDDL; whole numbers lie below 2^53;
- claims we do not know are refused, except members of `credit` from FIRST_IGNORED on;
- a flag bit we do not know is refused: it might restrict what we would then allow;
- nothing here looks at the clock, and nothing is corrected.
"""

from typing import Final, NamedTuple, NoReturn, TypeGuard

from credit.claims import Grant, Reservation, SubjectKind
from credit.codec.refusals import TokenError
from credit.reasons import Reason

STEP: Final = 10  # of the order in credit.tokens
NUMBER_END: Final = 1 << 53  # integers above do not survive JSON and JavaScript (RFC 8785)
FIRST_IGNORED: Final = 32
MAX_TIER: Final = 9
MAX_AUDIENCE_BYTES: Final = 24
TOKEN_ID_BYTES = NONCE_BYTES = GRANT_ID_BYTES = ORDER_BYTES = 8
SUBJECT_BYTES: Final = 16
STATUS_INDEX_NEEDED_S: Final = 24 * 3600

EXP, NBF, IAT, CTI, CNF, CREDIT = 4, 5, 6, 7, 8, -65537  # RFC 8392 §4, RFC 8747 §3.1
AUD, NONCE, CHALLENGE = 3, 7, 39
COSE_KEY: Final = 1  # in cnf, RFC 8747 §3.2
SCHEMA, SUBJECT, TIER, GROUPS, GRANTS, REGION, STATUS, MAX_USES, FLAGS, RESERVATION = range(10)
FLAG_ID_CHECK, FLAG_TEST, FLAG_GROUP, FLAG_ENTERPRISE = 1, 2, 4, 8

_CREDENTIAL_CLAIMS: Final = {EXP, NBF, IAT, CTI, CNF, CREDIT}
_PRESENTATION_CLAIMS: Final = {AUD, IAT, NONCE, CHALLENGE}
_CREDIT_MEMBERS: Final = set(range(RESERVATION + 1))
_HOLDER_KEYS: Final = ({1, -1, -2}, {1, -1, -2, -3})
_KIND_BITS: Final = ~(FLAG_ID_CHECK | FLAG_TEST)
_KINDS: Final = {0: SubjectKind.PERSON, FLAG_GROUP: SubjectKind.GROUP, FLAG_ENTERPRISE: SubjectKind.ENTERPRISE}


class CredentialClaims(NamedTuple):
    """What an issuer says. `holder` is the decoded COSE_Key of the holder, its shape checked, its point not yet."""

    token_id: bytes
    expires: int
    not_before: int | None
    issued_at: int
    holder: dict[int, object] | None
    subject: bytes
    tier: int
    groups: frozenset[int]
    grants: tuple[Grant, ...]
    region: int | None
    status_index: int | None
    max_uses: int | None
    kind: SubjectKind
    id_check: bool
    test: bool
    reservation: Reservation | None


class PresentationClaims(NamedTuple):
    """What the holder's phone says: when, a nonce, for which site, in answer to which challenge."""

    issued_at: int
    nonce: bytes
    audience: str | None
    challenge: bytes | None


class Unproved(NamedTuple):
    """What an unverified credential says about its class."""

    issued_at: int
    expires: int
    bound: bool
    limited: bool


def read_credential(claims: object) -> CredentialClaims:
    """Return the typed claims of a credential."""
    if type(claims) is CredentialClaims:  # from credit.opening.usual
        return claims
    if type(claims) is not dict or not claims.keys() <= _CREDENTIAL_CLAIMS:
        _damaged("cred-claims are {4, ?5, 6, 7, ?8, -65537}")
    expires, issued_at = _number(claims.get(EXP), "exp"), _number(claims.get(IAT), "iat")
    credit = claims.get(CREDIT)
    if type(credit) is not dict:
        _damaged("credit is not a map")
    if not credit.keys() <= _CREDIT_MEMBERS and min(credit.keys() - _CREDIT_MEMBERS) < FIRST_IGNORED:
        _damaged(f"a member of credit below {FIRST_IGNORED} that we do not know")
    if credit.get(SCHEMA) != 1:
        _damaged("the schema of credit is not 1")
    flags = _optional(credit, FLAGS, "flags") or 0
    kind = _KINDS.get(flags & _KIND_BITS)
    if kind is None:
        _damaged("flags we do not know, or group and enterprise at once")
    status = _optional(credit, STATUS, "status index")
    if status is None and expires - issued_at > STATUS_INDEX_NEEDED_S:
        _damaged("a token of more than 24 hours without status index")
    tier = _number(credit.get(TIER), "tier")
    if tier > MAX_TIER:
        _damaged(f"tier above {MAX_TIER}")
    return CredentialClaims(
        _bytes(claims.get(CTI), TOKEN_ID_BYTES, "token id"),
        expires,
        _optional(claims, NBF, "nbf"),
        issued_at,
        _holder(claims[CNF]) if CNF in claims else None,
        _bytes(credit.get(SUBJECT), SUBJECT_BYTES, "subject"),
        tier,
        frozenset([_number(group, "group") for group in _list(credit.get(GROUPS), "groups")]),
        tuple([_grant(grant) for grant in _list(credit.get(GRANTS), "grants")]),
        _optional(credit, REGION, "region"),
        status,
        _optional(credit, MAX_USES, "max uses"),
        kind,
        bool(flags & FLAG_ID_CHECK),
        bool(flags & FLAG_TEST),
        _reservation(credit[RESERVATION]) if RESERVATION in credit else None,
    )


def read_presentation(claims: object) -> PresentationClaims:
    """Return the typed claims of a presentation."""
    if type(claims) is PresentationClaims:  # from credit.opening.usual
        return claims
    if type(claims) is not dict or not claims.keys() <= _PRESENTATION_CLAIMS:
        _damaged("pres-claims are {?3, 6, 7, ?39}")
    audience, challenge = claims.get(AUD), claims.get(CHALLENGE)
    if audience is not None and (type(audience) is not str or not 1 <= len(audience.encode()) <= MAX_AUDIENCE_BYTES):
        _damaged(f"audience is text of 1 to {MAX_AUDIENCE_BYTES} bytes")
    if challenge is not None and type(challenge) is not bytes:
        _damaged("challenge is a byte string")
    return PresentationClaims(
        _number(claims.get(IAT), "iat"), _bytes(claims.get(NONCE), NONCE_BYTES, "nonce"), audience, challenge
    )


def unproved(claims: object) -> Unproved | None:
    """Return what the checks before the issuer's signature need, or None if it is not there (then 10 refuses)."""
    if type(claims) is CredentialClaims:
        return Unproved(claims.issued_at, claims.expires, claims.holder is not None, claims.max_uses is not None)
    if type(claims) is not dict:
        return None
    issued_at, expires, credit = claims.get(IAT), claims.get(EXP), claims.get(CREDIT)
    if not _is_number(issued_at) or not _is_number(expires) or type(credit) is not dict:
        return None
    return Unproved(issued_at, expires, CNF in claims, MAX_USES in credit)


def _damaged(detail: str) -> NoReturn:
    raise TokenError(Reason.DAMAGED_CODE, detail, STEP)


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < NUMBER_END


def _number(value: object, name: str) -> int:
    if type(value) is int and 0 <= value < NUMBER_END:
        return value
    _damaged(f"{name} is not a whole number below 2^53")


def _optional(members: dict[int, object], key: int, name: str) -> int | None:
    return _number(members[key], name) if key in members else None


def _bytes(value: object, size: int, name: str) -> bytes:
    if type(value) is bytes and len(value) == size:
        return value
    _damaged(f"{name} is not a byte string of {size}")


def _list(value: object, name: str) -> list[object]:
    if type(value) is list:
        return value
    _damaged(f"{name} is not an array")


def _holder(cnf: object) -> dict[int, object]:
    key = cnf.get(COSE_KEY) if type(cnf) is dict and len(cnf) == 1 else None
    if type(key) is dict and key.keys() in _HOLDER_KEYS:
        return key
    _damaged("cnf is not {1: COSE_Key} of exactly {1, -1, -2, ?-3}")


def _grant(grant: object) -> Grant:
    if type(grant) is not list:
        return Grant(code=_number(grant, "grant"))
    if len(grant) != 3:  # noqa: PLR2004 - the CDDL
        _damaged("a grant is a code or [code, grant id, uses]")
    code, grant_id, uses = grant
    return Grant(
        code=_number(code, "grant"), grant_id=_bytes(grant_id, GRANT_ID_BYTES, "grant id"), uses=_number(uses, "uses")
    )


def _reservation(value: object) -> Reservation:
    if type(value) is not list or len(value) != 5:  # noqa: PLR2004 - the CDDL
        _damaged("a reservation is [order, site, from, until, heads]")
    order, site, from_s, until_s, heads = value
    if type(site) is not str:
        _damaged("a reservation's site is text")
    return Reservation(
        order=_bytes(order, ORDER_BYTES, "order"),
        site=site,
        from_s=_number(from_s, "from"),
        until_s=_number(until_s, "until"),
        heads=_number(heads, "heads"),
    )
