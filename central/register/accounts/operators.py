"""Named accounts: who works here and with which duties. Jobs of the books.

Nobody is deleted: an account is locked, so that the office journal keeps a name for each act.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from central.register.accounts.duties import Duty, Person, Role
from storage.jobs import Tx

NAME: Final = re.compile(r"[a-z][a-z0-9.-]{1,31}\Z")
MAX_TITLE: Final = 64
MAX_AUTHORITY: Final = 200

ADD: Final = "INSERT INTO operators (operator, title, password, made_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
DUTY: Final = "INSERT INTO duties (operator, city, role, authority) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
DUTIES: Final = "SELECT city, role, authority FROM duties WHERE operator = $1 ORDER BY city, role, authority"
ALL: Final = "SELECT operator, title, made_ms, locked_ms, seen_ms FROM operators ORDER BY operator"
ONE: Final = "SELECT title, password, locked_ms FROM operators WHERE operator = $1"
LOCK: Final = "UPDATE operators SET locked_ms = $2 WHERE operator = $1"
PASSWORD: Final = "UPDATE operators SET password = $2, wrong = 0, wait_until_ms = 0 WHERE operator = $1"
CLEAR: Final = "DELETE FROM duties WHERE operator = $1"
END_SESSIONS: Final = "DELETE FROM sessions WHERE operator = $1"
END_TOKENS: Final = "UPDATE api_tokens SET revoked_ms = $2 WHERE operator = $1 AND revoked_ms IS NULL"


class OperatorError(Exception):
    """An account cannot be what was asked; the text names the mend."""


class Listed(NamedTuple):
    """An account as it is listed."""

    operator: str
    title: str
    made_ms: int
    locked_ms: int | None
    seen_ms: int | None
    duties: tuple[Duty, ...]


def checked_duties(duties: Iterable[Duty]) -> tuple[Duty, ...]:
    """Return duties that can be kept; raise OperatorError."""
    found = tuple(duties)
    if not found:
        raise OperatorError("没有职责 · no duty: write CITY:ROLE or CITY:ROLE:AUTHORITY")
    for duty in found:
        if len(duty.authority) > MAX_AUTHORITY or not duty.city:
            raise OperatorError(f"{duty.city}:{duty.role}: 城市不能为空，机关名不超过 200 字 · name a city")
    return found


def read_duty(text: str) -> Duty:
    """Return a duty written CITY:ROLE or CITY:ROLE:AUTHORITY; raise OperatorError."""
    city, _, rest = text.partition(":")
    role, _, authority = rest.partition(":")
    try:
        return Duty(city.strip(), Role(role.strip()), authority.strip())
    except ValueError as error:
        known = ", ".join(Role)
        raise OperatorError(f"{text!r}: write CITY:ROLE or CITY:ROLE:AUTHORITY; roles are {known}") from error


async def add(tx: Tx, operator: str, *, title: str, password: str, duties: tuple[Duty, ...], now_ms: int) -> None:
    """Enter an account whose password is kept as `password`; raise OperatorError when the name is taken."""
    if not NAME.match(operator):
        raise OperatorError(f"{operator!r}: 账号用 a-z 0-9 . - · an account is a-z, 0-9, dots and hyphens, 2 to 32")
    if not 0 < len(title) <= MAX_TITLE:
        raise OperatorError("姓名 1 至 64 字 · a person's title has 1 to 64 characters")
    if not await tx.execute(ADD, operator, title, password, now_ms):
        raise OperatorError(f"{operator}: 账号已存在 · there is such an account already")
    await set_duties(tx, operator, duties)


async def set_duties(tx: Tx, operator: str, duties: tuple[Duty, ...]) -> None:
    """Give an account these duties and no others."""
    await tx.execute(CLEAR, operator)
    for duty in checked_duties(duties):
        await tx.execute(DUTY, operator, duty.city, duty.role.value, duty.authority)


async def lock(tx: Tx, operator: str, *, now_ms: int | None) -> None:
    """Lock an account, end its sessions and tokens; None opens it again. Raises OperatorError."""
    if not await tx.execute(LOCK, operator, now_ms):
        raise OperatorError(f"{operator}: 没有此账号 · there is no such account")
    if now_ms is not None:
        await tx.execute(END_SESSIONS, operator)
        await tx.execute(END_TOKENS, operator, now_ms)


async def set_password(tx: Tx, operator: str, password: str) -> None:
    """Keep another password and end every session; raise OperatorError."""
    if not await tx.execute(PASSWORD, operator, password):
        raise OperatorError(f"{operator}: 没有此账号 · there is no such account")
    await tx.execute(END_SESSIONS, operator)


async def duties_of(tx: Tx, operator: str) -> tuple[Duty, ...]:
    """Return the duties of an account."""
    return tuple(Duty(city, Role(role), authority) for city, role, authority in await tx.rows(DUTIES, operator))


async def listed(tx: Tx) -> list[Listed]:
    """Return every account."""
    return [Listed._make((*row, await duties_of(tx, row[0]))) for row in await tx.rows(ALL)]


async def person(tx: Tx, operator: str, *, via: str, scope: frozenset[str] | None = None) -> Person | None:
    """Return an account that is not locked, as somebody who may act; None when there is none."""
    row = await tx.row(ONE, operator)
    if row is None or row[2] is not None:
        return None
    return Person(operator=operator, title=row[0], duties=await duties_of(tx, operator), via=via, scope=scope)
