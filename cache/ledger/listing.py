"""Redemptions as screens list them.

Every function takes a connection and writes nothing; the SQL stands at the top.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from cache.texts import ANSWER, told

LISTED = (
    "SELECT id, at_ms, lane, scene, intent, benefit, state, asset, amount_fen, heads, due_ms, passed_ms, ended_ms,"  # noqa: S608 - constant columns
    f" claimed_fen, returned_fen, returned_heads, {ANSWER} FROM redemptions"
)
OPEN_NOW = f"{LISTED} WHERE state IN ('open', 'overdue') ORDER BY at_ms"
RECENT = f"{LISTED} ORDER BY rowid DESC LIMIT ?"
ONE = f"{LISTED} WHERE id = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A redemption as screens list it. `answer` is the object that was shown; amounts in fen, times in ms UTC."""

    id: str
    at_ms: int
    lane: str
    scene: str
    intent: str
    benefit: str
    state: str
    asset: str | None
    amount_fen: int | None
    heads: int
    due_ms: int | None
    passed_ms: int | None
    ended_ms: int | None
    claimed_fen: int | None
    returned_fen: int
    returned_heads: int
    answer: dict[str, Any]


def _listed(row: tuple[Any, ...]) -> Listed:
    names = Listed.__slots__
    return Listed(**{**dict(zip(names, row, strict=True)), "answer": told(row[-1])})


def open_redemptions(conn: sqlite3.Connection) -> tuple[Listed, ...]:
    """Return everything still open (stays, loans), oldest first."""
    return tuple(_listed(row) for row in conn.execute(OPEN_NOW))


def recent(conn: sqlite3.Connection, n: int) -> tuple[Listed, ...]:
    """Return the last `n` redemptions written, newest first, whatever the clock did between them."""
    return tuple(_listed(row) for row in conn.execute(RECENT, (n,)))


def redemption(conn: sqlite3.Connection, redemption_id: str) -> Listed | None:
    """Return one redemption, None if this terminal knows none by that id."""
    row = conn.execute(ONE, (redemption_id,)).fetchone()
    return _listed(row) if row else None
