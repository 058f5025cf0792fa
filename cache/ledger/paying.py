"""Money at the gate: what is granted and not yet paid (lane.md, "Money at the gate").

    awaiting ──paid(pay_fen)──▶ granted         awaiting ──time over──▶ annulled {cause: unpaid}
    annulled(unpaid) ──paid──▶ granted, if what it took is still free; else `too_late`, and a fact for the refund

Rules of this file:

- the use is taken when it is granted, and given back when nobody pays; only money counts from `paid`;
- an order pays once: told again with the same words it is the same payment, for another redemption it is a mistake;
- money that was taken and can pay for nothing is a fact of its own (`paid_late`): somebody has to give it back;
- functions run inside the transaction of their pen.
"""

import sqlite3

from cache.journal.bodies import said_in
from cache.ledger.counting.keys import used
from cache.ledger.steps import Stepped, annul, refuse, take_step
from cache.ledger.writing import GONE, standing
from cache.pen import Pen
from cache.texts import ANSWER, BODY, OF_STEPS, told
from credit.lifecycle import State, Step
from credit.reasons import Reason

PAY_GRACE_MS = 60_000  # whoever paid may show the code again, should the gate not have opened
UNPAID = "unpaid"
USELESS = frozenset({Reason.NOTHING_OPEN, Reason.TOO_LATE})  # the money was taken, and pays for nothing
KNOWN_ORDER = 'SELECT redemption, fen FROM payments WHERE "order" = ?'
PAY = 'INSERT INTO payments ("order", redemption, fen, at_ms) VALUES (?, ?, ?, ?)'
PAID = "SELECT 1 FROM payments WHERE redemption = ?"
GIVEN = f"SELECT {ANSWER}, annulled_by FROM redemptions WHERE id = ?"  # noqa: S608 - constant columns
PAID_AT = f"SELECT max(seq) FROM journal WHERE redemption = ? AND {OF_STEPS} AND kind = 'paid'"  # noqa: S608 - the same
CAUSE = f"SELECT {BODY} FROM journal WHERE id = ?"  # noqa: S608 - constant columns
SHOWN = "UPDATE redemptions SET grace_until_ms = max(grace_until_ms, ?) WHERE id = ? AND grace_until_ms > 0"
AWAITING = "SELECT id, lane FROM redemptions WHERE state = 'awaiting'"
SUM_KEY = "SELECT key, fen, bound, since_ms FROM sums WHERE redemption = ?"


def awaiting(conn: sqlite3.Connection) -> dict[str, str]:
    """Return the lane of each redemption that is not paid yet."""
    return dict(conn.execute(AWAITING).fetchall())


def is_paid(conn: sqlite3.Connection, redemption: str) -> bool:
    """Return whether somebody paid for it."""
    return conn.execute(PAID, (redemption,)).fetchone() is not None


def unpaid(pen: Pen, redemption: str) -> Stepped | None:
    """Give back what nobody paid for in time; None if somebody did, or it ended otherwise."""
    before = standing(pen.conn, redemption)
    if before is None or before.state is not State.AWAITING:
        return None
    return annul(pen, redemption, cause=UNPAID)


def paid(pen: Pen, redemption: str, *, order: str, amount_fen: int) -> Stepped:
    """Note that an order has paid what was due; from now on the gate may open."""
    before = standing(pen.conn, redemption)
    if before is None:
        return refuse(pen, redemption, Step.PAID, Reason.NOTHING_OPEN)
    known = pen.conn.execute(KNOWN_ORDER, (order,)).fetchone()
    if known == (redemption, amount_fen):
        seq = _seq(pen.conn, redemption)
        return Stepped(redemption=redemption, state=before.state, error=None, journal_seq=seq)
    said = {"order": order, "amount_fen": amount_fen}
    why = Reason.ORDER_USED if known is not None else _why_not(pen.conn, redemption, before.state, amount_fen)
    if why is not None:
        if why in USELESS:
            pen.fact("paid_late", said | {"error": why.value}, of=redemption)
        return refuse(pen, redemption, Step.PAID, why)
    stepped = take_step(pen, redemption, Step.PAID, said)
    if stepped.error is None:
        pen.conn.execute(PAY, (order, redemption, amount_fen, pen.now.utc_ms))
        pen.conn.execute(SHOWN, (pen.now.utc_ms + PAY_GRACE_MS, redemption))  # the code shows that it is paid (`facts`)
    return stepped


def _why_not(conn: sqlite3.Connection, redemption: str, state: State, amount_fen: int) -> Reason | None:
    """Return why this amount cannot be paid for it now, None if it can."""
    due = _due(conn, redemption)
    if due is None or state not in (State.AWAITING, State.ANNULLED):
        return Reason.NOTHING_OPEN
    if amount_fen != due:
        return Reason.WRONG_AMOUNT
    if state is State.ANNULLED and not (_lapsed(conn, redemption) and _free(conn, redemption)):
        return Reason.TOO_LATE
    return None


def _due(conn: sqlite3.Connection, redemption: str) -> int | None:
    answer = told(conn.execute(GIVEN, (redemption,)).fetchone()[0])
    due: int | None = answer.get("obligations", {}).get("pay_fen")
    return due


def _seq(conn: sqlite3.Connection, redemption: str) -> int:
    row = conn.execute(PAID_AT, (redemption,)).fetchone()
    return int(row[0] or 0)


def _lapsed(conn: sqlite3.Connection, redemption: str) -> bool:
    """Return whether it was annulled because nobody paid, and for nothing else."""
    row = conn.execute(CAUSE, (conn.execute(GIVEN, (redemption,)).fetchone()[1],)).fetchone()
    return row is not None and said_in(row[0]).get("cause") == UNPAID


def _free(conn: sqlite3.Connection, redemption: str) -> bool:
    """Return whether what it took is still to be had."""
    wanted = [(key, n, bound, since) for key, n, bound, since in conn.execute(GONE, (redemption,)).fetchall()]
    wanted += conn.execute(SUM_KEY, (redemption,)).fetchall()
    return all(bound is None or used(conn, key, since).n + n <= bound for key, n, bound, since in wanted)
