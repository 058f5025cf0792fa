"""What a grant says and takes: offer, obligations, what is left, what is consumed (decision.md, step 8).

Rules of this file:

- what is consumed is the list of demands that was checked, each key once per request (contract.md §3);
- asking (quote, check) shows the same and takes nothing;
- `left` is the smallest remainder over a benefit's use limits, after this grant.
"""

from typing import Any

from credit.calendars import ONE_DAY, at_clock
from credit.catalogue import Benefit, Count, LifecycleKind, OfferKind
from credit.choice import Choice, givens, offer_of
from credit.decision import Condition, Consumption, Decision, Finding, Sum, Trial, Use
from credit.demands import benefit_key, limit_demand, reenters, site_demands
from credit.inputs import ASKING, OPENING, Intent
from credit.reasons import Outcome, Reason
from credit.situation import Situation, iso

Tried = list[tuple[Benefit, Trial]]
HOUR_MS = 3_600_000
BY_STAFF = frozenset({OfferKind.SERVICE, OfferKind.GIFT})


def grant(
    situation: Situation, offered: tuple[Benefit, ...], tried: Tried, choice: Choice, denials: tuple[Finding, ...]
) -> Decision:
    """Step 8 for a GRANT."""
    given = givens(choice, situation)
    chosen = {one.benefit for one in given}
    trials = tuple(trial._replace(chosen=True) if trial.benefit in chosen else trial for _, trial in tried)
    asking = situation.request.intent in ASKING
    consumption = Consumption() if asking else _consumption(situation, offered, choice)
    return Decision(
        outcome=Outcome.GRANT,
        findings=(Finding(Reason.OK, {}, tuple(one.benefit for one in given)), *denials),
        given=given,
        offer=offer_of(choice, given),
        obligations=_obligations(situation, choice, consumption),
        left=left(situation, tried, None if asking else choice),
        offline=situation.now.offline,
        clock=situation.now.clock,
        consumption=consumption,
        trials=trials,
    )


def _consumption(situation: Situation, offered: tuple[Benefit, ...], choice: Choice) -> Consumption:
    uses: dict[str, Use] = {}
    sums: dict[str, Sum] = {}
    extra = [(choice.benefits[0], one) for one in site_demands(offered, situation)]
    for benefit, one in (*choice.demands, *extra):
        if one.fen:
            before = sums[one.key].fen if one.key in sums else 0
            sums[one.key] = Sum(
                key=one.key,
                fen=before + one.n,
                limit=one.limit,
                benefit=benefit.id,
                since_ms=one.since_ms,
                reason=one.reason,
            )
        else:
            uses.setdefault(
                one.key,
                Use(
                    key=one.key, n=one.n, limit=one.limit, benefit=benefit.id, since_ms=one.since_ms, reason=one.reason
                ),
            )
    first = choice.benefits[0]
    within = [one.reversal.within_h for one in choice.benefits if one.reversal.within_h is not None]
    passing = [one for one in choice.benefits if one.lifecycle.kind is LifecycleKind.PASS]
    root = next((situation.facts.passes[benefit_key(one)].root for one in passing if reenters(one, situation)), None)
    return Consumption(
        uses=tuple(uses.values()),
        sums=tuple(sums.values()),
        opens=situation.request.intent in OPENING,
        due_ms=due_ms(first, situation) if situation.request.intent in OPENING else None,
        on_overdue="withhold" if first.lifecycle.withhold_when_overdue else "flag",
        reversal_until_ms=situation.now.utc_ms + min(within) * HOUR_MS if within else None,
        gives_back=all(one.reversal.gives_back for one in choice.benefits),
        pass_root=root,
        pass_of=benefit_key(passing[0]) if passing else None,
        pass_entries=passing[0].lifecycle.entries if passing else None,
    )


def due_ms(benefit: Benefit, situation: Situation) -> int | None:
    """Return when what is opened now is due, in milliseconds UTC."""
    cycle, now_ms = benefit.lifecycle, situation.now.utc_ms
    if cycle.due_ms is not None:
        return now_ms + cycle.due_ms
    if cycle.due_clock is None:
        return None
    due = at_clock(situation.day(benefit.when), cycle.due_clock)
    while round(due.timestamp() * 1000) <= now_ms:
        due += ONE_DAY
    return round(due.timestamp() * 1000)


def _obligations(situation: Situation, choice: Choice, consumption: Consumption) -> dict[str, Any]:
    """Return what must be done now: open the gate, confirm, collect, tell the due time, heed the crowd."""
    found: dict[str, Any] = {}
    if situation.request.intent is Intent.ENTER:
        found["open_gate"] = True
    if any(one.offer.kind in BY_STAFF for one in choice.benefits):
        found["confirm_by_staff"] = True
    rest = choice.prices[-1].rest_fen
    if rest is not None:
        found["to_pay_fen"] = rest
    if consumption.due_ms is not None:
        found["due"] = iso(consumption.due_ms, choice.benefits[0].when.zone)
    if situation.request.override is not None:
        found["override"] = True
    crowd = [one for _, one in choice.demands if one.warn is not None and one.n + situation.used(one.key).n >= one.warn]
    if crowd:
        found["nearly_full"] = {"used": situation.used(crowd[0].key).n + crowd[0].n, "max": crowd[0].limit}
    return found


def left(situation: Situation, tried: Tried, taken: Choice | None) -> dict[str, int]:
    """Return the smallest remainder over each benefit's use limits, for those meant for this holder."""
    consumed = {one.key: one.n for _, one in taken.demands} if taken else {}
    left: dict[str, int] = {}
    for benefit, trial in tried:
        if trial.failures and any(one.condition is Condition.WHO for one in trial.failures):
            continue
        remainders = [max(room - consumed.get(key, 0), 0) for key, room in _rooms(benefit, situation)]
        if remainders:
            left[benefit.id] = min(remainders)
    return left


def _rooms(benefit: Benefit, situation: Situation) -> list[tuple[str, int]]:
    """Return (key, what is left) of the limits on uses that the benefit itself declares."""
    counted = (limit_demand(limit, benefit, situation, 0) for limit in benefit.limits if limit.count is Count.USES)
    return [(one.key, (one.limit or 0) - situation.used(one.key).n) for one in counted if one is not None]
