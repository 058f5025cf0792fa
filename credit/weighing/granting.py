"""What a grant says and takes: offer, obligations, what is left, what is consumed (decision.md, step 8).

Rules of this file:

- what is consumed is the list of demands that was checked, each key once per request (contract.md §3);
- asking (quote, check) shows the same and takes nothing;
- `left` is the smallest remainder over a benefit's use limits, after this grant.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

from credit.decision import NOTHING, Consumption, Decision, Finding, Reach, Sum, Trial, Trials, Use
from credit.inputs import ASKING, Intent
from credit.reasons import Outcome, Reason
from credit.rules.calendars import ONE_DAY, at_clock
from credit.rules.catalogue import Benefit, LifecycleKind, OfferKind
from credit.weighing.choice import Choice, givens, offer_of
from credit.weighing.compiled import Candidate, Offering, is_fen
from credit.weighing.situation import UNUSED, Situation, iso
from credit.weighing.taking import own_limits, reenters, since_ms, site_demands

HOUR_MS = 3_600_000
TAKING_OFF = frozenset({OfferKind.PERCENT, OfferKind.AMOUNT, OfferKind.FIXED_PRICE})
STAFF_CONFIRM = "staff-confirm"
BY_STAFF = frozenset({OfferKind.SERVICE, OfferKind.GIFT})


def grant(
    situation: Situation,
    offering: Offering,
    tried: Sequence[Candidate],
    choice: Choice,
    denials: tuple[Finding, ...],
) -> Decision:
    """Step 8 for a GRANT."""
    given = givens(choice, situation)
    asking = situation.request.intent in ASKING
    consumption = NOTHING if asking else _consumption(situation, offering, choice)
    return Decision(
        outcome=Outcome.GRANT,
        findings=(Finding(Reason.OK, {}, tuple([one.benefit for one in given])), *denials),
        given=given,
        offer=offer_of(choice, given),
        obligations=_obligations(situation, choice, consumption),
        left=left(situation, tried, None if asking else choice),
        offline=situation.offline and any(one.offline for one in choice.candidates),
        clock=situation.now.clock,
        consumption=consumption,
        trials=Trials(partial(trials_of, tried, choice.candidates)),
    )


def _consumption(situation: Situation, offering: Offering, choice: Choice) -> Consumption:
    uses: dict[str, Use] = {}
    sums: dict[str, Sum] = {}
    extra = [(choice.benefits[0], one) for one in site_demands(offering, situation)]
    for benefit, (bound, key, n, limit) in (*choice.demands, *extra):
        since, reason = since_ms(bound, situation), bound.cause.reason
        if is_fen(key):
            fen = n + (sums[key].fen if key in sums else 0)
            sums[key] = Sum(key, fen, limit, benefit.id, since, reason, bound.reach, bound.stated(situation))
        elif key not in uses:
            source, leased = bound.stated(situation), bound.leased and bound.reach is not Reach.TERMINAL
            uses[key] = Use(key, n, limit, benefit.id, since, reason, bound.reach, source, leased)
    first = choice.benefits[0]
    passing = [one for one in choice.benefits if one.lifecycle.kind is LifecycleKind.PASS]
    roots = [situation.facts.passes[one.key].root for one in passing if reenters(one, situation)]
    bounds = choice.candidates[0].compiled.bounds
    return Consumption(
        uses=tuple(uses.values()),
        sums=tuple(sums.values()),
        opens=situation.opening,
        due_ms=due_ms(first, situation) if situation.opening else None,
        on_overdue="withhold" if first.lifecycle.withhold_when_overdue else "flag",
        reversal_until_ms=reversal_until_ms(choice.benefits, situation),
        gives_back=False not in [one.reversal.gives_back for one in choice.benefits],
        pass_root=roots[0] if roots else None,
        pass_of=passing[0].key if passing else None,
        pass_entries=passing[0].lifecycle.entries if passing else None,
        pass_reach=bounds.reach,
        pass_source=bounds.pass_source,
        grants=_granted(situation, choice),
    )


def _granted(situation: Situation, choice: Choice) -> tuple[dict[str, Any], ...]:
    """Return the holder's grants that are used: code, id, heads, and how many uses it has."""
    token, heads = situation.token, situation.heads
    if not token.grants:
        return ()
    of = {(one.issuer, one.code) for one in choice.benefits if one.who.grant}
    return tuple(
        {"code": one.code, "id": (one.grant_id or b"").hex(), "n": heads, "max": one.uses}
        for one in token.grants
        if (token.issuer, one.code) in of
    )


def reversal_until_ms(benefits: Sequence[Benefit], situation: Situation) -> int | None:
    """Return until when it can be taken back: as written, else a sale until the end of its business day.

    None: by its state alone, an entry until somebody passed, what was opened until it is closed (contract.md §10).
    """
    now_ms = situation.now.utc_ms
    within = [one.reversal.within_h for one in benefits if one.reversal.within_h is not None]
    if within:
        return now_ms + min(within) * HOUR_MS
    if situation.request.intent is not Intent.BUY:
        return None
    when = benefits[0].when
    return round((at_clock(situation.day(when), when.day_starts) + ONE_DAY).timestamp() * 1000)


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
    rest = choice.prices[-1].rest_fen
    if situation.request.intent is Intent.ENTER:
        found |= _gate(situation, choice, consumption)
    if any(one.offer.kind in BY_STAFF for one in choice.benefits):
        found["confirm_by_staff"] = True
    if rest is not None:
        found["to_pay_fen"] = rest
    if consumption.due_ms is not None:
        found["due"] = iso(consumption.due_ms, choice.benefits[0].when.zone)
    if situation.request.override is not None:
        found["override"] = True
    for _, (bound, key, n, limit) in choice.demands:
        used = situation.used(key)
        inside = n + (used.n if limit is None else used.under(limit))
        if bound.warn is not None and inside >= bound.warn:
            found.setdefault("nearly_full", {"used": inside, "max": limit})
    return found


def _gate(situation: Situation, choice: Choice, consumption: Consumption) -> dict[str, Any]:
    """Return what opens the gate: nothing, where nothing is left to pay; else the rest, or somebody who confirms.

    Where no price is known, an offer that takes something off opens only when staff have seen to the rest. Who comes
    back on a pass has paid for it.
    """
    rest, kinds = choice.prices[-1].rest_fen, {one.offer.kind for one in choice.benefits}
    if consumption.pass_root is not None or rest == 0 or OfferKind.FREE in kinds:
        return {"open_gate": True}
    if rest is not None:
        return {"pay_fen": rest}
    if kinds & TAKING_OFF and STAFF_CONFIRM not in situation.request.confirmed:
        return {"confirm_by_staff": True}
    return {"open_gate": True}


def left(situation: Situation, tried: Sequence[Candidate], taken: Choice | None) -> dict[str, int]:
    """Return the smallest remainder over each benefit's own use limits, for those meant for this holder."""
    held = situation.facts.used
    consumed = {key: n for _, (_, key, n, _) in taken.demands} if taken else {}
    found: dict[str, int] = {}
    for one in tried:
        compiled = one.compiled
        if not compiled.bounds.declares or (one.failures and one.stranger()):
            continue
        least = None
        for bound, key, _, limit in own_limits(one) if compiled.passes else one.demands:
            if bound.own:
                used, most = held.get(key, UNUSED), limit or 0
                room = most - (used.n if used.left is None else used.under(most)) - consumed.get(key, 0)
                if least is None or room < least:
                    least = room
        if least is not None:
            found[compiled.id] = max(least, 0)
    return found


def trials_of(tried: Sequence[Candidate], given: Sequence[Candidate]) -> tuple[Trial, ...]:
    """Write out how each candidate fared."""
    return tuple([Trial(one.compiled.id, tuple(one.failures), one in given, one.waived) for one in tried])
