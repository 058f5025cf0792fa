"""The conditions of a benefit as a table of small functions (decision.md, step 6).

Rules of this file:

- every condition is looked at, none short-circuits: the visitor is told everything at once 一次性告知;
- a condition appends what does not hold to `out`, and says nothing when it holds;
- whether a failure can be mended by a person looking (REFER) is the reason's, except where contract.md §1 says so.
"""

from collections.abc import Callable
from typing import Any

from credit.calendars import misfits
from credit.catalogue import ANY_ISSUER, Benefit, LifecycleKind, OfferKind
from credit.claims import TokenClass
from credit.decision import Condition, Failure
from credit.demands import benefit_key, inside_key, reenters, taking
from credit.inputs import ENTERING, SecondResult
from credit.offers import below_min_spend, has_figure
from credit.reasons import REFERRING, Reason
from credit.situation import UNUSED, Situation

SECOND = "second-check:"
MAX_LIST_AGE_S = 14 * 86_400  # beyond it no list supports any benefit (lists.md)
Failures = list[Failure]
Check = Callable[[Benefit, Situation, Failures], None]


def _add(out: Failures, condition: Condition, reason: Reason, facts: dict[str, Any], refer: bool | None = None) -> None:
    out.append(Failure(condition, reason, facts, reason in REFERRING if refer is None else refer))


def who(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether the benefit is for this holder."""
    lacks = _lacks(benefit, situation)
    if not lacks:
        return
    own_lane = benefit.offer.kind is OfferKind.LANE and situation.place.lane in (
        benefit.offer.lane, *(benefit.where.lanes or ()),
    )  # fmt: skip
    reason = Reason.WRONG_LANE if own_lane else Reason.NOT_ELIGIBLE
    out.append(Failure(Condition.WHO, reason, {"missing": lacks}, own_lane))


def _lacks(benefit: Benefit, situation: Situation) -> dict[str, Any]:
    """Return what the holder lacks, by name; empty when nothing is missing."""
    who_, token = benefit.who, situation.token
    lacks: dict[str, Any] = {}
    _lacks_issuer(benefit, situation, lacks)
    tier, groups = situation.standing(benefit)
    if who_.min_tier is not None and (tier is None or tier < who_.min_tier):
        lacks["min_tier"] = who_.min_tier
    if who_.groups_any is not None and not (who_.groups_any & groups):
        lacks["groups_any"] = sorted(who_.groups_any)
    if who_.groups_all is not None and not who_.groups_all <= groups:
        lacks["groups_all"] = sorted(who_.groups_all - groups)
    if who_.residents_of is not None and not _resident(token.region, who_.residents_of):
        lacks["residents_of"] = list(who_.residents_of)
    if who_.subject is not None and token.kind is not who_.subject:
        lacks["subject"] = who_.subject.value
    if who_.grant and not _granted(benefit, situation):
        lacks["grant"] = benefit.code
    if who_.merchant_min_tier is not None and (_merchant_tier(situation) or 0) < who_.merchant_min_tier:
        lacks["merchant_min_tier"] = who_.merchant_min_tier
    return lacks


def _lacks_issuer(benefit: Benefit, situation: Situation, lacks: dict[str, Any]) -> None:
    named, own = benefit.who.issuers, situation.token.issuer
    trusted = named if named is not None else frozenset({benefit.issuer})
    if own not in trusted and trusted != ANY_ISSUER:
        lacks["issuer"] = sorted(trusted)


def _resident(region: int | None, prefixes: tuple[str, ...]) -> bool:
    return region is not None and str(region).startswith(prefixes)


def _granted(benefit: Benefit, situation: Situation) -> bool:
    token = situation.token
    return token.issuer == benefit.issuer and any(grant.code == benefit.code for grant in token.grants)


def _merchant_tier(situation: Situation) -> int | None:
    own = situation.place.merchant_tier
    return own if own is not None else situation.policy.sites.merchant_tiers.get(situation.place.site)


def when(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether it is the right day and hour."""
    day = situation.day(benefit.when)
    for misfit in misfits(benefit.when, situation.policy.calendars, situation.now.utc_ms, day):
        if misfit.holiday is not None:
            facts = {"calendar": misfit.holiday, "day": day.day.isoformat()}
            _add(out, Condition.WHEN, Reason.HOLIDAY_EXCLUDED, facts)
        else:
            _add(out, Condition.WHEN, Reason.WRONG_TIME, _hours(benefit, misfit.part, day.day.isoformat()))


def _hours(benefit: Benefit, part: str, day: str) -> dict[str, Any]:
    when_ = benefit.when
    facts: dict[str, Any] = {"part": part, "day": day}
    if part == "dates":
        facts["from"] = when_.from_day.isoformat() if when_.from_day else None
        facts["until"] = when_.until_day.isoformat() if when_.until_day else None
    elif part == "daily":
        facts["daily"] = [[_clock(start), _clock(end)] for start, end in when_.daily or ()]
    elif part == "weekdays":
        facts["weekdays"] = sorted(when_.weekdays or ())
    else:
        facts["only"] = list(when_.only)
    return {name: value for name, value in facts.items() if value is not None}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def needs(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether everything is there that the benefit needs."""
    token, request = situation.token, situation.request
    if not benefit.needs and not token.id_check:
        return
    if token.id_check and "id-check" not in benefit.needs and "id-check" not in request.confirmed:
        _add(out, Condition.NEEDS, Reason.NEEDS_ID_CHECK, {})
    for need in benefit.needs:
        if need.startswith(SECOND):
            _second(need[len(SECOND) :], situation, out)
            continue
        held, reason = NEEDS[need]
        if not held(situation):
            _add(out, Condition.NEEDS, reason, {})


NEEDS: dict[str, tuple[Callable[[Situation], bool], Reason]] = {
    "bound-token": (lambda s: s.token.token_class is TokenClass.BOUND, Reason.NEEDS_BOUND_TOKEN),
    "challenge": (lambda s: s.token.challenged, Reason.NEEDS_CHALLENGE),
    "id-check": (lambda s: "id-check" in s.request.confirmed, Reason.NEEDS_ID_CHECK),
    "staff-confirm": (lambda s: "staff-confirm" in s.request.confirmed, Reason.NEEDS_STAFF),
    "reservation": (
        lambda s: s.token.reservation is not None and s.token.reservation.site == s.place.site,
        Reason.NEEDS_RESERVATION,
    ),
    "pledge": (lambda s: "pledge" in s.request.confirmed, Reason.NEEDS_PLEDGE),
    "asset": (lambda s: s.request.asset is not None, Reason.NEEDS_ASSET),
}


def _second(name: str, situation: Situation, out: Failures) -> None:
    """Take the second verifier's word, or its written policy when it was down (scene S6)."""
    found = [one for one in situation.request.second if one.name in (name, "*")]
    result = found[0].result if found else None
    if result in (SecondResult.PASSED, SecondResult.DOWN_PASS):
        return
    facts = {"check": name, "result": result.value if result else "missing"}
    _add(out, Condition.NEEDS, Reason.NEEDS_SECOND_CHECK, facts)
    if result is SecondResult.DOWN_REFUSE:
        _add(out, Condition.NEEDS, Reason.NOT_ELIGIBLE, {"missing": {"second_check": name}})


def slot(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether it is the booked time, with its grace: [from - early, until + late)."""
    booked, bounds = situation.token.reservation, benefit.slot
    if booked is None or booked.site != situation.place.site:
        if bounds is not None and "reservation" not in benefit.needs:
            _add(out, Condition.SLOT, Reason.NEEDS_RESERVATION, {})
        return
    early, late = (bounds.early_min, bounds.late_min) if bounds else (0, 0)
    now_s = situation.now.utc_s
    facts = {"slot": [situation.local(edge * 1000, benefit.when) for edge in (booked.from_s, booked.until_s)]}
    if now_s < booked.from_s - early * 60:
        _add(out, Condition.SLOT, Reason.SLOT_EARLY, facts)
    elif now_s >= booked.until_s + late * 60:
        _add(out, Condition.SLOT, Reason.SLOT_LATE, facts)


def standing(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether something is overdue here, the holder is inside already, or entry is stopped."""
    for thing in situation.facts.open:
        late = thing.due_ms is not None and thing.due_ms <= situation.now.utc_ms
        if late and thing.withhold_when_overdue and thing.scene == situation.place.scene:
            due = situation.local(thing.due_ms or 0, benefit.when)
            _add(out, Condition.OPEN, Reason.OVERDUE, {"due": due, "asset": thing.asset})
    if situation.facts.entry_stopped and situation.request.intent in ENTERING:
        _add(out, Condition.STANDING, Reason.ENTRY_STOPPED, {"site": situation.place.site})
    if benefit.lifecycle.kind is LifecycleKind.PASS:
        _pass(benefit, situation, out)


def _pass(benefit: Benefit, situation: Situation, out: Failures) -> None:
    under_way, cycle = situation.facts.passes.get(benefit_key(benefit)), benefit.lifecycle
    if under_way is None:
        if cycle.entries is not None and situation.request.heads > cycle.entries:
            _add(out, Condition.LIMITS, Reason.LIMIT_USED, {"max": cycle.entries})
        return
    last = situation.local(under_way.last_ms, benefit.when)
    if cycle.anti_pass_back and situation.used(inside_key(benefit, situation)).n:
        _add(out, Condition.OPEN, Reason.ALREADY_INSIDE, {"at": last})
    if reenters(benefit, situation):
        return
    if not benefit.limits:  # no limit says when a new pass may begin: the pass itself is the bound
        _add(out, Condition.LIMITS, Reason.LIMIT_USED, {"max": cycle.entries, "at": last})
        if cycle.entries is None or under_way.entries + situation.request.heads <= cycle.entries:
            _add(out, Condition.WHEN, Reason.TOO_LATE, {"at": last, "reentry_min": cycle.reentry_min})


def bounds(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether there is room under every bound: limits, open things, stock, capacity, offline."""
    held = situation.facts.used
    for demand in taking(benefit, situation).demands:
        if demand.limit is None:
            continue
        used = held.get(demand.key, UNUSED)
        if used.n + demand.n <= demand.limit:
            continue
        facts: dict[str, Any] = {"used": used.n, "max": demand.limit}
        if used.at_ms is not None and demand.condition is not Condition.CAPACITY:
            facts["at"] = situation.local(used.at_ms, benefit.when)
            facts["where"] = used.where
        out.append(Failure(demand.condition, demand.reason, facts, demand.refer))
        if demand.key.startswith("o|") and demand.reason is Reason.LIMIT_USED and used.n:
            _add(out, Condition.OPEN, Reason.ALREADY_OPEN, facts)


def offer(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether the offer has a figure for this holder and this amount."""
    if not has_figure(benefit.offer, situation.standing(benefit)[0]):
        _add(out, Condition.OFFER, Reason.NOT_ELIGIBLE, {"missing": {"tier": "table"}})
    if below_min_spend(benefit.offer, situation.request.amount_fen):
        _add(out, Condition.OFFER, Reason.BELOW_MIN_SPEND, {"min_spend_fen": benefit.offer.min_spend_fen})


def tiered_limits(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether each limit by tier names the holder's tier, or a lower one."""
    tier = situation.standing(benefit)[0]
    if any(limit.max.by_tier and limit.max.at(tier) is None for limit in benefit.limits):
        _add(out, Condition.WHO, Reason.NOT_ELIGIBLE, {"missing": {"tier": "limits"}})


def lists(benefit: Benefit, situation: Situation, out: Failures) -> None:
    """Ask whether the lists are young enough, and whether this may be given offline at all."""
    ages, rules = situation.facts.ages_s, benefit.offline
    if not ages and not situation.now.offline:
        return
    age = max(ages.get(benefit.issuer, 0), ages.get(situation.token.issuer, 0))
    if age > MAX_LIST_AGE_S:
        _add(out, Condition.OFFLINE, Reason.LIST_TOO_OLD, {"age_s": age, "max_s": MAX_LIST_AGE_S}, refer=False)
    elif rules.max_list_age_h is not None and age > rules.max_list_age_h * 3600:
        _add(out, Condition.OFFLINE, Reason.LIST_TOO_OLD, {"age_s": age, "max_s": rules.max_list_age_h * 3600})
    if situation.now.offline and not rules.allow:
        _add(out, Condition.OFFLINE, Reason.OFFLINE_LIMIT, {"max": 0}, refer=not rules.standard_on_limit)


CHECKS: tuple[tuple[Check, Callable[[Benefit], bool]], ...] = (
    (who, lambda _: True),
    (when, lambda one: one.when.bounded),
    (needs, lambda _: True),
    (slot, lambda one: one.slot is not None or "reservation" in one.needs),
    (standing, lambda _: True),
    (tiered_limits, lambda one: any(limit.max.by_tier for limit in one.limits)),
    (bounds, lambda _: True),
    (offer, lambda one: one.offer.min_spend_fen is not None or bool(one.offer.table.by_tier)),
    (lists, lambda _: True),
)
"""Every condition in the order in which failures are told, and for which benefits it can fail at all."""


def checks_of(benefit: Benefit) -> tuple[Check, ...]:
    """Return the conditions that can fail for `benefit`; asked once, when lists are switched."""
    return tuple(check for check, applies in CHECKS if applies(benefit))
