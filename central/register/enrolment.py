"""Enrolment codes: made by the operator, used once, by whoever holds the code and a key.

Rules of this file:

- a code has 80 random bits in four groups of four; the database holds its hash only;
- the same code with the same key gets the same answer for 24 h after first use: an answer may be lost on the way;
- the same code with another key is refused (409), and so is a code that is unknown, expired or long used (404);
- a terminal that is enrolled anew takes its new key; the former one stays good for its journal (former.py);
- an enrolment has a number above that of every order before it, whatever the clock says: by that its terminal knows
  that a twin is settled, and which profile is the newer one.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from central.register.former import replace_key
from central.register.sites import enrol_hub, lanes_of
from central.register.standing import next_number, order, profile_of, tell_hub, tell_of_lanes, tell_site
from storage.jobs import Tx
from sync.wire.messages import EnrolAnswer, EnrolRequest, PlatformKey, WireError, decode
from sync.wire.profiles import Profile, SignedProfile
from sync.wire.seals import check_proof

CODE_BYTES = 10
DAY_MS = 86_400_000
ANSWER_AGAIN_MS = DAY_MS
QR_PREFIX = "xinguan-enrol:"

CODE = "SELECT terminal, until_ms, used_ms, public_key, answer FROM codes WHERE code_sha256 = $1"
USE = "UPDATE codes SET used_ms = $1, public_key = $2, answer = $3 WHERE code_sha256 = $4"
HELD = "SELECT 1 FROM epochs WHERE terminal = $1 LIMIT 1"
ENROL = "UPDATE terminals SET public_key = $1, enrolled_ms = $2 WHERE terminal = $3"
REGISTER = (
    "INSERT INTO terminals (terminal, site, profile) VALUES ($1, $2, $3)"
    " ON CONFLICT (terminal) DO UPDATE SET site = excluded.site, profile = excluded.profile"
)
ENROLLED = "SELECT profile FROM terminals WHERE terminal = $1 AND public_key IS NOT NULL"
MAKE = "INSERT INTO codes (code_sha256, terminal, made_ms, until_ms) VALUES ($1, $2, $3, $4)"


@dataclass(frozen=True, slots=True)
class Offered:
    """What every terminal is given beside its own profile, and who signs that."""

    trust_root: bytes
    platform_keys: tuple[PlatformKey, ...]
    signed: Callable[[SignedProfile], str]
    former_keys: tuple[PlatformKey, ...] = ()


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.upper().replace("-", "").encode()).digest()


async def make_code(tx: Tx, *, terminal: str, profile: Profile, now_ms: int, valid_ms: int = DAY_MS) -> str:
    """Register `terminal` with `profile` and return a fresh code for it."""
    plain = base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode()
    before = await tx.row(ENROLLED, terminal)
    text = msgspec.json.encode(profile).decode()
    lanes = await lanes_of(tx, profile.site)
    await tx.execute(REGISTER, terminal, profile.site, text)
    if before is not None and before[0] != text:
        await order(tx, terminal, "profile", reason="", now_ms=now_ms)  # it serves: it is told
    await tell_of_lanes(tx, profile.site, lanes, but=terminal, now_ms=now_ms)
    await tx.execute(MAKE, _hash(plain), terminal, now_ms, now_ms + valid_ms)
    return "-".join(plain[i : i + 4] for i in range(0, len(plain), 4))


def qr_text(*, code: str, platform: str, trust_root: bytes) -> str:
    """Return the text of the enrolment QR: where, what, and which trust root to accept."""
    return f"{QR_PREFIX}{platform}#code={code}&root={hashlib.sha256(trust_root).hexdigest()}"


async def use_code(tx: Tx, request: EnrolRequest, offered: Offered, *, now_ms: int) -> EnrolAnswer:
    """Enrol the terminal that the code is for; raise WireError: bad_proof, unknown_code, code_used."""
    check_proof(request)
    row = await tx.row(CODE, _hash(request.code))
    if row is None:
        raise WireError("unknown_code", "this code is unknown")
    terminal, until_ms, used_ms, public_key, given = row
    if used_ms is not None:
        if not hmac.compare_digest(public_key, request.public_key):
            raise WireError("code_used", "this code was used with another key")
        if now_ms >= used_ms + ANSWER_AGAIN_MS:
            raise WireError("unknown_code", "this code was used long ago")
        return decode(given, EnrolAnswer)
    if now_ms >= until_ms:
        raise WireError("unknown_code", "this code has expired")
    profile = await _entered(tx, terminal, request, now_ms=now_ms)
    number = await next_number(tx, now_ms=now_ms)
    answer = EnrolAnswer(
        terminal=terminal,
        site=profile.site,
        profile=offered.signed(SignedProfile(terminal=terminal, number=number, profile=profile)),
        trust_root=offered.trust_root,
        platform_keys=list(offered.platform_keys),
        known=await tx.row(HELD, terminal) is not None,
        former_keys=list(offered.former_keys) or msgspec.UNSET,
    )
    await tx.execute(USE, now_ms, request.public_key, msgspec.json.encode(answer), _hash(request.code))
    return answer


async def _entered(tx: Tx, terminal: str, request: EnrolRequest, *, now_ms: int) -> Profile:
    """Enter the key, and for a hub where it answers; tell the others of its site; return the profile to be told."""
    await replace_key(tx, terminal, request.public_key, now_ms=now_ms)
    await tx.execute(ENROL, request.public_key, now_ms, terminal)
    profile = await profile_of(tx, terminal)
    if profile.role == "hub":
        await enrol_hub(tx, terminal, profile.site, request.hub, key=request.public_key, now_ms=now_ms)
        await tell_site(tx, profile.site, but=terminal, now_ms=now_ms)
        return await profile_of(tx, terminal)
    if request.hub is not None:
        raise WireError("bad_message", "this code is for a terminal: xinguan enrol CODE")
    await tell_hub(tx, profile.site, now_ms=now_ms)
    return profile
