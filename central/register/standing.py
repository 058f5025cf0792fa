"""What a terminal may do, and the orders that tell it so.

Orders to a terminal are numbered 1, 2, 3 …. The oldest that it has not obeyed is told with every answer,
so none is skipped; the terminal's own fact (body member `order`) ends the telling. After a fork the terminal may have
forgotten: it is told from the first again, and passes over what it knows.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Literal

from sync.wire.messages import Command, WireError

Action = Literal["suspend", "resume", "revoke", "new_epoch"]
STATE_AFTER = {"suspend": "suspended", "resume": "active", "revoke": "revoked"}

LAST = "SELECT coalesce(max(number), 0) FROM commands WHERE terminal = ?"
NEXT = (
    "SELECT c.number, c.action, c.reason FROM commands c JOIN terminals t ON t.terminal = c.terminal"
    " WHERE c.terminal = ? AND c.number > t.obeyed ORDER BY c.number LIMIT 1"
)
OBEYED = (
    "UPDATE terminals SET obeyed = max(obeyed, min(?, (SELECT coalesce(max(number), 0) FROM commands"
    " WHERE terminal = ?))) WHERE terminal = ?"
)
FORGOTTEN = "UPDATE terminals SET obeyed = 0 WHERE terminal = ?"
ORDER = "INSERT INTO commands (terminal, number, action, reason, made_ms) VALUES (?, ?, ?, ?, ?)"
SET_STATE = "UPDATE terminals SET state = ? WHERE terminal = ?"
VOID_CODES = "DELETE FROM codes WHERE terminal = ? AND used_ms IS NULL"


def order(conn: sqlite3.Connection, terminal: str, action: Action, *, reason: str, now_ms: int) -> int:
    """Give `terminal` an order and return its number, one above the last."""
    number = int(conn.execute(LAST, (terminal,)).fetchone()[0]) + 1
    conn.execute(ORDER, (terminal, number, action, reason, now_ms))
    return number


def standing_order(conn: sqlite3.Connection, terminal: str) -> Command | None:
    """Return the oldest order that `terminal` has not obeyed, None when there is none."""
    row = conn.execute(NEXT, (terminal,)).fetchone()
    return None if row is None else Command(terminal=terminal, number=row[0], action=row[1], reason=row[2])


def hear_obeyed(conn: sqlite3.Connection, terminal: str, body: Mapping[str, Any]) -> None:
    """Note that `terminal` wrote an order down as obeyed, if the fact's body names one."""
    number = body.get("order")
    if isinstance(number, int) and not isinstance(number, bool):
        conn.execute(OBEYED, (number, terminal, terminal))


def tell_again(conn: sqlite3.Connection, terminal: str) -> None:
    """Begin again with the first order: this terminal was restored or cloned, and may have forgotten."""
    conn.execute(FORGOTTEN, (terminal,))


def set_state(conn: sqlite3.Connection, terminal: str, action: Action, *, reason: str, now_ms: int) -> int:
    """Suspend, resume or revoke `terminal` and return the order's number; raise WireError("not_found").

    Unused codes of a terminal that may no longer serve are void.
    """
    if conn.execute(SET_STATE, (STATE_AFTER[action], terminal)).rowcount == 0:
        raise WireError("not_found", f"no terminal {terminal!r} is registered here")
    if action != "resume":
        conn.execute(VOID_CODES, (terminal,))
    return order(conn, terminal, action, reason=reason, now_ms=now_ms)
