"""Which of the obtainable benefits are given: best for the holder, ties broken as written (contract.md §5).

Rules of this file:

- candidates compare by (off_fen + waived_fen), then the order of kinds in the offer table, then lowest (issuer, code);
- `stacks: null` combines with nothing; the set of one per stacking group competes with each single null benefit;
- a set is applied one after another in code order, each to what the ones before left to pay;
- all sets of one per group are tried up to MAX_SETS, so that another benefit can only make the best set better.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

from msgspec import Struct

from credit.decision import Given
from credit.rules.calendars import at_clock
from credit.rules.catalogue import Benefit
from credit.rules.offers import WHOLE, Price, figures
from credit.weighing.compiled import Candidate, CompiledBenefit, Demand, is_fen
from credit.weighing.situation import Situation
from credit.weighing.taking import demands_of

MAX_SETS = 512
Rank = tuple[int, int, list[tuple[str, int, str]]]


class Set(NamedTuple):
    """Candidates that combine, in code order, with their prices one after another."""

    candidates: tuple[Candidate, ...]
    prices: tuple[Price, ...]

    @property
    def rank(self) -> Rank:
        """Return what sets compare by: the smallest is the best."""
        worth = min(sum([one.worth for one in self.prices]), WHOLE)
        kind = min([one.compiled.kind for one in self.candidates])
        return -worth, kind, [one.compiled.order for one in self.candidates]


class Choice(Struct, frozen=True, kw_only=True):
    """What is given: the best set, and all that it takes."""

    candidates: tuple[Candidate, ...]
    prices: tuple[Price, ...]
    benefits: tuple[Benefit, ...]
    demands: tuple[tuple[Benefit, Demand], ...]


def choose(obtainable: Sequence[Candidate], situation: Situation) -> Choice:
    """Return the best choice among the benefits that can be had (at least one)."""
    groups: dict[str, list[Candidate]] = {}
    single: list[Candidate] = []
    for one in obtainable:
        stacks = one.compiled.benefit.stacks
        (single if stacks is None else groups.setdefault(stacks, [])).append(one)
    sets = [apply(members, situation) for members in _sets(groups)]
    if single:
        best = single[0] if len(single) == 1 else min(single, key=_alone)
        sets.append(Set((best,), (best.price(),)))
    candidates, prices = min(sets, key=lambda one: one.rank) if len(sets) > 1 else sets[0]
    return Choice(
        candidates=candidates,
        prices=prices,
        benefits=tuple([one.compiled.benefit for one in candidates]),
        demands=tuple(
            [
                (one.compiled.benefit, demand)
                for one, money in zip(candidates, prices, strict=True)
                for demand in demands_of(one, money.fen)
            ]
        ),
    )


def _alone(one: Candidate) -> tuple[int, tuple[int, tuple[str, int, str]]]:
    """Return the rank of a benefit by itself."""
    return -min(one.price().worth, WHOLE), one.compiled.rank


def _sets(groups: dict[str, list[Candidate]]) -> Iterator[tuple[Candidate, ...]]:
    if not groups:
        return
    members = [groups[name] for name in sorted(groups)]
    if prod(len(group) for group in members) > MAX_SETS:
        members = [[min(group, key=_alone)] for group in members]
    for found in product(*members):
        yield tuple(sorted(found, key=lambda one: one.compiled.order))


def apply(candidates: tuple[Candidate, ...], situation: Situation) -> Set:
    """Price `candidates` one after another; leave out one that would overrun a sum shared with those before it."""
    whole, heads = situation.request.amount_fen, situation.heads
    rest = whole
    sums: dict[str, int] = {}
    kept: list[Candidate] = []
    prices: list[Price] = []
    for one in candidates:
        found = one.price() if rest == whole else one.compiled.pricer(one.compiled.benefit.offer, rest, heads)
        if one.compiled.bounds.fen or one.offline:
            wanted = [demand for demand in demands_of(one, found.fen) if is_fen(demand[1])]
            if kept and not _fits(wanted, sums, situation):
                continue
            for _, key, n, _ in wanted:
                sums[key] = sums.get(key, 0) + n
        kept.append(one)
        prices.append(found)
        rest = found.rest_fen
    return Set(tuple(kept), tuple(prices))


def _fits(wanted: list[Demand], before: dict[str, int], situation: Situation) -> bool:
    return all(limit is None or situation.used(key).n + before.get(key, 0) + n <= limit for _, key, n, limit in wanted)


def givens(choice: Choice, situation: Situation) -> tuple[Given, ...]:
    """Return each benefit that is given, with its own offer in figures."""
    return tuple(
        [_given(one.compiled, money, situation) for one, money in zip(choice.candidates, choice.prices, strict=True)]
    )


def _given(compiled: CompiledBenefit, money: Price, situation: Situation) -> Given:
    benefit = compiled.benefit
    shown = _figures(benefit, situation) if compiled.figures is None else compiled.figures
    title = dict(benefit.title)
    offer = {**shown, **money.members}
    return Given(benefit.id, benefit.issuer, benefit.code, benefit.version, offer, benefit.local, title)


def _figures(benefit: Benefit, situation: Situation) -> dict[str, Any]:
    until = None
    if benefit.offer.until_min is not None:
        until = at_clock(situation.day(benefit.when), benefit.offer.until_min).isoformat()
    return figures(benefit.offer, tier=situation.standing(benefit.issuer)[0], until=until)


def offer_of(choice: Choice, given: tuple[Given, ...]) -> dict[str, Any]:
    """Return the one offer shown: every member of the set, money added up, `to_pay_fen` what remains in the end."""
    merged: dict[str, Any] = {}
    for one in reversed(given):
        merged.update(one.offer)
    if len(choice.prices) > 1:
        for name in {one.moves for one in choice.prices if one.moves is not None}:
            merged[name] = sum([one.fen for one in choice.prices if one.moves == name])
    rest = choice.prices[-1].rest_fen
    if rest is not None and "to_pay_fen" in merged:
        merged["to_pay_fen"] = rest
    return merged
