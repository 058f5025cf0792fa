"""Issuing credentials at the desk and for the city's mini-program: grants, holder key, reservation, region, kind.

Rules of this file:

- what was approved travels as {code, id, uses}: the office looks it up, nobody says it (a grant without id and uses was
  a blank cheque);
- a phone proves that it has the key: a signature over a fresh challenge is the mini-program's affair (docs/office.md);
  a key is Ed25519 or P-256, as its SubjectPublicKeyInfo in PEM;
- a code on paper needs a number of uses and gets an identity check with it when it carries a grant.
"""

from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from central.lists.issuing import DAY_S, Issued, Wanted, issue
from central.office import entries
from central.office.approving import grants
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from central.register.registry import register
from credit.claims import Reservation, SubjectKind

MAX_DAYS: Final = 366
HolderKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a credential shall be: a phone's (holder key, PEM) or paper's (`max_uses`)."""

    subject: str
    holder_key: str = ""
    max_uses: int | None = None
    tier: int = 0
    groups: tuple[int, ...] = ()
    days: int = 30
    region: int | None = None
    kind: SubjectKind = SubjectKind.PERSON
    reservation: Reservation | None = field(default=None)


def holder_key(pem: str) -> HolderKey:
    """Return a phone's public key; raise RefusedError."""
    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnicodeEncodeError) as error:
        raise RefusedError("手机公钥应为 PEM · the phone's public key is wanted as PEM") from error
    good = isinstance(key, ed25519.Ed25519PublicKey) or (
        isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
    )
    if not good:
        raise RefusedError("密钥须为 Ed25519 或 P-256 · a holder's key is Ed25519 or P-256")
    return key  # type: ignore[return-value]  # checked above


async def issue_code(desk: Desk, who: Person, city: str, code: Code, asked: Asked) -> tuple[Issued, tuple[str, ...]]:
    """Issue a credential with everything that is approved for somebody; return it and the grants it carries."""
    who.check("credential.issue", city)
    asked = asked.checked(desk.now_ms())
    if bool(code.holder_key) == (code.max_uses is not None):
        raise RefusedError("手机公钥与纸质次数二选一 · either a phone's key or a number of uses on paper")
    if not 1 <= code.days <= MAX_DAYS:
        raise RefusedError(f"有效期 1 至 {MAX_DAYS} 天 · valid 1 to {MAX_DAYS} days")
    key = holder_key(code.holder_key) if code.holder_key else None
    subject = await desk.run(lambda: _subject(desk, city, code.subject))
    carried = await grants.carried(desk, city, subject)
    wanted = Wanted(
        subject=subject,
        tier=code.tier,
        groups=code.groups,
        grants=carried,
        valid_s=code.days * DAY_S,
        holder_key=key,
        max_uses=code.max_uses,
        region=code.region,
        kind=code.kind,
        id_check=key is None and bool(carried),
        reservation=code.reservation,
    )
    names = tuple((one.grant_id or b"").hex() for one in carried)
    act = Act(act="credential.issue", city=city, subject=subject, why=asked.why, once=asked.once)

    def told(issued: Issued) -> dict[str, Any]:
        return {"token_id": issued.token_id.hex(), "grants": list(names), "expires": issued.expires_s}

    issued = await desk.effect(who, act, lambda: issue(desk.folder, city, wanted, now_s=desk.now_ms() // 1000), told)
    return issued, names


def _subject(desk: Desk, city: str, given: str) -> str:
    with register(desk.folder) as conn:
        return entries.known_subject(conn, city, given)[0].hex()
