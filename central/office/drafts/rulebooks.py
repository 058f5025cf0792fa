"""Drafts of rules: benefits, calendars, measure codes, sites, mapping; checked as a terminal would, told in words.

Rules of this file:

- what a terminal would refuse is refused here, with the terminal's own words (`central.lists.cities.check_rules`);
- what is only doubtful blocks until two people force it: a benefit that outlives its calendar, a moved start date, ids
  that overlap, a site or scene that nobody has, a benefit that can never apply (credit.checking);
- a benefit that changes gets the next version; a lower one is refused. Going back is a new version as well;
- a draft rests on the files that it would replace: when one of them changed in the meantime, it is overtaken.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from central.lists.cities import CITIES, EDITED, check_rules, publish, put_rules
from central.lists.publishing import Published, PublishingError
from central.office.drafts.differences import differences
from central.office.drafts.keeping import Proposal, Words
from central.office.persons.written import seen
from central.office.refusals import RefusedError
from central.register.warrants import Warrant
from credit.checking.catalogue import Catalogue
from credit.checking.doubts import Doubt, doubts
from credit.checking.publication import objections
from credit.rules.ages import USUAL, parse_ages
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.rules.documents import Sites, parse_mapping, parse_measure_codes, parse_sites
from credit.rules.listing import BENEFITS, CALENDARS, LIST_AGES, MAPPING, MEASURE_CODES, SITES
from credit.rules.reading import CatalogueError

NAMES: Final = tuple(name for _kind, name in EDITED)
MAX_FILE: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Which sites and scenes have a terminal; both empty: nothing is known, and nothing is doubted."""

    sites: frozenset[str] = frozenset()
    scenes: frozenset[str] = frozenset()


def propose(
    state: Path, city: str, files: Mapping[str, str], *, kind: str, now_ms: int, known: Known | None = None
) -> Proposal:
    """Return what a change of rule files (name → JSON text) would do; raise RefusedError for what cannot be."""
    if not files or any(name not in NAMES for name in files):
        raise RefusedError(f"只能修改 {', '.join(NAMES)} · only these files are edited")
    if any(len(text) > MAX_FILE for text in files.values()):
        raise RefusedError("文件超过 4 MB · a file has more than 4 MB")
    held = held_files(state, city)
    before = {name: json.loads(data) for name, data in held.items()}
    wanted = {name: text.encode("utf-8", "surrogatepass") for name, text in files.items()}
    after = _checked(city, {**held, **wanted})
    after[BENEFITS] = _versions(before.get(BENEFITS), after[BENEFITS])
    changed = {name: after[name] for name in files if after[name] != before.get(name)}
    for name, one in changed.items():
        _check_seen(name, one)
    if not changed:
        raise RefusedError("没有任何变化 · nothing changes")
    today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).date()
    return Proposal(
        city=city,
        kind=kind,
        authority="",
        subject=", ".join(sorted(changed)),
        content={name: json.dumps(one, ensure_ascii=False, indent=2) for name, one in changed.items()},
        base=base_of(held, changed),
        words=differences(before, changed),
        doubts=tuple(_doubts(before, after, today, known or Known())),
    )


def _checked(city: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        return dict(check_rules(city, files))
    except PublishingError as error:
        raise RefusedError(f"终端会拒绝 · a terminal would refuse this: {error}") from error


def _check_seen(name: str, document: Any) -> None:
    """Refuse texts with what nobody sees, wherever they stand: a title is read at every gate."""
    left = [document]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str):
            try:
                seen(value)
            except ValueError as error:
                raise RefusedError(f"{name}: {value[:20]!r} {str(error).replace('|', ' · ')}") from error


def held_files(state: Path, city: str) -> dict[str, bytes]:
    """Return the files that the city's office edits, as they stand."""
    folder = state / CITIES / city
    return {name: (folder / name).read_bytes() for name in NAMES if (folder / name).exists()}


def base_of(held: Mapping[str, bytes], changed: Iterable[str]) -> str:
    """Return what a draft rests on: the hash of the files that it would replace."""
    told = [hashlib.sha256(held.get(name, b"")).hexdigest() for name in sorted(changed)]
    return hashlib.sha256(" ".join(told).encode()).hexdigest()


def _versions(before: Any, after: Any) -> Any:
    """Return benefits in which whatever changed has a higher version; raise RefusedError for a lower one."""
    old = {one.get("id"): one for one in (before or {}).get("benefits", ()) if isinstance(one, dict)}
    found = []
    for one in after.get("benefits", ()):
        was = old.get(one.get("id"))
        if was is not None and {**was, "version": 0} != {**one, "version": 0}:
            least, said = int(was.get("version", 1)), int(one.get("version", 1))
            if said < least:
                raise RefusedError(f"{one['id']}: 版本 {said} 低于现行 {least} · version {said} is lower than {least}")
            one = {**one, "version": max(said, least + 1)}  # noqa: PLW2901 - the next version of this one
        found.append(one)
    return {**after, "benefits": found} if "benefits" in after else after


def _catalogue(documents: Mapping[str, Any]) -> Catalogue:
    return Catalogue(
        benefits=parse_benefits(documents[BENEFITS]) if BENEFITS in documents else (),
        calendars=parse_calendars(documents[CALENDARS]) if CALENDARS in documents else {},
        codes=parse_measure_codes(documents[MEASURE_CODES]) if MEASURE_CODES in documents else {},
        mapping=parse_mapping(documents[MAPPING]) if MAPPING in documents else {},
        sites=parse_sites(documents[SITES]) if SITES in documents else Sites(),
        ages=parse_ages(documents[LIST_AGES]) if LIST_AGES in documents else USUAL,
    )


def _doubts(before: Mapping[str, Any], after: Mapping[str, Any], today: date, known: Known) -> Iterable[Words]:
    old, new = _catalogue(before), _catalogue(after)
    stood = {(one.zh, one.en) for one in doubts(old, today)}
    told = [*objections(old, new), *(one for one in doubts(new, today) if (one.zh, one.en) not in stood)]
    told += [*_moved(old, new), *_nowhere(old, new, known)]
    return [Words(zh=zh, en=en) for zh, en in dict.fromkeys((one.zh, one.en) for one in told)]


def _moved(old: Catalogue, new: Catalogue) -> Iterable[Doubt]:
    was = {one.key: one for one in old.benefits}
    for one in new.benefits:
        before = was.get(one.key)
        if before is not None and before.when.from_day != one.when.from_day:
            first, then = before.when.from_day, one.when.from_day
            yield Doubt(
                f"{one.path}.when.from",
                f"{one.id}：起始日从 {first} 改为 {then}",
                f"{one.id}: its first day moves from {first} to {then}",
            )


def _nowhere(old: Catalogue, new: Catalogue, known: Known) -> Iterable[Doubt]:
    """Return benefits that newly name a site or a scene without any terminal."""
    was = {one.key: one.where for one in old.benefits}
    for one in new.benefits:
        before = was.get(one.key)
        for what, zh, there, named, had in (
            ("site", "场所", known.sites, one.where.sites, before.sites if before else None),
            ("scene", "场景", known.scenes, one.where.scenes, before.scenes if before else None),
        ):
            for name in sorted(set(named or ()) - there - set(had or ())) if there else ():
                yield Doubt(
                    f"{one.path}.where.{what}s",
                    f"{one.id}：没有任何终端在{zh} {name}",
                    f"{one.id}: no terminal stands at the {what} {name}",
                )


def titles(state: Path, city: str, lang: str = "zh") -> dict[str, str]:
    """Return the title of each benefit of a city by its id, in Chinese where it has no other; what is ill has none."""
    try:
        benefits = parse_benefits(json.loads(held_files(state, city).get(BENEFITS, b"")))
    except (ValueError, CatalogueError):
        return {}
    return {one.id: one.title.get(lang) or one.title.get("zh", "") for one in benefits}


def put_in_force(
    state: Path, city: str, files: Mapping[str, str], *, warrant: Warrant, now_ms: int
) -> tuple[dict[str, str], Published]:
    """Replace the files and publish; return what was there. What cannot be published is taken back as a whole."""
    held = held_files(state, city)
    before = {name: held[name].decode() for name in files if name in held}
    put_rules(state, city, {name: text.encode() for name, text in files.items()}, warrant=warrant, now_ms=now_ms)
    try:
        return before, publish(state, now_ms=now_ms, cities=(city,))
    except PublishingError:
        back = {name: text.encode() for name, text in before.items()}
        put_rules(state, city, back, warrant=replace(warrant, source=""), now_ms=now_ms)
        raise


def go_back(state: Path, city: str, before: Mapping[str, str], *, warrant: Warrant, now_ms: int) -> Published:
    """Publish the old content as a new version."""
    now = {name: json.loads(data) for name, data in held_files(state, city).items()}
    old = {name: json.loads(text) for name, text in before.items()}
    if BENEFITS in old:
        versions = {one["id"]: int(one.get("version", 1)) for one in now.get(BENEFITS, {}).get("benefits", ())}
        current = {one["id"]: one for one in now.get(BENEFITS, {}).get("benefits", ())}
        old[BENEFITS]["benefits"] = [
            {**one, "version": versions[one["id"]] + ({**current[one["id"]], "version": 0} != {**one, "version": 0})}
            if one["id"] in versions
            else one
            for one in old[BENEFITS]["benefits"]
        ]
    files = {name: json.dumps(one, ensure_ascii=False, indent=2).encode() for name, one in old.items()}
    put_rules(state, city, files, warrant=warrant, now_ms=now_ms)
    return publish(state, now_ms=now_ms, cities=(city,))
