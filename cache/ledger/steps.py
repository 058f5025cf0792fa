"""What happens to a redemption afterwards: passed, annulled, closed, claimed, reversed, actuated.

Rules of this file:

- every step goes through the table of `credit.lifecycle`; a step that cannot happen is journalled as an error fact
  (kind `note`) and changes nothing;
- `passed` ends the grace and changes no counter; `annul` gives the use back until then (contract.md §2). Who passes
  after an annulment takes the use again, beyond its bound with `excess` in the fact (contract.md §10);
- what is too late, and a damage above what was waived, only a supervisor does, whose reason is a fact of its own;
- functions run inside the transaction of their pen.
"""

from dataclasses import dataclass
from typing import Any

from cache.ledger.entries import Change
from cache.ledger.facts import BOUGHT_COLUMNS, bought
from cache.ledger.writing import ACTUATED, Standing, standing, write_change
from cache.pen import Pen
from credit.facts import Bought
from credit.inputs import Intent, Now, Override
from credit.lifecycle import State, Step
from credit.reasons import Reason
from credit.weighing.endings import returning

GIVEN_BACK = frozenset({State.ANNULLED, State.REVERSED})
BOUGHT_ONE = f"SELECT {BOUGHT_COLUMNS} FROM redemptions WHERE id = ?"  # noqa: S608 - constant columns
KINDS = {Step.REVERSED_PART: "reversed", Step.CLAIMED: "closed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped:
    """What a step came to: the new state, or the reason why nothing changed. `journal_seq` holds either fact."""

    redemption: str
    state: State | None
    error: Reason | None
    journal_seq: int


def passed(pen: Pen, redemption: str) -> Stepped:
    """Note that the visitor went through: the grace ends; what an annulment gave back is taken again."""
    return _step(pen, redemption, Step.PASSED)


def annul(pen: Pen, redemption: str, *, cause: str | None = None) -> Stepped:
    """Give the use back: the gate did not turn, or staff undo; too late once the visitor went through.

    `cause` says in the fact why this terminal did it by itself.
    """
    return _step(pen, redemption, Step.ANNULLED, cause=cause)


def close(pen: Pen, redemption: str) -> Stepped:
    """End what was open: check-out, the umbrella came back."""
    return _step(pen, redemption, Step.CLOSED)


def claim(pen: Pen, redemption: str, *, amount_fen: int, by: Override | None = None) -> Stepped:
    """End what was open with a claim of `amount_fen` (damage, scene S3), up to what was waived; above it `by`."""
    goods = _goods(pen, redemption)
    waived = (goods.offer or {}).get("waived_fen") if goods else None
    if by is None and waived is not None and amount_fen > waived:
        return refuse(pen, redemption, Step.CLAIMED, Reason.NEEDS_STAFF)
    stepped = _step(pen, redemption, Step.CLAIMED, amount_fen)
    return _overridden(pen, stepped, by)


def _step(pen: Pen, redemption: str, step: Step, fen: int | None = None, cause: str | None = None) -> Stepped:
    said = ({} if fen is None else {"fen": fen}) | ({} if cause is None else {"cause": cause})
    return take_step(pen, redemption, step, said, fen=fen)


def take_step(pen: Pen, redemption: str, step: Step, said: dict[str, Any], *, fen: int | None = None) -> Stepped:
    """Take a step that the table allows, `said` in its fact; else note that it cannot happen."""
    before = standing(pen.conn, redemption)
    to = before.after(step) if before else Reason.NOTHING_OPEN
    if isinstance(to, Reason):
        return refuse(pen, redemption, step, to)
    seq = _write(pen, _change(pen, redemption, step, fen), said)
    return Stepped(redemption=redemption, state=to, error=None, journal_seq=seq)


def refuse(pen: Pen, redemption: str, step: str, why: Reason) -> Stepped:
    """Keep a step that cannot happen as an error fact."""
    before = standing(pen.conn, redemption)
    body = {"error": why.value, "step": str(step), "state": before.state.value if before else "unknown"}
    seq = pen.fact("note", body, of=redemption)
    return Stepped(redemption=redemption, state=before.state if before else None, error=why, journal_seq=seq)


def _overridden(pen: Pen, stepped: Stepped, by: Override | None) -> Stepped:
    """Journal who took a step on themselves, as a fact of its own kind."""
    if by is not None and stepped.error is None:
        pen.fact("override", {"by": by.by, "why": by.why}, of=stepped.redemption)
    return stepped


def _goods(pen: Pen, redemption: str) -> Bought | None:
    row = pen.conn.execute(BOUGHT_ONE, (redemption,)).fetchone()
    return bought(row) if row else None


def reverse(
    pen: Pen, redemption: str, *, amount_fen: int | None = None, heads: int | None = None, by: Override | None = None
) -> Stepped:
    """Take a redemption back, in part (`amount_fen` or `heads`) or as a whole, within its window; after it, `by`."""
    before, goods = standing(pen.conn, redemption), _goods(pen, redemption)
    if before is None or goods is None:
        return refuse(pen, redemption, Step.REVERSED, Reason.NOTHING_OPEN)
    to = before.after(Step.REVERSED)
    if isinstance(to, Reason):
        return refuse(pen, redemption, Step.REVERSED, to)
    late = too_late(before, pen.now)
    if late and by is None:
        return refuse(pen, redemption, Step.REVERSED, Reason.TOO_LATE)
    fen_left, heads_left = (goods.amount_fen or 0) - goods.returned_fen, goods.heads - goods.returned_heads
    if (amount_fen or 0) > fen_left or (heads or 0) > heads_left:
        return refuse(pen, redemption, Step.REVERSED, Reason.NOTHING_OPEN)
    fen, back = returning(goods, amount_fen=amount_fen, heads=heads)
    seq = write_reversal(pen, goods, fen, back)
    reached = standing(pen.conn, redemption)
    state = reached.state if reached else None
    done = Stepped(redemption=redemption, state=state, error=None, journal_seq=seq)
    return _overridden(pen, done, by if late else None)


def too_late(before: Standing, now: Now) -> bool:
    """Return whether the time to take something back is over; without a window an entry can until somebody passed."""
    if before.reversal_until_ms is not None:
        return now.utc_ms >= before.reversal_until_ms
    return before.intent is Intent.ENTER and before.passed


def actuated(pen: Pen, redemption: str, *, attempt: str | None = None) -> Stepped:
    """Note that the gate was told to open; a repeat within the grace does not open it again.

    What was annulled or reversed opens nothing any more: that is an error fact, as any step that cannot happen.
    """
    before = standing(pen.conn, redemption)
    if before is None or before.state in GIVEN_BACK:
        return refuse(pen, redemption, "actuated", Reason.NOTHING_OPEN)
    pen.conn.execute(ACTUATED, (pen.now.utc_ms, redemption))
    seq = pen.fact("actuated", {} if attempt is None else {"attempt": attempt}, of=redemption)
    return Stepped(redemption=redemption, state=before.state, error=None, journal_seq=seq)


def write_closing(pen: Pen, redemption: str) -> int:
    """Journal and apply that something came back; return the fact's seq."""
    return _write(pen, _change(pen, redemption, Step.CLOSED), {})


def write_overdue(pen: Pen, redemption: str) -> int:
    """Journal and apply that something has fallen due; return the fact's seq."""
    return _write(pen, _change(pen, redemption, Step.FELL_DUE), {})


def write_reversal(pen: Pen, goods: Bought, fen: int, heads: int) -> int:
    """Journal and apply a reversal of `fen` and `heads`; return its seq."""
    whole = goods.returned_heads + heads >= goods.heads and goods.returned_fen + fen >= (goods.amount_fen or 0)
    step = Step.REVERSED if whole else Step.REVERSED_PART
    said = {"fen": fen, "heads": heads, "whole": whole}
    return _write(pen, _change(pen, goods.redemption, step, fen, heads), said)


def _change(pen: Pen, redemption: str, step: Step, fen: int | None = None, heads: int = 0) -> Change:
    return Change(redemption, step, pen.now.utc_ms, pen.fresh(), fen, heads)


def _write(pen: Pen, change: Change, said: dict[str, Any]) -> int:
    """Apply a step that the table allows, and journal it; return its seq."""
    body = {"step": change.step.value, **said}
    if write_change(pen.conn, change):
        body["excess"] = True
    kind = KINDS.get(change.step, change.step.value)
    return pen.fact(kind, body, of=change.redemption, named=change.record)
