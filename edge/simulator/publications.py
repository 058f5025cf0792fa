"""What the platform of a case publishes: lists read from the case file, checked as a whole.

Rules of this file:

- a list that a publish does not name stays as it was; one that it names is replaced whole;
- the result is compiled at once, so that a list that cannot work is an error of the file.
"""

from dataclasses import replace

from credit.rules.ages import parse_ages
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import parse_calendars
from credit.rules.documents import Sites, parse_entry, parse_mapping, parse_measure_codes, parse_sites
from credit.rules.measures import EntryState
from credit.rules.reading import Node
from edge.simulator.case import Event, EventKind, Listed, Published


def read_listed(node: Node) -> Listed:
    """Read a measure entry and whom it is about."""
    return Listed(subject=node.need("subject").text(), entry=parse_entry(node))


def published_from(node: Node, before: Published, zone_name: str) -> Published:
    """Return what is in force after the lists of `node` replace those of `before`, checked as a whole."""
    catalogue, measures, calendars = node.get("catalogue"), node.get("measures"), node.get("calendars")
    mapping, sets, sites = node.get("mapping"), node.get("site_sets"), node.get("sites")
    ages = node.get("ages")
    codes, entries = before.codes, before.entries
    if measures:
        measures.members("codes", "entries")
        coded, listed = measures.get("codes"), measures.get("entries")
        codes = parse_measure_codes(coded.value, path=coded.path) if coded else codes
        entries = tuple(read_listed(one) for one in listed.items()) if listed else entries
    places = before.sites
    if sets or sites:
        document = {"site_sets": sets.value if sets else None, "sites": sites.value if sites else None}
        read = parse_sites(document, path=node.path)
        places = Sites(
            sets=read.sets if sets else places.sets,
            merchant_tiers=read.merchant_tiers if sites else places.merchant_tiers,
        )
    after = Published(
        benefits=parse_benefits(catalogue.value, default_zone=zone_name, path=catalogue.path)
        if catalogue
        else before.benefits,
        calendars=parse_calendars(calendars.value, path=calendars.path) if calendars else before.calendars,
        codes=codes,
        entries=entries,
        mapping=parse_mapping(mapping.value, path=mapping.path) if mapping else before.mapping,
        sites=places,
        ages=parse_ages({"ages": ages.value}, path=node.path) if ages else before.ages,
        killed=before.killed,
        revoked=before.revoked,
    )
    after.compile(zone_name)
    return after


def changed_entries(entries: tuple[Listed, ...], event: Event) -> tuple[Listed, ...] | None:
    """Return the entries after a change; None when the entry that is meant is not there."""
    if event.kind is EventKind.RESTRICT:
        return (*entries, event.entry["listed"])
    meant = [number for number, one in enumerate(entries) if _means(event, number, one)]
    if not meant:
        return None
    if event.kind is EventKind.REPAIR:
        return tuple(one for number, one in enumerate(entries) if number not in meant)
    state = EntryState.DISPUTED if event.kind is EventKind.DISPUTE else EntryState.ACTIVE
    return tuple(
        Listed(one.subject, replace(one.entry, state=state)) if number in meant else one
        for number, one in enumerate(entries)
    )


def _means(event: Event, number: int, one: Listed) -> bool:
    if "index" in event.entry:
        return bool(event.entry["index"] == number)
    wanted = event.entry["wanted"]
    held = {"issuer": one.entry.issuer, "subject": one.subject, "code": one.entry.code}
    return all(held[name] == value for name, value in wanted.items())
