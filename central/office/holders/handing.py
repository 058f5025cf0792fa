"""A visitor comes in from the city's own app: its identity service says who that is, and the phone gets a session.

The hand-over is a JWT that the service signs, in the place of OpenID4VCI's pre-authorised code: header {typ, kid: the
service, alg by its key}, body {iss: the service, aud: "xinguan:CITY", sub: name or pseudonym as the register has it,
iat, exp, jti}. Rules of this file:

- the service must be entered for this very city and not have ended; its key says which algorithm counts;
- it is good for MOST_S and once: its `jti` is kept until it would have ended anyhow;
- `sub` must be in the city's register: nobody is made up by being handed over;
- a session is 256 random bits, kept as a hash, good for SESSION_MS from its beginning; it sees and does what is its
  holder's own, and is nobody's duty.
"""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import jwt

from central.office import entries
from central.office.desk import Desk
from central.office.refusals import RefusedError
from central.register.accounts import identities
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Person
from central.register.accounts.sessions import fresh_secret, kept_as
from central.register.registry import register
from storage.jobs import Tx

TYP: Final = "xg-handover+jwt"
MOST_S: Final = 300
SKEW_S: Final = 60
MIN_JTI: Final = 16
MAX_JTI: Final = 128
SESSION_MS: Final = 30 * 60_000
MEMBERS: Final = ["iss", "sub", "aud", "iat", "exp", "jti"]

USED: Final = "INSERT INTO handed_over (mark, until_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING until_ms"
FORGET_USED: Final = "DELETE FROM handed_over WHERE until_ms < $1"
FORGET_ENDED: Final = "DELETE FROM holder_sessions WHERE until_ms < $1"
BEGIN: Final = "INSERT INTO holder_sessions (session, city, subject, identity, until_ms) VALUES ($1, $2, $3, $4, $5)"
FIND: Final = "SELECT city, subject, identity FROM holder_sessions WHERE session = $1 AND until_ms > $2"
END: Final = "DELETE FROM holder_sessions WHERE session = $1"


class NoHandOverError(RefusedError):
    """What was brought hands nobody over; the text says why in both languages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Somebody at their own phone. `subject` is the pseudonym in hex."""

    city: str
    subject: str
    identity: str

    def person(self) -> Person:
        """Return who stands in the office journal: by whose word the holder is here, and no duty."""
        return Person(operator=f"wallet:{self.identity}", title="本人 holder", duties=(), via="wallet")


@dataclass(frozen=True, slots=True)
class _Said:
    sub: str
    mark: bytes
    until_ms: int


async def hand_over(desk: Desk, code: str) -> tuple[str, Holder]:
    """Return the secret of a new session and whose it is; raise NoHandOverError."""
    now_ms = desk.now_ms()
    service = await desk.books.read(lambda tx: identities.get(tx, _named(code)))
    if service is None or service.ended_ms is not None:
        raise NoHandOverError("不是本市认可的身份服务 · signed by no identity service that this city trusts")
    said = _said(code, service, now_s=now_ms // 1000)
    subject = await desk.run(lambda: _known(desk, service.city, said.sub))
    holder, secret = Holder(city=service.city, subject=subject, identity=service.identity), fresh_secret()

    async def job(tx: Tx) -> None:
        await tx.execute(FORGET_USED, now_ms)
        await tx.execute(FORGET_ENDED, now_ms)
        if await tx.row(USED, said.mark, said.until_ms) is None:
            raise NoHandOverError(
                "此交接已用过，请在小程序重新进入 · this hand-over was used: come in anew from the app"
            )
        living = await identities.get(tx, service.identity)
        if living is None or living.ended_ms is not None:
            raise NoHandOverError("身份服务已停用 · the identity service has ended")
        what = (kept_as(secret), holder.city, holder.subject, holder.identity, now_ms + SESSION_MS)
        await tx.execute(BEGIN, *what)
        await append(tx, holder.person(), Act(act="holder.enter", city=holder.city, subject=subject), now_ms=now_ms)

    await desk.books.write(job)
    return secret, holder


def _named(code: str) -> str:
    """Return which service a hand-over names; nothing is believed of it yet."""
    try:
        header = jwt.get_unverified_header(code)
    except jwt.PyJWTError as error:
        raise NoHandOverError(f"不是交接凭据 · this is no hand-over: {error}") from error
    kid = header.get("kid")
    if header.get("typ") != TYP or not isinstance(kid, str) or not identities.NAME.fullmatch(kid):
        raise NoHandOverError(f"须为 {TYP}，kid 为身份服务 · a hand-over is a {TYP} whose kid names its service")
    return kid


def _said(code: str, service: identities.Identity, *, now_s: int) -> _Said:
    key, alg = service.key()
    # Times are held against the platform's own clock below; the library would ask this process's.
    options: Any = {"require": MEMBERS, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    options |= {"strict_aud": True}
    try:
        said = jwt.decode(
            code, key, algorithms=[alg], audience=f"xinguan:{service.city}", issuer=service.identity, options=options
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NoHandOverError(f"交接凭据无效 · the hand-over does not hold: {error}") from error
    iat, exp, sub, jti = (said[name] for name in ("iat", "exp", "sub", "jti"))
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in (iat, exp)):
        raise NoHandOverError("iat、exp 须为整数秒 · iat and exp are whole seconds")
    if not (isinstance(sub, str) and isinstance(jti, str) and MIN_JTI <= len(jti) <= MAX_JTI):
        raise NoHandOverError(f"sub、jti 须为文字，jti {MIN_JTI} 至 {MAX_JTI} 字符 · sub and jti are texts")
    if not (iat - SKEW_S <= now_s < exp <= iat + MOST_S):
        raise NoHandOverError(f"交接凭据已过期或时间不对，至多 {MOST_S} 秒 · it has ended, or is of another time")
    mark = hashlib.sha256(f"{service.identity}\0{jti}".encode("utf-8", "surrogatepass")).digest()
    return _Said(sub, mark, exp * 1000)


def _known(desk: Desk, city: str, sub: str) -> str:
    with register(desk.folder) as conn:
        try:
            key, _shown = entries.known_subject(conn, city, sub)
        except RefusedError as error:
            raise NoHandOverError(
                "登记册中没有此人，请先到窗口登记 · not in the register: enter at the desk first"
            ) from error
    return key.hex()


async def holder_of(desk: Desk, secret: str) -> Holder | None:
    """Return whose session it is, None when it is none or has ended."""
    row = await desk.books.read(lambda tx: tx.row(FIND, kept_as(secret), desk.now_ms()))
    return None if row is None else Holder(city=row[0], subject=row[1], identity=row[2])


async def leave(desk: Desk, secret: str) -> None:
    """End a session."""
    await desk.books.write(lambda tx: tx.execute(END, kept_as(secret)))
