"""The life of a draft: one table; what is not in it cannot happen. Pure.

open ──approve──▶ approved ──its time──▶ in_force ──roll back──▶ rolled_back
│ reject ▶ rejected │ withdraw ▶ withdrawn
│ withdraw ▶ withdrawn │ what it rests on changed ▶ stale · terminals would refuse it ▶ failed
"""

from enum import StrEnum


class State(StrEnum):
    """Where a draft stands."""

    OPEN = "open"
    APPROVED = "approved"
    IN_FORCE = "in_force"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    STALE = "stale"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"


class Move(StrEnum):
    """What can happen to a draft."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    APPLY = "apply"
    GROW_STALE = "grow_stale"
    FAIL = "fail"
    ROLL_BACK = "roll_back"


LIFE: dict[tuple[State, Move], State] = {
    (State.OPEN, Move.APPROVE): State.APPROVED,
    (State.OPEN, Move.REJECT): State.REJECTED,
    (State.OPEN, Move.WITHDRAW): State.WITHDRAWN,
    (State.OPEN, Move.GROW_STALE): State.STALE,
    (State.APPROVED, Move.APPLY): State.IN_FORCE,
    (State.APPROVED, Move.WITHDRAW): State.WITHDRAWN,
    (State.APPROVED, Move.GROW_STALE): State.STALE,
    (State.APPROVED, Move.FAIL): State.FAILED,
    (State.IN_FORCE, Move.ROLL_BACK): State.ROLLED_BACK,
}

TITLES: dict[State, tuple[str, str]] = {
    State.OPEN: ("待复核", "to be checked"),
    State.APPROVED: ("已批准，待生效", "approved, waiting for its time"),
    State.IN_FORCE: ("已生效", "in force"),
    State.REJECTED: ("已退回", "sent back"),
    State.WITHDRAWN: ("已撤回", "withdrawn"),
    State.STALE: ("已过时", "overtaken"),
    State.FAILED: ("未能生效", "could not be put in force"),
    State.ROLLED_BACK: ("已回退", "rolled back"),
}


class NotNowError(Exception):
    """This cannot happen to a draft that stands where it stands."""


def after(state: State, move: Move) -> State:
    """Return the state after `move`; raise NotNowError."""
    found = LIFE.get((state, move))
    if found is None:
        zh, en = TITLES[state]
        raise NotNowError(f"草稿{zh}，不能再{_ZH[move]} · the draft is {en}; it cannot {move.replace('_', ' ')} now")
    return found


_ZH = {
    Move.APPROVE: "批准",
    Move.REJECT: "退回",
    Move.WITHDRAW: "撤回",
    Move.APPLY: "生效",
    Move.GROW_STALE: "过时",
    Move.FAIL: "标为失败",
    Move.ROLL_BACK: "回退",
}
