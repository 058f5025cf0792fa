"""Merchants and calendars from a file: what it says is put over what stands, and goes the way of every change of rules.

Rules of this file:

- nothing is imported: a file becomes a draft of `sites.json` or `calendars.json`, told as a diff, checked as a terminal
  would, approved by somebody else, undone by one act; the same file again changes nothing;
- a merchant's row says what it says; a cell that is empty keeps what stands; merchants that no row names stay. Only
  sites that are there are described (one of the rule files names it, or a terminal stands there): a misspelt id
  would be a merchant whom nobody ever meets;
- a calendar's rows are its whole year: the days of each year that a file names take the place of that year's. Only
  calendars that are there are filled: a misspelt name would be a calendar that no benefit asks.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from central.office.drafts.rulebooks import held_files
from central.office.importing.columns import KINDS, Wrong, read_rows
from central.office.importing.reading import read_table
from central.office.importing.residents import told
from central.office.refusals import RefusedError
from credit.rules.listing import BENEFITS, CALENDARS, SITES

WORK: Final = "班"
MAX_NAMED: Final = 20  # sites that a refusal names
Rows = list[dict[str, Any]]


def changed(state: Path, city: str, what: str, data: bytes, *, there: frozenset[str] = frozenset()) -> dict[str, str]:
    """Return the rule file (name → JSON text) that a file of merchants or calendars asks for; raise RefusedError.

    `there`: sites at which a terminal stands.
    """
    read = read_rows(read_table(data), KINDS[what])
    if read.wrong:
        raise RefusedError(told(read.wrong))
    name, put = FILES[what]
    held = held_files(state, city)
    document = json.loads(held.get(name) or json.dumps({"issuer": city}))
    sites = there | named_sites(document) | named_sites(json.loads(held.get(BENEFITS) or "{}"))
    return {name: json.dumps(put(document, read.rows, sites), ensure_ascii=False)}


def named_sites(document: Any) -> frozenset[str]:
    """Return every site that a rule file names: merchants, members of site sets, sites of benefits."""
    if not isinstance(document, dict):
        return frozenset()
    found = set(document.get("sites", {}))
    for members in document.get("site_sets", {}).values():
        found |= set(members)
    for benefit in document.get("benefits", ()):
        found |= set(benefit.get("where", {}).get("sites", ()))
    return frozenset(found)


def _sites(document: dict[str, Any], rows: Rows, there: frozenset[str]) -> dict[str, Any]:
    sites = dict(document.get("sites", {}))
    seen: set[str] = set()
    wrong = []
    for number, row in enumerate(rows, 2):
        site = row["site"]
        if site in seen:
            wrong.append(Wrong(number, "场所", "与前面重复", "stands in this file already"))
        elif site not in there:
            known = "、".join(sorted(there)[:MAX_NAMED]) or "无"
            wrong.append(
                Wrong(number, "场所", f"没有此场所 {site}，现有 {known}", f"there is no such site; known: {known}")
            )
        seen.add(site)
        before = sites.get(site, {})
        title = dict(before.get("title", {})) | {one: row[one] for one in ("zh", "en") if row.get(one)}
        said = {one: row[one] for one in ("grade", "region", "merchant_tier") if row.get(one) not in (None, "")}
        sites[site] = {**before, **({"title": title} if title else {}), **said}
    _raise(wrong)
    return {**document, "sites": sites}


def _calendars(document: dict[str, Any], rows: Rows, _there: frozenset[str]) -> dict[str, Any]:
    calendars = dict(document.get("calendars", {}))
    wrong: list[Wrong] = []
    filled: dict[str, Rows] = {}
    for number, row in enumerate(rows, 2):
        if row["calendar"] not in calendars:
            known = "、".join(sorted(calendars)) or "无"
            wrong.append(
                Wrong(number, "日历", f"没有此日历，现有 {known}", f"there is no such calendar; known: {known}")
            )
        elif row.get("until") is not None and row["until"] < row["day"]:
            wrong.append(Wrong(number, "到", "早于日期", "before its first day"))
        else:
            filled.setdefault(row["calendar"], []).append(row)
    _raise(wrong)
    for name, named in filled.items():
        calendars[name] = _filled(calendars[name], named)
    return {**document, "calendars": calendars}


def _filled(calendar: Any, rows: Rows) -> dict[str, Any] | list[str]:
    """Return a calendar whose years that are named are what the rows say."""
    before = {"dates": calendar} if isinstance(calendar, list) else dict(calendar)
    years = {str(row["day"].year) for row in rows}
    for field, at_work in (("dates", False), ("make_up_days", True)):
        stands = [one for one in before.get(field, ()) if one[:4] not in years]
        found = sorted({*stands, *(_range(row) for row in rows if (row.get("sort") == WORK) == at_work)})
        if found or field in before:
            before[field] = found
    covers = max((row["covers"].isoformat() for row in rows if row.get("covers")), default=None)
    if covers is not None:
        before["covers_until"] = covers
    last = max(row.get("until") or row["day"] for row in rows).isoformat()
    if before.get("covers_until", last) < last:
        raise RefusedError(f"日历只覆盖至 {before['covers_until']}，请填“覆盖至” · say until when it is complete now")
    return before["dates"] if set(before) == {"dates"} else before


def _range(row: Mapping[str, Any]) -> str:
    first, last = row["day"], row.get("until")
    return str(first.isoformat() if last in (None, first) else f"{first.isoformat()}/{last.isoformat()}")


def _raise(wrong: list[Wrong]) -> None:
    if wrong:
        raise RefusedError(told(wrong[:100]))


FILES: Final[Mapping[str, tuple[str, Callable[[dict[str, Any], Rows, frozenset[str]], dict[str, Any]]]]] = {
    "sites": (SITES, _sites),
    "calendars": (CALENDARS, _calendars),
}
