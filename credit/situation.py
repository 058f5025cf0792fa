"""One presentation as the conditions see it: token, request, facts and moment, with what is derived from them once.

Rules of this file:

- made at the start of a decision and thrown away after it; it holds no rule beyond reading standing and days;
- tier, groups and grants count only for the benefit's own issuer, or mapped for an issuer the benefit names
  (contract.md §4).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Protocol, TypeVar

from credit.calendars import BusinessDay, Calendar, business_day
from credit.catalogue import Benefit, When
from credit.claims import SubjectKind, Token
from credit.documents import IssuerMapping, Sites
from credit.facts import Facts, Used
from credit.inputs import OPENING, Now, Request

T = TypeVar("T")
UNUSED = Used()
Standing = tuple[int | None, frozenset[int]]


class Rules(Protocol):
    """What a situation asks of the compiled policy (credit.policy.Policy is one)."""

    @property
    def mappings(self) -> Mapping[tuple[str, str], IssuerMapping]:
        """Foreign issuers' mappings by (home, foreign)."""
        ...

    @property
    def calendars(self) -> Mapping[str, Calendar]:
        """Calendars by id."""
        ...

    @property
    def sites(self) -> Sites:
        """Site sets and merchants' grades."""
        ...


class Situation:
    """What the conditions look at. Days and standings are computed once per zone and issuer."""

    __slots__ = (
        "_days", "_standings", "_takings", "facts", "now", "opening", "place", "policy", "request", "subject",
        "subject_part", "token",
    )  # fmt: skip

    def __init__(self, token: Token, request: Request, facts: Facts, policy: Rules, now: Now) -> None:
        self.token = token
        self.request = request
        self.facts = facts
        self.policy = policy
        self.now = now
        self.place = facts.place
        self.subject = f"{token.issuer}:{token.subject.hex()}"
        self.subject_part = f"subject:{self.subject}"
        self.opening = request.intent in OPENING
        self._days: dict[tuple[str, int], BusinessDay] = {}
        self._standings: dict[str, Standing] = {}
        self._takings: dict[str, Any] = {}

    def day(self, when: When) -> BusinessDay:
        """Return the business day of now, as this benefit counts days."""
        found = self._days.get(when.clock)
        if found is None:
            found = self._days[when.clock] = business_day(self.now.utc_ms, when.zone, when.day_starts)
        return found

    def standing(self, benefit: Benefit) -> Standing:
        """Return (tier, groups) on the scale of the benefit's issuer; (None, none) when they do not count there."""
        found = self._standings.get(benefit.issuer)
        if found is None:
            found = self._standings[benefit.issuer] = self._read_standing(benefit.issuer)
        return found

    def _read_standing(self, home: str) -> Standing:
        token = self.token
        if token.issuer == home:
            return token.tier, token.groups
        mapping = self.policy.mappings.get((home, token.issuer), IssuerMapping())
        groups = frozenset(mapping.groups[group] for group in token.groups if group in mapping.groups)
        return mapping.tiers.get(token.tier), groups

    def once(self, benefit: Benefit, work: Callable[[Benefit, "Situation"], T]) -> T:
        """Return what `work` finds for a benefit; it is asked by several readers and computed once."""
        found: T | None = self._takings.get(benefit.id)
        if found is None:
            found = self._takings[benefit.id] = work(benefit, self)
        return found

    def group_key(self, benefit: Benefit) -> str:
        """Return whom a limit "per group" counts for: the group itself, or the group the holder comes in under."""
        if self.token.kind is SubjectKind.GROUP:
            return f"subject:{self.subject}"
        groups = self.standing(benefit)[1]
        wanted = benefit.who.groups_any or benefit.who.groups_all
        matched = groups & wanted if wanted else groups
        return f"group:{benefit.issuer}:{min(matched)}" if matched else f"subject:{self.subject}"

    def used(self, key: str) -> Used:
        """Return what stands under a key."""
        return self.facts.used.get(key, UNUSED)

    def local(self, at_ms: int, when: When) -> str:
        """Return a time as people of that zone read it, with its offset."""
        return iso(at_ms, when.zone)


def iso(at_ms: int, zone: tzinfo) -> str:
    """Return milliseconds UTC as ISO 8601 in `zone`, to the second."""
    return datetime.fromtimestamp(at_ms // 1000, zone).isoformat()
