"""The bodies that the local API takes: small and strict, unknown members are errors that name themselves."""

from typing import Annotated

import msgspec
from msgspec import Meta

from credit.inputs import Intent, Override, Request

MAX_CODE = 4_096  # a longer text is no code; open_token's own bound is 600
MAX_FEN = 10**12
MAX_HEADS = 1_000

Id = Annotated[str, Meta(min_length=1, max_length=64)]
Fen = Annotated[int, Meta(ge=0, le=MAX_FEN)]
Heads = Annotated[int, Meta(ge=1, le=MAX_HEADS)]


class OverrideBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A supervisor's override: who and why."""

    by: Id
    why: Annotated[str, Meta(min_length=1, max_length=200)]


class PresentBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/present`. Without `lane` the first one; without `intent` what a shown code means there.

    An empty `code` serves to close or give back by `asset` or `redemption` alone, and beside `short`: eight characters
    that a person reads out, which the platform turns into a token.
    """

    code: Annotated[str, Meta(max_length=MAX_CODE)]
    request_id: Id | None = None
    lane: Id | None = None
    intent: Intent | None = None
    amount_fen: Fen | None = None
    heads: Heads | None = None
    asset: Id | None = None
    ticket: Id | None = None
    redemption: Id | None = None
    second: Annotated[str, Meta(max_length=MAX_CODE)] | None = None
    short: Annotated[str, Meta(min_length=1, max_length=32)] | None = None
    confirmed: Annotated[list[Id], Meta(max_length=8)] = []
    override: OverrideBody | None = None

    def request(self, default: Intent) -> Request:
        """Return what is asked for."""
        override = Override(by=self.override.by, why=self.override.why) if self.override else None
        return Request(
            intent=self.intent or default,
            amount_fen=self.amount_fen,
            heads=self.heads or 1,
            heads_named=self.heads is not None,
            asset=self.asset,
            redemption=self.redemption,
            confirmed=frozenset(self.confirmed),
            override=override,
            named=self.request_id is not None,
        )


class EntryBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/entry`: stop entry to the site, or let it go on; `by` says who did."""

    stopped: bool
    by: Id


class StepBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every step takes: the caller's id of this request; asked again under it, the answer is the same."""

    request_id: Id | None = None


class NoBody(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A step that takes nothing else."""


class PaidBody(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment: the order that paid, and how much."""

    order: Id
    amount_fen: Fen


class OpenAgainBody(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person has the gate opened once more; `by` says who."""

    by: Id


class ClaimBody(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim: what the holder owes for damage; above what was waived a supervisor says why."""

    amount_fen: Fen
    override: OverrideBody | None = None


class ReverseBody(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A reversal of a part; of all that is left without members. Past its time a supervisor says why."""

    amount_fen: Fen | None = None
    heads: Heads | None = None
    override: OverrideBody | None = None


class EmergencyBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`POST /v1/emergency`: open every gate and keep it open, or end that; `by` says who."""

    open: bool
    by: Id


class AnyStep(StepBody, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What steps take, for the description: each step takes its own members and no others."""

    order: Id | None = None
    amount_fen: Fen | None = None
    heads: Heads | None = None
    by: Id | None = None
    override: OverrideBody | None = None
