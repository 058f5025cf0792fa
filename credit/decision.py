"""What a decision says: outcome, what is given, what must be done, and every reason (decision.md, step 8).

Rules of this file:

- values are frozen; facts and offer members are plain JSON values with integers only, so that an answer can be
  stored, sent and rebuilt without loss (`credit.answers`);
- `findings` is never empty, and on GRANT its first reason is `ok` (contract.md §1);
- `trials` keeps how each benefit offered here fared; explaining reads it and never changes the decision.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from credit.inputs import ClockState
from credit.reasons import Outcome, Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason with its facts; `benefits` names those it stood in the way of."""

    reason: Reason
    facts: Mapping[str, Any] = field(default_factory=dict)
    benefits: tuple[str, ...] = ()


class Condition(StrEnum):
    """The conditions of a benefit, in the order in which they are looked at (decision.md, step 6)."""

    WHO = "who"
    WHEN = "when"
    NEEDS = "needs"
    SLOT = "slot"
    OPEN = "open"
    LIMITS = "limits"
    CAPACITY = "capacity"
    OFFER = "offer"
    STANDING = "standing"
    OFFLINE = "offline"


class Failure(NamedTuple):
    """A condition of a benefit that does not hold, and why; `refer`: a person looking at it can mend it."""

    condition: Condition
    reason: Reason
    facts: Mapping[str, Any]
    refer: bool = False


class Trial(NamedTuple):
    """How one benefit offered here fared; `failures` empty means obtainable, `waived` what an override settled."""

    benefit: str
    failures: tuple[Failure, ...] = ()
    chosen: bool = False
    value_fen: int | None = None
    waived: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One benefit that is given: its offer in figures, and what the holder is worth of it afterwards."""

    benefit: str
    issuer: str
    code: int
    version: int
    offer: Mapping[str, Any]
    local: bool = False
    title: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """`n` uses under `key`, bounded by `limit` (None: counted, not bounded) within the period since `since_ms`."""

    key: str
    n: int
    limit: int | None = None
    benefit: str = ""
    since_ms: int | None = None
    reason: Reason = Reason.LIMIT_USED


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """`fen` under `key`, bounded by `limit` (None: counted, not bounded) within the period since `since_ms`."""

    key: str
    fen: int
    limit: int | None = None
    benefit: str = ""
    since_ms: int | None = None
    reason: Reason = Reason.LIMIT_USED


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a grant writes: uses and sums, the due time and the reversal window, the pass it enters under."""

    uses: tuple[Use, ...] = ()
    sums: tuple[Sum, ...] = ()
    opens: bool = False
    due_ms: int | None = None
    on_overdue: str = "flag"
    reversal_until_ms: int | None = None
    gives_back: bool = True
    pass_root: str | None = None
    pass_of: str | None = None
    pass_entries: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer. `ends` is the redemption that an ending intent ends, `repeats` the one that grace repeats.

    `notes` denies nothing: measure entries under dispute or of codes nobody published, for staff and explaining.
    """

    outcome: Outcome
    findings: tuple[Finding, ...]
    given: tuple[Given, ...] = ()
    offer: Mapping[str, Any] | None = None
    obligations: Mapping[str, Any] = field(default_factory=dict)
    left: Mapping[str, int] = field(default_factory=dict)
    offline: bool = False
    clock: ClockState = ClockState.TRUSTED
    consumption: Consumption = Consumption()
    ends: str | None = None
    repeats: str | None = None
    trials: tuple[Trial, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def benefit(self) -> str | None:
        """Return the id of the first benefit given, None if none is."""
        return self.given[0].benefit if self.given else None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return the reasons in their order."""
        return tuple(finding.reason for finding in self.findings)
