"""The compiled policy: every signed rule in the form in which decisions read it.

Rules of this file:

- `Policy.compile` is called once, when lists are switched; it checks what only the whole can show (calendars and site
  sets that nobody published), compiles every benefit (credit.weighing.compiled) and indexes them by site and scene, so
  that a decision looks only at those offered; what is offered at a place is put together when it is first asked for;
- open and lend are served by benefits with the lifecycle open_close, every other intent by the others (contract.md §3);
- a policy is immutable; switching lists means another policy.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import NamedTuple
from zoneinfo import ZoneInfo

from credit.inputs import OPENING, Intent, Place
from credit.reasons import Reason
from credit.rules.ages import MAX_LIST_AGE_S, USUAL, AgePolicy
from credit.rules.calendars import Calendar, check_calendars
from credit.rules.catalogue import Benefit
from credit.rules.documents import IssuerMapping, Sites
from credit.rules.measures import Codes
from credit.rules.reading import CatalogueError
from credit.rules.terms import DEFAULT_ZONE, zone
from credit.weighing.compiled import CompiledBenefit, Offering, Shared
from credit.weighing.compiling import compile_benefit
from credit.weighing.conditions import free_age_s, max_age_s

Index = Mapping[tuple[bool, str | None, str | None], tuple[CompiledBenefit, ...]]
ORDER = attrgetter("order")
MAX_OFFERINGS = 1024  # that are kept put together; a terminal has one for each lane and kind of intent


class Zones(NamedTuple):
    """In which zones civil days are counted: of issuers by name, and of all others."""

    by_issuer: Mapping[str, str] = {}
    default: str = DEFAULT_ZONE


ONE_ZONE = Zones()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything signed that a decision rests on, apart from the lists of measures and revocations."""

    index: Index = field(default_factory=dict)
    ages: AgePolicy = USUAL
    least_age_s: int = MAX_LIST_AGE_S
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    codes: Codes = field(default_factory=dict)
    mappings: Mapping[tuple[str, str], IssuerMapping] = field(default_factory=dict)
    sites: Sites = field(default_factory=Sites)
    zones: Mapping[str, ZoneInfo] = field(default_factory=dict)
    default_zone: ZoneInfo = field(default_factory=lambda: zone(None))
    _offerings: dict[tuple[bool, str, str, str], Offering] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @classmethod
    def empty(cls) -> "Policy":
        """Return a policy that offers nothing."""
        return cls()

    @classmethod
    def compile(
        cls,
        *,
        benefits: Iterable[Benefit],
        calendars: Mapping[str, Calendar] | None = None,
        codes: Codes | None = None,
        mappings: Mapping[str, Mapping[str, IssuerMapping]] | None = None,
        sites: Sites | None = None,
        zones: Zones = ONE_ZONE,
        ages: AgePolicy = USUAL,
    ) -> "Policy":
        """Return the policy; raise CatalogueError for what only the whole can show to be wrong.

        `mappings` is by home issuer, then by foreign issuer.
        """
        known, where = calendars or {}, sites or Sites()
        shared, least_age_s = Shared(known, where, ages), ages.last_s
        index: dict[tuple[bool, str | None, str | None], list[CompiledBenefit]] = {}
        for benefit in sorted(benefits, key=ORDER):
            check_calendars(benefit.when, known, benefit.path)
            compiled = compile_benefit(benefit, shared)
            least_age_s = min(least_age_s, free_age_s(benefit, ages))
            for site in _sites(benefit, where):
                for scene in benefit.where.scenes if benefit.where.scenes is not None else (None,):
                    index.setdefault((compiled.opens, site, scene), []).append(compiled)
        return cls(
            index={key: tuple(found) for key, found in index.items()},
            ages=ages,
            least_age_s=least_age_s,
            calendars=known,
            codes=codes or {},
            mappings={(home, foreign): one for home, by in (mappings or {}).items() for foreign, one in by.items()},
            sites=where,
            zones={issuer: zone(None, name) for issuer, name in zones.by_issuer.items()},
            default_zone=zone(None, zones.default),
        )

    def offering(self, place: Place, intent: Intent) -> Offering:
        """Return what serves `intent` and whose sites, scenes and lanes match, by (issuer, code): put together once."""
        at = (intent in OPENING, place.site, place.scene, place.lane)
        found = self._offerings.get(at)
        if found is None:
            if len(self._offerings) >= MAX_OFFERINGS:
                self._offerings.clear()
            found = self._offerings[at] = Offering.of(self._matching(*at))
        return found

    def _matching(self, opens: bool, site: str, scene: str, lane: str) -> Iterator[CompiledBenefit]:
        keys = ((opens, site, scene), (opens, site, None), (opens, None, scene), (opens, None, None))
        every = chain.from_iterable(self.index.get(key, ()) for key in keys)
        return (one for one in sorted(every, key=ORDER) if one.lanes is None or lane in one.lanes)

    def offered(self, place: Place, intent: Intent) -> tuple[CompiledBenefit, ...]:
        """Return the benefits of an offering."""
        return self.offering(place, intent).benefits

    def barred(self, place: Place, intent: Intent, *, offline: bool, at_site: bool, age_s: int) -> str:
        """Return why nothing that is offered here can be given now, whoever comes; "" where something can.

        `at_site`: somebody counts for the whole site. Where nothing is offered nobody has a right that could be barred.
        """
        causes = [
            self._barred(one, offline=offline, at_site=at_site, age_s=age_s) for one in self.offered(place, intent)
        ]
        return "" if "" in causes else ", ".join(sorted(set(causes)))

    def _barred(self, one: CompiledBenefit, *, offline: bool, at_site: bool, age_s: int) -> str:
        benefit = one.benefit
        if offline and not benefit.offline.allow and not (one.inside and at_site):
            return Reason.OFFLINE_LIMIT.value
        most_s = min(max_age_s(benefit, self.ages), self.ages.given_s(benefit.offer.kind))
        return Reason.LIST_TOO_OLD.value if age_s > most_s else ""

    def zone_of(self, issuer: str) -> ZoneInfo:
        """Return the zone in which an issuer's civil days are counted."""
        return self.zones.get(issuer, self.default_zone)

    def benefits(self) -> tuple[Benefit, ...]:
        """Return every benefit, by (issuer, code)."""
        every = {one.id: one.benefit for found in self.index.values() for one in found}
        return tuple(sorted(every.values(), key=ORDER))


def _sites(benefit: Benefit, sites: Sites) -> frozenset[str | None]:
    where = benefit.where
    if where.sites is None and where.site_sets is None:
        return frozenset({None})
    found: set[str | None] = set(where.sites or ())
    for name in where.site_sets or ():
        if name not in sites.sets:
            known = ", ".join(sorted(sites.sets)) or "none"
            raise CatalogueError(f"{benefit.path}.where.site_sets", f"{name!r} is unknown; known are {known}")
        found |= sites.sets[name]
    return frozenset(found)
