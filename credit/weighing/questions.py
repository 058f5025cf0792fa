"""Which counts a decision will look at: the keys that a ledger reads before `decide` (credit.facts).

Rules of this file:

- the keys come from `credit.weighing.demands`, the same list that is compared and consumed; none is written twice;
- asking more than is looked at is harmless, asking less is not: re-entries are asked for as first entries too;
- what was named to ask for it is not named again to decide: `decide` takes the demands over, where they are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from credit.claims import Token
from credit.decision import Reach
from credit.facts import Facts
from credit.inputs import ENDING, Now, Place, Request
from credit.policy import Policy
from credit.weighing.compiled import Candidate, CompiledBenefit, Demand
from credit.weighing.situation import Situation
from credit.weighing.taking import since_ms, site_demands, take


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """What to read: counts by key (with the start of a rolling period, None for the whole), and passes by benefit.

    `issuers` are those of the benefits offered here: the age of their lists matters. `wide` are the keys that count
    beyond a site. `demands` are what each benefit takes when no money counts, for `token` at this moment.
    """

    keys: dict[str, int | None]
    passes: tuple[str, ...]
    ending: bool
    issuers: frozenset[str] = frozenset()
    wide: frozenset[str] = frozenset()
    demands: Mapping[CompiledBenefit, Sequence[Demand]] = field(default_factory=dict, repr=False)
    token: Token | None = field(default=None, repr=False)


def questions(token: Token, request: Request, place: Place, policy: Policy, now: Now) -> Questions:
    """Return what a ledger must answer for this presentation."""
    if request.intent in ENDING:
        return Questions(keys={}, passes=(), ending=True)
    situation = Situation(token, request, Facts(place=place), policy, now)
    offered = policy.offered(place, request.intent)
    demands = {one: take(Candidate(one, situation), 0) for one in offered}
    wanted = [demand for taken in demands.values() for demand in taken]
    wanted += site_demands(offered, situation)
    return Questions(
        keys={key: since_ms(bound, situation) for bound, key, _, _ in wanted},
        passes=tuple([one.benefit.key for one in offered if one.passes]),
        ending=False,
        issuers=frozenset([one.benefit.issuer for one in offered]),
        wide=frozenset([key for bound, key, _, _ in wanted if bound.reach is Reach.ALL]),
        demands={} if situation.offline else demands,
        token=token,
    )
