"""The benefit catalogue as typed values (decision.md, "Benefit catalogue"; contract.md §4).

Rules of this file:

- values only; `credit.rules.benefits` reads them from JSON, `credit.weighing.conditions` and `offers` apply them;
- None always means "left out": no condition, unbounded; 0 means none at all;
- money is integer fen; times of day are minutes and may reach beyond 24:00; days are business days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from zoneinfo import ZoneInfo

from credit.claims import SubjectKind


class OfferKind(StrEnum):
    """What a benefit gives, in the order that breaks ties (contract.md §5)."""

    FREE = "free"
    PERCENT = "percent"
    AMOUNT = "amount"
    FIXED_PRICE = "fixed_price"
    DEPOSIT_WAIVER = "deposit_waiver"
    PAY_LATER = "pay_later"
    RAISE_LIMIT = "raise_limit"
    EXTEND_TIME = "extend_time"
    LANE = "lane"
    SERVICE = "service"
    GIFT = "gift"
    MULTIPLIER = "multiplier"
    HOLD = "hold"


KIND_ORDER = {kind: order for order, kind in enumerate(OfferKind)}


@dataclass(frozen=True, slots=True)
class Table:
    """A number, or numbers by tier: a tier not named takes the nearest lower one, none below has none."""

    fixed: int | None = None
    by_tier: tuple[tuple[int, int], ...] = ()
    cap: int | None = None

    def at(self, tier: int | None) -> int | None:
        """Return the number for `tier`, None if there is none for it."""
        found = self.fixed
        for least, number in self.by_tier:
            if tier is not None and least <= tier:
                found = number
        return found if found is None or self.cap is None else min(found, self.cap)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is given. Only the members of its kind are set."""

    kind: OfferKind
    percent_off: int = 0
    off_fen: int = 0
    price_fen: int = 0
    cap_fen: int | None = None
    min_spend_fen: int | None = None
    table: Table = Table()
    unit: str = "days"
    lane: str | None = None
    item: str | None = None
    stock: int | None = None
    times: int = 1
    until_min: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whom a benefit is for. `issuers` None: the benefit's own issuer alone; ANY_ISSUER: every trusted one."""

    groups_any: frozenset[int] | None = None
    groups_all: frozenset[int] | None = None
    min_tier: int | None = None
    residents_of: tuple[str, ...] | None = None
    issuers: frozenset[str] | None = None
    subject: SubjectKind | None = None
    grant: bool = False
    merchant_min_tier: int | None = None


ANY_ISSUER = frozenset({"*"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a benefit is offered."""

    sites: frozenset[str] | None = None
    site_sets: frozenset[str] | None = None
    scenes: frozenset[str] | None = None
    lanes: frozenset[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When a benefit is offered. Days are business days, both included; instants are half-open.

    `window` names the period of `period: "window"`: whoever moves a campaign keeps it, a new one takes another.

    Derived: `bounded`, whether there is any condition at all; `clock`, what tells business days apart.
    """

    from_day: date | None = None
    until_day: date | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    daily: tuple[tuple[int, int], ...] | None = None
    weekdays: frozenset[int] | None = None
    except_: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    day_starts: int = 0
    zone: ZoneInfo
    window: str = ""
    bounded: bool = True
    clock: tuple[str, int] = ("", 0)

    def __post_init__(self) -> None:
        unbounded = (None, None, None, None, None, None, (), ())
        conditions = (
            self.from_day,
            self.until_day,
            self.from_ms,
            self.until_ms,
            self.daily,
            self.weekdays,
            self.except_,
            self.only,
        )
        object.__setattr__(self, "bounded", conditions != unbounded)
        object.__setattr__(self, "clock", (self.zone.key, self.day_starts))


class Count(StrEnum):
    """What a limit counts."""

    USES = "uses"
    AMOUNT = "amount"
    OPEN = "open"


class Per(StrEnum):
    """For whom a limit counts."""

    SUBJECT = "subject"
    GROUP = "group"
    TOKEN = "token"
    ORDER = "order"
    ASSET = "asset"
    TERMINAL = "terminal"
    ALL = "all"


class Scope(StrEnum):
    """How far a limit reaches."""

    BENEFIT = "benefit"
    SCENE = "scene"
    SITE = "site"
    SITE_SET = "site_set"
    PROGRAMME = "programme"


class Period(StrEnum):
    """Over which time a limit counts."""

    __hash__ = str.__hash__  # business days name their periods in every decision; an Enum's own is a call of Python

    EVER = "ever"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"
    WINDOW = "window"
    ROLLING = "rolling_h"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """At most `max` of `count`, for each `per`, within `scope`, over `period`.

    `groups`: the first and the last code of households, of a limit per group.
    """

    count: Count = Count.USES
    per: Per = Per.SUBJECT
    scope: Scope = Scope.BENEFIT
    period: Period = Period.EVER
    rolling_h: int = 0
    max: Table
    site_set: str | None = None
    groups: tuple[int, int] | None = None


class CapacityPer(StrEnum):
    """What a capacity is a capacity of."""

    DAY = "day"
    SLOT = "slot"
    OCCUPANCY = "occupancy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """At most `max` heads per day, slot or at once; `warn` is the count from which staff are told.

    `leased`: terminals hold shares of it and give them without asking (claims.md 9); never of an occupancy.
    """

    per: CapacityPer
    site: bool = False
    max: int
    warn: int | None = None
    leased: bool = False


class LifecycleKind(StrEnum):
    """How a redemption lives on."""

    ONCE = "once"
    OPEN_CLOSE = "open_close"
    PASS = "pass"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """The lifecycle and its parameters. `due_ms` after opening, or `due_clock` as the next such time of day."""

    kind: LifecycleKind = LifecycleKind.ONCE
    due_ms: int | None = None
    due_clock: int | None = None
    withhold_when_overdue: bool = False
    entries: int | None = None
    reentry_min: int | None = None
    anti_pass_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Offline:
    """What may be given since the last contact, and on lists how old."""

    allow: bool = True
    max_list_age_h: int | None = None
    max_uses: int | None = None
    max_amount_fen: int | None = None
    max_uses_per_subject: int | None = None
    max_amount_fen_per_subject: int | None = None
    standard_on_limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Within how many hours a use can be returned (None: at any time), and whether it comes back."""

    within_h: int | None = None
    gives_back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """How far around a reservation's time it still counts: [from - early, until + late)."""

    early_min: int = 0
    late_min: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Benefit:
    """One row of the catalogue. `local` marks a merchant's own offer; `path` is where it was read, for errors.

    `key` names it in counts, `order` is what breaks ties last: (issuer, code), then the id. Both are derived.
    """

    id: str
    code: int
    version: int
    issuer: str
    title: Mapping[str, str]
    offer: Offer
    who: Who
    where: Where
    when: When
    limits: tuple[Limit, ...] = ()
    capacity: tuple[Capacity, ...] = ()
    slot: Slot | None = None
    needs: tuple[str, ...] = ()
    lifecycle: Lifecycle = Lifecycle()
    stacks: str | None = None
    offline: Offline = Offline()
    reversal: Reversal = Reversal()
    local: bool = False
    path: str = "$"
    key: str = ""
    order: tuple[str, int, str] = ("", 0, "")

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.issuer}/{self.id}")
        object.__setattr__(self, "order", (self.issuer, self.code, self.id))
