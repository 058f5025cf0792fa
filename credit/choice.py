"""Which of the obtainable benefits are given: best for the holder, ties broken as written (contract.md §5).

Rules of this file:

- candidates compare by (off_fen + waived_fen), then the order of kinds in the offer table, then lowest (issuer, code);
- `stacks: null` combines with nothing; the set of one per stacking group competes with each single null benefit;
- a set is applied one after another in code order, each to what the ones before left to pay;
- all sets of one per group are tried up to MAX_SETS, so that another benefit can only make the best set better.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

from credit.calendars import at_clock
from credit.catalogue import KIND_ORDER, Benefit
from credit.decision import Given
from credit.demands import Demand, demands, taking
from credit.offers import WHOLE, Price, figures, price
from credit.situation import Situation

MAX_SETS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The benefits given, in code order, with their prices and with all that they take."""

    benefits: tuple[Benefit, ...]
    prices: tuple[Price, ...]
    demands: tuple[tuple[Benefit, Demand], ...]

    @property
    def rank(self) -> tuple[Any, ...]:
        """Return what candidates compare by: the smallest is the best."""
        worth = min(sum(one.worth for one in self.prices), WHOLE)
        return (-worth, min(KIND_ORDER[one.offer.kind] for one in self.benefits), [one.order for one in self.benefits])


def choose(obtainable: Sequence[Benefit], situation: Situation) -> Choice:
    """Return the best choice among the benefits that can be had (at least one)."""
    groups: dict[str, list[Benefit]] = {}
    single: list[Benefit] = []
    for benefit in obtainable:
        if benefit.stacks is None:
            single.append(benefit)
        else:
            groups.setdefault(benefit.stacks, []).append(benefit)
    candidates = [apply(members, situation) for members in _sets(groups, situation)]
    if single:
        candidates.append(apply((min(single, key=lambda one: _alone(one, situation)),), situation))
    return min(candidates, key=lambda one: one.rank)


def _alone(benefit: Benefit, situation: Situation) -> tuple[Any, ...]:
    """Return the rank of a benefit by itself (that of a set of one)."""
    return (-min(taking(benefit, situation).price.worth, WHOLE), KIND_ORDER[benefit.offer.kind], benefit.order)


def _sets(groups: dict[str, list[Benefit]], situation: Situation) -> Iterable[tuple[Benefit, ...]]:
    if not groups:
        return ()
    members = [groups[name] for name in sorted(groups)]
    if prod(len(group) for group in members) > MAX_SETS:
        members = [[min(group, key=lambda one: _alone(one, situation))] for group in members]
    return (tuple(sorted(one, key=lambda benefit: benefit.order)) for one in product(*members))


def apply(benefits: tuple[Benefit, ...], situation: Situation) -> Choice:
    """Price `benefits` one after another; leave out one that would overrun a sum shared with those before it."""
    rest, heads = situation.request.amount_fen, situation.request.heads
    kept: list[Benefit] = []
    prices: list[Price] = []
    taken: list[tuple[Benefit, Demand]] = []
    for benefit in benefits:
        found = price(benefit.offer, amount=rest, heads=heads)
        wanted = demands(benefit, situation, found.value_fen)
        if kept and not _fits(wanted, taken, situation):
            continue
        kept.append(benefit)
        prices.append(found)
        taken += [(benefit, one) for one in wanted]
        rest = found.rest_fen
    return Choice(benefits=tuple(kept), prices=tuple(prices), demands=tuple(taken))


def _fits(wanted: list[Demand], taken: list[tuple[Benefit, Demand]], situation: Situation) -> bool:
    before: dict[str, int] = {}
    for _, one in taken:
        if one.fen:
            before[one.key] = before.get(one.key, 0) + one.n
    return all(
        one.limit is None or situation.used(one.key).n + before.get(one.key, 0) + one.n <= one.limit for one in wanted
    )


def givens(choice: Choice, situation: Situation) -> tuple[Given, ...]:
    """Return each benefit that is given, with its own offer in figures."""
    return tuple(
        Given(
            benefit=benefit.id,
            issuer=benefit.issuer,
            code=benefit.code,
            version=benefit.version,
            offer={**_figures(benefit, situation), **money.members},
            local=benefit.local,
            title=dict(benefit.title),
        )
        for benefit, money in zip(choice.benefits, choice.prices, strict=True)
    )


def _figures(benefit: Benefit, situation: Situation) -> dict[str, Any]:
    until = None
    if benefit.offer.until_min is not None:
        until = at_clock(situation.day(benefit.when), benefit.offer.until_min).isoformat()
    return figures(benefit.offer, tier=situation.standing(benefit)[0], until=until)


def offer_of(choice: Choice, given: tuple[Given, ...]) -> dict[str, Any]:
    """Return the one offer shown: every member of the set, money added up, `to_pay_fen` what remains in the end."""
    merged: dict[str, Any] = {}
    for one in reversed(given):
        merged.update(one.offer)
    for name, amounts in (
        ("off_fen", [one.off_fen for one in choice.prices]),
        ("waived_fen", [one.waived_fen for one in choice.prices]),
        ("later_fen", [one.later_fen for one in choice.prices]),
    ):
        if name in merged:
            merged[name] = sum(amounts)
    rest = choice.prices[-1].rest_fen
    if rest is not None and "to_pay_fen" in merged:
        merged["to_pay_fen"] = rest
    return merged
