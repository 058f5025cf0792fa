"""Which counts a decision will look at: the keys that a ledger reads before `decide` (credit.facts).

Rules of this file:

- the keys come from `credit.demands`, the same list that is compared and consumed; none is written twice;
- asking more than is looked at is harmless, asking less is not: re-entries are asked for as first entries too.
"""

from dataclasses import dataclass

from credit.catalogue import LifecycleKind
from credit.claims import Token
from credit.demands import benefit_key, demands, inside_key, site_demands
from credit.facts import Facts
from credit.inputs import ENDING, Now, Place, Request
from credit.offers import price
from credit.policy import Policy
from credit.situation import Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to read: counts by key (with the start of a rolling period, None for the whole), and passes by benefit."""

    keys: dict[str, int | None]
    passes: tuple[str, ...]
    ending: bool


def questions(token: Token, request: Request, place: Place, policy: Policy, now: Now) -> Questions:
    """Return what a ledger must answer for this presentation."""
    if request.intent in ENDING:
        return Questions(keys={}, passes=(), ending=True)
    situation = Situation(token, request, Facts(place=place), policy, now)
    offered = policy.offered(place)
    keys: dict[str, int | None] = {}
    passes: list[str] = []
    for benefit in offered:
        value = price(benefit.offer, amount=request.amount_fen, heads=request.heads).value_fen
        for one in demands(benefit, situation, value):
            keys[one.key] = one.since_ms
        if benefit.lifecycle.kind is LifecycleKind.PASS:
            passes.append(benefit_key(benefit))
            keys[inside_key(benefit, situation)] = None
    for one in site_demands(offered, situation):
        keys[one.key] = one.since_ms
    return Questions(keys=keys, passes=tuple(passes), ending=False)
