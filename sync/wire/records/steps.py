"""Records about what became of a redemption: its steps, its money, its gate."""

from typing import Literal

from msgspec import UNSET, UnsetType

from credit.lifecycle import Step
from credit.reasons import Reason
from sync.wire.records.parts import Body, Whole, Words

Known = Literal[
    "awaiting", "granted", "passed", "annulled", "reversed", "open", "overdue", "closed", "claimed", "unknown"
]


class Stepped(Body, frozen=True, kw_only=True):
    """A step of a redemption's life. `excess`: it took a use that was not there; `cause`: nobody asked for it."""

    step: Step
    excess: bool | UnsetType = UNSET
    cause: str | UnsetType = UNSET


class Closed(Stepped, frozen=True, kw_only=True):
    """`closed`: it came back; with `fen` a damage claim; `unmatched`: nobody who answered knew it."""

    fen: Whole | UnsetType = UNSET
    unmatched: bool | UnsetType = UNSET
    asset: str | UnsetType = UNSET


class Reversed(Stepped, frozen=True, kw_only=True):
    """`reversed`: taken back, as a whole or `fen` and `heads` of it."""

    fen: Whole
    heads: Whole
    whole: bool


class Paid(Stepped, frozen=True, kw_only=True):
    """`paid`: an order paid what was due before the gate opens."""

    order: str
    amount_fen: Whole


class PaidLate(Body, frozen=True, kw_only=True):
    """`paid_late`: money that can pay for nothing any more; somebody has to give it back."""

    order: str
    amount_fen: Whole
    error: Reason


class Override(Body, frozen=True, kw_only=True):
    """`override`: who took the step before on themselves, and why."""

    by: Words
    why: Words


class Attempt(Body, frozen=True, kw_only=True):
    """`actuating`: the gate is about to be told to open; `by`: a person asked for it."""

    attempt: str
    lane: str
    by: Words | UnsetType = UNSET


class Actuated(Body, frozen=True, kw_only=True):
    """`actuated`: it opened; without `attempt` somebody else's controller says so."""

    attempt: str | UnsetType = UNSET


class Unopened(Body, frozen=True, kw_only=True):
    """`not_actuated`, `unknown`: what came of an attempt; `sure`: it did not open, beyond doubt."""

    attempt: str
    why: str
    sure: bool | UnsetType = UNSET


class Left(Body, frozen=True, kw_only=True):
    """`actuated`, `not_actuated`, `unknown` of an opening for somebody who leaves."""

    attempt: str
    lane: str
    why: str


class Refused(Body, frozen=True, kw_only=True):
    """`note` of a step that could not happen: it changed nothing."""

    error: Reason
    step: str
    state: Known
