"""Business days, windows, holidays and periods (contract.md §4).

Rules of this file:

- a business day starts at `day_starts` in the benefit's zone; its label is the civil date on which it starts;
- windows are half-open [from, until); a plain window may cross midnight and is then a matter of the time of day
  alone, while one written beyond "24:00" belongs to the business day on which it starts;
- a make-up working day 调休 takes a date out of its holiday calendar; `weekdays` are untouched by it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from credit.rules.catalogue import Limit, Period, When
from credit.rules.reading import CatalogueError, Node

DAY_S = 86_400
DAY_MIN = 1440
ONE_DAY = timedelta(days=1)
EPOCH_LAST_S = 253_370_764_800  # 9999-01-01: later than any time that can be written
EPOCH_FIRST_S = 172_800  # 1970-01-03: a clock before it is clamped, so that a day before can be named


class BusinessDay(NamedTuple):
    """A moment seen from a zone: the business day it belongs to, its civil time of day in seconds, its civil time."""

    day: date
    second: int
    local: datetime

    @property
    def midnight(self) -> datetime:
        """Return the instant from which times of day of this business day count."""
        midnight = self.local.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight if self.day == midnight.date() else midnight - ONE_DAY

    def name(self, period: Period) -> str:
        """Return the label of the day, week, month or year."""
        return _name(self.day, period)


def _name(day: date, period: Period) -> str:
    if period is Period.DAY:
        return day.isoformat()
    if period is Period.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year:04d}-W{week:02d}"
    if period is Period.MONTH:
        return day.isoformat()[:7]
    return day.isoformat()[:4]


def local_time(utc_ms: int, zone: ZoneInfo) -> datetime:
    """Return the civil time of `utc_ms`; a clock that is out of all reason is taken to the nearest that is not."""
    return datetime.fromtimestamp(min(max(utc_ms // 1000, EPOCH_FIRST_S), EPOCH_LAST_S), zone)


def business_day(local: datetime, day_starts: int) -> BusinessDay:
    """Return the business day that a civil time belongs to; days start at minute `day_starts`."""
    second = local.hour * 3600 + local.minute * 60 + local.second
    day = local.date()
    return BusinessDay(day - ONE_DAY if second < day_starts * 60 <= DAY_S else day, second, local)


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
    """A set of days: named dates, whole weekdays, without the make-up days.

    `covers_until` is where knowledge ends; where it is not said, with the last year that is named, and weekdays alone
    never end.
    """

    id: str
    dates: frozenset[date]
    weekdays: frozenset[int] = frozenset()
    make_up_days: frozenset[date] = frozenset()
    covers_until: date | None = None

    @property
    def last_day(self) -> date:
        """Return the last day of which this calendar knows anything (contract.md §10)."""
        if self.covers_until is not None:
            return self.covers_until
        named = max((*self.dates, *self.make_up_days), default=None)
        return date.max if named is None else date(named.year, 12, 31)

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
    """Why a moment is outside a time condition: `holiday` names the calendar that excludes it, None otherwise.

    `ended`: that calendar knows nothing of the day any more.
    """

    holiday: str | None
    part: str
    ended: bool = False


DATES, WEEKDAYS, ONLY, DAILY = (Misfit(None, part) for part in ("dates", "weekdays", "only", "daily"))
Misfits = list[Misfit]
Timetable = Callable[[int, BusinessDay], Misfits]
"""Returns every way in which a moment (milliseconds UTC, and its business day) is outside; empty when it is inside."""


def timetable(when: When, calendars: Mapping[str, Calendar]) -> Timetable:
    """Compile a time condition; its calendars must be known (`check_calendars`)."""
    days, daily = _days(when, calendars), when.daily
    plain = tuple(window for window in daily or () if window[1] <= DAY_MIN)
    late = tuple(window for window in daily or () if window[1] > DAY_MIN)
    starts_s, first_ms, end_ms = when.day_starts * 60, when.from_ms, when.until_ms

    def misfits(now_ms: int, day: BusinessDay) -> Misfits:
        found = days(day.day)
        if daily is not None and not any(in_window(window, day.second) for window in plain):
            of_today, of_yesterday = _late_windows(late, day, starts_s)
            if of_yesterday and not of_today:
                found = days(day.midnight.date() - ONE_DAY)
            elif not of_today:
                found.append(DAILY)
        if (first_ms is not None and now_ms < first_ms) or (end_ms is not None and now_ms >= end_ms):
            found.append(DATES)
        return found

    return misfits


def _days(when: When, calendars: Mapping[str, Calendar]) -> Callable[[date], Misfits]:
    """Compile what a time condition says of whole business days."""
    first, last, weekdays = when.from_day or date.min, when.until_day or date.max, when.weekdays
    barred = tuple((calendars[name], Misfit(name, "except")) for name in when.except_)
    only = tuple(calendars[name] for name in when.only)
    ends = tuple(
        (calendars[name].last_day, Misfit(name, part, ended=True))
        for part, names in (("except", when.except_), ("only", when.only))
        for name in names
    )
    first_end = min((day for day, _ in ends), default=date.max)

    def misfits(day: date) -> Misfits:
        found = [] if first <= day <= last else [DATES]
        if weekdays is not None and day.isoweekday() not in weekdays:
            found.append(WEEKDAYS)
        for calendar, misfit in barred:
            if day in calendar:
                found.append(misfit)
        if day > first_end:
            found += [misfit for last_day, misfit in ends if day > last_day]
        elif only and not any(day in calendar for calendar in only):
            found.append(ONLY)
        return found

    return misfits


def _late_windows(windows: tuple[tuple[int, int], ...], day: BusinessDay, starts_s: int) -> tuple[bool, bool]:
    """Return whether a moment lies in a window beyond 24:00 of its own day, and in one of the day that it follows."""
    after_midnight = day.second + (DAY_S if day.second < starts_s else 0)
    today = any(start * 60 <= after_midnight < end * 60 for start, end in windows)
    return today, any(start * 60 <= after_midnight + DAY_S < end * 60 for start, end in windows)


def check_calendars(when: When, calendars: Mapping[str, Calendar], path: str) -> None:
    """Raise CatalogueError for a calendar that `when` names and nobody published."""
    for member, names in (("except", when.except_), ("only", when.only)):
        for index, name in enumerate(names):
            if name not in calendars:
                known = ", ".join(sorted(calendars)) or "none"
                raise CatalogueError(
                    f"{path}.when.{member}[{index}]", f"calendar {name!r} is unknown; known are {known}"
                )


def fixed_period(limit: Limit, when: When) -> str | None:
    """Return the label of a period that no calendar day ends, None for one that a business day names."""
    if limit.period is Period.EVER:
        return "ever"
    if limit.period is Period.ROLLING:
        return f"{limit.rolling_h}h"
    if limit.period is Period.WINDOW:
        return f"window:{when.window}"  # not its dates: a corrected date gives nobody a second first visit
    return None
