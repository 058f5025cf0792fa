"""Two machines under one name: starts of a terminal, told apart by the instance in each request token (illness.md 4).

Each start of a terminal's process draws an instance. The newest that was heard is the terminal; one that is heard again
after a newer one is another machine, or a request that was long on its way.

Rules of this file:

- a request counts as heard again only if it was *made* after the newer instance's first (`iat` of its token): what was
  under way when a terminal was restarted accuses nobody;
- twice within an hour is a twin; what such a twin may do is said to both by one order, which decides alone (REFER),
  until the office enrols one of them anew with a new key: that ends it.
"""

from collections.abc import Sequence
from typing import Final

from central.register.standing import order
from storage.jobs import Row, Tx
from sync.wire.messages import AuthClaims

HOUR_MS: Final = 3_600_000
KEPT: Final = 20  # starts of one terminal that are remembered

NEWEST: Final = "SELECT number, instance, first_s FROM instances WHERE terminal = $1 ORDER BY number DESC LIMIT 1"
KNOWN: Final = "SELECT 1 FROM instances WHERE terminal = $1 AND instance = $2"
BEGUN: Final = (
    "INSERT INTO instances (terminal, number, instance, first_s) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
)
FORGET: Final = "DELETE FROM instances WHERE terminal = $1 AND number <= $2"
ECHO: Final = "SELECT echo_ms, twin_ms FROM terminals WHERE terminal = $1"
HEARD: Final = "UPDATE terminals SET echo_ms = $2 WHERE terminal = $1"
TWIN: Final = "UPDATE terminals SET twin_ms = $2, echo_ms = NULL WHERE terminal = $1 AND twin_ms IS NULL"
FINDING: Final = (
    "INSERT INTO findings (terminal, epoch, seq, kind, detail, noticed_ms) VALUES ($1, '', 0, 'twin', $2, $3)"
    " ON CONFLICT (terminal, epoch, seq, kind) DO UPDATE SET detail = excluded.detail, noticed_ms = excluded.noticed_ms"
)


async def hear(tx: Tx, claims: AuthClaims, *, now_ms: int) -> None:
    """Take note of which start of a terminal is speaking; its request is proven."""
    await hear_each(tx, [claims], now_ms=now_ms)


async def hear_each(tx: Tx, several: Sequence[AuthClaims], *, now_ms: int) -> None:
    """Take note of which starts are speaking, in their order; their requests are proven. A hub speaks for several."""
    speaking, again = list[AuthClaims](), list[AuthClaims]()
    first: dict[str, str] = {}
    for one in several:
        if one.instance is not None and first.setdefault(one.iss, one.instance) != one.instance:
            again.append(one)
        elif one.instance is not None and all(one.iss != other.iss for other in speaking):
            speaking.append(one)
    for claims, rows in zip(speaking, await tx.rows_each(NEWEST, [(one.iss,) for one in speaking]), strict=True):
        newest = rows[0] if rows else None
        if newest is None or newest[1] != claims.instance:
            await _hear(tx, claims, str(claims.instance), newest, now_ms=now_ms)
    for one in again:  # two machines at once: the second is weighed against the first
        await hear(tx, one, now_ms=now_ms)


async def _hear(tx: Tx, claims: AuthClaims, instance: str, newest: Row | None, *, now_ms: int) -> None:
    if newest is None or await tx.row(KNOWN, claims.iss, instance) is None:
        number = 1 if newest is None else newest[0] + 1
        await tx.execute(BEGUN, claims.iss, number, instance, claims.iat)
        await tx.execute(FORGET, claims.iss, number - KEPT)
    elif claims.iat > newest[2]:
        await _again(tx, claims.iss, now_ms=now_ms)


async def _again(tx: Tx, terminal: str, *, now_ms: int) -> None:
    echo_ms, twin_ms = await tx.row(ECHO, terminal) or (None, None)
    if twin_ms is not None:
        return
    if echo_ms is not None and now_ms - echo_ms <= HOUR_MS:
        await seen_twice(tx, terminal, "two machines speak under this name in turn", now_ms=now_ms)
    else:
        await tx.execute(HEARD, terminal, now_ms)


async def seen_twice(tx: Tx, terminal: str, why: str, *, now_ms: int) -> None:
    """Order both machines that bear this name to give nothing more, once."""
    if await tx.execute(TWIN, terminal, now_ms):
        await order(tx, terminal, "twin", reason=why, now_ms=now_ms)
        await tx.execute(FINDING, terminal, why, now_ms)
