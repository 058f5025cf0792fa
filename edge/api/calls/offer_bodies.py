"""The bodies of the calls for a merchant's own offers: the catalogue's syntax, as far as a shop may use it."""

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge.api.messages import Id

MAX_TITLE = 40
MAX_LIMITS = 4
MAX_STOCK = 1_000_000

Title = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]
Day = Annotated[str, Meta(max_length=10)]
Clock = Annotated[str, Meta(max_length=5)]


class TitleBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the offer is called: 中文, and English if there is one."""

    zh: Title
    en: Title | None = None


class WhenBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When it is offered: whole days, both included; times of day half-open."""

    first: Day | None = msgspec.field(default=None, name="from")
    until: Day | None = None
    daily: Annotated[list[tuple[Clock, Clock]], Meta(max_length=4)] | None = None
    weekdays: Annotated[list[int], Meta(max_length=7)] | None = None


class LimitBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """At most `max` uses for each visitor (or for all together) over a period."""

    max: int
    per: Literal["subject", "all"] = "subject"
    period: Literal["ever", "day", "week", "month", "year", "window"] = "ever"


class WhoBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """For whom; left out: for everybody with a credit code that holds."""

    min_tier: int


class OfferBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`POST /v1/offers`, `PUT /v1/offers/{offer}`: the offer as it shall be. `offer` has the catalogue's members.

    `stock`: how many there are from now on, null without end; left out of a PUT, the count goes on.
    """

    title: TitleBody
    offer: Annotated[dict[str, int | str], Meta(max_length=8)]
    when: WhenBody | None = None
    limits: Annotated[list[LimitBody], Meta(max_length=MAX_LIMITS)] = []
    who: WhoBody | None = None
    stock: Annotated[int, Meta(ge=0, le=MAX_STOCK)] | UnsetType | None = UNSET
    lane: Id | None = None
    by: Id = "counter"

    def terms(self) -> dict[str, object]:
        """Return what the catalogue says: everything but stock, lane and who wrote it."""
        whole: dict[str, object] = msgspec.to_builtins(self)
        return {name: value for name, value in whole.items() if name not in ("stock", "lane", "by")}


class WarningShown(msgspec.Struct, frozen=True, kw_only=True):
    """Why an offer, or a part of it, will never apply."""

    path: str
    zh: str
    en: str


class OfferAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """An offer of the shop as it stands; `title` to `who` as they were written. `left` null: without end.

    `problem`: why it is not in force although it should be; `undoable`: its last change can be taken back.
    """

    id: str
    code: int
    version: int
    local: bool
    title: TitleBody
    offer: dict[str, int | str]
    when: WhenBody | UnsetType = UNSET
    limits: list[LimitBody] | UnsetType = UNSET
    who: WhoBody | UnsetType = UNSET
    stock: int | None
    left: int | None
    lane: str
    in_force: bool
    change: Literal["created", "edited", "withdrawn", "undone"]
    undoable: bool
    by: str
    at_ms: int
    problem: str | None
    warnings: list[WarningShown]


class ByBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who withdraws an offer, or takes a change back."""

    by: Id = "counter"
