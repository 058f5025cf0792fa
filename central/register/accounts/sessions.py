"""Being known again: log-in with its lock-out, sessions, and API tokens. Jobs of the books; secrets are kept as hashes.

Rules of this file:

- a session begins with a new secret (nothing a visitor brings along is ever taken over) and ends 30 minutes after it
  was last used, 12 hours after it began, or when the account is locked or gets another password;
- wrong tries are counted for the account: after five it waits, each time twice as long, at most 15 minutes. They are
  counted apart for each device on which the account was logged in before. So whoever guesses from elsewhere makes
  themselves wait, and never the person at their own desk;
- an API token belongs to a person, may do what its scope names and its person may, and ends on a day.
"""

import hashlib
import json
import secrets
from typing import Final, NamedTuple

from central.register.accounts.duties import RIGHTS, Person
from central.register.accounts.operators import OperatorError, person
from storage.jobs import Tx

SECRET_BYTES: Final = 32
IDLE_MS: Final = 30 * 60_000
WHOLE_MS: Final = 12 * 3_600_000
TOUCH_MS: Final = 60_000  # a session that was seen this lately is not written again
FREE_TRIES: Final = 5
FIRST_WAIT_MS: Final = 30_000
LONGEST_WAIT_MS: Final = 15 * 60_000
MAX_TOKEN_DAYS: Final = 366
DAY_MS: Final = 86_400_000
MAX_TITLE: Final = 64

KEPT: Final = "SELECT password, locked_ms, wrong, wait_until_ms FROM operators WHERE operator = $1"
DEVICE: Final = "SELECT wrong, wait_until_ms FROM devices WHERE device = $1 AND operator = $2"
WRONG: Final = "UPDATE operators SET wrong = wrong + 1, wait_until_ms = $2 WHERE operator = $1"
WRONG_HERE: Final = "UPDATE devices SET wrong = wrong + 1, wait_until_ms = $3 WHERE device = $1 AND operator = $2"
NOBODY: Final = (
    "INSERT INTO marks (name, value) VALUES ('unknown account', $1)"
    " ON CONFLICT (name) DO UPDATE SET value = excluded.value"
)
RIGHT: Final = "UPDATE operators SET wrong = 0, wait_until_ms = 0, seen_ms = $2 WHERE operator = $1"
KNOWN: Final = (
    "INSERT INTO devices (device, operator, made_ms) VALUES ($1, $2, $3)"
    " ON CONFLICT (device, operator) DO UPDATE SET wrong = 0, wait_until_ms = 0"
)
BEGIN: Final = "INSERT INTO sessions (session, operator, begun_ms, seen_ms) VALUES ($1, $2, $3, $3)"
FIND: Final = "SELECT operator, begun_ms, seen_ms FROM sessions WHERE session = $1"
TOUCH: Final = "UPDATE sessions SET seen_ms = $2 WHERE session = $1"
END: Final = "DELETE FROM sessions WHERE session = $1"
OVER: Final = "DELETE FROM sessions WHERE seen_ms < $1 OR begun_ms < $2"
TOKEN: Final = (
    "INSERT INTO api_tokens (token, operator, title, secret, scope, made_ms, until_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)
TOKEN_OF: Final = "SELECT token, operator, scope, until_ms, revoked_ms FROM api_tokens WHERE secret = $1"
TOKENS: Final = (
    "SELECT token, title, scope, made_ms, until_ms, revoked_ms FROM api_tokens"
    " WHERE operator = $1 ORDER BY made_ms, token"
)
REVOKE: Final = "UPDATE api_tokens SET revoked_ms = $3 WHERE operator = $1 AND token = $2 AND revoked_ms IS NULL"


class Tried(NamedTuple):
    """What a log-in needs to know before the slow part: the kept password, and whether anybody has to wait."""

    kept: str | None
    wait_ms: int
    known_device: bool


class Token(NamedTuple):
    """An API token as it is listed; its secret is known to whoever was given it alone."""

    token: str
    title: str
    scope: tuple[str, ...]
    made_ms: int
    until_ms: int
    revoked_ms: int | None


def kept_as(secret: str) -> bytes:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def fresh_secret() -> str:
    """Return a new secret: 256 random bits as text."""
    return secrets.token_urlsafe(SECRET_BYTES)


async def trying(tx: Tx, operator: str, device: str | None, *, now_ms: int) -> Tried:
    """Return what to compare with, and how long whoever asks has to wait first."""
    row = await tx.row(KEPT, operator)
    if row is None:
        return Tried(None, 0, known_device=False)
    here = None if device is None else await tx.row(DEVICE, kept_as(device), operator)
    until_ms = row[3] if here is None else here[1]
    kept = row[0] if row[1] is None else None
    return Tried(kept, max(0, until_ms - now_ms), known_device=here is not None)


async def wrong(tx: Tx, operator: str, device: str | None, *, now_ms: int) -> None:
    """Count a wrong password, at the device if the account knows it, else at the account.

    For an account that is none, a row is written as well: how long the answer takes tells nobody which there are.
    """
    row = await tx.row(KEPT, operator)
    if row is None:
        await tx.execute(NOBODY, str(now_ms))
        return
    here = None if device is None else await tx.row(DEVICE, kept_as(device), operator)
    if here is not None and device is not None:
        await tx.execute(WRONG_HERE, kept_as(device), operator, _wait_until(here[0] + 1, now_ms))
    else:
        await tx.execute(WRONG, operator, _wait_until(row[2] + 1, now_ms))


def _wait_until(tries: int, now_ms: int) -> int:
    """Return when the next try is heard after so many wrong ones."""
    beyond = tries - FREE_TRIES
    return 0 if beyond < 0 else now_ms + min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** min(beyond, 10))


async def begin(tx: Tx, operator: str, session: str, device: str, *, now_ms: int) -> None:
    """Begin a session under a fresh secret, at a device that is known from now on."""
    await tx.execute(OVER, now_ms - IDLE_MS, now_ms - WHOLE_MS)
    await tx.execute(RIGHT, operator, now_ms)
    await tx.execute(KNOWN, kept_as(device), operator, now_ms)
    await tx.execute(BEGIN, kept_as(session), operator, now_ms)


async def found(tx: Tx, session: str, *, now_ms: int) -> tuple[Person, bool] | None:
    """Return whose session it is, and whether it is time to write that it was seen; None when it has ended."""
    row = await tx.row(FIND, kept_as(session))
    if row is None or now_ms - row[2] > IDLE_MS or now_ms - row[1] > WHOLE_MS:
        return None
    somebody = await person(tx, row[0], via="page")
    return None if somebody is None else (somebody, now_ms - row[2] > TOUCH_MS)


async def touch(tx: Tx, session: str, *, now_ms: int) -> None:
    """Note that a session was used."""
    await tx.execute(TOUCH, kept_as(session), now_ms)


async def end(tx: Tx, session: str) -> None:
    """End a session."""
    await tx.execute(END, kept_as(session))


async def make_token(
    tx: Tx, operator: str, secret: str, *, title: str, scope: frozenset[str], until_ms: int, now_ms: int
) -> str:
    """Keep an API token of a person and return its id; raise OperatorError for a scope or an end that cannot be."""
    unknown = sorted(scope - RIGHTS.keys())
    if unknown or not scope:
        raise OperatorError(f"{', '.join(unknown) or '-'}: no act of the office; those are {', '.join(RIGHTS)}")
    if not now_ms < until_ms <= now_ms + MAX_TOKEN_DAYS * DAY_MS:
        raise OperatorError(f"令牌有效期 1 至 {MAX_TOKEN_DAYS} 天 · a token ends within {MAX_TOKEN_DAYS} days")
    if await person(tx, operator, via="token") is None:
        raise OperatorError(f"{operator}: 没有此账号或已停用 · no such account, or it is locked")
    token = secrets.token_hex(8)
    values = (token, operator, title[:MAX_TITLE], kept_as(secret), json.dumps(sorted(scope)), now_ms, until_ms)
    await tx.execute(TOKEN, *values)
    return token


async def of_token(tx: Tx, secret: str, *, now_ms: int) -> Person | None:
    """Return who asks with an API token; None when it is none of ours, has ended or was revoked."""
    row = await tx.row(TOKEN_OF, kept_as(secret))
    if row is None or row[4] is not None or now_ms >= row[3]:
        return None
    return await person(tx, row[1], via=f"token:{row[0]}", scope=frozenset(json.loads(row[2])))


async def tokens_of(tx: Tx, operator: str) -> list[Token]:
    """Return a person's API tokens."""
    return [
        Token(one, title, tuple(json.loads(scope)), *rest)
        for one, title, scope, *rest in await tx.rows(TOKENS, operator)
    ]


async def revoke_token(tx: Tx, operator: str, token: str, *, now_ms: int) -> None:
    """End an API token now; raise OperatorError when there is none."""
    if not await tx.execute(REVOKE, operator, token, now_ms):
        raise OperatorError(f"{token}: 没有此令牌 · {operator} has no such token in force")
