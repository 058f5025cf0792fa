"""What the platform ordered and this terminal did: suspended, resumed, revoked, a new epoch for the journal.

Rules of this file:

- an order comes here verified (sync.wire.seals.open_command); it is obeyed once, and only if its number is above
  the last;
- a known order is written down once more, without effect, while no fact about it waits: after a fork the platform tells
  all of them again, and goes on to the next only when it hears of each (central.register.standing);
- obeying is one transaction: the order, what it changes and the fact that says so, whose body names the order; that
  fact is how the platform learns that it may stop telling;
- a suspended or revoked terminal decides nothing for credit holders any more, and still brings its facts home.
"""

import sqlite3
from dataclasses import dataclass

from cache.ids import uuid7
from cache.journal.chain import NewFact, append, begin_epoch, current_epoch

LAST = "SELECT coalesce(max(number), 0) FROM orders"
STANDING = "SELECT action FROM orders WHERE action <> 'new_epoch' ORDER BY number DESC LIMIT 1"
SAID = (
    "SELECT 1 FROM journal WHERE kind IN ('suspended', 'note') AND seq > (SELECT acked_through FROM cursor)"
    " AND json_extract(body, '$.order') = ?"
)
KEEP = "INSERT INTO orders (number, action, reason, at_ms) VALUES (?, ?, ?, ?)"
SWITCH = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES ('suspended', ?, ?)"
NEW_EPOCH = "new_epoch"
REVOKE = "revoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A verified order. `action` is suspend, resume, revoke or new_epoch."""

    number: int
    action: str
    reason: str


def obey(conn: sqlite3.Connection, order: Order, *, at_ms: int) -> bool:
    """Do what `order` says and write it down; return False when it or a later one was obeyed before."""
    if order.number <= conn.execute(LAST).fetchone()[0]:
        _say_again(conn, order, at_ms=at_ms)
        return False
    conn.execute(KEEP, (order.number, order.action, order.reason, at_ms))
    said = {"order": order.number, "action": order.action, "reason": order.reason}
    kind = "suspended"
    if order.action == NEW_EPOCH:
        terminal = current_epoch(conn).terminal
        said["epoch"] = begin_epoch(conn, epoch=uuid7(at_ms), terminal=terminal, reason=f"order {order.number}").id
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


def revoked(conn: sqlite3.Connection) -> bool:
    """Return whether the platform has taken this terminal out of service for good."""
    row = conn.execute(STANDING).fetchone()
    return row is not None and row[0] == REVOKE
