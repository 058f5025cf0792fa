"""What a terminal does about its ledger when nobody is asking: overdue things, summaries, switches, what is forgotten.

Rules of this file:

- one call is one short job: whoever calls says how much may fall due in it, and comes back for more;
- functions run inside the transaction of their pen.
"""

import sqlite3

from cache.ledger.facts import STOP_ENTRY, SUSPENDED
from cache.ledger.steps import write_overdue
from cache.pen import Pen
from credit.inputs import Now
from credit.reasons import Reason

RESTART_LOOKBACK_MS = 300_000  # grants this young may still have their visitor waiting at the gate
RESTART_GRACE_MS = 60_000
MINUTE_MS = 60_000
WAITING = (  # of the last ten thousand
    "SELECT id FROM redemptions WHERE rowid > (SELECT max(rowid) FROM redemptions) - 10000 AND at_ms > ?"
    " AND state IN ('awaiting', 'granted', 'open') AND actuated_ms IS NULL AND passed_ms IS NULL"
)
RENEW = "UPDATE redemptions SET grace_until_ms = ?1 WHERE id = ?2 AND grace_until_ms BETWEEN 1 AND ?1"
FALLEN_DUE = "SELECT id FROM redemptions WHERE state = 'open' AND due_ms <= ? ORDER BY due_ms LIMIT ?"
HUB_SAYS = "hub_says_stop"
HEARD_OF_HUB = "SELECT state FROM switches WHERE name = 'hub_says_stop'"
SWITCH = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES (?, ?, ?)"
UNVERIFIED = (
    "INSERT INTO unverified (lane, minute, reason, n) VALUES (?, ?, ?, 1)"
    " ON CONFLICT (lane, minute, reason) DO UPDATE SET n = n + 1"
)
COUNTED = "refused:"  # before the reason of somebody whose token was good
FORGET_GRACES = (
    "DELETE FROM graces WHERE (terminal, lane, issuer, token_id, intent, amount_fen, heads, asset) IN (SELECT"
    " terminal, lane, issuer, token_id, intent, amount_fen, heads, asset FROM graces WHERE until_ms <= ? LIMIT ?)"
)
NONCES = (
    "SELECT issuer, token, nonce, until_ms FROM nonces WHERE (issuer, token, nonce) > (?, ?, ?)"
    " ORDER BY issuer, token, nonce LIMIT ?"
)
FORGET_NONCE = "DELETE FROM nonces WHERE issuer = ? AND token = ? AND nonce = ?"
Burnt = tuple[str, bytes, bytes]
FIRST: Burnt = ("", b"", b"")
SUMMARIES = "SELECT lane, minute, reason, n FROM unverified WHERE minute < ? ORDER BY minute, lane, reason"


def renew_grace(conn: sqlite3.Connection, now: Now) -> int:
    """After a restart: visitors granted within the last 5 minutes and still waiting may show their code again.

    Call it at readiness. Returns how many redemptions are in grace again, for 60 s.
    """
    waiting = conn.execute(WAITING, (now.utc_ms - RESTART_LOOKBACK_MS,)).fetchall()
    until = now.utc_ms + RESTART_GRACE_MS
    for (redemption,) in waiting:
        conn.execute(RENEW, (until, redemption))
    return len(waiting)


def mark_overdue(pen: Pen, *, at_most: int = -1) -> tuple[str, ...]:
    """Journal what has fallen due, `at_most` so many at once (-1: all), and return those redemptions."""
    fallen = tuple([row[0] for row in pen.conn.execute(FALLEN_DUE, (pen.now.utc_ms, at_most)).fetchall()])
    for redemption in fallen:
        write_overdue(pen, redemption)
    return fallen


def switch(pen: Pen, name: str, *, on: bool, by: str) -> int:
    """Throw a switch ("stop_entry:<site>", "suspended") and journal who did; return the fact's seq."""
    pen.conn.execute(SWITCH, (name, int(on), pen.now.utc_ms))
    kind = "suspended" if name == SUSPENDED else "note"
    return pen.fact(kind, {"switch": name, "on": on, "by": by})


def hear_hub(pen: Pen, site: str, *, stopped: bool, by: str) -> bool:
    """Let entry be as the site's hub says, when it says something new; return whether it did.

    Only a change is heard: what the hub said before we were stopped here says nothing about that.
    """
    row = pen.conn.execute(HEARD_OF_HUB).fetchone()
    if bool(row and row[0]) == stopped:
        return False
    pen.conn.execute(SWITCH, (HUB_SAYS, int(stopped), pen.now.utc_ms))
    switch(pen, STOP_ENTRY + site, on=stopped, by=by)
    return True


def refuse_unverified(pen: Pen, lane: str, reason: Reason) -> None:
    """Count a presentation that was no token; earlier minutes are journalled as one summary per lane and minute.

    Nothing of what was presented is kept: it was not signed by anybody (contract.md §7).
    """
    _count(pen, lane, reason.value)


def count_refusal(pen: Pen, lane: str, reason: Reason) -> None:
    """Count somebody who was not granted, instead of a fact of his own: the disk is nearly full (journal.md)."""
    _count(pen, lane, COUNTED + reason.value)


def _count(pen: Pen, lane: str, what: str) -> None:
    minute = pen.now.utc_ms // MINUTE_MS
    summarise(pen, before_minute=minute)
    pen.conn.execute(UNVERIFIED, (lane, minute, what))


def summarise(pen: Pen, *, before_minute: int) -> None:
    """Journal the summaries of minutes before `before_minute`, and forget the counts."""
    summaries: dict[tuple[str, int], dict[str, dict[str, int]]] = {}
    for lane, minute, what, n in pen.conn.execute(SUMMARIES, (before_minute,)).fetchall():
        kind = "refused" if what.startswith(COUNTED) else "unverified"
        summaries.setdefault((lane, minute), {}).setdefault(kind, {})[what.removeprefix(COUNTED)] = n
    for (lane, minute), counts in summaries.items():
        pen.fact("not_granted", {"lane": lane, "minute_ms": minute * MINUTE_MS} | counts)
    if summaries:
        pen.conn.execute("DELETE FROM unverified WHERE minute < ?", (before_minute,))


def forget_graces(conn: sqlite3.Connection, now: Now, *, at_most: int) -> int:
    """Forget the grace of those who left or brought back, `at_most` so many; return how many."""
    return conn.execute(FORGET_GRACES, (now.utc_ms, at_most)).rowcount


def forget_nonces(conn: sqlite3.Connection, now: Now, after: Burnt, *, at_most: int) -> Burnt:
    """Look at so many nonces after `after`, forget those whose time is over; return where to go on, round and round.

    A nonce whose time is over burns nothing also before it is forgotten (`facts`, `writing`).
    """
    seen = conn.execute(NONCES, (*after, at_most)).fetchall()
    for *burnt, until_ms in seen:
        if until_ms <= now.utc_ms:
            conn.execute(FORGET_NONCE, burnt)
    return seen[-1][:3] if len(seen) == at_most else FIRST
