"""What an answer about a code is made of, as types: offers, obligations, reasons, and the answer as it is kept.

Rules of this file: those of `edge.api.answers`. Every member that an offer or an obligation may have is named, whatever
its kind; the decision vectors are held against these types.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from credit.inputs import ClockState
from credit.reasons import Outcome, Reason
from credit.rules.catalogue import OfferKind


class Answered(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer: every member is named."""


class Text(Answered, frozen=True):
    """Words for people, Chinese first."""

    zh: str
    en: str


class ReasonShown(Answered, frozen=True):
    """One reason: its stable code, its words, what to do next, and the facts behind it (docs/reasons.md)."""

    code: Reason
    zh: str
    en: str
    next: Text
    facts: dict[str, Any]
    benefits: list[str] | UnsetType = UNSET


class OfferShown(Answered, frozen=True):
    """What is given: `kind`, and the members of that kind; sums only where an amount was named."""

    kind: OfferKind
    percent_off: int | UnsetType = UNSET
    off_fen: int | UnsetType = UNSET
    waived_fen: int | UnsetType = UNSET
    later_fen: int | UnsetType = UNSET
    to_pay_fen: int | UnsetType = UNSET
    max_items: int | UnsetType = UNSET
    days: int | UnsetType = UNSET
    minutes: int | UnsetType = UNSET
    until: str | UnsetType = UNSET
    multiplier: int | UnsetType = UNSET
    lane: str | UnsetType = UNSET
    item: str | UnsetType = UNSET


class GivenShown(Answered, frozen=True):
    """One benefit that is given, with whose it is and in which version; `local` is the shop's own."""

    benefit: str
    issuer: str
    code: int
    version: int
    offer: OfferShown
    local: bool
    title: dict[str, str]


class GivenKept(Answered, frozen=True):
    """One benefit as it was given; without `title` where only the fact of it is known here."""

    benefit: str
    issuer: str
    code: int
    version: int
    offer: OfferShown
    local: bool
    title: dict[str, str] | UnsetType = UNSET


class Crowd(Answered, frozen=True):
    """How full the site is."""

    used: int
    max: int


class Obligations(Answered, frozen=True):
    """What must be done now. The gate opens only with `open_gate`; `pay_fen` is to be paid before it does."""

    open_gate: bool | UnsetType = UNSET
    confirm_by_staff: bool | UnsetType = UNSET
    to_pay_fen: int | UnsetType = UNSET
    pay_fen: int | UnsetType = UNSET
    due: str | UnsetType = UNSET
    override: bool | UnsetType = UNSET
    nearly_full: Crowd | UnsetType = UNSET
    refund_fen: int | UnsetType = UNSET
    returned_fen: int | UnsetType = UNSET
    returned_heads: int | UnsetType = UNSET


class AnswerKept(Answered, frozen=True):
    """What was shown when it was given; of a redemption that came back from the platform what its fact says of it."""

    offer: OfferShown | None
    offers: list[GivenKept]
    obligations: Obligations | UnsetType = UNSET
    outcome: Outcome | UnsetType = UNSET
    benefit: str | UnsetType | None = UNSET
    benefits: list[str] | UnsetType = UNSET
    reasons: list[ReasonShown] | UnsetType = UNSET
    offline: bool | UnsetType = UNSET
    clock: ClockState | UnsetType = UNSET
    left: dict[str, int] | UnsetType = UNSET
