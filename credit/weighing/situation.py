"""One presentation as the conditions see it: token, request, facts and moment, with what is derived from them once.

Rules of this file:

- made at the start of a decision and thrown away after it; it holds no rule beyond reading standing and days;
- tier, groups and grants count only for the benefit's own issuer, or mapped for an issuer the benefit names
  (contract.md §4).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from typing import Any, Generic, Protocol, TypeVar

from credit.claims import SubjectKind, Token
from credit.facts import Facts, Used
from credit.inputs import ENTERING, OPENING, Now, Request
from credit.rules.calendars import BusinessDay, business_day, local_time
from credit.rules.catalogue import Benefit, When
from credit.rules.documents import IssuerMapping, Sites

T = TypeVar("T")
UNUSED = Used()
FIRST_S = -62_100_000_000  # in the year 2
LAST_S = 253_370_764_800  # 9999-01-01
Standing = tuple[int | None, frozenset[int]]


class Rules(Protocol):
    """What a situation asks of the compiled policy (credit.policy.Policy is one)."""

    @property
    def mappings(self) -> Mapping[tuple[str, str], IssuerMapping]:
        """Foreign issuers' mappings by (home, foreign)."""
        ...

    @property
    def sites(self) -> Sites:
        """Site sets and merchants' grades."""
        ...

    @property
    def least_age_s(self) -> int:
        """The age in seconds from which lists are too old for some benefit."""
        ...


class Question(Generic[T]):
    """Something that many benefits ask alike; `ask` answers it for a situation, which remembers the answer."""

    __slots__ = ("ask",)

    def __init__(self, ask: Callable[["Situation"], T]) -> None:
        self.ask = ask


class Situation(dict[Question[Any], Any]):
    """What the conditions look at, and the answers to what several benefits ask alike: `situation[question]`.

    A question that was not asked yet is answered when it is looked up. `ordinary`: neither the token nor the
    terminal's state asks more of a benefit than the benefit itself does.
    """

    __slots__ = (
        "facts",
        "heads",
        "now",
        "now_ms",
        "offline",
        "opening",
        "ordinary",
        "place",
        "policy",
        "request",
        "subject",
        "subject_part",
        "token",
    )

    def __init__(self, token: Token, request: Request, facts: Facts, policy: Rules, now: Now) -> None:
        self.token = token
        self.request = request
        self.heads = request.heads
        self.facts = facts
        self.policy = policy
        self.now = now
        self.now_ms = now.utc_ms
        self.offline = now.offline
        self.place = facts.place
        self.subject = f"{token.issuer}:{token.subject.hex()}"
        self.subject_part = f"subject:{self.subject}"
        self.opening = request.intent in OPENING
        self.ordinary = self._is_ordinary()

    def __missing__(self, question: Question[T]) -> T:
        found = self[question] = question.ask(self)
        return found

    def _is_ordinary(self) -> bool:
        token, facts = self.token, self.facts
        bounds_itself = token.max_uses is not None or token.reservation is not None or token.id_check
        stopped = facts.entry_stopped and self.request.intent in ENTERING
        aged = max(facts.ages_s.values(), default=0) > self.policy.least_age_s
        return not (bounds_itself or facts.open or stopped or aged or self.offline)

    def day(self, when: When) -> BusinessDay:
        """Return the business day of now, as this benefit counts days."""
        return business_day(local_time(self.now_ms, when.zone), when.day_starts)

    def standing(self, home: str) -> Standing:
        """Return (tier, groups) on the scale of the issuer `home`; (None, none) when they do not count there."""
        token = self.token
        if token.issuer == home:
            return token.tier, token.groups
        mapping = self.policy.mappings.get((home, token.issuer), IssuerMapping())
        groups = frozenset(mapping.groups[group] for group in token.groups if group in mapping.groups)
        return mapping.tiers.get(token.tier), groups

    def age_s(self, home: str) -> int:
        """Return the age of the oldest list that a benefit of the issuer `home` rests on, in seconds."""
        ages = self.facts.ages_s
        return max(ages.get(home, 0), ages.get(self.token.issuer, 0))

    def group_key(self, benefit: Benefit, households: tuple[int, int] | None = None) -> str:
        """Return whom a limit "per group" counts for: the group itself, or the group the holder comes in under.

        That is the one of the range that the limit names; without one the smallest of those the benefit is for.
        """
        if self.token.kind is SubjectKind.GROUP:
            return self.subject_part
        groups = self.standing(benefit.issuer)[1]
        if households is not None:
            groups = frozenset(one for one in groups if households[0] <= one <= households[1])
        wanted = None if households is not None else benefit.who.groups_any or benefit.who.groups_all
        matched = groups & wanted if wanted else groups
        return f"group:{benefit.issuer}:{min(matched)}" if matched else self.subject_part

    def used(self, key: str) -> Used:
        """Return what stands under a key."""
        return self.facts.used.get(key, UNUSED)


def iso(at_ms: int, zone: tzinfo) -> str:
    """Return milliseconds UTC as ISO 8601 in `zone`, to the second; what no calendar can write, as the nearest time."""
    return datetime.fromtimestamp(min(max(at_ms // 1000, FIRST_S), LAST_S), zone).isoformat()
