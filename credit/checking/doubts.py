"""What in a catalogue is likely not meant: benefits that can never apply or never win, calendars that end soon. Pure.

Every doubt names the member it is about. A doubt is no error: a benefit may wait for its list, and last year's stay in.
"""

from collections.abc import Iterator, Mapping, Sized
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from credit.checking.catalogue import Catalogue
from credit.rules.calendars import Calendar
from credit.rules.catalogue import Benefit, OfferKind, Table, When, Where

SOON = timedelta(days=60)
TERMS = ("who", "limits", "capacity", "slot", "needs", "offline", "lifecycle")
MONEY = {OfferKind.PERCENT: "percent_off", OfferKind.AMOUNT: "off_fen"}


class Doubt(NamedTuple):
    """One doubt: where (a path), whose, and why in both languages."""

    path: str
    zh: str
    en: str


def doubts(published: Catalogue, today: date) -> Iterator[Doubt]:
    """Return everything doubtful about what is published."""
    for benefit in published.benefits:
        for one in never_applies(benefit, today, calendars=published.calendars, sets=published.sites.sets):
            yield Doubt(
                f"{benefit.path}.{one.path}",
                f"{benefit.id}：永远不会生效——{one.zh}",
                f"{benefit.id}: can never apply: {one.en}",
            )
        better = next((one for one in published.benefits if _outshines(one, benefit)), None)
        if better is not None:
            yield Doubt(
                f"{benefit.path}.offer",
                f"{benefit.id}：永远不会胜出，{better.id}（{better.path}）处处更优",
                f"{benefit.id}: can never win; {better.id} ({better.path}) is better wherever both are offered",
            )
    for calendar in published.calendars.values():
        end = calendar.last_day
        if end < today + SOON:
            zh, en = f"日历 {calendar.id} 到 {end} 为止，请发布下一年度", f"ends on {end}; publish the next year's"
            yield Doubt(f"$.calendars.{calendar.id}", zh, en)


def never_applies(
    benefit: Benefit,
    today: date,
    *,
    calendars: Mapping[str, Calendar] | None = None,
    sets: Mapping[str, frozenset[str]] | None = None,
) -> list[Doubt]:
    """Return why a benefit can never apply from `today` on; paths are its members'. Nothing when it can."""
    who, where = benefit.who, benefit.where
    places = {"sites": None if where.site_sets else where.sites, "scenes": where.scenes, "lanes": where.lanes}
    table = [
        *_times(benefit.when, today),
        *_calendars(benefit.when, today, calendars or {}),
        *_bounds(benefit),
        *(
            ("who." + name, "为空", "is empty")
            for name in ("groups_any", "residents_of", "issuers")
            if _empty(getattr(who, name))
        ),
        *((f"where.{name}", "为空", "is empty") for name, names in places.items() if _empty(names)),
        *(
            ("where.site_sets", "没有任何场所", "holds no site")
            for names in (where.site_sets,)
            if names and not where.sites and all(name in (sets or {}) and not (sets or {})[name] for name in names)
        ),
    ]
    return [Doubt(*row) for row in table]


def _times(when: When, today: date) -> Iterator[tuple[str, str, str]]:
    now_ms = datetime(today.year, today.month, today.day, tzinfo=UTC).timestamp() * 1000 - 86_400_000
    ended = when.until_day is not None and when.until_day < today
    if ended or (when.until_ms is not None and when.until_ms < now_ms):
        yield "when.until", f"已于 {when.until_day or ''} 结束", f"it ended {f'on {when.until_day}' if ended else ''}"
    if _empty(when.weekdays):
        yield "when.weekdays", "没有任何星期几", "names no weekday"
    if when.daily is not None and all(first == last for first, last in when.daily):
        yield "when.daily", "没有任何时段", "holds no minute of the day"


def _calendars(when: When, today: date, known: Mapping[str, Calendar]) -> Iterator[tuple[str, str, str]]:
    for name in when.only:
        calendar = known.get(name)
        if calendar is None or calendar.weekdays:
            continue
        if not any(day >= today and day in calendar for day in calendar.dates):
            yield "when.only", f"日历 {name} 今天起没有任何日期", f"calendar {name} holds no day from today on"


def _bounds(benefit: Benefit) -> Iterator[tuple[str, str, str]]:
    offer = benefit.offer
    bounds: list[tuple[str, int | None]] = [
        (f"limits[{n}].max{'_by_tier' if one.max.by_tier else ''}", _most(one.max))
        for n, one in enumerate(benefit.limits)
    ]
    bounds += [(f"capacity[{n}].max", one.max) for n, one in enumerate(benefit.capacity)]
    bounds += [("offer.stock", offer.stock), ("offer.cap_fen", offer.cap_fen)]
    bounds += [("lifecycle.pass.entries", benefit.lifecycle.entries)]
    if offer.kind in MONEY:
        bounds.append((f"offer.{MONEY[offer.kind]}", getattr(offer, MONEY[offer.kind])))
    return ((path, "为 0", "is 0") for path, most in bounds if most == 0)


def _most(table: Table) -> int | None:
    return max((number for _tier, number in table.by_tier), default=table.fixed)


def _empty(names: Sized | None) -> bool:
    return names is not None and not names


def _outshines(better: Benefit, worse: Benefit) -> bool:
    """Return whether `better` gives at least as much wherever and whenever `worse` is offered, to everybody."""
    if better.id == worse.id or better.issuer != worse.issuer or better.stacks != worse.stacks:
        return False
    same_terms = all(getattr(better, name) == getattr(worse, name) for name in TERMS)
    always = not better.when.bounded or better.when == worse.when
    return same_terms and always and _covers(better.where, worse.where) and _gives_more(better, worse)


def _covers(wide: Where, narrow: Where) -> bool:
    pairs = ((wide.sites, narrow.sites), (wide.scenes, narrow.scenes), (wide.lanes, narrow.lanes))
    held = all(first is None or (second is not None and second <= first) for first, second in pairs)
    return held and (wide.site_sets == narrow.site_sets or (wide.sites is None and wide.site_sets is None))


def _gives_more(better: Benefit, worse: Benefit) -> bool:
    first, second = better.offer, worse.offer
    member = MONEY.get(second.kind)
    if member is None or second.min_spend_fen != first.min_spend_fen or first.stock is not None:
        return False
    if first.kind is OfferKind.FREE:
        return True
    if first.kind is not second.kind or first.cap_fen != second.cap_fen:
        return False
    more, less = getattr(first, member), getattr(second, member)
    return bool(more > less or (more == less and better.order < worse.order))
