"""What the platform ordered and this terminal did: suspended, resumed, revoked, replaced, a new epoch for the journal.

Rules of this file:

- an order comes here verified (sync.wire.seals.open_command); it is obeyed once, and only if its number is above
  the last; it is kept as it was signed, and the switch is computed from that again and again (`uphold`);
- an order with a known number and another content is not obeyed: a fact and a line in readiness say so (illness.md 3);
- a known order is written down once more, without effect, while no fact about it waits: after a fork the platform tells
  all of them again, and goes on to the next only when it hears of each (central.register.standing);
- obeying is one transaction: the order, what it changes and the fact that says so, whose body names the order; that
  fact is how the platform learns that it may stop telling;
- a suspended, revoked or replaced terminal decides nothing for credit holders any more, and still brings its facts
  home; one that was replaced serves again after it was enrolled anew.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from cache.ids import uuid7
from cache.journal.chain import NewFact, append, begin_epoch, current_epoch

KNOWN = "SELECT action, reason FROM orders WHERE number = ?"
NEWEST = (
    "SELECT number, action, signed FROM orders WHERE action IN ('suspend', 'resume', 'revoke', 'replaced')"
    " ORDER BY number DESC LIMIT 1"
)
SWITCHED = "SELECT state FROM switches WHERE name = 'suspended'"
LAST = "SELECT coalesce(max(number), 0) FROM orders"
STANDING = (
    "SELECT action FROM orders WHERE action IN ('suspend', 'resume', 'revoke', 'replaced') ORDER BY number DESC LIMIT 1"
)
SAID = (
    "SELECT 1 FROM journal WHERE kind IN ('suspended', 'note') AND seq > (SELECT acked_through FROM cursor)"
    " AND json_extract(body, '$.order') = ?"
)
CONTRADICTED = (
    "SELECT json_extract(body, '$.contradicts') FROM journal WHERE kind = 'note'"
    " AND json_extract(body, '$.contradicts') IS NOT NULL ORDER BY seq DESC LIMIT 1"
)
KEEP = "INSERT INTO orders (number, action, reason, at_ms, signed) VALUES (?, ?, ?, ?, ?)"
SWITCH = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES ('suspended', ?, ?)"
SWITCH_ENTRY = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES ('stop_entry', ?, ?)"
NEW_EPOCH = "new_epoch"
STOP_ENTRY, RESUME_ENTRY = "stop_entry", "resume_entry"
PROFILE = "profile"
FORGET_REPLACED = "DELETE FROM orders WHERE action = 'replaced'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A verified order. `action` is one that the schema knows; `signed` is its JWS."""

    number: int
    action: str
    reason: str
    signed: str = ""


def obey(conn: sqlite3.Connection, order: Order, *, at_ms: int) -> bool:
    """Do what `order` says and write it down; return False when it or a later one was obeyed before."""
    if order.number <= conn.execute(LAST).fetchone()[0]:
        known = conn.execute(KNOWN, (order.number,)).fetchone()
        if known is not None and known != (order.action, order.reason):
            _contradict(conn, order, known[0], at_ms=at_ms)
        else:
            _say_again(conn, order, at_ms=at_ms)
        return False
    conn.execute(KEEP, (order.number, order.action, order.reason, at_ms, order.signed))
    said = {"order": order.number, "action": order.action, "reason": order.reason}
    kind = "suspended"
    if order.action == NEW_EPOCH:
        terminal = current_epoch(conn).terminal
        said["epoch"] = begin_epoch(conn, epoch=uuid7(at_ms), terminal=terminal, reason=f"order {order.number}").id
        kind = "note"
    elif order.action == PROFILE:
        kind = "note"
    elif order.action in (STOP_ENTRY, RESUME_ENTRY):
        conn.execute(SWITCH_ENTRY, (int(order.action == STOP_ENTRY), at_ms))
        kind = "note"
    else:
        conn.execute(SWITCH, (int(order.action != "resume"), at_ms))
    append(conn, NewFact(kind, said, at_ms, uuid7(at_ms)))
    return True


def _say_again(conn: sqlite3.Connection, order: Order, *, at_ms: int) -> None:
    """Write down that `order` is known here, unless a fact that says so is still on its way."""
    if conn.execute(SAID, (order.number,)).fetchone() is None:
        body = {"order": order.number, "action": order.action, "known": True}
        append(conn, NewFact("note", body, at_ms, uuid7(at_ms)))


def _contradict(conn: sqlite3.Connection, order: Order, known: str, *, at_ms: int) -> None:
    """Write down, once, that the platform gave a number twice with two contents. It is no word of obedience."""
    before = conn.execute(CONTRADICTED).fetchone()
    if before is None or before[0] != order.number:
        body = {"contradicts": order.number, "told": order.action, "obeyed": known}
        append(conn, NewFact("note", body, at_ms, uuid7(at_ms)))


def contradicted(conn: sqlite3.Connection) -> int | None:
    """Return the number of the newest order that came with two contents, None when none did."""
    row = conn.execute(CONTRADICTED).fetchone()
    return None if row is None else int(row[0])


def uphold(conn: sqlite3.Connection, opened: Callable[[str], Order | None], *, at_ms: int) -> bool:
    """Let the switch be what the newest signed order says; return whether it was something else.

    `opened` verifies a kept order. One that does not verify was edited here: this terminal is suspended then.
    """
    row = conn.execute(NEWEST).fetchone()
    if row is None:
        return False
    number, action, signed = row
    order = opened(signed) if signed else Order(number=number, action=action, reason="")
    wanted = int(order is None or order.number != number or order.action != "resume")
    found = conn.execute(SWITCHED).fetchone()
    if found is not None and found[0] == wanted:
        return False
    conn.execute(SWITCH, (wanted, at_ms))
    body = {"upheld": number, "suspended": bool(wanted), "was": None if found is None else bool(found[0])}
    append(conn, NewFact("note", body, at_ms, uuid7(at_ms)))
    return True


def standing(conn: sqlite3.Connection) -> str:
    """Return the order in force about serving: suspend, resume, revoke or replaced; empty when there never was one."""
    row = conn.execute(STANDING).fetchone()
    return "" if row is None else str(row[0])


def serve_again(conn: sqlite3.Connection, *, at_ms: int) -> bool:
    """Forget that this terminal was replaced: it was enrolled anew; return whether it was."""
    if not conn.execute(FORGET_REPLACED).rowcount:
        return False
    conn.execute(SWITCH, (int(standing(conn) not in ("", "resume")), at_ms))
    return True
