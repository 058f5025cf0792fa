"""What speaks against publishing a catalogue in place of the one before: refused unless it is forced (contract.md §10).

Rules of this file:

- pure: compares two catalogues; whoever publishes decides what to do about it;
- a benefit that outlives a calendar it names would be referred to staff from the calendar's end on;
- a campaign moved past its old end without a name of its own would give nobody a new visit.
"""

from collections.abc import Iterator
from datetime import date

from credit.checking.catalogue import UNKNOWN, Catalogue
from credit.checking.doubts import Doubt
from credit.rules.calendars import Calendar
from credit.rules.catalogue import Benefit, Period


def objections(before: Catalogue, after: Catalogue) -> tuple[Doubt, ...]:
    """Return everything that speaks against putting `after` in the place of `before`."""
    old = {benefit.key: benefit for benefit in before.benefits}
    found: list[Doubt] = []
    for benefit in after.benefits:
        found += _outlives(benefit, after)
        found += _moved(old.get(benefit.key), benefit)
    return tuple(found)


def _outlives(benefit: Benefit, catalogue: Catalogue) -> Iterator[Doubt]:
    for name in (*benefit.when.except_, *benefit.when.only):
        calendar = catalogue.calendars.get(name)
        if calendar is not None and _goes_on(benefit, calendar):
            yield Doubt(
                f"{benefit.path}.when",
                f"{benefit.id}：有效期超出日历 {name}（到 {calendar.last_day} 为止）",
                f"{benefit.id}: outlives calendar {name}, which ends on {calendar.last_day}",
            )


def _goes_on(benefit: Benefit, calendar: Calendar) -> bool:
    if calendar.last_day == UNKNOWN:
        return False
    until = benefit.when.until_day or (None if benefit.when.until_ms is None else _day(benefit.when.until_ms))
    return until is None or until > calendar.last_day


def _day(at_ms: int) -> date:
    return date.fromordinal(date(1970, 1, 1).toordinal() + at_ms // 86_400_000)


def _moved(before: Benefit | None, after: Benefit) -> Iterator[Doubt]:
    if before is None or not any(limit.period is Period.WINDOW for limit in after.limits):
        return
    ended, begins = before.when.until_day, after.when.from_day
    if ended is not None and begins is not None and begins > ended and before.when.window == after.when.window:
        yield Doubt(
            f"{after.path}.when.window",
            f"{after.id}：新活动期与旧活动期同名，无人可再享受；请给 when.window 取新名",
            f"{after.id}: the new campaign bears the old one's name and would give nobody a new visit;"
            " give when.window a new name",
        )
