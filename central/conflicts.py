"""Two facts that should not both have happened: found, kept, and told to both sides. Never a reason to refuse one.

Rules of this file:

- a redemption id granted by two terminals is the conflict `redemption`;
- a use key on which two terminals together spent more than its bound is the conflict `limit`: each terminal kept
  the rule alone, and both could not know (journal.md, "Claims"; product.md, promise 2);
- what was annulled or reversed does not count; a conflict once noticed stays on record;
- a conflict is told to a terminal with every answer until the terminal's own `claim_conflict` fact about it arrives.
"""

import sqlite3
from typing import Any

from credit.records import Record
from sync.wire import Conflict, Other

GRANTING = frozenset({"granted", "opened"})
GIVING_BACK = frozenset({"annulled", "reversed"})

GRANTED_BEFORE = (
    "SELECT terminal, seq, at_ms FROM facts WHERE redemption = ? AND kind IN ('granted', 'opened') AND terminal <> ?"
)
USE = (
    "INSERT INTO uses (key, terminal, redemption, seq, at_ms, n, bound) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
SPENT = "SELECT total(n) FROM uses WHERE key = ? AND given_back = 0"
OTHERS = "SELECT terminal, seq, at_ms, redemption FROM uses WHERE key = ? AND terminal <> ? AND given_back = 0"
GIVE_BACK = "UPDATE uses SET given_back = 1 WHERE redemption = ? AND terminal = ?"
NOTE = (
    "INSERT INTO conflicts (terminal, seq, kind, key, other_terminal, other_seq, other_at_ms, redemption, noticed_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
UNHEARD = (
    "SELECT c.seq, c.kind, c.key, c.other_terminal, t.site, c.other_seq, c.other_at_ms, c.redemption"
    " FROM conflicts c JOIN terminals t ON t.terminal = c.other_terminal"
    " WHERE c.terminal = ? AND c.heard = 0 ORDER BY c.number LIMIT 100"
)
HEARD = (
    "UPDATE conflicts SET heard = 1"
    " WHERE terminal = ? AND seq = ? AND kind = ? AND key = ? AND other_terminal = ? AND other_seq = ?"
)


def uses_of(record: Record) -> list[tuple[str, int, int | None]]:
    """Return (key, n, bound) of each use that a grant says it took; what is not of that form is no use."""
    found = []
    listed = record.body.get("uses")
    for entry in listed if isinstance(listed, list) else ():
        if not isinstance(entry, dict):
            continue
        key, n, bound = entry.get("key"), entry.get("n", 1), entry.get("limit")
        if isinstance(key, str) and _is_count(n) and n > 0:
            found.append((key, n, bound if _is_count(bound) else None))
    return found


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def notice(conn: sqlite3.Connection, *, terminal: str, record: Record, now_ms: int) -> None:
    """Note what a fresh fact uses or gives back, and every conflict that comes to light with it."""
    if record.kind == "claim_conflict":
        _hear(conn, terminal, record.body)
        return
    if record.redemption is None:
        return
    if record.kind in GIVING_BACK:
        if record.body.get("gives_back", True):
            conn.execute(GIVE_BACK, (record.redemption, terminal))
        return
    if record.kind not in GRANTING:
        return
    here = (terminal, record.seq, record.at_ms)
    for there in conn.execute(GRANTED_BEFORE, (record.redemption, terminal)).fetchall():
        _note(conn, "redemption", record.redemption, (*here, record.redemption), (*there, record.redemption), now_ms)
    for key, n, bound in uses_of(record):
        conn.execute(USE, (key, terminal, record.redemption, record.seq, record.at_ms, n, bound))
        if bound is None or conn.execute(SPENT, (key,)).fetchone()[0] <= bound:
            continue
        for there in conn.execute(OTHERS, (key, terminal)).fetchall():
            _note(conn, "limit", key, (*here, record.redemption), there, now_ms)


Side = tuple[str, int, int, str | None]


def _note(conn: sqlite3.Connection, kind: str, key: str, here: Side, there: Side, now_ms: int) -> None:
    """Note a conflict on both sides; a side is (terminal, seq, at_ms, redemption)."""
    for one, other in ((here, there), (there, here)):
        conn.execute(NOTE, (one[0], one[1], kind, key, other[0], other[1], other[2], other[3], now_ms))


def _hear(conn: sqlite3.Connection, terminal: str, body: dict[str, Any]) -> None:
    other = body.get("with")
    named = [body.get("seq"), body.get("conflict"), body.get("key")]
    named += [other.get("terminal"), other.get("seq")] if isinstance(other, dict) else [None, None]
    if all(isinstance(value, (str, int)) for value in named):
        conn.execute(HEARD, (terminal, *named))


def conflicts_of(conn: sqlite3.Connection, terminal: str) -> list[Conflict]:
    """Return the conflicts that `terminal` has not said it heard of, oldest first."""
    found = []
    for seq, kind, key, other, site, other_seq, at_ms, redemption in conn.execute(UNHEARD, (terminal,)):
        there = Other(terminal=other, site=site, seq=other_seq, at_ms=at_ms, redemption=redemption)
        found.append(Conflict(seq=seq, kind=kind, key=key, other=there))
    return found
