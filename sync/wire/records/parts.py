"""The parts that bodies of records are made of: figures, texts, offers, uses.

Money is in fen, times are milliseconds UTC, `key` texts are those of claims (docs/protocol.md).
"""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from credit.rules.catalogue import OfferKind

Whole = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Count = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Signed = Annotated[int, Meta(ge=-(2**53) + 1, le=2**53 - 1)]
Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})+$", max_length=128)]
Words = Annotated[str, Meta(max_length=200)]


class Body(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a record says, for one kind."""


class Offer(Body, frozen=True, kw_only=True):
    """What is given: `kind`, and the figures of that kind. Sums only where an amount was named."""

    kind: OfferKind
    percent_off: Whole | UnsetType = UNSET
    off_fen: Whole | UnsetType = UNSET
    waived_fen: Whole | UnsetType = UNSET
    later_fen: Whole | UnsetType = UNSET
    to_pay_fen: Whole | UnsetType = UNSET
    until: str | UnsetType = UNSET
    multiplier: Whole | UnsetType = UNSET
    max_items: Whole | UnsetType = UNSET
    lane: str | UnsetType = UNSET
    days: Whole | UnsetType = UNSET
    minutes: Whole | UnsetType = UNSET
    item: str | UnsetType = UNSET


class Given(Body, frozen=True, kw_only=True):
    """One benefit that was given, whose it is, and in which version; `local` is the shop's own."""

    benefit: str
    issuer: str
    code: Whole
    version: Whole
    local: bool
    offer: Offer


class UseOf(Body, frozen=True, kw_only=True):
    """What is taken of one count: `n` of at most `max` (null: unbounded); `since_ms`: a rolling count begins there."""

    key: str
    n: Whole
    max: Whole | None
    since_ms: Signed | UnsetType = UNSET


class SumOf(Body, frozen=True, kw_only=True):
    """What is taken of one sum of money."""

    key: str
    fen: Whole
    max: Whole | None
    since_ms: Signed | UnsetType = UNSET


class GrantOf(Body, frozen=True, kw_only=True):
    """A grant of the credential that was used: its code and id, this use and how many there are."""

    code: Whole
    id: Whole | str | None
    n: Whole
    max: Whole | None


class PassOf(Body, frozen=True, kw_only=True):
    """A pass of several entries: of which benefit, begun by which redemption, and how many entries it has so far."""

    of: str
    root: str | None
    entries: Whole


class Measure(Body, frozen=True, kw_only=True):
    """An entry of a measures list that barred or withheld: its code, and the id of its row where the list has rows."""

    code: Whole
    entry: Annotated[str, Meta(pattern="^[0-9a-f]{16}$")] | UnsetType = UNSET


class LeaseOf(Body, frozen=True, kw_only=True):
    """A lease that a grant took from: the quota's key and the lease's number."""

    quota: str
    number: Whole


class With(Body, frozen=True, kw_only=True):
    """Where somebody else holds what was asked for."""

    terminal: str | None
    at_ms: Whole | None
    site: str | UnsetType | None = UNSET
    redemption: str | UnsetType | None = UNSET
