"""Applying what is written to a ledger: grants, steps, exits (the values are in `cache.ledger.entries`).

Rules of this file:

- every function runs inside its caller's transaction and neither begins nor commits one;
- ordinals of a key only number its rows. Whether there is room is said by the schema: a row beyond its bound is not
  written unless it carries `excess` (house.md, change 5). A decision never asks for that; a fact that has happened may;
- a use given back is given back once; whoever passes after an annulment takes it again, by a new row;
- nothing is deleted here: what nobody will ask for any more is forgotten beside the visitors (cache.ledger.upkeep).
"""

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cache.ledger.counting.holders import BY_KEY, BY_SHARED, BY_SUBJECT
from cache.ledger.counting.keys import is_holders, used
from cache.ledger.entries import Change, Entry, Exit, Written
from credit.codec.packed import pack
from credit.decision import Sum, Use
from credit.inputs import OPENING, Intent
from credit.lifecycle import State, Step, after
from credit.reasons import Reason
from credit.rules.offers import share
from credit.telling.answers import kept

NONCE_MS = 86_400_000  # far beyond twice any freshness window

INSERT = (
    "INSERT INTO redemptions (id, at_ms, terminal, site, scene, lane, issuer, subject, token_id, intent, amount_fen,"
    " heads, asset, benefit, answer, shown, state, due_ms, on_overdue, reversal_until_ms, gives_back, pass_of,"
    " pass_root, grace_until_ms, seq)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
GRACE = "INSERT OR REPLACE INTO graces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
BEGUN_ANEW = "DELETE FROM graces WHERE redemption IS NULL AND issuer = ? AND token_id = ?"
FREED = "DELETE FROM nonces WHERE issuer = ? AND token = ? AND nonce = ? AND (freed = 1 OR until_ms <= ?)"
NONCE = (
    "INSERT INTO nonces (issuer, token, nonce, terminal, lane, at_ms, until_ms, redemption)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
NONCE_UNKNOWN = f"{NONCE} ON CONFLICT DO NOTHING"
NONCE_OF = (
    "UPDATE nonces SET freed = ?2 WHERE redemption = ?1"
    " AND (issuer, token) = (SELECT issuer, token_id FROM redemptions WHERE id = ?1)"
)
USE = (  # its ordinal is the next
    "INSERT INTO uses (key, ordinal, redemption, at_ms, bound, since_ms, excess) VALUES (?1,"
    " (SELECT coalesce(max(ordinal), 0) + 1 FROM uses WHERE {} AND given_back_by IS NULL), ?2, ?3, ?4, ?5, ?6)"
)
USE_OF_HOLDER, USE_SHARED = USE.format(BY_KEY), USE.format(BY_SHARED)
SUM = "INSERT INTO sums (key, redemption, fen, at_ms, bound, since_ms, excess) VALUES (?, ?, ?, ?, ?, ?, ?)"
HELD = "SELECT rowid, key FROM uses WHERE redemption = ? AND given_back_by IS NULL ORDER BY key, ordinal DESC"
GONE = (
    "SELECT key, count(*), bound, since_ms FROM uses WHERE redemption = ?1"
    " AND given_back_by = (SELECT annulled_by FROM redemptions WHERE id = ?1) GROUP BY key"
)
INSIDE = (
    "SELECT u.rowid, u.key, u.redemption FROM redemptions r CROSS JOIN uses u ON u.redemption = r.id"  # noqa: S608
    f" WHERE {BY_SUBJECT} AND r.issuer = ?2 AND r.site = ?3 AND u.given_back_by IS NULL AND u.key LIKE 'i|%'"
    " ORDER BY u.at_ms, u.ordinal"
)
GIVE_BACK = "UPDATE uses SET given_back_by = ? WHERE rowid = ? AND given_back_by IS NULL"
SUMS_OF = "SELECT rowid, fen FROM sums WHERE redemption = ?"
SUM_BACK = "UPDATE sums SET given_back_fen = max(given_back_fen, ?) WHERE rowid = ?"
SUM_AGAIN = "UPDATE sums SET given_back_fen = ? WHERE rowid = ?"
OVERRUN = (
    "SELECT 1 FROM sums s JOIN tallies t ON t.key = s.key WHERE s.redemption = ? AND s.since_ms IS NULL"
    " AND t.n > s.bound LIMIT 1"
)
ACTUATED = "UPDATE redemptions SET actuated_ms = coalesce(actuated_ms, ?) WHERE id = ?"
LEFT = "UPDATE redemptions SET left_ms = ? WHERE id = ?"
STATE = (
    "SELECT state, passed_ms, amount_fen, heads, returned_fen, returned_heads, gives_back, intent, reversal_until_ms,"
    " at_ms FROM redemptions WHERE id = ?"
)
MOVE = (
    "UPDATE redemptions SET state = ?1, passed_ms = coalesce(passed_ms, ?2), ended_ms = ?3, claimed_fen = ?4,"
    " grace_until_ms = CASE WHEN ?2 IS NULL AND ?3 IS NULL THEN grace_until_ms ELSE 0 END WHERE id = ?5"
)
ANNULLED_BY = "UPDATE redemptions SET annulled_by = ? WHERE id = ?"
RETURNED = "UPDATE redemptions SET returned_fen = ?, returned_heads = ? WHERE id = ?"
ENDS = frozenset({State.ANNULLED, State.REVERSED, State.CLOSED, State.CLAIMED})


def write(conn: sqlite3.Connection, written: Written) -> bool:
    """Apply what has happened elsewhere; return whether it was beyond a bound. It is kept and counted all the same."""
    if isinstance(written, Entry):
        return write_entry(conn, written, None, accepted=True)
    if isinstance(written, Change):
        return write_change(conn, written)
    write_exit(conn, written)
    return False


def write_entry(
    conn: sqlite3.Connection,
    entry: Entry,
    seq: int | None,
    *,
    accepted: bool = False,
    counted_beyond: Collection[str] = (),
) -> bool:
    """Write a grant: redemption (which is its grace), uses, sums and nonce; return whether it was beyond a bound.

    Raises sqlite3.IntegrityError when a bound is reached or the nonce is burnt, unless the fact is `accepted` already.
    Whoever begins anew ends the grace of having left or brought back: doing that again is no repeat.
    """
    conn.execute(INSERT, _row(entry, seq, pack(kept(entry.answer))))
    beyond = _take_all(conn, entry, accepted=accepted, counted_beyond=counted_beyond)
    if entry.nonce is not None:
        _burn(conn, entry, accepted=accepted)
    conn.execute(BEGUN_ANEW, (entry.issuer, entry.token_id))
    return beyond


def _row(entry: Entry, seq: int | None, shown: bytes) -> tuple[Any, ...]:
    request, place, taken = entry.request, entry.place, entry.consumption
    return (
        entry.id,
        entry.at_ms,
        place.terminal,
        place.site,
        place.scene,
        place.lane,
        entry.issuer,
        entry.subject,
        entry.token_id,
        str(request.intent),
        request.amount_fen,
        request.heads,
        request.asset,
        entry.benefit,
        shown,
        str(entry.state),
        taken.due_ms,
        taken.on_overdue,
        taken.reversal_until_ms,
        int(taken.gives_back),
        taken.pass_of,
        taken.pass_root,
        entry.grace_until_ms,
        seq,
    )


def _take_all(conn: sqlite3.Connection, entry: Entry, *, accepted: bool, counted_beyond: Collection[str]) -> bool:
    """Take everything; a key `counted_beyond` is not bounded here: who left at another gate is not known here."""
    beyond = False
    taking: tuple[Use | Sum, ...] = (*entry.uses(), *entry.consumption.sums)
    for one in taking:
        bounded = one._replace(limit=None) if one.key in counted_beyond else one
        beyond |= take(conn, bounded, entry.id, entry.at_ms, accepted=accepted)
    return beyond


def _burn(conn: sqlite3.Connection, entry: Entry, *, accepted: bool) -> None:
    """Burn the nonce; one that is known is written anew where it was freed, or its time is over."""
    key = (entry.issuer, entry.token_id, entry.nonce)
    row = (*key, entry.place.terminal, entry.place.lane, entry.at_ms, entry.at_ms + NONCE_MS, entry.id)
    if conn.execute(NONCE_UNKNOWN, row).rowcount:
        return
    conn.execute(FREED, (*key, entry.at_ms))
    conn.execute(NONCE_UNKNOWN if accepted else NONCE, row)


def keep_grace(conn: sqlite3.Connection, key: tuple[Any, ...], answer: str, until_ms: int) -> None:
    """Keep the answer to somebody who left or brought back, for those who show the same again within the grace time."""
    conn.execute(GRACE, (*key, None, answer, until_ms))


def take(conn: sqlite3.Connection, one: Use | Sum, redemption: str, at_ms: int, *, accepted: bool = False) -> bool:
    """Take what is asked under a key; return whether any of it was beyond the bound (`accepted` facts only).

    Raises sqlite3.IntegrityError where the bound is reached.
    """
    n = one.n if isinstance(one, Use) else one.fen
    room = n
    if accepted and one.limit is not None:
        room = max(one.limit - used(conn, one.key, one.since_ms).n, 0)
    if isinstance(one, Sum):
        conn.execute(SUM, (one.key, redemption, n, at_ms, one.limit, one.since_ms, int(n > room)))
        return n > room
    writing = USE_OF_HOLDER if is_holders(one.key) else USE_SHARED
    for number in range(n):
        conn.execute(writing, (one.key, redemption, at_ms, one.limit, one.since_ms, int(number >= room)))
    return n > room


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a redemption stands, as far as its next step is concerned."""

    state: State
    passed: bool
    amount_fen: int | None
    heads: int
    returned_fen: int
    returned_heads: int
    gives_back: bool
    intent: Intent
    reversal_until_ms: int | None
    at_ms: int

    def after(self, step: Step) -> State | Reason:
        """Return the state after `step`, or the reason why it cannot happen."""
        return after(self.state, step, passed=self.passed, opened=self.intent in OPENING)


def standing(conn: sqlite3.Connection, redemption: str) -> Standing | None:
    """Return where a redemption stands, None if it is not known here."""
    row = conn.execute(STATE, (redemption,)).fetchone()
    if row is None:
        return None
    return Standing(
        state=State(row[0]),
        passed=row[1] is not None,
        amount_fen=row[2],
        heads=row[3],
        returned_fen=row[4],
        returned_heads=row[5],
        gives_back=bool(row[6]),
        intent=Intent(row[7]),
        reversal_until_ms=row[8],
        at_ms=row[9],
    )


def write_change(conn: sqlite3.Connection, change: Change) -> bool:
    """Apply a step to a redemption that is known here and can take it; return whether it took a use beyond its bound.

    To another redemption it does nothing.
    """
    before = standing(conn, change.redemption)
    to = before.after(change.step) if before else Reason.NOTHING_OPEN
    if before is None or isinstance(to, Reason):
        return False
    beyond = False
    passed = change.at_ms if change.step is Step.PASSED else None
    ended = change.at_ms if to in ENDS else None
    claimed = change.fen if change.step is Step.CLAIMED else None
    conn.execute(MOVE, (to.value, passed, ended, claimed, change.redemption))
    if before.state is State.ANNULLED:
        beyond = _take_again(conn, change, before)
    elif change.step in (Step.REVERSED, Step.REVERSED_PART):
        _reverse(conn, change, before)
    elif change.step is Step.ANNULLED:
        _give_back(conn, change, heads=None, prefix="")
        _sums_back(conn, change.redemption, part=1, of=1)
        conn.execute(ANNULLED_BY, (change.record, change.redemption))
        conn.execute(NONCE_OF, (change.redemption, 1))
    elif change.step in (Step.CLOSED, Step.CLAIMED):
        _give_back(conn, change, heads=None, prefix="o|")
    return beyond


def _take_again(conn: sqlite3.Connection, change: Change, before: Standing) -> bool:
    """Take what an annulment gave back: its visitor went through all the same (lane.md, "Feedback")."""
    redemption, beyond = change.redemption, False
    for key, n, bound, since_ms in conn.execute(GONE, (redemption,)).fetchall():
        beyond |= take(conn, Use(key, n, bound, "", since_ms), redemption, before.at_ms, accepted=True)
    part, of = _part(before, before.returned_fen, before.returned_heads)
    for rowid, fen in conn.execute(SUMS_OF, (redemption,)).fetchall():
        conn.execute(SUM_AGAIN, (share(fen, part, of), rowid))
    conn.execute(NONCE_OF, (redemption, 0))
    return beyond or conn.execute(OVERRUN, (redemption,)).fetchone() is not None


def _part(before: Standing, fen: int, heads: int) -> tuple[int, int]:
    """Return what came back as a fraction: of the amount where there is one, else of the heads."""
    return (fen, before.amount_fen) if before.amount_fen else (heads, before.heads)


def _reverse(conn: sqlite3.Connection, change: Change, before: Standing) -> None:
    fen, heads = before.returned_fen + (change.fen or 0), before.returned_heads + change.heads
    conn.execute(RETURNED, (fen, heads, change.redemption))
    whole = change.step is Step.REVERSED
    if not before.gives_back:
        if whole:  # what is taken back is not open any more
            _give_back(conn, change, heads=None, prefix="o|")
        return
    _give_back(conn, change, heads=None if whole else change.heads, prefix="")
    part, of = (1, 1) if whole else _part(before, fen, heads)
    _sums_back(conn, change.redemption, part=part, of=of)


def _give_back(conn: sqlite3.Connection, change: Change, *, heads: int | None, prefix: str) -> None:
    """Give back the uses under keys starting with `prefix`: all of them, or `heads` under each key."""
    freed: dict[str, int] = {}
    for rowid, key in conn.execute(HELD, (change.redemption,)).fetchall():
        if not key.startswith(prefix) or (heads is not None and freed.get(key, 0) >= heads):
            continue
        freed[key] = freed.get(key, 0) + 1
        conn.execute(GIVE_BACK, (change.record, rowid))


def _sums_back(conn: sqlite3.Connection, redemption: str, *, part: int, of: int) -> None:
    for rowid, fen in conn.execute(SUMS_OF, (redemption,)).fetchall():
        conn.execute(SUM_BACK, (share(fen, part, of), rowid))


def write_exit(conn: sqlite3.Connection, gone: Exit) -> int:
    """Give back the room that a holder's party took inside, `heads` under each key; return how many were inside."""
    freed: dict[str, int] = {}
    for rowid, key, redemption in conn.execute(INSIDE, (gone.subject, gone.issuer, gone.site)).fetchall():
        if freed.get(key, 0) >= gone.heads:
            continue
        freed[key] = freed.get(key, 0) + 1
        conn.execute(GIVE_BACK, (gone.record, rowid))
        conn.execute(LEFT, (gone.at_ms, redemption))
    return max(freed.values(), default=0)
