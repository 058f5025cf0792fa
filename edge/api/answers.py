"""What the local API answers, as types: the OpenAPI document and the generated clients are made from these.

Rules of this file:

- nothing here makes an answer; tests hold the answers of a real terminal against these types, and every member of every
  answer must be named here;
- a member that may be absent has `UNSET` for its default; one that is always there has none;
- money is in fen, times are milliseconds UTC, unless the name says otherwise.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from credit.inputs import ClockState, Intent
from credit.lifecycle import State
from credit.reasons import Outcome, Reason
from edge.api.calls.given_bodies import (
    Answered,
    AnswerKept,
    GivenShown,
    Obligations,
    OfferShown,
    ReasonShown,
    Text,
)
from edge.api.problems import Problem
from sync.wire.profiles import TicketType


class PresentAnswer(Struct, frozen=True, kw_only=True):
    """The answer about a code: the outcome, what is given, what must be done, and every reason at once."""

    outcome: Outcome
    benefit: str | None
    benefits: list[str]
    offer: OfferShown | None
    offers: list[GivenShown]
    obligations: Obligations
    reasons: list[ReasonShown]
    offline: bool
    clock: ClockState
    redemption: str | None
    journal_seq: int | None
    lane: str
    at_ms: int
    repeat: bool
    intent: Intent
    ticket: str | None
    list_price_fen: int | None
    amount_fen: int | None
    lists_age_s: int | None
    left: dict[str, int] | UnsetType = UNSET
    notice: str | UnsetType = UNSET


class RedemptionShown(Struct, frozen=True, kw_only=True):
    """A redemption as screens and tills list it; `answer` is the object that was shown when it was given."""

    id: str
    at_ms: int
    lane: str
    scene: str
    intent: Intent
    benefit: str
    state: State
    asset: str | None
    amount_fen: int | None
    heads: int
    due_ms: int | None
    passed_ms: int | None
    ended_ms: int | None
    claimed_fen: int | None
    returned_fen: int
    returned_heads: int
    answer: AnswerKept


class StepAnswer(Struct, frozen=True, kw_only=True):
    """What a step came to: the redemption afterwards, and where either fact stands in the journal."""

    redemption: RedemptionShown
    state: State | None = None
    journal_seq: int | None = None
    error: Reason | None = None
    refund_fen: int | None = None
    attempt: str | None = None
    outcome: str | None = None


class GateAnswer(Struct, frozen=True, kw_only=True):
    """What came of holding one lane's gate open."""

    outcome: str
    detail: str


class EmergencyAnswer(Struct, frozen=True, kw_only=True):
    """What came of opening everything, by lane."""

    open: bool
    lanes: dict[str, GateAnswer]


class PrintedAnswer(Answered, frozen=True):
    """A slip was printed; `paper` is how the printer's paper stands, as far as it says."""

    lane: str
    paper: Literal["well", "low", "out", "unknown"]


class ListShown(Answered, frozen=True):
    """One signed list in force, how old it is, and how much is still given on a list of that age."""

    name: str
    version: int
    age_s: int
    allows: Literal["all", "some", "nothing"]


class LaneShown(Struct, frozen=True, kw_only=True):
    """A lane of this terminal; `camera` is null where it has no reader of its own.

    `actuator`: whether it opens something; `intent`: what a code means that is merely shown; `notice`: how much a
    public screen tells of a denial.
    """

    id: str
    scene: str
    camera: bool | None
    actuator: bool
    intent: Intent
    pay_within_s: float | None
    notice: Literal["discreet", "full"]


class LaneAnswer(Struct, frozen=True, kw_only=True):
    """What a lane is for, and the challenge that a phone without a trusted clock answers."""

    id: str
    scene: str
    intent: Intent
    challenge: str


class StatusAnswer(Struct, frozen=True, kw_only=True):
    """Who this terminal is and how it is."""

    terminal: str
    site: str
    title: dict[str, str]
    issuer: str
    test: bool
    version: str
    now_ms: int
    ready: bool
    clock: ClockState
    offline: bool
    offline_s: int | None
    site_only: bool  # the site's hub answers, and does not reach the platform
    suspended: bool
    entry_stopped: bool
    unsent: int
    oldest_unsent_s: int | None
    set_aside: int
    lists: list[ListShown]
    lanes: list[LaneShown]
    ticket_types: list[TicketType]
    pledge: dict[str, str]
    grade: str
    texts: dict[str, dict[str, str]]
    notices: str


class CheckShown(Struct, frozen=True, kw_only=True):
    """One line of readiness: well, warn or bad, since when, and the mend (docs/when-things-break.md)."""

    name: str
    ok: bool
    level: Literal["well", "warn", "bad"]
    cause: str
    since_ms: int
    zh: str
    en: str
    mend: Text | None


class ReadinessAnswer(Struct, frozen=True, kw_only=True):
    """Whether somebody with a right would be let in now."""

    ready: bool
    checks: list[CheckShown]


class EntryAnswer(Answered, frozen=True):
    """Whether entry is stopped now, and where the fact stands."""

    stopped: bool
    journal_seq: int


class MovedAnswer(Struct, frozen=True, kw_only=True):
    """What a synchronisation moved; `problem` is empty when all is well."""

    sent: int
    unsent: int
    orders: int
    conflicts: int
    lists_version: int | None
    lists_changed: bool
    problem: str


class StepProblem(Problem, frozen=True, kw_only=True):
    """Why a step did not happen: its `reason` (docs/reasons.md), and the redemption as it stands.

    Another 409 of a step (`other_request`, `no_gate`) has neither.
    """

    reason: Reason | UnsetType = UNSET
    redemption: RedemptionShown | UnsetType | None = UNSET
    state: State | UnsetType | None = UNSET
    journal_seq: int | UnsetType | None = UNSET
    error: Reason | UnsetType | None = UNSET
    attempt: str | UnsetType | None = UNSET
    outcome: str | UnsetType | None = UNSET


class Nothing(Answered, frozen=True):
    """Done; there is nothing to say."""


class HealthAnswer(Answered, frozen=True):
    """The process answers."""

    ok: bool
