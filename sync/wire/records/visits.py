"""Records about a visit: something was given, nothing was, somebody went out."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from credit.claims import TokenClass
from credit.inputs import Intent
from credit.reasons import Outcome, Reason
from sync.wire.records.parts import (
    Body,
    Count,
    Given,
    GrantOf,
    Hex,
    LeaseOf,
    Measure,
    Offer,
    PassOf,
    Signed,
    SumOf,
    UseOf,
    Whole,
    With,
)


class Visit(Body, frozen=True, kw_only=True):
    """What every record about a visit says. `claim` is how far somebody was asked, and by whom it was answered."""

    issuer: str
    class_: TokenClass = msgspec.field(name="class")
    site: str
    scene: str
    lane: str
    outcome: Outcome
    reasons: list[Reason]
    offline: bool
    clock: Literal["trusted", "unsure", "wrong", "rtc"]
    intent: Intent
    heads: Count
    asset: str | UnsetType = UNSET
    amount_fen: Whole | UnsetType = UNSET
    claim: Literal["held", "site", "alone", "doubtful"] | UnsetType = UNSET
    hub_no: Whole | UnsetType = UNSET
    negative_lifted: list[Whole] | UnsetType = UNSET
    key: str | UnsetType = UNSET
    with_: With | UnsetType = msgspec.field(name="with", default=UNSET)


class Grant(Visit, frozen=True, kw_only=True):
    """`granted`, `opened`: something was given. Whoever counts for others needs nothing else.

    `lease`: shares of quotas that it took from without asking.
    """

    token: Hex
    subject: Hex
    given: list[Given]
    uses: list[UseOf]
    sums: list[SumOf]
    due_ms: Whole | None
    nonce: Hex | UnsetType = UNSET
    proof: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")] | UnsetType = UNSET
    grants: list[GrantOf] | UnsetType = UNSET
    offer: Offer | UnsetType = UNSET
    on_overdue: str | UnsetType = UNSET
    reversal_until_ms: Whole | UnsetType = UNSET
    gives_back: bool | UnsetType = UNSET
    awaiting: bool | UnsetType = UNSET
    pay_fen: Whole | UnsetType = UNSET
    lease: list[LeaseOf] | UnsetType = UNSET
    pass_: PassOf | UnsetType = msgspec.field(name="pass", default=UNSET)


class Denial(Visit, frozen=True, kw_only=True):
    """`not_granted`: a hash of issuer and token id that names nobody, and the name of its page `/n/{id}`.

    `measures` are the entries that it rests on, `lists` the versions of the issuer's lists that were in force.
    """

    token_hash: Hex
    measures: list[Measure] | UnsetType = UNSET
    lists: dict[str, Whole] | UnsetType = UNSET
    notice: Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{22}$")] | UnsetType = UNSET


class Refusals(Body, frozen=True, kw_only=True):
    """`not_granted` as a summary: how many presentations a minute brought to a lane that were no good token."""

    lane: str
    minute_ms: Whole
    unverified: dict[str, Count] | UnsetType = UNSET
    refused: dict[str, Count] | UnsetType = UNSET


class Exit(Visit, frozen=True, kw_only=True):
    """`exited`: who went out, and how many are inside now."""

    subject: Hex
    inside: Signed
