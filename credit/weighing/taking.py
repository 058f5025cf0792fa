"""What a candidate takes here and now, and whether there is room for it: the one condition that no benefits share.

Rules of this file:

- `overruns` finds what is taken and compares it; what it found is what a grant consumes, and nothing else;
- a re-entry under a pass takes an entry, and no further use.
"""

from collections.abc import Sequence

from credit.decision import Cause, Condition, Failure
from credit.inputs import ENTERING
from credit.reasons import Reason
from credit.rules.catalogue import Benefit, LifecycleKind
from credit.weighing.compiled import Bound, Candidate, CompiledBenefit, Demand
from credit.weighing.situation import UNUSED, Situation

IN_USE = Cause.of(Condition.LIMITS, Reason.IN_USE, lambda *_told: {})
"""Somebody is being decided with this right at this moment: nobody is told that it is used up (claims.md 4)."""

SHARE_USED = Cause.of(Condition.OFFLINE, Reason.OFFLINE_LIMIT, lambda *_told: {})
"""What this terminal may give of a shared quota is given, and nobody who could enlarge it answers (claims.md 9)."""


def overruns(one: Candidate) -> None:
    """Find what the benefit takes, and whether there is room for it under every bound."""
    situation, compiled = one.situation, one.compiled
    demands = _asked_for(one) if situation.asked else None
    if demands is None:
        demands = take(one, one.price().fen if compiled.bounds.fen or one.offline else 0)
    held = situation.facts.used
    for bound, key, n, limit in demands:
        used = held.get(key, UNUSED)
        if limit is not None and (used.n + n > limit or (used.left is not None and n > used.left)):
            beside = IN_USE if used.held else SHARE_USED if used.silent else bound.cause
            cause = beside if used.n + n <= limit else bound.cause
            one.failures.append(Failure(cause, (used, limit, compiled.zone)))
            if cause is bound.cause and bound.also is not None and used.n:
                one.failures.append(Failure(bound.also, (used, limit, compiled.zone)))
    one.demands = demands


def _asked_for(one: Candidate) -> Sequence[Demand] | None:
    """Return what was named to ask for it, where that is what is taken: no money counts, and it is a first entry."""
    found = one.situation.asked.get(one.compiled)
    if found is None or one.compiled.bounds.fen:
        return None
    return None if one.compiled.passes and reenters(one.compiled.benefit, one.situation) else found


def take(one: Candidate, value_fen: int) -> list[Demand]:
    """Return what `one` takes here and now, moving `value_fen`; a re-entry under a pass takes no limit."""
    situation, compiled = one.situation, one.compiled
    bounds = compiled.bounds
    matter = bounds.ordinary if situation.ordinary else bounds.first
    if compiled.passes and reenters(compiled.benefit, situation):
        matter = bounds.later
    if one.offline:
        matter += bounds.outage
    found: list[Demand] = []
    for demander in matter:
        demander(situation, value_fen, found)
    return found


def demands_of(one: Candidate, value_fen: int) -> Sequence[Demand]:
    """Return what `one` takes when it moves `value_fen`, after other benefits took their part of the amount."""
    same = value_fen == one.price().fen or not (one.compiled.bounds.fen or one.offline)
    return one.demands if same else take(one, value_fen)


def own_limits(one: Candidate) -> Sequence[Demand]:
    """Return what the limits on uses ask for that the benefit itself, or the holder's grant, declares."""
    found: list[Demand] = []
    for demander in one.compiled.bounds.limits + one.compiled.bounds.grants:
        demander(one.situation, 0, found)
    return [demand for demand in found if demand[0].own]


def since_ms(bound: Bound, situation: Situation) -> int | None:
    """Return the start of a rolling period, None for a count that its key alone bounds."""
    return None if bound.rolling_ms is None else situation.now_ms - bound.rolling_ms


def site_demands(offered: tuple[CompiledBenefit, ...], situation: Situation) -> list[Demand]:
    """Return the site-wide counts that every entry here takes from, whichever benefit it is given under."""
    found: list[Demand] = []
    if situation.request.intent in ENTERING:
        for one in offered:
            for demander in one.bounds.site:
                demander(situation, 0, found)
    return [(bound, key, n, None) for bound, key, n, _ in found]


def reenters(benefit: Benefit, situation: Situation) -> bool:
    """Return whether this is a re-entry under a pass that is under way (it takes an entry, and no further use)."""
    cycle = benefit.lifecycle
    under_way = situation.facts.passes.get(benefit.key) if cycle.kind is LifecycleKind.PASS else None
    if under_way is None:
        return False
    in_time = cycle.reentry_min is None or situation.now_ms < under_way.last_ms + cycle.reentry_min * 60_000
    return in_time and (cycle.entries is None or under_way.entries + situation.heads <= cycle.entries)
