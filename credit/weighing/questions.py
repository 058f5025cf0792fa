"""Which counts a decision will look at: the keys that a ledger reads before `decide` (credit.facts).

Rules of this file:

- the keys come from `credit.weighing.demands`, the same list that is compared and consumed; none is written twice;
- asking more than is looked at is harmless, asking less is not: re-entries are asked for as first entries too;
- what was found out to ask is not found out again to decide: `decide` takes it over where it is the same. So nothing
  that is asked here may look at facts.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct, field

from credit.claims import Token
from credit.decision import Reach
from credit.facts import Facts
from credit.inputs import ENDING, Now, Place, Request
from credit.policy import Policy
from credit.weighing.compiled import Demand, Offering
from credit.weighing.situation import Question, Situation
from credit.weighing.taking import first_entry, named, site_demands

EVERYWHERE = Reach.ALL
MAX_PLACES = 64  # of which it is remembered what is known there before anything was read


class Questions(Struct, frozen=True, kw_only=True):
    """What to read: counts by key (with the start of a rolling period, None for the whole), and passes by benefit.

    `issuers` are those of the benefits offered here: the age of their lists matters. `wide` are the keys that count
    beyond a site. `demands` are what a first entry takes of each benefit of the `offering` when no money counts;
    `answers` what many of them ask alike. Both hold for `token` and `request` at the moment `now`.
    """

    keys: dict[str, int | None]
    passes: tuple[str, ...]
    ending: bool
    issuers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()
    offering: Offering | None = None
    demands: Sequence[Sequence[Demand]] = ()
    answers: Mapping[Question[Any], Any] = field(default_factory=dict)
    token: Token | None = None
    request: Request | None = None
    now: Now | None = None

    def of(self, token: Token, request: Request, now: Now) -> bool:
        """Return whether these are the questions of that presentation then; its place and the policy are the same."""
        return self.token is token and self.request is request and self.now == now


def questions(token: Token, request: Request, place: Place, policy: Policy, now: Now) -> Questions:
    """Return what a ledger must answer for this presentation."""
    if request.intent in ENDING:
        return Questions(keys={}, passes=(), ending=True)
    situation = Situation(token, request, _unread(place), policy, now)
    offering = policy.offering(place, request.intent)
    demands = [first_entry(one, situation) for one in offering.benefits]
    keys: dict[str, int | None] = {}
    wide = []
    for taken in (*_with_outage(offering, demands, situation), site_demands(offering, situation)):
        for bound, key, _, _ in taken:
            keys[key] = None if bound.rolling_ms is None else situation.now_ms - bound.rolling_ms
            if bound.reach is EVERYWHERE:
                wide.append(key)
    return Questions(
        keys=keys,
        passes=offering.passes,
        ending=False,
        issuers=offering.issuers,
        wide=frozenset(wide),
        offering=offering,
        demands=demands,
        answers=situation,
        token=token,
        request=request,
        now=now,
    )


def _with_outage(offering: Offering, demands: list[list[Demand]], situation: Situation) -> list[list[Demand]]:
    """Return demands with what the offline bounds count; whether those hold for a benefit is known when facts are."""
    if not situation.offline:
        return demands
    every = zip(offering.benefits, demands, strict=True)
    return [taken + named(one.bounds.outage, situation) for one, taken in every]


@lru_cache(maxsize=MAX_PLACES)
def _unread(place: Place) -> Facts:
    """Return what is known somewhere before anything was read."""
    return Facts(place=place)
