"""`xinguan lists check FILE`: what is wrong in a catalogue, by path, and what is likely not meant.

Rules of this file:

- any of the signed documents, a case file, or a bundle of lists in one object can be checked before it is signed;
- an error ends the check (exit 2) and names path and mend; warnings are for benefits that can never apply, for
  overlaps that can never win, and for calendars that end soon (exit 0; `edge.simulator.doubts`);
- what benefits name and the file does not hold (calendars, site sets) is said, and counts as being there.
"""

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from credit.rules.benefits import parse_benefits
from credit.rules.calendars import Calendar, parse_calendars
from credit.rules.catalogue import Benefit
from credit.rules.documents import parse_mapping, parse_measure_codes, parse_measures, parse_sites
from credit.rules.reading import CatalogueError
from edge.simulator.case import Published
from edge.simulator.case_file import parse_case
from edge.simulator.doubts import doubts

WRONG_FILE = 2
UNKNOWN = date.max  # how far a calendar is known that is not in the file


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
    elsewhere = _elsewhere(published)
    known = {name: one for name, one in published.calendars.items() if one.covers_until != UNKNOWN}
    published = replace(published, calendars=known)
    found = list(doubts(published, today))
    for one in found:
        print(f"{path}: 注意 {one.path} {one.zh} · warning: {one.path}: {one.en}")  # noqa: T201 - a command prints
    if elsewhere:
        print(f"{path}: 不在此文件 not in this file, check them together: {', '.join(elsewhere)}")  # noqa: T201 - a command
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
    """Return calendars of which nothing is known, for a benefit list that is checked without its calendars."""
    names = {name for benefit in benefits for name in (*benefit.when.except_, *benefit.when.only)}
    return {name: Calendar(id=name, dates=frozenset(), covers_until=UNKNOWN) for name in names}


def _elsewhere(published: Published) -> list[str]:
    """Return what benefits name and this file does not hold: calendars and site sets of other lists."""
    calendars = [f"calendar {name}" for name, one in published.calendars.items() if one.covers_until == UNKNOWN]
    sets = {name for benefit in published.benefits for name in benefit.where.site_sets or ()}
    return sorted(calendars) + sorted(f"site set {name}" for name in sets - published.sites.sets.keys())
