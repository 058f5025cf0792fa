"""`xinguan lists check FILE`: what is wrong in a catalogue, by path, and what is likely not meant.

Rules of this file:

- any of the signed documents, a case file, or a bundle of lists in one object can be checked before it is signed;
- an error ends the check (exit 2) and names path and mend; warnings are for benefits that can never apply, for
  overlaps that can never win, and for calendars that end soon (exit 0).
"""

import json
import sys
from collections.abc import Iterator, Sized
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from credit.benefits import parse_benefits
from credit.calendars import Calendar, parse_calendars
from credit.catalogue import Benefit, OfferKind, Where
from credit.documents import parse_mapping, parse_measure_codes, parse_measures, parse_sites
from credit.reading import CatalogueError
from edge.simulator.case import Published
from edge.simulator.case_file import parse_case

SOON = timedelta(days=60)
WRONG_FILE = 2
TERMS = ("who", "limits", "capacity", "slot", "needs", "offline", "lifecycle")
MONEY = {OfferKind.PERCENT: "percent_off", OfferKind.AMOUNT: "off_fen"}


def check_file(path: Path) -> int:
    """Check a file and say what was found; return the exit code."""
    today = datetime.now(UTC).date()
    try:
        published = read(path.read_bytes())
    except OSError as error:
        print(f"{path}: {error.strerror or error}", file=sys.stderr)  # noqa: T201 - a command prints
        return WRONG_FILE
    except CatalogueError as error:
        print(f"{path}: 错误 error: {error}", file=sys.stderr)  # noqa: T201 - a command prints
        return WRONG_FILE
    found = list(warnings(published, today))
    for zh, en in found:
        print(f"{path}: 注意 {zh} · warning: {en}")  # noqa: T201 - a command prints
    counts = f"{len(published.benefits)} benefits, {len(published.calendars)} calendars, {len(found)} warnings"
    print(f"{path}: 可用 usable · {counts}")  # noqa: T201 - a command prints
    return 0


def read(raw: bytes) -> Published:
    """Return what a document publishes; raise CatalogueError naming path and mend."""
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CatalogueError("$", f"is no JSON: {error}") from None
    if isinstance(document, dict) and "steps" in document:
        return parse_case(raw).published
    if isinstance(document, list):
        document = {"benefits": document, "issuer": None}
    if not isinstance(document, dict):
        raise CatalogueError("$", "must be an object or an array of benefits")
    return _parts(document)


def _parts(document: dict[str, Any]) -> Published:
    """Return the parts of one signed document, or of a bundle of several."""
    published, known = Published(), False
    if "benefits" in document or "catalogue" in document:
        known = True
        rows = document.get("catalogue", document.get("benefits"))
        whole = document if document.get("issuer") and "benefits" in document else rows
        alone = not any(name in document for name in ("calendars", "site_sets"))
        published = replace(published, benefits=parse_benefits(_without(whole, "calendars", "site_sets", "sites")))
        if alone:
            published = replace(published, calendars=_stand_ins(published.benefits))
    if "calendars" in document:
        known = True
        published = replace(published, calendars=parse_calendars(_only(document, "calendars")))
    if "site_sets" in document or "sites" in document:
        known = True
        published = replace(published, sites=parse_sites(_only(document, "site_sets", "sites")))
    if "codes" in document:
        known = True
        published = replace(published, codes=parse_measure_codes(_only(document, "codes")))
    if "mapping" in document:
        known = True
        published = replace(published, mapping=parse_mapping(_only(document, "mapping")))
    if "entries" in document:
        known = bool(parse_measures(document)) or True
    if not known:
        raise CatalogueError(
            "$", "is none of our lists; it has no benefits, calendars, codes, mapping, sites or entries"
        )
    if "site_sets" in document or not any(benefit.where.site_sets for benefit in published.benefits):
        published.compile("Asia/Shanghai")
    return published


def _only(document: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: document[name] for name in ("issuer", "version", *names) if name in document}


def _without(document: Any, *names: str) -> Any:
    if not isinstance(document, dict):
        return document
    return {name: value for name, value in document.items() if name not in names}


def _stand_ins(benefits: tuple[Benefit, ...]) -> dict[str, Calendar]:
    """Return empty calendars for a benefit list that is checked without its calendars."""
    names = {name for benefit in benefits for name in (*benefit.when.except_, *benefit.when.only)}
    return {name: Calendar(id=name, dates=frozenset()) for name in names}


def warnings(published: Published, today: date) -> Iterator[tuple[str, str]]:
    """Return what is likely not meant, in both languages."""
    for benefit in published.benefits:
        for zh, en in never_applies(benefit, today):
            yield (
                f"{benefit.path} {benefit.id}：永远不会生效——{zh}",
                f"{benefit.path} {benefit.id}: can never apply: {en}",
            )
        better = next((one for one in published.benefits if _outshines(one, benefit)), None)
        if better is not None:
            yield (
                f"{benefit.path} {benefit.id}：永远不会胜出，{better.id} 处处更优",
                f"{benefit.path} {benefit.id}: can never win; {better.id} is better wherever both are offered",
            )
    for calendar in published.calendars.values():
        end = calendar.covers_until or max(calendar.dates, default=None)
        if end is not None and end < today + SOON:
            yield f"日历 {calendar.id} 到 {end} 为止", f"calendar {calendar.id} ends on {end}; publish the next year's"


def never_applies(benefit: Benefit, today: date) -> list[tuple[str, str]]:
    """Return why a benefit can never apply from `today` on, in both languages; nothing when it can."""
    when, who, where, ended = benefit.when, benefit.who, benefit.where, benefit.when.until_day
    places = (where.sites if not where.site_sets else None, where.scenes, where.lanes)
    bounds = [(f"limits[{n}].max", one.max.fixed) for n, one in enumerate(benefit.limits)]
    bounds += [(f"capacity[{n}].max", one.max) for n, one in enumerate(benefit.capacity)]
    bounds.append(("offer.stock", benefit.offer.stock))
    table = [
        (ended is not None and ended < today, f"已于 {ended} 结束", f"it ended on {ended}"),
        (_empty(when.weekdays), "没有任何星期几", "it names no weekday"),
        (_empty(when.daily), "没有任何时段", "it names no daily window"),
        (_empty(who.groups_any), "groups_any 为空", "groups_any is empty"),
        (_empty(who.issuers), "issuers 为空", "issuers is empty"),
        (any(_empty(names) for names in places), "没有任何场所或场景", "it names no site, scene or lane"),
        *((most == 0, f"{name} 为 0", f"{name} is 0") for name, most in bounds),
    ]
    return [(zh, en) for holds, zh, en in table if holds]


def _empty(names: Sized | None) -> bool:
    return names is not None and not names


def _outshines(better: Benefit, worse: Benefit) -> bool:
    """Return whether `better` gives at least as much wherever `worse` is offered, to everybody, at any time."""
    if better.id == worse.id or better.issuer != worse.issuer or better.stacks != worse.stacks:
        return False
    same_terms = all(getattr(better, name) == getattr(worse, name) for name in TERMS)
    return (
        same_terms and better.when == worse.when and _covers(better.where, worse.where) and _gives_more(better, worse)
    )


def _covers(wide: Where, narrow: Where) -> bool:
    pairs = ((wide.sites, narrow.sites), (wide.scenes, narrow.scenes), (wide.lanes, narrow.lanes))
    held = all(first is None or (second is not None and second <= first) for first, second in pairs)
    return held and wide.site_sets == narrow.site_sets


def _gives_more(better: Benefit, worse: Benefit) -> bool:
    first, second = better.offer, worse.offer
    member = MONEY.get(second.kind)
    if member is None or second.min_spend_fen != first.min_spend_fen:
        return False
    if first.kind is OfferKind.FREE:
        return True
    if first.kind is not second.kind or first.cap_fen != second.cap_fen:
        return False
    more, less = getattr(first, member), getattr(second, member)
    return bool(more > less or (more == less and better.order < worse.order))
