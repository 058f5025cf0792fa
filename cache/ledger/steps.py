"""What happens to a redemption afterwards: passed, annulled, closed, claimed, reversed, actuated, overdue.

Rules of this file:

- every step goes through the table of `credit.lifecycle`; a step that cannot happen is journalled as an error fact
  (kind `note`) and changes nothing;
- `passed` ends the grace and changes no counter; `annul` gives the use back until then (contract.md §2);
- functions run inside their caller's transaction.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

from cache.journal.chain import append
from cache.ledger.claims import Claims, ThisTerminal
from cache.ledger.entries import ACTUATED, RESTART_LOOKBACK_MS, Change, Standing, standing, write_change
from cache.ledger.facts import bought
from cache.ledger.seams import Ids
from credit.facts import Bought
from credit.inputs import Now
from credit.lifecycle import State, Step, after
from credit.reasons import Reason
from credit.weighing.endings import returning

ALONE = ThisTerminal()
RESTART_GRACE_MS = 60_000
MINUTE_MS = 60_000
GIVEN_BACK = frozenset({State.ANNULLED, State.REVERSED})
BOUGHT_ONE = (
    "SELECT id, benefit, at_ms, reversal_until_ms, amount_fen, heads, returned_fen, returned_heads, answer"
    " FROM redemptions WHERE id = ?"
)
WAITING = (
    "SELECT id FROM redemptions WHERE at_ms > ? AND state IN ('granted', 'open')"
    " AND actuated_ms IS NULL AND passed_ms IS NULL"
)
RENEW = "UPDATE graces SET until_ms = ? WHERE redemption = ? AND until_ms < ?"
FALLEN_DUE = "SELECT id FROM redemptions WHERE state = 'open' AND due_ms <= ? ORDER BY due_ms LIMIT ?"
SWITCH = "INSERT OR REPLACE INTO switches (name, state, at_ms) VALUES (?, ?, ?)"
UNVERIFIED = (
    "INSERT INTO unverified (lane, minute, reason, n) VALUES (?, ?, ?, 1)"
    " ON CONFLICT (lane, minute, reason) DO UPDATE SET n = n + 1"
)
SUMMARIES = "SELECT lane, minute, reason, n FROM unverified WHERE minute < ? ORDER BY minute, lane, reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What a step came to: the new state, or the reason why nothing changed. `journal_seq` holds either fact."""

    redemption: str
    state: State | None
    error: Reason | None
    journal_seq: int


def passed(conn: sqlite3.Connection, redemption: str, *, now: Now, ids: Ids, claims: Claims = ALONE) -> Stepped:
    """Note that the visitor went through: the grace ends, no counter changes."""
    return _step(conn, redemption, Step.PASSED, now=now, ids=ids, claims=claims)


def annul(conn: sqlite3.Connection, redemption: str, *, now: Now, ids: Ids, claims: Claims = ALONE) -> Stepped:
    """Give the use back: the gate did not turn, or staff undo; too late once the visitor went through."""
    return _step(conn, redemption, Step.ANNULLED, now=now, ids=ids, claims=claims)


def close(conn: sqlite3.Connection, redemption: str, *, now: Now, ids: Ids, claims: Claims = ALONE) -> Stepped:
    """End what was open: check-out, the umbrella came back."""
    return _step(conn, redemption, Step.CLOSED, now=now, ids=ids, claims=claims)


def claim(
    conn: sqlite3.Connection, redemption: str, *, amount_fen: int, now: Now, ids: Ids, claims: Claims = ALONE
) -> Stepped:
    """End what was open with a claim of `amount_fen` (damage, scene S3)."""
    return _step(conn, redemption, Step.CLAIMED, now=now, ids=ids, claims=claims, fen=amount_fen)


def _step(
    conn: sqlite3.Connection, redemption: str, step: Step, *, now: Now, ids: Ids, claims: Claims, fen: int | None = None
) -> Stepped:
    before = standing(conn, redemption)
    to = after(before.state, step, passed=before.passed) if before else Reason.NOTHING_OPEN
    if isinstance(to, Reason):
        return _refuse(conn, redemption, step, to, before, now=now, ids=ids)
    body = {"fen": fen} if fen is not None else {}
    seq = write_step(conn, redemption, step, to, now=now, ids=ids, claims=claims, fen=fen, body=body)
    return Stepped(redemption=redemption, state=to, error=None, journal_seq=seq)


def _refuse(
    conn: sqlite3.Connection, redemption: str, step: str, why: Reason, before: Standing | None, *, now: Now, ids: Ids
) -> Stepped:
    body = {"error": why.value, "step": str(step), "state": before.state.value if before else "unknown"}
    at = now.utc_ms
    record = append(conn, kind="note", redemption=redemption, body=body, at_ms=at, record_id=ids(at))
    return Stepped(redemption=redemption, state=before.state if before else None, error=why, journal_seq=record.seq)


def reverse(
    conn: sqlite3.Connection,
    redemption: str,
    *,
    now: Now,
    ids: Ids,
    amount_fen: int | None = None,
    heads: int | None = None,
    claims: Claims = ALONE,
) -> Stepped:
    """Take a redemption back, in part (`amount_fen` or `heads`) or as a whole, within its window."""
    before, row = standing(conn, redemption), conn.execute(BOUGHT_ONE, (redemption,)).fetchone()
    goods = bought(row) if row else None
    why = _not_reversible(before, goods, amount_fen, heads, now)
    if why is not None or before is None or goods is None:
        return _refuse(conn, redemption, Step.REVERSED, why or Reason.NOTHING_OPEN, before, now=now, ids=ids)
    fen, back = returning(goods, amount_fen=amount_fen, heads=heads)
    seq = write_reversal(conn, goods, fen=fen, heads=back, now=now, ids=ids, claims=claims)
    reached = standing(conn, redemption)
    return Stepped(redemption=redemption, state=reached.state if reached else None, error=None, journal_seq=seq)


def _not_reversible(
    before: Standing | None, goods: Bought | None, amount_fen: int | None, heads: int | None, now: Now
) -> Reason | None:
    if before is None or goods is None:
        return Reason.NOTHING_OPEN
    to = after(before.state, Step.REVERSED)
    if isinstance(to, Reason):
        return to
    if goods.until_ms is not None and now.utc_ms >= goods.until_ms:
        return Reason.TOO_LATE
    fen_left, heads_left = (goods.amount_fen or 0) - goods.returned_fen, goods.heads - goods.returned_heads
    too_much = (amount_fen or 0) > fen_left or (heads or 0) > heads_left
    return Reason.NOTHING_OPEN if too_much else None


def actuated(conn: sqlite3.Connection, redemption: str, *, now: Now, ids: Ids) -> Stepped:
    """Note that the gate was told to open; a repeat within the grace does not open it again.

    What was annulled or reversed opens nothing any more: that is an error fact, as any step that cannot happen.
    """
    before = standing(conn, redemption)
    if before is None or before.state in GIVEN_BACK:
        return _refuse(conn, redemption, "actuated", Reason.NOTHING_OPEN, before, now=now, ids=ids)
    conn.execute(ACTUATED, (now.utc_ms, redemption))
    at = now.utc_ms
    record = append(conn, kind="actuated", redemption=redemption, body={}, at_ms=at, record_id=ids(at))
    return Stepped(redemption=redemption, state=before.state, error=None, journal_seq=record.seq)


def write_step(  # noqa: PLR0913 - a step and its moment
    conn: sqlite3.Connection,
    redemption_id: str,
    step: Step,
    to: State,
    *,
    now: Now,
    ids: Ids,
    claims: Claims,
    fen: int | None = None,
    heads: int = 0,
    body: dict[str, Any] | None = None,
) -> int:
    """Journal a step that the table allows, apply it, and hand it on; return its seq."""
    record_id = ids(now.utc_ms)
    change = Change(
        redemption=redemption_id, step=step, to=to, at_ms=now.utc_ms, record=record_id, fen=fen, heads=heads
    )
    kind = "reversed" if step is Step.REVERSED_PART else "closed" if step is Step.CLAIMED else step.value
    said = {"step": step.value, **(body or {})}
    record = append(conn, kind=kind, redemption=redemption_id, body=said, at_ms=now.utc_ms, record_id=record_id)
    write_change(conn, change)
    claims.tell(change)
    return record.seq


def write_reversal(
    conn: sqlite3.Connection, goods: Bought, *, fen: int, heads: int, now: Now, ids: Ids, claims: Claims
) -> int:
    """Journal and apply a reversal of `fen` and `heads`; return its seq."""
    whole = goods.returned_heads + heads >= goods.heads and goods.returned_fen + fen >= (goods.amount_fen or 0)
    step = Step.REVERSED if whole else Step.REVERSED_PART
    known = standing(conn, goods.redemption)
    state = known.state if known else State.GRANTED
    to = State.REVERSED if whole else state
    said = {"fen": fen, "heads": heads, "whole": whole}
    return write_step(
        conn, goods.redemption, step, to, now=now, ids=ids, claims=claims, fen=fen, heads=heads, body=said
    )


def renew_grace(conn: sqlite3.Connection, *, now: Now) -> int:
    """After a restart: visitors granted within the last 5 minutes and still waiting may show their code again.

    Call it at readiness. Returns how many redemptions are in grace again, for 60 s.
    """
    waiting = conn.execute(WAITING, (now.utc_ms - RESTART_LOOKBACK_MS,)).fetchall()
    until = now.utc_ms + RESTART_GRACE_MS
    for (redemption,) in waiting:
        conn.execute(RENEW, (until, redemption, until))
    return len(waiting)


def mark_overdue(conn: sqlite3.Connection, *, now: Now, ids: Ids, at_most: int = -1) -> tuple[str, ...]:
    """Journal what has fallen due, `at_most` so many at once (-1: all), and return those redemptions."""
    fallen = tuple(row[0] for row in conn.execute(FALLEN_DUE, (now.utc_ms, at_most)).fetchall())
    for redemption in fallen:
        write_step(conn, redemption, Step.FELL_DUE, State.OVERDUE, now=now, ids=ids, claims=ALONE)
    return fallen


def switch(conn: sqlite3.Connection, name: str, *, on: bool, by: str, now: Now, ids: Ids) -> int:
    """Throw a switch ("stop_entry:<site>", "suspended") and journal who did; return the fact's seq."""
    conn.execute(SWITCH, (name, int(on), now.utc_ms))
    kind = "suspended" if name == "suspended" else "note"
    body = {"switch": name, "on": on, "by": by}
    return append(conn, kind=kind, redemption=None, body=body, at_ms=now.utc_ms, record_id=ids(now.utc_ms)).seq


def refuse_unverified(conn: sqlite3.Connection, *, lane: str, reason: Reason, now: Now, ids: Ids) -> None:
    """Count a presentation that was no token; earlier minutes are journalled as one summary per lane and minute.

    Nothing of what was presented is kept: it was not signed by anybody (contract.md §7).
    """
    minute = now.utc_ms // MINUTE_MS
    summarise(conn, before_minute=minute, now=now, ids=ids)
    conn.execute(UNVERIFIED, (lane, minute, reason.value))


def summarise(conn: sqlite3.Connection, *, before_minute: int, now: Now, ids: Ids) -> None:
    """Journal the summaries of minutes before `before_minute`, and forget the counts."""
    summaries: dict[tuple[str, int], dict[str, int]] = {}
    for lane, minute, reason, n in conn.execute(SUMMARIES, (before_minute,)).fetchall():
        summaries.setdefault((lane, minute), {})[reason] = n
    for (lane, minute), reasons in summaries.items():
        body = {"lane": lane, "minute_ms": minute * MINUTE_MS, "unverified": reasons}
        at = now.utc_ms
        append(conn, kind="not_granted", redemption=None, body=body, at_ms=at, record_id=ids(at))
    conn.execute("DELETE FROM unverified WHERE minute < ?", (before_minute,))
