"""A catalogue as a whole: benefits with the calendars, site sets, codes and mapping they rest on.

Rules of this file:

- any of the signed documents, or a bundle of several in one object, is read by the very parsers of a terminal;
- what benefits name and the document does not hold (calendars, site sets) counts as being there, and is UNKNOWN.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from credit.policy import Policy, Zones
from credit.rules.ages import USUAL, AgePolicy, parse_ages
from credit.rules.benefits import parse_benefits
from credit.rules.calendars import Calendar, parse_calendars
from credit.rules.catalogue import Benefit
from credit.rules.documents import (
    IssuerMapping,
    Sites,
    parse_mapping,
    parse_measure_codes,
    parse_measures,
    parse_sites,
)
from credit.rules.measures import Codes
from credit.rules.reading import CatalogueError

UNKNOWN: Final = date.max  # how far a calendar is known that is not in the document


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is published at one moment, apart from whom it is about."""

    benefits: tuple[Benefit, ...] = ()
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    codes: Codes = field(default_factory=dict)
    mapping: Mapping[str, IssuerMapping] = field(default_factory=dict)
    sites: Sites = field(default_factory=Sites)
    ages: AgePolicy = USUAL

    def compile(self, zone_name: str) -> Policy:
        """Return the policy; raise CatalogueError for what only the whole shows to be wrong."""
        homes = {benefit.issuer for benefit in self.benefits}
        return Policy.compile(
            benefits=self.benefits,
            calendars=self.calendars,
            codes=self.codes,
            mappings=dict.fromkeys(homes, self.mapping),
            sites=self.sites,
            zones=Zones(default=zone_name),
            ages=self.ages,
        )


def read_document(document: Any) -> Catalogue:
    """Return what a signed document, or a bundle of several, publishes; raise CatalogueError naming path and mend."""
    if isinstance(document, list):
        document = {"benefits": document, "issuer": None}
    if not isinstance(document, dict):
        raise CatalogueError("$", "must be an object or an array of benefits")
    return _parts(document)


def _parts(document: dict[str, Any]) -> Catalogue:
    """Return the parts of one signed document, or of a bundle of several."""
    published, known = Catalogue(), False
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
    rest = _rest(document)
    published, known = replace(published, **rest), known or bool(rest)
    if "entries" in document:
        known = bool(parse_measures(document)) or True
    if not known:
        raise CatalogueError(
            "$", "is none of our lists; it has no benefits, calendars, codes, mapping, sites, ages or entries"
        )
    if "site_sets" in document or not any(benefit.where.site_sets for benefit in published.benefits):
        published.compile("Asia/Shanghai")
    return published


def _rest(document: dict[str, Any]) -> dict[str, Any]:
    """Return the parts that stand for themselves: measure codes, mapping, ages of lists."""
    found: dict[str, Any] = {}
    if "codes" in document:
        found["codes"] = parse_measure_codes(_only(document, "codes"))
    if "mapping" in document:
        found["mapping"] = parse_mapping(_only(document, "mapping"))
    if "ages" in document:
        found["ages"] = parse_ages(_only(document, "ages", "lists"))
    return found


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
