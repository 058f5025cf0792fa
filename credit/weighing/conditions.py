"""The conditions of a benefit, each compiled into the question that remains at the gate (decision.md, step 6).

Rules of this file:

- a condition reads a benefit once, when lists are switched, and returns what is left to ask, None if nothing is;
- the answer to a question is what does not hold: every failure with its reason, none when all is well;
- every condition is looked at, none short-circuits: the visitor is told everything at once 一次性告知;
- whether a failure can be mended by a person looking (REFER) is the reason's, except where contract.md §1 says so;
- equal terms are one question, whichever benefits ask it.
"""

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from credit.decision import Cause, Condition, Failure
from credit.inputs import ENTERING
from credit.reasons import Reason
from credit.rules.ages import NOT_GIVEN, AgePolicy
from credit.rules.calendars import timetable
from credit.rules.catalogue import Benefit, LifecycleKind, OfferKind, When
from credit.rules.offers import below_min_spend, has_figure, moves_more
from credit.weighing.compiled import Failures, Shared, stays_inside
from credit.weighing.demands import inside_key
from credit.weighing.eligibility import Lack, asks_of, missing
from credit.weighing.needs import ID_CHECK, need_of
from credit.weighing.situation import Question, Situation, iso
from credit.weighing.taking import reenters

Left = Question[Failures] | None
Told = dict[str, Any]


def who(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether the benefit is for this holder; on its own lane a stranger is in the wrong lane."""
    asks, offer, terms = asks_of(benefit, shared), benefit.offer, benefit.who
    lanes = {offer.lane, *(benefit.where.lanes or ())} if offer.kind is OfferKind.LANE else ()
    if not asks:
        return None

    def ask(situation: Situation) -> Failures:
        lacks: tuple[Lack, ...] = ()
        for lacking in asks:
            lack = lacking(situation)
            if lack is not None:
                lacks += (lack,)
        return (Failure(WRONG_LANE if situation.place.lane in lanes else STRANGER, (lacks,)),) if lacks else ()

    return shared.question((who, terms, benefit.issuer, benefit.code if terms.grant else None, frozenset(lanes)), ask)


def when(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether it is the right day and hour."""
    terms = benefit.when
    if not terms.bounded:
        return None
    misfits, day = timetable(terms, shared.calendars), shared.day(terms)

    def ask(situation: Situation) -> Failures:
        today = situation[day]
        return [
            Failure(WRONG_TIME, (terms, misfit.part, today.day))
            if misfit.holiday is None
            else Failure(ENDED if misfit.ended else HOLIDAY, (misfit.holiday, today.day))
            for misfit in misfits(situation.now_ms, today)
        ]

    return shared.question((when, terms), ask)


def _holiday(calendar: str, day: date) -> Told:
    return {"calendar": calendar, "day": day.isoformat()}


def _hours(terms: When, part: str, day: date) -> Told:
    facts: Told = {"part": part, "day": day.isoformat()}
    if part == "dates":
        facts["from"] = terms.from_day.isoformat() if terms.from_day else None
        facts["until"] = terms.until_day.isoformat() if terms.until_day else None
    elif part == "daily":
        facts["daily"] = [[_clock(start), _clock(end)] for start, end in terms.daily or ()]
    elif part == "weekdays":
        facts["weekdays"] = sorted(terms.weekdays or ())
    else:
        facts["only"] = list(terms.only)
    return {name: value for name, value in facts.items() if value is not None}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def needs(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether everything is there that the benefit needs."""
    named = tuple([need_of(name) for name in benefit.needs])
    return (
        shared.question((needs, benefit.needs), lambda s: [one for need in named for one in need(s)]) if named else None
    )


def id_check(benefit: Benefit, shared: Shared) -> Left:
    """Ask for the ID check that a token itself asks for."""
    need = need_of(ID_CHECK)
    if ID_CHECK in benefit.needs:
        return None
    return shared.question(id_check, lambda situation: need(situation) if situation.token.id_check else ())


def slot(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether it is the booked time, with its grace: [from - early, until + late)."""
    bounds, zone = benefit.slot, benefit.when.zone
    asked_for = "reservation" in benefit.needs
    if bounds is None and not asked_for:
        return None
    early_s, late_s = (bounds.early_min * 60, bounds.late_min * 60) if bounds else (0, 0)

    def ask(situation: Situation) -> Failures:
        booked, now_s = situation.token.reservation, situation.now.utc_s
        if booked is None or booked.site != situation.place.site:
            return () if asked_for else (Failure(UNBOOKED),)
        if now_s < booked.from_s - early_s:
            return (Failure(EARLY, (booked.from_s, booked.until_s, zone)),)
        if now_s >= booked.until_s + late_s:
            return (Failure(LATE, (booked.from_s, booked.until_s, zone)),)
        return ()

    return shared.question((slot, bounds, asked_for, zone), ask)


def _slot(from_s: int, until_s: int, zone: ZoneInfo) -> Told:
    return {"slot": [iso(edge * 1000, zone) for edge in (from_s, until_s)]}


def unsettled(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether something is overdue here, or entry is stopped."""
    zone = benefit.when.zone

    def ask(situation: Situation) -> Failures:
        scene, facts = situation.place.scene, situation.facts
        found = [
            Failure(OVERDUE, (one.due_ms, one.asset, zone))
            for one in facts.open
            if one.withhold_when_overdue
            and one.scene == scene
            and one.due_ms is not None
            and one.due_ms <= situation.now_ms
        ]
        if facts.entry_stopped and situation.request.intent in ENTERING:
            found.append(Failure(STOPPED, (situation.place.site,)))
        return found

    return shared.question((unsettled, zone), ask)


def _overdue(due_ms: int, asset: str | None, zone: ZoneInfo) -> Told:
    return {"due": iso(due_ms, zone), "asset": asset}


def _stopped(site: str) -> Told:
    return {"site": site}


def passing(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether a pass has room for these heads, and its holder is not inside already."""
    cycle, zone = benefit.lifecycle, benefit.when.zone
    if cycle.kind is not LifecycleKind.PASS:
        return None
    inside = inside_key(benefit, shared)

    def ask(situation: Situation) -> Failures:
        under_way = situation.facts.passes.get(benefit.key)
        if under_way is None:
            fits = cycle.entries is None or situation.heads <= cycle.entries
            return () if fits else (Failure(TOO_MANY, (cycle.entries,)),)
        found, last_ms = [], under_way.last_ms
        if cycle.anti_pass_back and situation.used(inside(situation)).n:
            found.append(Failure(INSIDE, (last_ms, zone)))
        if not reenters(benefit, situation) and not benefit.limits:
            # no limit says when a new pass may begin: the pass itself is the bound
            found.append(Failure(ENTERED, (cycle.entries, last_ms, zone)))
            if cycle.entries is None or under_way.entries + situation.heads <= cycle.entries:
                found.append(Failure(TOO_LATE, (last_ms, cycle.reentry_min, zone)))
        return found

    return shared.question((passing, benefit.key), ask)


def _most(entries: int) -> Told:
    return {"max": entries}


def _inside(last_ms: int, zone: ZoneInfo) -> Told:
    return {"at": iso(last_ms, zone)}


def _entered(entries: int | None, last_ms: int, zone: ZoneInfo) -> Told:
    return {"max": entries, "at": iso(last_ms, zone)}


def _reentry(last_ms: int, reentry_min: int | None, zone: ZoneInfo) -> Told:
    return {"at": iso(last_ms, zone), "reentry_min": reentry_min}


def tiered_limits(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether each limit by tier names the holder's tier, or a lower one."""
    tables = tuple([limit.max for limit in benefit.limits if limit.max.by_tier])
    standing, told = shared.standing(benefit.issuer), (Failure(UNTIERED_LIMIT, ("limits",)),)
    if not tables:
        return None

    def ask(situation: Situation) -> Failures:
        tier = situation[standing][0]
        return told if any(table.at(tier) is None for table in tables) else ()

    return shared.question((tiered_limits, tables, benefit.issuer), ask)


def _untold(table: str) -> Told:
    return {"missing": {"tier": table}}


def offer(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether the offer has a figure for this holder and this amount."""
    terms, standing = benefit.offer, shared.standing(benefit.issuer)
    if terms.min_spend_fen is None and not terms.table.by_tier:
        return None

    def ask(situation: Situation) -> Failures:
        found = []
        if not has_figure(terms, situation[standing][0]):
            found.append(Failure(UNTIERED, ("table",)))
        if below_min_spend(terms, situation.request.amount_fen):
            found.append(Failure(TOO_LITTLE, (terms.min_spend_fen,)))
        return found

    return shared.question((offer, terms, benefit.issuer), ask)


def _least(min_spend_fen: int) -> Told:
    return {"min_spend_fen": min_spend_fen}


def lists(benefit: Benefit, shared: Shared) -> Left:
    """Ask whether the lists are young enough for this, and whether this may be given offline at all."""
    policy, offered, age = shared.ages, benefit.offer, shared.age_s(benefit.issuer)
    most_s, given_s, last_s = max_age_s(benefit, policy), policy.given_s(offered.kind), policy.last_s
    rules, inside = benefit.offline, stays_inside(benefit, shared)
    barred = Failure(Cause(Condition.OFFLINE, Reason.OFFLINE_LIMIT, _most, not rules.standard_on_limit), (0,))

    def ask(situation: Situation) -> Failures:
        age_s, found = situation[age], []
        most_fen = policy.most_fen(offered.kind, age_s)
        if age_s > last_s:
            found.append(Failure(DEAD, (age_s, last_s)))
        elif age_s > most_s or most_fen == NOT_GIVEN:
            found.append(Failure(OLD, (age_s, min(most_s, given_s))))
        elif most_fen is not None and moves_more(offered, most_fen, situation.request.amount_fen, situation.heads):
            found.append(Failure(OLD, (age_s, policy.kept_s(offered.kind), most_fen)))
        if situation.offline and not rules.allow and not (inside and situation.facts.site_reached):
            found.append(barred)
        return found

    alike = (offered, most_s, rules.allow, rules.standard_on_limit, benefit.issuer, inside)
    return shared.question((lists, *alike), ask)


def max_age_s(benefit: Benefit, policy: AgePolicy) -> int:
    """Return how old in seconds the lists may be on which `benefit` is given, by its own word and the policy's end."""
    own = benefit.offline.max_list_age_h
    return policy.last_s if own is None else min(own * 3600, policy.last_s)


def free_age_s(benefit: Benefit, policy: AgePolicy) -> int:
    """Return until which age of the lists nothing need be asked about it."""
    return min(max_age_s(benefit, policy), policy.kept_s(benefit.offer.kind))


def _age(age_s: int, max_s: int, most_fen: int | None = None) -> Told:
    return {"age_s": age_s, "max_s": max(max_s, 0)} | ({} if most_fen is None else {"max_fen": most_fen})


STRANGER = Cause.of(Condition.WHO, Reason.NOT_ELIGIBLE, missing)
WRONG_LANE = Cause.of(Condition.WHO, Reason.WRONG_LANE, missing)
WRONG_TIME = Cause.of(Condition.WHEN, Reason.WRONG_TIME, _hours)
HOLIDAY = Cause.of(Condition.WHEN, Reason.HOLIDAY_EXCLUDED, _holiday)
ENDED = Cause.of(Condition.WHEN, Reason.CALENDAR_ENDED, _holiday)
UNBOOKED = Cause.of(Condition.SLOT, Reason.NEEDS_RESERVATION)
EARLY = Cause.of(Condition.SLOT, Reason.SLOT_EARLY, _slot)
LATE = Cause.of(Condition.SLOT, Reason.SLOT_LATE, _slot)
OVERDUE = Cause.of(Condition.OPEN, Reason.OVERDUE, _overdue)
STOPPED = Cause.of(Condition.STANDING, Reason.ENTRY_STOPPED, _stopped)
TOO_MANY = Cause.of(Condition.LIMITS, Reason.LIMIT_USED, _most)
INSIDE = Cause.of(Condition.OPEN, Reason.ALREADY_INSIDE, _inside)
ENTERED = Cause.of(Condition.LIMITS, Reason.LIMIT_USED, _entered)
TOO_LATE = Cause.of(Condition.WHEN, Reason.TOO_LATE, _reentry)
UNTIERED_LIMIT = Cause.of(Condition.WHO, Reason.NOT_ELIGIBLE, _untold)
UNTIERED = Cause.of(Condition.OFFER, Reason.NOT_ELIGIBLE, _untold)
TOO_LITTLE = Cause.of(Condition.OFFER, Reason.BELOW_MIN_SPEND, _least)
OLD = Cause.of(Condition.OFFLINE, Reason.LIST_TOO_OLD, _age)
DEAD = Cause(Condition.OFFLINE, Reason.LIST_TOO_OLD, _age, refer=False)
