"""Conflicts settled by a person: a bound that several terminals overran together, and what is done about it.

    stands    given all the same, the city pays        charged   the site bears what is beyond the bound
    undone    it was taken back, the visitor paid

A conflict that facts explain away needs nobody. Deciding changes no fact and no sum: it says, beside them, who decided.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

from central.office.desk import Desk
from central.office.drafts.deciding import Asked
from central.office.refusals import NotThereError, RefusedError
from central.register.accounts.acts import Act
from central.register.accounts.duties import Person
from storage.jobs import Tx

Decision = Literal["stands", "charged", "undone"]
TITLES: Final = {
    "stands": ("予以认可，城市承担", "stands; the city pays"),
    "charged": ("超出部分由场所承担", "the site bears what is beyond"),
    "undone": ("已撤回，访客补付", "taken back; the visitor paid"),
}
ISSUER: Final = re.compile(r"[a-z]\|(?:[a-z]+:)?([a-z][a-z0-9-]{0,31})[/:]")
MAX_SHOWN: Final = 200
OPEN: Final = (
    "SELECT o.key, o.kind, o.bound, o.noticed_ms, s.decision, s.why, s.by_whom, s.at_ms FROM overruns o"
    " LEFT JOIN settled_conflicts s ON s.key = o.key WHERE o.dissolved_ms IS NULL"
    " AND (o.key LIKE $1 OR o.key LIKE $2 OR o.key LIKE $3 OR o.key LIKE $4) ORDER BY o.noticed_ms DESC LIMIT $5"
)
ONE: Final = "SELECT kind FROM overruns WHERE key = $1 AND dissolved_ms IS NULL"
SETTLED: Final = "SELECT decision FROM settled_conflicts WHERE key = $1"
SETTLE: Final = (
    "INSERT INTO settled_conflicts (key, city, decision, why, by_whom, at_ms) VALUES ($1, $2, $3, $4, $5, $6)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """An overrun bound, and what was decided about it (None: nothing yet)."""

    key: str
    kind: str
    bound: int
    noticed_ms: int
    decision: str | None
    why: str | None
    by: str | None
    at_ms: int | None


def issuer_of(key: str) -> str:
    """Return whose bound a key counts; empty where it does not say."""
    found = ISSUER.match(key)
    return found[1] if found else ""


async def listed(tx: Tx, city: str) -> list[Conflict]:
    """Return the conflicts about a city's bounds that facts have not explained away, the newest first."""
    names = ("key", "kind", "bound", "noticed_ms", "decision", "why", "by", "at_ms")
    named = (f"_|{city}/%", f"_|{city}:%", f"_|%:{city}/%", f"_|%:{city}:%")
    rows = [row for row in await tx.rows(OPEN, *named, 5 * MAX_SHOWN) if issuer_of(row[0]) == city]
    return [Conflict(**dict(zip(names, row, strict=True))) for row in rows[:MAX_SHOWN]]


async def settle(desk: Desk, who: Person, city: str, key: str, decision: Decision, asked: Asked) -> dict[str, str]:
    """Settle one conflict; raise NotThereError, RefusedError, ForbiddenError."""
    who.check("conflict.settle", city)
    now_ms = desk.now_ms()
    asked = asked.checked(now_ms)
    act = Act(act="conflict.settle", city=city, why=asked.why, before={"key": key}, after=decision, once=asked.once)

    async def job(tx: Tx) -> None:
        if issuer_of(key) != city or await tx.row(ONE, key) is None:
            raise NotThereError(f"{city} 没有此冲突 · {city} has no such conflict")
        if await tx.row(SETTLED, key) is not None:
            raise RefusedError("该冲突已处理 · this conflict is settled already")
        await tx.execute(SETTLE, key, city, decision, asked.why, who.operator, now_ms)

    await desk.write(who, act, job)
    return {"key": key, "decision": decision}
