"""Issuing credentials at the desk and for the city's mini-program: grants, holder key, reservation, region, kind.

Rules of this file:

- what was approved travels as {code, id, uses}: the office looks it up, nobody says it (a grant without id and uses was
  a blank cheque);
- a phone proves that it has the key (`wallet`); a clerk at the desk may take a key as it is brought, as its
  SubjectPublicKeyInfo in PEM; a key is Ed25519 or P-256;
- a code on paper needs a number of uses and gets an identity check with it when it carries a grant.
"""

from dataclasses import dataclass, field, replace
from typing import Any, Final

from cryptography.hazmat.primitives import serialization

from central.lists.issuing import DAY_S, Issued, Wanted, issue
from central.office import entries
from central.office.approving import grants, wallet
from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from credit.claims import Reservation, SubjectKind

MAX_DAYS: Final = 366


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What a credential shall be: a phone's (holder key as PEM, or its proof) or paper's (`max_uses`)."""

    subject: str
    holder_key: str = ""
    proof: str = ""
    max_uses: int | None = None
    tier: int = 0
    groups: tuple[int, ...] = ()
    days: int = 30
    region: int | None = None
    kind: SubjectKind = SubjectKind.PERSON
    reservation: Reservation | None = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """What a phone shows to have its credential renewed: its code, which answers our nonce."""

    code: str
    nonce: str
    days: int = 30


def holder_key(pem: str) -> wallet.HolderKey:
    """Return a phone's public key; raise RefusedError."""
    try:
        key = serialization.load_pem_public_key(pem.encode("ascii"))
    except (ValueError, UnicodeEncodeError) as error:
        raise RefusedError("手机公钥应为 PEM · the phone's public key is wanted as PEM") from error
    return wallet.phone_key(key)


async def issue_code(desk: Desk, who: Person, city: str, code: Code, asked: Asked) -> tuple[Issued, tuple[str, ...]]:
    """Issue a credential with everything that is approved for somebody; return it and the grants it carries."""
    who.check("credential.issue", city)
    return await issue_to(desk, who, city, code, asked)


async def issue_to(desk: Desk, who: Person, city: str, code: Code, asked: Asked) -> tuple[Issued, tuple[str, ...]]:
    """Issue a credential to whoever `code` names. Who asks was asked for their right: a duty, or being that person."""
    asked = asked.checked(desk.now_ms())
    now_s = desk.now_ms() // 1000
    if [bool(code.holder_key), bool(code.proof), code.max_uses is not None].count(True) != 1:
        raise RefusedError("手机公钥与纸质次数二选一 · either a phone's key or a number of uses on paper")
    if not 1 <= code.days <= MAX_DAYS:
        raise RefusedError(f"有效期 1 至 {MAX_DAYS} 天 · valid 1 to {MAX_DAYS} days")
    key = holder_key(code.holder_key) if code.holder_key else None
    if code.proof:
        key, nonce = await desk.run(
            lambda: wallet.proved_key(code.proof, city, good=lambda one: _good(desk, city, one), now_s=now_s)
        )
        asked = replace(asked, once=f"nonce:{nonce.hex()}")
    wanted = Wanted(
        subject=await desk.run(lambda: _subject(desk, city, code.subject)),
        tier=code.tier,
        groups=code.groups,
        valid_s=code.days * DAY_S,
        holder_key=key,
        max_uses=code.max_uses,
        region=code.region,
        kind=code.kind,
        reservation=code.reservation,
    )
    return await _issued(desk, who, city, wanted, asked)


async def renew(desk: Desk, who: Person, city: str, old: Old, asked: Asked) -> tuple[Issued, tuple[str, ...]]:
    """Issue anew what a phone shows, for the same key; raise RefusedError, RepeatedError for a nonce used before."""
    who.check("credential.issue", city)
    return await renew_to(desk, who, city, old, asked)


async def renew_to(
    desk: Desk, who: Person, city: str, old: Old, asked: Asked, *, own: str | None = None
) -> tuple[Issued, tuple[str, ...]]:
    """Renew for whoever holds the phone; `own`: only the credential of this pseudonym."""
    asked = asked.checked(desk.now_ms())
    if not 1 <= old.days <= MAX_DAYS:
        raise RefusedError(f"有效期 1 至 {MAX_DAYS} 天 · valid 1 to {MAX_DAYS} days")
    nonce = await desk.run(lambda: _good(desk, city, old.nonce))
    now_s = desk.now_ms() // 1000
    token, key = await desk.run(lambda: wallet.renewing(desk.folder, city, old.code, nonce=nonce, now_s=now_s))
    if own is not None and token.subject.hex() != own:
        raise RefusedError("此码不属于本人 · this code is somebody else's")
    wanted = Wanted(
        subject=token.subject.hex(),
        tier=token.tier,
        groups=sorted(token.groups),
        valid_s=old.days * DAY_S,
        holder_key=key,
        region=token.region,
        kind=token.kind,
        test=token.test,
        reservation=token.reservation,
        renews=token.token_id,
    )
    return await _issued(desk, who, city, wanted, replace(asked, once=f"nonce:{nonce.hex()}"))


def _good(desk: Desk, city: str, nonce: str) -> bytes:
    return wallet.check_nonce(desk.folder, city, nonce, now_s=desk.now_ms() // 1000)


async def _issued(desk: Desk, who: Person, city: str, wanted: Wanted, asked: Asked) -> tuple[Issued, tuple[str, ...]]:
    carried = await grants.carried(desk, city, wanted.subject)
    on_paper = wanted.holder_key is None and bool(carried)
    wanted = replace(wanted, grants=carried, id_check=on_paper)
    names = tuple((one.grant_id or b"").hex() for one in carried)
    act = Act(act="credential.issue", city=city, subject=wanted.subject, why=asked.why, once=asked.once)

    def told(issued: Issued) -> dict[str, Any]:
        return {"token_id": issued.token_id.hex(), "grants": list(names), "expires": issued.expires_s}

    issued = await desk.effect(who, act, lambda: issue(desk.folder, city, wanted, now_s=desk.now_ms() // 1000), told)
    return issued, names


def _subject(desk: Desk, city: str, given: str) -> str:
    return entries.pseudonym_of(desk.folder, city, given)
