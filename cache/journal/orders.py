"""What the platform ordered and this terminal did: suspended, resumed, revoked, replaced, twin, a new epoch.

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

import hashlib
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
NEWEST_TWIN = "SELECT number, signed FROM orders WHERE action = 'twin' ORDER BY number DESC LIMIT 1"
SWITCHED = "SELECT state FROM switches WHERE name = ?"
LAST = "SELECT coalesce(max(number), 0) FROM orders"
STANDING = (
    "SELECT action FROM orders WHERE action IN ('suspend', 'resume', 'revoke', 'replaced') ORDER BY number DESC LIMIT 1"
)
SAID = (  # a note that was damaged on the disk says nothing, and keeps no order from being obeyed
    "SELECT 1 FROM journal WHERE kind IN ('suspended', 'note') AND seq > (SELECT acked_through FROM cursor)"
    " AND CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.order') END = ?"
)
CONTRADICTED = (
    "SELECT CASE WHEN json_valid(CAST(body AS TEXT)) THEN json_extract(CAST(body AS TEXT), '$.contradicts') END AS no"
    " FROM journal WHERE kind = 'note' AND typeof(no) = 'integer' ORDER BY seq DESC LIMIT 1"
)
TOLD = "SELECT 1 FROM told_conflicts WHERE name = ?"
TELL = "INSERT INTO told_conflicts (name, seq) VALUES (?, ?)"
KEEP = "INSERT INTO orders (number, action, reason, at_ms, signed) VALUES (?, ?, ?, ?, ?)"
SWITCH = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES (?, ?, ?)"
SUSPENDED = "suspended"
TWIN = "twin"
NEW_EPOCH = "new_epoch"
STOP_ENTRY, RESUME_ENTRY = "stop_entry", "resume_entry"
PROFILE = "profile"
LIFT, WRITE_OFF = "lift", "write_off"  # a hub's, about a terminal of its site
SETTLED = "UPDATE switches SET state = 0, at_ms = ? WHERE name = 'twin' AND state = 1"
FORGET_REPLACED = "DELETE FROM orders WHERE action = 'replaced'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A verified order. `action` is one that the schema knows; `signed` is its JWS.

    `past`: it was given before this machine's key was: a twin that an enrolment has settled.
    """

    number: int
    action: str
    reason: str
    signed: str = ""
    past: bool = False


def obey(conn: sqlite3.Connection, order: Order, *, at_ms: int) -> bool:
    """Do what `order` says and write it down; return False when it or a later one was obeyed before."""
    if order.number <= conn.execute(LAST).fetchone()[0]:
        known = conn.execute(KNOWN, (order.number,)).fetchone()
        if known is not None and known != (order.action, order.reason):
            _contradict(conn, order, known[0], at_ms=at_ms)
        elif order.action != TWIN:  # two machines are told for as long as they are two, whatever one of them says
            _say_again(conn, order, at_ms=at_ms)
        return False
    conn.execute(KEEP, (order.number, order.action, order.reason, at_ms, order.signed))
    said = {"order": order.number, "action": order.action, "reason": order.reason}
    kind = "suspended"
    if order.action == NEW_EPOCH:
        terminal = current_epoch(conn).terminal
        said["epoch"] = begin_epoch(conn, epoch=uuid7(at_ms), terminal=terminal, reason=f"order {order.number}").id
        kind = "note"
    elif order.action in (PROFILE, LIFT, WRITE_OFF):  # kept for who reads it: `central.site.lifted`
        kind = "note"
    elif order.action in (STOP_ENTRY, RESUME_ENTRY):
        conn.execute(SWITCH, (STOP_ENTRY, int(order.action == STOP_ENTRY), at_ms))
        kind = "note"
    elif order.action == TWIN:
        if not order.past:
            conn.execute(SWITCH, (TWIN, 1, at_ms))
    else:
        conn.execute(SWITCH, (SUSPENDED, int(order.action != "resume"), at_ms))
    append(conn, NewFact(kind, said, at_ms, uuid7(at_ms)))
    return True


def _say_again(conn: sqlite3.Connection, order: Order, *, at_ms: int) -> None:
    """Write down that `order` is known here, unless a fact that says so is still on its way."""
    if conn.execute(SAID, (order.number,)).fetchone() is None:
        body = {"order": order.number, "action": order.action, "known": True}
        append(conn, NewFact("note", body, at_ms, uuid7(at_ms)))


def _contradict(conn: sqlite3.Connection, order: Order, known: str, *, at_ms: int) -> None:
    """Write down, once, that the platform gave a number twice with two contents. It is no word of obedience.

    Once for each number, whatever others came in between: each fact is sent, and its answer tells all of them again.
    """
    name = hashlib.sha256(f"order {order.number}".encode()).digest()
    if conn.execute(TOLD, (name,)).fetchone() is None:
        body = {"contradicts": order.number, "told": order.action, "obeyed": known}
        conn.execute(TELL, (name, append(conn, NewFact("note", body, at_ms, uuid7(at_ms))).seq))


def contradicted(conn: sqlite3.Connection) -> int | None:
    """Return the number of the newest order that came with two contents, None when none did."""
    row = conn.execute(CONTRADICTED).fetchone()
    return None if row is None else int(row[0])


def uphold(conn: sqlite3.Connection, opened: Callable[[str], Order | None], *, at_ms: int) -> bool:
    """Let the switches be what the newest signed orders say; return whether one was something else.

    `opened` verifies a kept order. One that does not verify was edited here: this terminal is suspended then.
    """
    row, twin = conn.execute(NEWEST).fetchone(), conn.execute(NEWEST_TWIN).fetchone()
    mended = False
    if row is not None:
        number, action, signed = row
        order = opened(signed) if signed else Order(number=number, action=action, reason="")
        wanted = order is None or order.number != number or order.action != "resume"
        mended = _switch_is(conn, SUSPENDED, wanted, number, at_ms=at_ms)
    if twin is not None:
        number, signed = twin
        order = opened(signed)
        mended |= _switch_is(conn, TWIN, order is None or not order.past, number, at_ms=at_ms)
    return mended


def _switch_is(conn: sqlite3.Connection, name: str, wanted: bool, number: int, *, at_ms: int) -> bool:
    """Let a switch be as order `number` says; return whether it was something else, which a fact says then."""
    found = conn.execute(SWITCHED, (name,)).fetchone()
    if found is not None and bool(found[0]) == wanted:
        return False
    if found is None and not wanted:
        return False
    conn.execute(SWITCH, (name, int(wanted), at_ms))
    body = {"upheld": number, name: wanted, "was": None if found is None else bool(found[0])}
    append(conn, NewFact("note", body, at_ms, uuid7(at_ms)))
    return True


def standing(conn: sqlite3.Connection) -> str:
    """Return the order in force about serving: suspend, resume, revoke or replaced; empty when there never was one."""
    row = conn.execute(STANDING).fetchone()
    return "" if row is None else str(row[0])


def serve_again(conn: sqlite3.Connection, *, at_ms: int) -> bool:
    """Forget that this terminal was replaced, or one of two: it was enrolled anew; return whether it was replaced."""
    conn.execute(SETTLED, (at_ms,))
    if not conn.execute(FORGET_REPLACED).rowcount:
        return False
    conn.execute(SWITCH, (SUSPENDED, int(standing(conn) not in ("", "resume")), at_ms))
    return True
