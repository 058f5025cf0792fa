"""What the ledger writes, as values, and the SQL that writes them.

The hard idea: a grant, an ending and a step are plain values (`Entry`, `Change`), applied by functions of a
connection. The terminal applies them to its own ledger; whoever keeps the counts of a whole site (`Claims`) applies
the very same values to its own. So "this terminal" and "this site" cannot differ in what a use is.

Rules of this file:

- every function runs inside its caller's transaction and neither begins nor commits one;
- ordinals of a key are the smallest free ones; a use given back frees its ordinal, once (the trigger sees to it);
- nothing is deleted but nonces whose time is over, and graces that not even a restart can renew any more.
"""

import json
import sqlite3
from dataclasses import dataclass

from cache.ledger.facts import grace_key, nonce_of, used
from credit.claims import Token
from credit.decision import Decision, Use
from credit.inputs import Now, Place, Request
from credit.lifecycle import State, Step
from credit.rules.offers import share
from credit.telling.answers import to_json

RESTART_LOOKBACK_MS = 300_000  # grants this young may still have their visitor waiting at the gate
NONCE_MS = 86_400_000  # far beyond twice any freshness window

INSERT = (
    "INSERT INTO redemptions (id, at_ms, terminal, site, scene, lane, issuer, subject, token_id, intent, amount_fen,"
    " heads, asset, benefit, answer, state, due_ms, on_overdue, reversal_until_ms, gives_back, pass_of, pass_root,"
    " grace_until_ms, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
GRACE = "INSERT OR REPLACE INTO graces VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
END_GRACE = "DELETE FROM graces WHERE redemption = ?"
BEGUN_ANEW = "DELETE FROM graces WHERE redemption IS NULL AND issuer = ? AND token_id = ?"
NONCE = "INSERT INTO nonces VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
USE = "INSERT INTO uses (key, ordinal, redemption, at_ms) VALUES (?, ?, ?, ?)"
SUM = "INSERT INTO sums (key, redemption, fen, at_ms) VALUES (?, ?, ?, ?)"
HIGHEST = "SELECT max(ordinal) FROM uses WHERE key = ? AND given_back_by IS NULL"
TAKEN = "SELECT ordinal FROM uses WHERE key = ? AND given_back_by IS NULL"
HELD = "SELECT rowid, key FROM uses WHERE redemption = ? AND given_back_by IS NULL ORDER BY key, ordinal DESC"
INSIDE = (
    "SELECT u.rowid, u.key, u.redemption FROM uses u JOIN redemptions r ON r.id = u.redemption"
    " WHERE r.issuer = ? AND r.subject = ? AND r.site = ? AND u.given_back_by IS NULL AND u.key LIKE 'i|%'"
    " ORDER BY u.at_ms, u.ordinal"
)
GIVE_BACK = "UPDATE uses SET given_back_by = ? WHERE rowid = ? AND given_back_by IS NULL"
SUMS_OF = "SELECT rowid, fen FROM sums WHERE redemption = ?"
SUM_BACK = "UPDATE sums SET given_back_fen = max(given_back_fen, ?) WHERE rowid = ?"
ACTUATED = "UPDATE redemptions SET actuated_ms = coalesce(actuated_ms, ?) WHERE id = ?"
LEFT = "UPDATE redemptions SET left_ms = ? WHERE id = ?"
STATE = (
    "SELECT state, passed_ms, amount_fen, heads, returned_fen, returned_heads, gives_back FROM redemptions WHERE id = ?"
)
MOVE = (
    "UPDATE redemptions SET state = ?, passed_ms = coalesce(passed_ms, ?), ended_ms = ?, claimed_fen = ? WHERE id = ?"
)
RETURNED = "UPDATE redemptions SET returned_fen = ?, returned_heads = ? WHERE id = ?"
ENDS = frozenset({State.ANNULLED, State.REVERSED, State.CLOSED, State.CLAIMED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A grant to be written: who, where, what, and what it takes."""

    id: str
    at_ms: int
    token: Token
    request: Request
    place: Place
    decision: Decision
    grace_until_ms: int

    @property
    def state(self) -> State:
        """Return the state it starts in."""
        return State.OPEN if self.decision.consumption.opens else State.GRANTED

    def uses(self) -> tuple[Use, ...]:
        """Return the uses it takes, the entry of a pass included."""
        taken = self.decision.consumption
        if taken.pass_of is None:
            return taken.uses
        entry = Use(
            key=f"p|{taken.pass_root or self.id}",
            n=self.request.heads,
            limit=taken.pass_entries,
            benefit=self.decision.benefit or "",
        )
        return (*taken.uses, entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step of a redemption's lifecycle. `fen` and `heads` are what a claim takes or a reversal returns."""

    redemption: str
    step: Step
    to: State
    at_ms: int
    record: str
    fen: int | None = None
    heads: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Somebody went out: what they took of the room inside is given back."""

    issuer: str
    subject: bytes
    site: str
    heads: int
    at_ms: int
    record: str


def write_entry(conn: sqlite3.Connection, entry: Entry, seq: int | None) -> None:
    """Write a grant: redemption, uses, sums, nonce and grace.

    Whoever begins anew ends the grace of having left or brought back: doing that again is no repeat.
    """
    token, request, place, taken = entry.token, entry.request, entry.place, entry.decision.consumption
    answer = shown(entry.decision)
    conn.execute(
        INSERT,
        (
            entry.id,
            entry.at_ms,
            place.terminal,
            place.site,
            place.scene,
            place.lane,
            token.issuer,
            token.subject,
            token.token_id,
            request.intent.value,
            request.amount_fen,
            request.heads,
            request.asset,
            entry.decision.benefit,
            answer,
            entry.state.value,
            taken.due_ms,
            taken.on_overdue,
            taken.reversal_until_ms,
            int(taken.gives_back),
            taken.pass_of,
            taken.pass_root,
            entry.grace_until_ms,
            seq,
        ),
    )
    for use in entry.uses():
        take(conn, use.key, use.n, redemption=entry.id, at_ms=entry.at_ms)
    for one in taken.sums:
        conn.execute(SUM, (one.key, entry.id, one.fen, entry.at_ms))
    nonce = nonce_of(token)
    if nonce is not None:
        until = entry.at_ms + NONCE_MS
        conn.execute(NONCE, (token.issuer, token.token_id, nonce, place.terminal, place.lane, entry.at_ms, until))
    conn.execute(BEGUN_ANEW, (token.issuer, token.token_id))
    write_grace(
        conn, answer, token=token, request=request, place=place, redemption=entry.id, until_ms=entry.grace_until_ms
    )


def shown(decision: Decision) -> str:
    """Return an answer as it is kept, to be shown again."""
    return json.dumps(to_json(decision), ensure_ascii=False, separators=(",", ":"))


def write_grace(
    conn: sqlite3.Connection,
    answer: str,
    *,
    token: Token,
    request: Request,
    place: Place,
    redemption: str | None,
    until_ms: int,
) -> None:
    """Keep an answer (`shown`) for those who show the same again within the grace time."""
    conn.execute(GRACE, (*grace_key(token, request, place), redemption, answer, until_ms))


def take(conn: sqlite3.Connection, key: str, n: int, *, redemption: str, at_ms: int) -> None:
    """Take `n` uses under `key`, at the smallest free ordinals."""
    highest = conn.execute(HIGHEST, (key,)).fetchone()[0] or 0
    if highest == 0 or highest == used(conn, key, None).n:
        ordinals = list(range(highest + 1, highest + n + 1))
    else:
        taken = {row[0] for row in conn.execute(TAKEN, (key,))}
        free = (ordinal for ordinal in range(1, highest + n + 1) if ordinal not in taken)
        ordinals = [ordinal for ordinal, _ in zip(free, range(n), strict=False)]
    conn.executemany(USE, [(key, ordinal, redemption, at_ms) for ordinal in ordinals])


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
    )


def write_change(conn: sqlite3.Connection, change: Change) -> None:
    """Apply a step to a redemption that is known here; to another one it does nothing."""
    before = standing(conn, change.redemption)
    if before is None:
        return
    passed = change.at_ms if change.step is Step.PASSED else None
    ended = change.at_ms if change.to in ENDS else None
    claimed = change.fen if change.step is Step.CLAIMED else None
    conn.execute(MOVE, (change.to.value, passed, ended, claimed, change.redemption))
    if change.step is Step.PASSED or change.to in ENDS:
        conn.execute(END_GRACE, (change.redemption,))
    if change.step in (Step.REVERSED, Step.REVERSED_PART):
        _reverse(conn, change, before)
    elif change.step is Step.ANNULLED:
        _give_back(conn, change, heads=None, prefix="")
        _sums_back(conn, change.redemption, part=1, of=1)
    elif change.step in (Step.CLOSED, Step.CLAIMED):
        _give_back(conn, change, heads=None, prefix="o|")


def _reverse(conn: sqlite3.Connection, change: Change, before: Standing) -> None:
    fen, heads = before.returned_fen + (change.fen or 0), before.returned_heads + change.heads
    conn.execute(RETURNED, (fen, heads, change.redemption))
    if not before.gives_back:
        return
    whole = change.step is Step.REVERSED
    _give_back(conn, change, heads=None if whole else change.heads, prefix="")
    if whole or not before.amount_fen:
        _sums_back(conn, change.redemption, part=heads if not whole else 1, of=before.heads if not whole else 1)
    else:
        _sums_back(conn, change.redemption, part=fen, of=before.amount_fen)


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
    for rowid, key, redemption in conn.execute(INSIDE, (gone.issuer, gone.subject, gone.site)).fetchall():
        if freed.get(key, 0) >= gone.heads:
            continue
        freed[key] = freed.get(key, 0) + 1
        conn.execute(GIVE_BACK, (gone.record, rowid))
        conn.execute(LEFT, (gone.at_ms, redemption))
    return max(freed.values(), default=0)


def forget_old(conn: sqlite3.Connection, now: Now) -> None:
    """Let nonces go whose time is over, and graces that no restart renews (cache.ledger.steps.renew_grace)."""
    conn.execute("DELETE FROM graces WHERE until_ms <= ?", (now.utc_ms - RESTART_LOOKBACK_MS,))
    conn.execute("DELETE FROM nonces WHERE until_ms <= ?", (now.utc_ms,))


Written = Entry | Change | Exit


def write(conn: sqlite3.Connection, written: Written) -> None:
    """Apply any written value to a ledger."""
    if isinstance(written, Entry):
        write_entry(conn, written, None)
    elif isinstance(written, Change):
        write_change(conn, written)
    else:
        write_exit(conn, written)
