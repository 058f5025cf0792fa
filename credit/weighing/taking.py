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
from credit.weighing.compiled import Bound, Candidate, CompiledBenefit, Demand, Demander, Offering
from credit.weighing.situation import UNUSED, Situation

IN_USE = Cause.of(Condition.LIMITS, Reason.IN_USE, lambda *_told: {})
"""Somebody is being decided with this right at this moment: nobody is told that it is used up (claims.md 4)."""

SHARE_USED = Cause.of(Condition.OFFLINE, Reason.OFFLINE_LIMIT, lambda *_told: {})
"""What this terminal may give of a shared quota is given, and nobody who could enlarge it answers (claims.md 9)."""


def overruns(one: Candidate, asked: Sequence[Demand] | None) -> None:
    """Find what the benefit takes, and whether there is room for it under every bound.

    `asked` is what was named to ask for it (`questions`), None where nobody did.
    """
    situation, compiled = one.situation, one.compiled
    if asked is None or compiled.bounds.fen or (compiled.passes and reenters(compiled.benefit, situation)):
        asked = take(one, one.price().fen if compiled.bounds.fen or one.offline else 0)
    elif one.offline:
        asked = [*asked, *named(compiled.bounds.outage, situation, one.price().fen)]
    one.demands, held = asked, situation.facts.used
    for bound, key, n, limit in asked:
        used = held.get(key, UNUSED)
        if limit is not None and (used.n + n > limit or (used.left is not None and n > used.left)):
            beside = IN_USE if used.held else SHARE_USED if used.silent else bound.cause
            cause = beside if used.n + n <= limit else bound.cause
            one.failures.append(Failure(cause, (used, limit, compiled.zone)))
            if cause is bound.cause and bound.also is not None and used.n:
                one.failures.append(Failure(bound.also, (used, limit, compiled.zone)))


def take(one: Candidate, value_fen: int) -> list[Demand]:
    """Return what `one` takes here and now, moving `value_fen`; a re-entry under a pass takes no limit."""
    situation, compiled = one.situation, one.compiled
    if compiled.passes and reenters(compiled.benefit, situation):
        found = named(compiled.bounds.later, situation, value_fen)
    else:
        found = first_entry(compiled, situation, value_fen)
    return found + named(compiled.bounds.outage, situation, value_fen) if one.offline else found


def first_entry(compiled: CompiledBenefit, situation: Situation, value_fen: int = 0) -> list[Demand]:
    """Return what is taken of a benefit by whoever does not come again under a pass, while the network is there."""
    bounds = compiled.bounds
    return named(bounds.ordinary if situation.ordinary else bounds.first, situation, value_fen)


def named(demanders: tuple[Demander, ...], situation: Situation, value_fen: int = 0) -> list[Demand]:
    """Return what these ask for when so many fen are moved."""
    found: list[Demand] = []
    for demander in demanders:
        demander(situation, value_fen, found)
    return found


def demands_of(one: Candidate, value_fen: int) -> Sequence[Demand]:
    """Return what `one` takes when it moves `value_fen`, after other benefits took their part of the amount."""
    same = value_fen == one.price().fen or not (one.compiled.bounds.fen or one.offline)
    return one.demands if same else take(one, value_fen)


def own_limits(one: Candidate) -> Sequence[Demand]:
    """Return what the limits on uses ask for that the benefit itself, or the holder's grant, declares."""
    bounds = one.compiled.bounds
    return [demand for demand in named(bounds.limits + bounds.grants, one.situation) if demand[0].own]


def since_ms(bound: Bound, situation: Situation) -> int | None:
    """Return the start of a rolling period, None for a count that its key alone bounds."""
    return None if bound.rolling_ms is None else situation.now_ms - bound.rolling_ms


def site_demands(offering: Offering, situation: Situation) -> list[Demand]:
    """Return the site-wide counts that every entry here takes from, whichever benefit it is given under."""
    if not offering.site or situation.request.intent not in ENTERING:
        return []
    return [(bound, key, n, None) for bound, key, n, _ in named(offering.site, situation)]


def reenters(benefit: Benefit, situation: Situation) -> bool:
    """Return whether this is a re-entry under a pass that is under way (it takes an entry, and no further use)."""
    cycle = benefit.lifecycle
    under_way = situation.facts.passes.get(benefit.key) if cycle.kind is LifecycleKind.PASS else None
    if under_way is None:
        return False
    in_time = cycle.reentry_min is None or situation.now_ms < under_way.last_ms + cycle.reentry_min * 60_000
    return in_time and (cycle.entries is None or under_way.entries + situation.heads <= cycle.entries)
