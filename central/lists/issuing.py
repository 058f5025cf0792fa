"""Issuing credit tokens: signing keys of a city, credentials, the QR picture (credential.md).

Rules of this file:

- a city has one signing key for each class of tokens, unless it was taken in before that; the newest signs;
- a signing key is a PEM file `state/issuer-keys/<city>.<kid>.pem` (0600); its public row is in the register and goes
  out with `issuers/<city>/keys.json`;
- every credential has a random token id and the next free status index of its city, and is in the register before its
  text leaves this module;
- tier and groups are a list's affair (docs/lists.md), which two people decide: a credential that claims them by itself
  needs somebody's word too (`Warrant`), is a test token, or says again what a living one of the same person says;
- the holder's private key is made on the holder's phone; only the demo and tests make one here and hand it on.
"""

import io
import json
import secrets
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import segno
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.lists.cities import STATUS_BLOCK, publish
from central.register.minting import ALL_CLASSES, Credential, IssuerKey, mint_credential, public_entry, to_text
from central.register.registry import RegistryError, known_pseudonym, pseudonym, register, zone_of
from central.register.warrants import Warrant, note
from credit.claims import Grant, Reservation, SubjectKind, TokenClass
from storage.files import PRIVATE, replace_file

KEY_FOLDER: Final = "issuer-keys"
KEY_DAYS: Final = 3 * 365
DAY_S: Final = 86_400
TOKEN_ID_BYTES: Final = 8
QR_BORDER: Final = 4
SIGNING: Final = (
    "SELECT kid FROM issuer_key WHERE city = ? AND killed_ms IS NULL"
    " AND EXISTS (SELECT 1 FROM json_each(entry, '$.classes') WHERE value = ?)"
    " ORDER BY entry ->> 'from' DESC LIMIT 1"
)
NOT_ALONE: Final = (
    "等级与人群须由两人批准的名单给出（办公平台：导入人员或起草等级）· tier and groups are given by list, by two people"
    " (the office: import people, or draft a tier)"
)
LIVING: Final = "SELECT 1 FROM credential WHERE city = ? AND token_id = ? AND subject = ? AND revoked_ms IS NULL"
STATIC: Final = "INSERT INTO code (sha256, token_id, city) VALUES (?, ?, ?)"  # vouches for grants by it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a credential shall say. `holder_key` is the phone's public key; without it the code is static."""

    subject: str
    tier: int = 0
    groups: Iterable[int] = ()
    grants: Sequence[Grant] = ()
    valid_s: int = 30 * DAY_S
    holder_key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | None = None
    max_uses: int | None = None
    region: int | None = None
    kind: SubjectKind = SubjectKind.PERSON
    id_check: bool = False
    test: bool = False
    reservation: Reservation | None = None
    renews: bytes | None = None  # the id of the credential that this one says again


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An issued credential: its bytes, the text of its QR code, and what the register knows it by."""

    raw: bytes
    text: str
    token_id: bytes
    subject: bytes
    status_index: int
    expires_s: int


def make_key(
    state: Path, city: str, *, now_s: int, classes: Iterable[TokenClass] = ALL_CLASSES, days: int = KEY_DAYS
) -> bytes:
    """Make a signing key for `city` and enter it; return its kid. Publish to let terminals know it."""
    key = IssuerKey(city, ed25519.Ed25519PrivateKey.generate())
    entry = public_entry(key, from_s=now_s - DAY_S, until_s=now_s + days * DAY_S, classes=classes)
    with register(state) as conn:
        zone_of(conn, city)
        replace_file(_key_path(state, city, key.kid), _pem(key.private), mode=PRIVATE)
        conn.execute(
            "INSERT INTO issuer_key (city, kid, entry) VALUES (?, ?, ?)",
            (city, key.kid, json.dumps(entry, sort_keys=True)),
        )
    return key.kid


def make_keys(state: Path, city: str, *, now_s: int) -> list[bytes]:
    """Make one signing key for each class of tokens: a stolen printer's key forges no phone. Return their kids."""
    return [make_key(state, city, now_s=now_s, classes=(one,)) for one in ALL_CLASSES]


def complete_keys(state: Path, city: str, *, now_s: int) -> None:
    """Make a signing key for each class of tokens that has none in force: a city is taken in, perhaps once more."""
    with register(state) as conn:
        bare = [one for one in ALL_CLASSES if conn.execute(SIGNING, (city, str(one))).fetchone() is None]
    for one in bare:
        make_key(state, city, now_s=now_s, classes=(one,))


def issue(
    state: Path, city: str, wanted: Wanted, *, now_s: int, iat: int | None = None, warrant: Warrant | None = None
) -> Issued:
    """Issue a credential; raise RegistryError. `iat` back-dates it (tests and the demo's expired code).

    `warrant` is by whose word it claims a tier or groups.
    """
    with register(state) as conn:
        key = _signing_key(conn, state, city, _class_of(wanted))
        issued = _issued(conn, key, wanted, now_s=now_s, iat=now_s if iat is None else iat, warrant=warrant)
    _publish_full(state, city, (issued,), now_s=now_s)
    return issued


def issue_all(state: Path, city: str, wanted: Sequence[Wanted], *, now_s: int) -> list[Issued]:
    """Issue many credentials of one class as one transaction: all of them, or none; raise RegistryError.

    Whom they name must be in the register already.
    """
    if len({_class_of(one) for one in wanted}) > 1:
        raise RegistryError("credentials that are issued together are of one class")
    done: list[Issued] = []
    with register(state) as conn:
        if wanted:
            key = _signing_key(conn, state, city, _class_of(wanted[0]))
        for one in wanted:
            known_pseudonym(conn, city, one.subject)
            done.append(_issued(conn, key, one, now_s=now_s, iat=now_s, warrant=None))
    _publish_full(state, city, done, now_s=now_s)
    return done


def _issued(
    conn: sqlite3.Connection, key: IssuerKey, wanted: Wanted, *, now_s: int, iat: int, warrant: Warrant | None
) -> Issued:
    city, expires, token_id = key.issuer, iat + wanted.valid_s, secrets.token_bytes(TOKEN_ID_BYTES)
    subject = pseudonym(conn, city, wanted.subject)
    if claims_standing(wanted) and not _says_again(conn, city, subject, wanted.renews):
        if warrant is None:
            raise RegistryError(NOT_ALONE)
        note(conn, warrant, "issue", (token_id.hex(),), city=city, now_ms=now_s * 1000)
    index = _next_index(conn, city)
    conn.execute(
        "INSERT INTO credential (token_id, city, subject, status_index, issued_s, expires_s) VALUES (?, ?, ?, ?, ?, ?)",
        (token_id, city, subject, index, iat, expires),
    )
    claims = _claims(wanted, subject)
    raw = mint_credential(key, Credential(token_id=token_id, iat=iat, exp=expires, status_index=index, **claims))
    if wanted.holder_key is None:
        conn.execute(STATIC, (sha256(raw).digest(), token_id, city))
    return Issued(raw=raw, text=to_text(raw), token_id=token_id, subject=subject, status_index=index, expires_s=expires)


def _publish_full(state: Path, city: str, issued: Iterable[Issued], *, now_s: int) -> None:
    """Publish where terminals need the next block of the status list before this one is full."""
    if any(one.status_index and one.status_index % STATUS_BLOCK == 0 for one in issued):
        publish(state, now_ms=now_s * 1000, cities=(city,))


def claims_standing(wanted: Wanted) -> bool:
    """Return whether a credential would claim, for real terminals, a tier or groups."""
    return not wanted.test and (wanted.tier > 0 or any(wanted.groups))


def _says_again(conn: sqlite3.Connection, city: str, subject: bytes, token_id: bytes | None) -> bool:
    return token_id is not None and conn.execute(LIVING, (city, token_id, subject)).fetchone() is not None


def picture(text: str, *, kind: str = "png", scale: int = 8, error: str = "l") -> bytes:
    """Return the QR picture of a code's text as PNG or SVG bytes (ECC L for screens, M or Q for paper)."""
    out = io.BytesIO()
    segno.make(text, error=error, mode="alphanumeric", boost_error=False, micro=False).save(
        out, kind=kind, scale=scale, border=QR_BORDER
    )
    return out.getvalue()


def _claims(wanted: Wanted, subject: bytes) -> dict[str, Any]:
    if any(one.grant_id is None or one.uses is None for one in wanted.grants):
        raise RegistryError("a grant is issued with its id and its number of uses: without them it is a blank cheque")
    return {
        "subject": subject,
        "tier": wanted.tier,
        "groups": wanted.groups,
        "grants": wanted.grants,
        "holder_key": wanted.holder_key,
        "max_uses": wanted.max_uses,
        "region": wanted.region,
        "kind": wanted.kind,
        "id_check": wanted.id_check,
        "test": wanted.test,
        "reservation": wanted.reservation,
    }


def _next_index(conn: sqlite3.Connection, city: str) -> int:
    highest = conn.execute("SELECT max(status_index) FROM credential WHERE city = ?", (city,)).fetchone()[0]
    return 0 if highest is None else highest + 1


def _class_of(wanted: Wanted) -> TokenClass:
    """Return what a terminal will take the credential for (contract.md §7)."""
    if wanted.holder_key is not None:
        return TokenClass.BOUND
    return TokenClass.MINTED if wanted.max_uses is None else TokenClass.PRINTED


def _signing_key(conn: sqlite3.Connection, state: Path, city: str, for_class: TokenClass) -> IssuerKey:
    zone_of(conn, city)
    row = conn.execute(SIGNING, (city, str(for_class))).fetchone()
    if row is None:
        mend = f"make one with `central city --city {city} --new-key`"
        raise RegistryError(f"{city}: has no signing key in force for {for_class} codes; {mend}")
    path = _key_path(state, city, bytes(row[0]))
    try:
        private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise RegistryError(f"{path}: cannot be read: {error}") from error
    if not isinstance(private, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise RegistryError(f"{path}: an Ed25519 or P-256 key is wanted")
    return IssuerKey(city, private)


def _key_path(state: Path, city: str, kid: bytes) -> Path:
    return state / KEY_FOLDER / f"{city}.{kid.hex()}.pem"


def _pem(private: Any) -> bytes:
    found: bytes = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return found
