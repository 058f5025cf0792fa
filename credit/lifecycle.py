"""The lifecycle of a redemption: one table; what is not in it cannot happen (decision.md; contract.md §2).

Rules of this file:

- every step is an appended fact; the state is derived by walking the table;
- `passed` ends the grace and changes no counter; `annulled` gives the use back, and comes only before `passed`;
- who passes after an annulment has passed: the use is taken again (contract.md §10);
- what is to be paid first waits (`awaiting`); paid in time, or while what it took is still free, it is granted;
- a part reversed stays as it was, until the rest is reversed too.
"""

from enum import StrEnum

from credit.reasons import Reason


class State(StrEnum):
    """Where a redemption stands."""

    AWAITING = "awaiting"  # granted, and not paid yet
    GRANTED = "granted"
    PASSED = "passed"
    ANNULLED = "annulled"
    REVERSED = "reversed"
    OPEN = "open"
    OVERDUE = "overdue"
    CLOSED = "closed"
    CLAIMED = "claimed"


class Step(StrEnum):
    """What can happen to a redemption."""

    PAID = "paid"
    PASSED = "passed"
    ANNULLED = "annulled"
    REVERSED_PART = "reversed_part"
    REVERSED = "reversed"
    CLOSED = "closed"
    CLAIMED = "claimed"
    FELL_DUE = "overdue"


LIFECYCLE: dict[tuple[State, Step], State] = {
    (State.AWAITING, Step.PAID): State.GRANTED,
    (State.AWAITING, Step.ANNULLED): State.ANNULLED,
    (State.ANNULLED, Step.PAID): State.GRANTED,
    (State.GRANTED, Step.PASSED): State.PASSED,
    (State.GRANTED, Step.ANNULLED): State.ANNULLED,
    (State.GRANTED, Step.REVERSED_PART): State.GRANTED,
    (State.GRANTED, Step.REVERSED): State.REVERSED,
    (State.PASSED, Step.REVERSED_PART): State.PASSED,
    (State.PASSED, Step.REVERSED): State.REVERSED,
    (State.ANNULLED, Step.PASSED): State.PASSED,
    (State.OPEN, Step.PASSED): State.OPEN,
    (State.OPEN, Step.ANNULLED): State.ANNULLED,
    (State.OPEN, Step.CLOSED): State.CLOSED,
    (State.OPEN, Step.CLAIMED): State.CLAIMED,
    (State.OPEN, Step.FELL_DUE): State.OVERDUE,
    (State.OPEN, Step.REVERSED_PART): State.OPEN,
    (State.OPEN, Step.REVERSED): State.REVERSED,
    (State.OVERDUE, Step.CLOSED): State.CLOSED,
    (State.OVERDUE, Step.CLAIMED): State.CLAIMED,
    (State.OVERDUE, Step.REVERSED_PART): State.OVERDUE,
    (State.OVERDUE, Step.REVERSED): State.REVERSED,
}

OPENED: dict[tuple[State, Step], State] = {(State.ANNULLED, Step.PASSED): State.OPEN}
"""Where a redemption that opens something goes another way."""


def after(state: State, step: Step, *, passed: bool = False, opened: bool = False) -> State | Reason:
    """Return the state after `step`, or the reason why it cannot happen.

    `passed` says that the visitor went through: from then on an annulment comes too late. `opened`: it opens something.
    """
    if step is Step.ANNULLED and (passed or state is State.PASSED):
        return Reason.TOO_LATE
    move = (state, step)
    if opened and move in OPENED:
        return OPENED[move]
    return LIFECYCLE.get(move, Reason.NOTHING_OPEN)
