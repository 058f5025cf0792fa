"""The decision: token, request, facts, policy and moment in; one answer with all its reasons out (decision.md).

Order of the decision (the numbers stand in the code):

1. token facts (`credit.tokens` opened it; `refused` answers for what could not be opened)  2. device state: suspended,
clock  3. revocation  4. grace, then replay  5. restricting measures  6. for each benefit offered here every condition
7. choose  8. outcome, offer, obligations, every reason.

Rules of this file:

- pure and total: no clock, no store, no exception for any typed input; the same input gives the same answer;
- reasons of 1 to 5 decide alone; in 6 nothing short-circuits;
- an ending intent skips 2 to 6: whoever holds something may always bring it back (`credit.weighing.endings`).
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import repeat
from typing import Any

from msgspec import structs

from credit.claims import Token, TokenClass
from credit.decision import Cause, Condition, Decision, Failure, Finding, Trials
from credit.facts import Facts, NonceUse
from credit.inputs import ENDING, ClockState, Now, Request
from credit.policy import Policy
from credit.reasons import Outcome, Reason, outcome_of
from credit.rules.calendars import local_time
from credit.rules.measures import Effect, Effective, EntryState, MeasureEntry, code_of, in_force
from credit.telling.answers import from_json
from credit.weighing.choice import choose
from credit.weighing.compiled import Candidate, Offering
from credit.weighing.endings import end
from credit.weighing.granting import grant, left, trials_of
from credit.weighing.questions import Questions
from credit.weighing.situation import Situation, iso
from credit.weighing.taking import overruns

OVERRIDABLE = frozenset(
    {
        Reason.NEEDS_SECOND_CHECK,
        Reason.NEEDS_STAFF,
        Reason.NEEDS_CHALLENGE,
        Reason.NEEDS_ID_CHECK,
        Reason.WRONG_LANE,
        Reason.ALREADY_INSIDE,
        Reason.SLOT_EARLY,
        Reason.SLOT_LATE,
        Reason.LIST_TOO_OLD,
    }
)
"""What a supervisor may take on themselves: what a person can look at. Never a bound, a refusal or a stopped entry."""

AHEAD_S = 5  # a code that is no further ahead is as any other
WITHHELD = Cause.of(Condition.STANDING, Reason.WITHHELD, Effective.facts)
LOST = Cause.of(Condition.LIMITS, Reason.STORE_LOST)
UNASKED = Questions(keys={}, passes=(), ending=False)
TIMED = frozenset({Reason.STALE_CODE, Reason.NOT_YET_VALID, Reason.EXPIRED})
TIMED_BY_RTC = frozenset({Reason.NOT_YET_VALID, Reason.EXPIRED})  # it counts for freshness only


def refused(reason: Reason, now: Now, facts: dict[str, Any] | None = None) -> Decision:
    """Return the answer to a presentation that did not become a token, or to a store that failed (step 1).

    A clock that cannot be believed cannot judge times: then time is not held against the holder (scene S17).
    """
    if now.clock is not ClockState.TRUSTED and reason in (TIMED_BY_RTC if now.clock is ClockState.RTC else TIMED):
        facts, reason = {"judged": reason.value}, Reason.CLOCK_NOT_TRUSTED
    return _alone(reason, facts or {}, now)


def _alone(reason: Reason, facts: dict[str, Any], now: Now) -> Decision:
    finding = Finding(reason, facts)
    return Decision(outcome=outcome_of(reason), findings=(finding,), offline=now.offline, clock=now.clock)


def decide(
    token: Token, request: Request, facts: Facts, policy: Policy, now: Now, *, asked: Questions | None = None
) -> Decision:
    """Return what this presentation earns here and now.

    `asked` are the questions whose answers the facts are, of the very same presentation: what was named for them is not
    named again. It changes nothing but the time.
    """
    if request.intent in ENDING:
        return facts_repeat(facts, now) or end(request, facts, now, policy.default_zone)
    situation = Situation(_still_granted(token, facts), request, facts, policy, now)
    if asked is None or asked.token is not situation.token:  # a grant that was withdrawn asks for less
        asked = UNASKED
    situation.update(asked.answers)
    decision = _before_benefits(situation, policy) or _among_benefits(situation, policy, asked)
    notes = without_effect(facts.measures, policy)
    return structs.replace(decision, notes=notes) if notes else decision


def _still_granted(token: Token, facts: Facts) -> Token:
    """Return the token without the grants that its issuer has withdrawn: for everything else it stays good."""
    if not facts.withdrawn:
        return token
    return replace(token, grants=tuple(one for one in token.grants if one.grant_id not in facts.withdrawn))


def without_effect(entries: tuple[MeasureEntry, ...], policy: Policy) -> tuple[Finding, ...]:
    """Return the entries that deny nothing and are told to staff: disputed ones, and unknown codes (reported)."""
    if not entries:
        return ()
    return tuple(
        Finding(Reason.DISPUTED, {"measure": one.code, "state": one.state.value, "known": known})
        for one in entries
        if not (known := code_of(policy.codes, one) is not None) or one.state is EntryState.DISPUTED
    )


def facts_repeat(facts: Facts, now: Now) -> Decision | None:
    """Return the answer that grace repeats, None when there is none."""
    if facts.repeat is None:
        return None
    again = from_json(facts.repeat.answer)
    return structs.replace(again, repeats=facts.repeat.redemption, offline=now.offline, clock=now.clock)


def _before_benefits(situation: Situation, policy: Policy) -> Decision | None:
    """Take steps 2 to 5: what decides alone; None when the benefits decide."""
    token, facts, now = situation.token, situation.facts, situation.now
    if facts.suspended or facts.twin:  # 2
        return _alone(Reason.TERMINAL_SUSPENDED if facts.suspended else Reason.TWIN, {}, now)
    dynamic = token.token_class is TokenClass.BOUND and not token.challenged
    if now.clock is ClockState.WRONG or (now.clock is ClockState.UNSURE and dynamic):
        return _alone(Reason.CLOCK_NOT_TRUSTED, {"clock": now.clock.value}, now)
    if facts.revoked:  # 3
        return _alone(Reason.REVOKED, {}, now)
    restricted = _restricted(situation, policy)  # 5, looked at first: grace never outlives a restriction
    again = facts_repeat(facts, now)  # 4
    if again is not None:
        return restricted or again
    if restricted is None and _ahead(situation):
        return _alone(Reason.NEEDS_CHALLENGE, {}, now)
    return restricted if facts.nonce is None else _burnt(facts.nonce, policy, now)


def _ahead(situation: Situation) -> bool:
    """Return whether a code bears a time so far ahead that it lives long, and nobody else was asked about it.

    A phone's clock may be fast. But a code drawn for later could be shown at two gates: so it is good only where its
    nonce was claimed, or where there is no other lane (contract.md §10, "Skew").
    """
    token, facts = situation.token, situation.facts
    if token.presented_at is None or token.challenged or token.presented_at - situation.now.utc_s <= AHEAD_S:
        return False
    return not (facts.nonce_claimed or situation.place.only_lane)


def _burnt(nonce: NonceUse, policy: Policy, now: Now) -> Decision:
    """Return the answer to a code that was used already, or is being decided about somewhere at this moment."""
    if nonce.held:
        return _alone(Reason.IN_USE, {}, now)
    where = {"at": iso(nonce.at_ms, policy.default_zone), "where": nonce.where}
    return _alone(Reason.LIMIT_USED if nonce.same_lane else Reason.REPLAYED, where, now)


def measures_here(situation: Situation, policy: Policy) -> list[Effective]:
    """Return the measures in force for this holder in this scene today."""
    issuer = situation.token.issuer
    if not situation.facts.measures:
        return []
    today = local_time(situation.now.utc_ms, policy.zone_of(issuer)).date()
    found = (in_force(policy.codes, entry, situation.place.scene, today) for entry in situation.facts.measures)
    return [one for one in found if one is not None]


def _restricted(situation: Situation, policy: Policy) -> Decision | None:
    if not situation.facts.measures:
        return None
    restricting = [one for one in measures_here(situation, policy) if one.code.effect is Effect.RESTRICT]
    if not restricting:
        return None
    findings = tuple(Finding(Reason.RESTRICTED, one.facts()) for one in restricting)
    now = situation.now
    return Decision(outcome=Outcome.REFUSE, findings=findings, offline=now.offline, clock=now.clock)


def _among_benefits(situation: Situation, policy: Policy, asked: Questions) -> Decision:
    """Take steps 6 to 8."""
    offering = policy.offering(situation.place, situation.request.intent)
    offered = offering.benefits
    if not offered:
        place, intent = situation.place, situation.request.intent
        facts = {"site": place.site, "scene": place.scene, "intent": intent.value}
        return _alone(Reason.WRONG_SITE, facts, situation.now)
    withheld = [
        Failure(WITHHELD, (one,)) for one in measures_here(situation, policy) if one.code.effect is Effect.WITHHOLD
    ]
    tried = _tried(situation, offering, asked, withheld)  # 6
    obtainable = [one for one in tried if not one.failures]
    if not obtainable:
        return _denied(situation, tried)
    return grant(situation, offering, tried, choose(obtainable, situation), _findings(tried))  # 7, 8


def _tried(situation: Situation, offering: Offering, asked: Questions, withheld: Sequence[Failure]) -> list[Candidate]:
    """Look at every condition of every benefit. Twenty of them are the most that a grant costs: so no call too many."""
    ordinary, lost, override = situation.ordinary, situation.facts.store_lost, situation.request.override
    named = asked.demands if asked.offering is offering else repeat(None)
    tried = []
    for compiled, demands in zip(offering.benefits, named, strict=False):
        one = Candidate(compiled, situation)
        remain, failures = compiled.ordinary if ordinary else compiled.always, one.failures
        if remain.before is not None:
            failures += situation[remain.before]
        if remain.bounded:
            overruns(one, demands)
        if remain.after is not None:
            failures += situation[remain.after]
        failures += withheld
        if lost and compiled.bounds.ordinary:
            failures.append(Failure(LOST))
        if failures and override is not None:
            one.waived = tuple([failure for failure in failures if _overridable(failure)])
            one.failures = [failure for failure in failures if not _overridable(failure)]
        tried.append(one)
    return tried


def _overridable(failure: Failure) -> bool:
    return failure.refer and failure.reason in OVERRIDABLE


def _denied(situation: Situation, tried: list[Candidate]) -> Decision:
    refers = any(all(failure.refer for failure in one.failures) for one in tried)
    return Decision(
        outcome=Outcome.REFER if refers else Outcome.STANDARD,
        findings=_findings(tried),
        left=left(situation, tried, None),
        offline=situation.offline,
        clock=situation.now.clock,
        trials=Trials(partial(trials_of, tried, ())),
    )


def _findings(tried: list[Candidate]) -> tuple[Finding, ...]:
    """Return every reason once, nearest benefit first: one that only little stands in the way of comes first."""
    failing = [one for one in tried if one.failures]
    failing.sort(key=Candidate.distance)  # those as far away as each other stay in their order
    found: dict[Reason, tuple[Failure, list[str]]] = {}
    for one in failing:
        name = one.compiled.id
        for failure in one.failures:
            reason = failure.cause.reason
            known = found.get(reason)
            if known is None:
                found[reason] = (failure, [name])
            elif known[1][-1] != name:
                known[1].append(name)
    return tuple([Finding(reason, first.facts, tuple(stopped)) for reason, (first, stopped) in found.items()])
