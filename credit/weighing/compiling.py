"""Compiling a benefit: its conditions into questions, its bounds into demands (credit.weighing.compiled has the idea).

Rules of this file:

- called once for each benefit, when lists are switched;
- the order of the conditions is the order in which failures are told.
"""

from collections.abc import Callable

from credit.rules.catalogue import KIND_ORDER, Benefit, LifecycleKind, OfferKind
from credit.rules.offers import PRICERS, figures
from credit.weighing.compiled import Asked, CompiledBenefit, Failures, Shared, stays_inside
from credit.weighing.conditions import (
    Left,
    id_check,
    lists,
    needs,
    offer,
    passing,
    slot,
    tiered_limits,
    unsettled,
    when,
    who,
)
from credit.weighing.demands import bounds_of
from credit.weighing.situation import Question

BY_HOLDER = frozenset({OfferKind.RAISE_LIMIT, OfferKind.EXTEND_TIME, OfferKind.HOLD})  # or by the day
Compile = Callable[[Benefit, Shared], Left]
BEFORE: tuple[Compile, ...] = (who, when, id_check, needs, slot, unsettled, passing, tiered_limits)
AFTER: tuple[Compile, ...] = (offer, lists)
"""Every condition, in the order in which failures are told, before and after the bounds (credit.weighing.taking)."""

EXTRAORDINARY: frozenset[Compile] = frozenset({id_check, unsettled, lists})
"""What holds of itself in an ordinary situation."""


def compile_benefit(benefit: Benefit, shared: Shared) -> CompiledBenefit:
    """Return `benefit` as it is asked at the gate; called once, when lists are switched."""
    bounds = bounds_of(benefit, shared)
    return CompiledBenefit(
        benefit=benefit,
        id=benefit.id,
        order=benefit.order,
        rank=(KIND_ORDER[benefit.offer.kind], benefit.order),
        kind=KIND_ORDER[benefit.offer.kind],
        zone=benefit.when.zone,
        lanes=benefit.where.lanes,
        opens=benefit.lifecycle.kind is LifecycleKind.OPEN_CLOSE,
        passes=benefit.lifecycle.kind is LifecycleKind.PASS,
        inside=stays_inside(benefit, shared),
        pricer=PRICERS[benefit.offer.kind],
        price=shared.price(benefit.offer),
        figures=None if benefit.offer.kind in BY_HOLDER else figures(benefit.offer, tier=None, until=None),
        bounds=bounds,
        always=_asked(benefit, shared, frozenset(), bounded=True),
        ordinary=_asked(benefit, shared, EXTRAORDINARY, bounded=bool(bounds.ordinary)),
    )


def _asked(benefit: Benefit, shared: Shared, without: frozenset[Compile], *, bounded: bool) -> Asked:
    def left(conditions: tuple[Compile, ...]) -> Question[Failures] | None:
        found = [condition(benefit, shared) for condition in conditions if condition not in without]
        return shared.all_of(tuple([question for question in found if question is not None]))

    return Asked(left(BEFORE), left(AFTER), bounded)
