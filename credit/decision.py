"""What a decision says: outcome, what is given, what must be done, and every reason (decision.md, step 8).

Rules of this file:

- values are frozen; facts and offer members are plain JSON values with integers only, so that an answer can be
  stored, sent and rebuilt without loss (`credit.telling.answers`);
- `findings` is never empty, and on GRANT its first reason is `ok` (contract.md §1);
- `trials` keeps how each benefit offered here fared; explaining reads it and never changes the decision.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple, overload

from msgspec import Struct, field

from credit.inputs import ClockState
from credit.reasons import REFERRING, Outcome, Reason

NO_FACTS: Mapping[str, Any] = MappingProxyType({})


class Finding(NamedTuple):
    """One reason with its facts; `benefits` names those it stood in the way of."""

    reason: Reason
    facts: Mapping[str, Any] = NO_FACTS
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


@dataclass(frozen=True, slots=True)
class Cause:
    """What keeps anybody from a benefit; `tell` returns its facts, `refer`: a person looking at it can mend it."""

    condition: Condition
    reason: Reason
    tell: Callable[..., Mapping[str, Any]] = dict
    refer: bool = False

    @classmethod
    def of(cls, condition: Condition, reason: Reason, tell: Callable[..., Mapping[str, Any]] = dict) -> "Cause":
        """Return a cause that refers where its reason does (contract.md §1)."""
        return cls(condition, reason, tell, reason in REFERRING)


class Failure(NamedTuple):
    """A condition of a benefit that does not hold for this holder here and now.

    Most failures are never told: of twenty limits that are used up, one says when and where. So what the facts are
    `told` from is kept, and the facts are put into words where they are shown.
    """

    cause: Cause
    told: tuple[Any, ...] = ()

    @property
    def condition(self) -> Condition:
        """Return the condition that does not hold."""
        return self.cause.condition

    @property
    def reason(self) -> Reason:
        """Return the reason."""
        return self.cause.reason

    @property
    def refer(self) -> bool:
        """Return whether a person looking at it can mend it."""
        return self.cause.refer

    @property
    def facts(self) -> Mapping[str, Any]:
        """Return what goes with the reason."""
        return self.cause.tell(*self.told)


class Trial(NamedTuple):
    """How one benefit offered here fared; `failures` empty means obtainable, `waived` what an override settled."""

    benefit: str
    failures: tuple[Failure, ...] = ()
    chosen: bool = False
    waived: tuple[Failure, ...] = ()


class Trials(Sequence[Trial]):
    """Every trial of a decision, written out when somebody asks: a help desk does, a gate does not."""

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[], tuple[Trial, ...]]) -> None:
        self._write = write

    @overload
    def __getitem__(self, index: int) -> Trial: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Trial, ...]: ...
    def __getitem__(self, index: int | slice) -> Trial | tuple[Trial, ...]:
        return self._write()[index]

    def __iter__(self) -> Iterator[Trial]:
        return iter(self._write())

    def __len__(self) -> int:
        return len(self._write())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Trials) and self._write() == tuple(other)

    __hash__ = None  # type: ignore[assignment]  # facts are mappings


class Given(NamedTuple):
    """One benefit that is given: its offer in figures, and what the holder is worth of it afterwards."""

    benefit: str
    issuer: str
    code: int
    version: int
    offer: Mapping[str, Any]
    local: bool = False
    title: Mapping[str, str] = NO_FACTS


class Reach(StrEnum):
    """How far a key counts, and so who has its count: this terminal alone, its site, or everybody (claims.md 10)."""

    TERMINAL = "terminal"
    SITE = "site"
    ALL = "all"


class Source(NamedTuple):
    """Where a bound comes from: which part of which benefit states it, or what the token bears itself.

    `part` is limit, capacity, stock, open, pass or inside, `at` its place among them, `tier` the holder's where the
    bound is by tier; or printed, grant, order: then the bound travels with the token.
    """

    part: str
    issuer: str = ""
    code: int = 0
    version: int = 0
    at: int = 0
    tier: int | None = None


class Use(NamedTuple):
    """`n` uses under `key`, bounded by `limit` (None: counted, not bounded) within the period since `since_ms`."""

    key: str
    n: int
    limit: int | None = None
    benefit: str = ""
    since_ms: int | None = None
    reason: Reason = Reason.LIMIT_USED
    reach: Reach = Reach.TERMINAL
    source: Source | None = None
    leased: bool = False


class Sum(NamedTuple):
    """`fen` under `key`, bounded by `limit` (None: counted, not bounded) within the period since `since_ms`."""

    key: str
    fen: int
    limit: int | None = None
    benefit: str = ""
    since_ms: int | None = None
    reason: Reason = Reason.LIMIT_USED
    reach: Reach = Reach.TERMINAL
    source: Source | None = None


class Consumption(NamedTuple):
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
    pass_reach: Reach = Reach.TERMINAL
    pass_source: Source | None = None
    grants: tuple[Mapping[str, Any], ...] = ()


NOTHING = Consumption()


class Decision(Struct, frozen=True, kw_only=True):
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
    consumption: Consumption = NOTHING
    ends: str | None = None
    repeats: str | None = None
    trials: Sequence[Trial] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def benefit(self) -> str | None:
        """Return the id of the first benefit given, None if none is."""
        return self.given[0].benefit if self.given else None

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return the reasons in their order."""
        return tuple(finding.reason for finding in self.findings)
