"""Business days, windows, holidays and periods (contract.md §4).

Rules of this file:

- a business day starts at `day_starts` in the benefit's zone; its label is the civil date on which it starts;
- windows are half-open [from, until); a plain window may cross midnight and is then a matter of the time of day
  alone, while one written beyond "24:00" belongs to the business day on which it starts;
- a make-up working day 调休 takes a date out of its holiday calendar; `weekdays` are untouched by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from credit.catalogue import Limit, Period, When
from credit.reading import CatalogueError, Node

DAY_S = 86_400
DAY_MIN = 1440
ONE_DAY = timedelta(days=1)
EPOCH_LAST_S = 253_370_764_800  # 9999-01-01: later than any time that can be written
EPOCH_FIRST_S = 172_800  # 1970-01-03: a clock before it is clamped, so that a day before can be named


@dataclass(frozen=True, slots=True)
class BusinessDay:
    """A moment seen from a zone: the business day it belongs to, its civil time of day in seconds, its period names."""

    day: date
    second: int
    midnight: datetime
    names: dict[Period, str] = field(default_factory=dict)

    def name(self, period: Period) -> str:
        """Return the label of the day, week, month or year."""
        found = self.names.get(period)
        if found is None:
            found = self.names[period] = _name(self.day, period)
        return found


def _name(day: date, period: Period) -> str:
    if period is Period.DAY:
        return day.isoformat()
    if period is Period.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    if period is Period.MONTH:
        return day.isoformat()[:7]
    return day.isoformat()[:4]


def business_day(utc_ms: int, zone: ZoneInfo, day_starts: int) -> BusinessDay:
    """Return the business day that `utc_ms` belongs to."""
    seconds = min(max(utc_ms // 1000, EPOCH_FIRST_S), EPOCH_LAST_S)
    local = datetime.fromtimestamp(seconds, zone)
    second = local.hour * 3600 + local.minute * 60 + local.second
    day = local.date()
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = day_starts * 60
    if second < starts <= DAY_S:
        return BusinessDay(day - ONE_DAY, second, midnight - ONE_DAY)
    return BusinessDay(day, second, midnight)


def at_clock(day: BusinessDay, minutes: int) -> datetime:
    """Return the instant of a time of day (which may be beyond 24:00) of a business day."""
    return day.midnight + timedelta(minutes=minutes)


def in_window(window: tuple[int, int], second: int) -> bool:
    """Return whether a civil time of day lies in a plain window; one that ends before it starts crosses midnight."""
    start, end = window[0] * 60, window[1] * 60
    if start < end:
        return start <= second < end or start <= second + DAY_S < end
    return second >= start or second < end


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """A set of days: named dates, whole weekdays, without the make-up days. `covers_until` is where knowledge ends."""

    id: str
    dates: frozenset[date]
    weekdays: frozenset[int] = frozenset()
    make_up_days: frozenset[date] = frozenset()
    covers_until: date | None = None

    def __contains__(self, day: date) -> bool:
        return day not in self.make_up_days and (day in self.dates or day.isoweekday() in self.weekdays)


def parse_calendars(document: object, *, path: str = "$") -> dict[str, Calendar]:
    """Return the calendars of `rules/<city>/calendars.json` (or of a bare object of them); raise CatalogueError."""
    node = Node(document, path)
    if isinstance(document, dict) and "calendars" in document:
        node = node.members("issuer", "version", "calendars", "issued_at").need("calendars")
    return {name: _calendar(name, one) for name, one in node.pairs()}


def _calendar(name: str, node: Node) -> Calendar:
    if isinstance(node.value, list):
        return Calendar(id=name, dates=_dates(node))
    node.members("dates", "weekdays", "make_up_days", "covers_until", "title")
    dates, weekdays = node.get("dates"), node.get("weekdays")
    made_up, covers = node.get("make_up_days"), node.get("covers_until")
    return Calendar(
        id=name,
        dates=_dates(dates) if dates else frozenset(),
        weekdays=frozenset(weekdays.wholes(1, 7)) if weekdays else frozenset(),
        make_up_days=_dates(made_up) if made_up else frozenset(),
        covers_until=covers.day() if covers else None,
    )


MAX_RANGE_DAYS = 400


def _dates(node: Node) -> frozenset[date]:
    found: set[date] = set()
    for one in node.items():
        first, slash, last = one.text().partition("/")
        start = Node(first, one.path).day()
        end = Node(last, one.path).day() if slash else start
        if not 0 <= (end - start).days <= MAX_RANGE_DAYS:
            raise one.wrong("a range runs forward, over at most 400 days")
        found.update(start + timedelta(days=n) for n in range((end - start).days + 1))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a moment is outside a time condition: `holiday` names the calendar that excludes it, None otherwise."""

    holiday: str | None
    part: str


def misfits(when: When, calendars: Mapping[str, Calendar], now_ms: int, day: BusinessDay) -> tuple[Misfit, ...]:
    """Return every way in which `now_ms` is outside `when`; empty when it is inside."""
    found = _day_misfits(when, calendars, day.day)
    in_hours = when.daily is None or any(in_window(window, day.second) for window in when.daily if window[1] <= DAY_MIN)
    late = [window for window in when.daily or () if window[1] > DAY_MIN]
    if late and not in_hours:
        found, in_hours = _late_windows(when, calendars, day, late, found)
    if not in_hours:
        found = (*found, Misfit(None, "daily"))
    outside = (when.from_ms is not None and now_ms < when.from_ms) or (
        when.until_ms is not None and now_ms >= when.until_ms
    )
    return (*found, Misfit(None, "dates")) if outside else found


def _late_windows(
    when: When,
    calendars: Mapping[str, Calendar],
    day: BusinessDay,
    windows: list[tuple[int, int]],
    today: tuple[Misfit, ...],
) -> tuple[tuple[Misfit, ...], bool]:
    """Look at windows written beyond 24:00: the moment may belong to the window of the day that it follows."""
    civil = day.midnight.date()
    after_midnight = day.second + (DAY_S if day.second < when.day_starts * 60 else 0)
    if any(start * 60 <= after_midnight < end * 60 for start, end in windows):
        return today, True
    spilled = any(start * 60 <= after_midnight + DAY_S < end * 60 for start, end in windows)
    return (_day_misfits(when, calendars, civil - ONE_DAY), True) if spilled else (today, False)


def _day_misfits(when: When, calendars: Mapping[str, Calendar], day: date) -> tuple[Misfit, ...]:
    found = []
    if (when.from_day and day < when.from_day) or (when.until_day and day > when.until_day):
        found.append(Misfit(None, "dates"))
    if when.weekdays is not None and day.isoweekday() not in when.weekdays:
        found.append(Misfit(None, "weekdays"))
    found += [Misfit(name, "except") for name in when.except_ if day in calendars[name]]
    if when.only and not any(day in calendars[name] for name in when.only):
        found.append(Misfit(None, "only"))
    return tuple(found)


def check_calendars(when: When, calendars: Mapping[str, Calendar], path: str) -> None:
    """Raise CatalogueError for a calendar that `when` names and nobody published."""
    for member, names in (("except", when.except_), ("only", when.only)):
        for index, name in enumerate(names):
            if name not in calendars:
                known = ", ".join(sorted(calendars)) or "none"
                raise CatalogueError(
                    f"{path}.when.{member}[{index}]", f"calendar {name!r} is unknown; known are {known}"
                )


def period_name(limit: Limit, when: When, day: BusinessDay) -> str:
    """Return the label of the period that a limit counts over now; a new period is a new key."""
    if limit.period is Period.EVER:
        return "ever"
    if limit.period is Period.ROLLING:
        return f"{limit.rolling_h}h"
    if limit.period is Period.WINDOW:
        start = when.from_day.isoformat() if when.from_day else when.from_ms
        return f"window:{start or 'open'}"
    return day.name(limit.period)
