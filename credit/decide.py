"""The decision: token, request, facts, policy and moment in; one answer with all its reasons out (decision.md).

Order of the decision (the numbers stand in the code):

1. token facts (`credit.tokens` opened it; `refused` answers for what could not be opened)  2. device state: suspended,
clock  3. revocation  4. grace, then replay  5. restricting measures  6. for each benefit offered here every condition
7. choose  8. outcome, offer, obligations, every reason.

Rules of this file:

- pure and total: no clock, no store, no exception for any typed input; the same input gives the same answer;
- reasons of 1 to 5 decide alone; in 6 nothing short-circuits;
- an ending intent skips 2 to 6: whoever holds something may always bring it back (`credit.endings`).
"""

from dataclasses import replace
from typing import Any

from credit.answers import from_json
from credit.calendars import business_day
from credit.catalogue import Benefit, Lifecycle, LifecycleKind
from credit.choice import choose
from credit.claims import Token, TokenClass
from credit.conditions import Check
from credit.decision import Condition, Decision, Failure, Finding, Trial
from credit.endings import end
from credit.facts import Facts
from credit.granting import Tried, grant, left
from credit.inputs import ENDING, OPENING, ClockState, Intent, Now, Request
from credit.measures import Effect, Effective, EntryState, MeasureEntry, code_of, in_force
from credit.policy import Policy
from credit.reasons import Outcome, Reason, outcome_of
from credit.situation import Situation, iso

OVERRIDABLE = frozenset({
    Reason.NEEDS_SECOND_CHECK, Reason.NEEDS_STAFF, Reason.NEEDS_CHALLENGE, Reason.NEEDS_ID_CHECK, Reason.WRONG_LANE,
    Reason.ALREADY_INSIDE, Reason.SLOT_EARLY, Reason.SLOT_LATE, Reason.LIST_TOO_OLD,
})  # fmt: skip
"""What a supervisor may take on themselves: what a person can look at. Never a bound, a refusal or a stopped entry."""

TIMED = frozenset({Reason.STALE_CODE, Reason.NOT_YET_VALID})
ALL_TIMED = TIMED | {Reason.EXPIRED}


def refused(reason: Reason, now: Now, facts: dict[str, Any] | None = None) -> Decision:
    """Return the answer to a presentation that did not become a token, or to a store that failed (step 1).

    A clock that cannot be believed cannot judge times: then time is not held against the holder (scene S17).
    """
    doubtful = ALL_TIMED if now.clock is ClockState.WRONG else TIMED if now.clock is ClockState.UNSURE else frozenset()
    if reason in doubtful:
        facts, reason = {"judged": reason.value}, Reason.CLOCK_NOT_TRUSTED
    return _alone(reason, facts or {}, now)


def _alone(reason: Reason, facts: dict[str, Any], now: Now) -> Decision:
    finding = Finding(reason, facts)
    return Decision(outcome=outcome_of(reason), findings=(finding,), offline=now.offline, clock=now.clock)


def decide(token: Token, request: Request, facts: Facts, policy: Policy, now: Now) -> Decision:
    """Return what this presentation earns here and now."""
    if request.intent in ENDING:
        return facts_repeat(facts, now) or end(request, facts, now)
    situation = Situation(token, request, facts, policy, now)
    decision = _before_benefits(situation, policy) or _among_benefits(situation, policy)
    notes = without_effect(facts.measures, policy)
    return replace(decision, notes=notes) if notes else decision


def without_effect(entries: tuple[MeasureEntry, ...], policy: Policy) -> tuple[Finding, ...]:
    """Return the entries that deny nothing and are told to staff: disputed ones, and unknown codes (reported)."""
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
    return replace(again, repeats=facts.repeat.redemption, offline=now.offline, clock=now.clock)


def _before_benefits(situation: Situation, policy: Policy) -> Decision | None:
    """Take steps 2 to 5: what decides alone; None when the benefits decide."""
    token, facts, now = situation.token, situation.facts, situation.now
    if facts.suspended:  # 2
        return _alone(Reason.TERMINAL_SUSPENDED, {}, now)
    dynamic = token.token_class is TokenClass.BOUND and not token.challenged
    if now.clock is ClockState.WRONG or (now.clock is ClockState.UNSURE and dynamic):
        return _alone(Reason.CLOCK_NOT_TRUSTED, {"clock": now.clock.value}, now)
    if facts.revoked:  # 3
        return _alone(Reason.REVOKED, {}, now)
    restricted = _restricted(situation, policy)  # 5, looked at first: grace never outlives a restriction
    again = facts_repeat(facts, now)  # 4
    if again is not None:
        return restricted or again
    if facts.nonce is not None:
        where = {"at": iso(facts.nonce.at_ms, policy.default_zone), "where": facts.nonce.where}
        reason = Reason.LIMIT_USED if facts.nonce.same_lane else Reason.REPLAYED
        return _alone(reason, where, now)
    return restricted


def measures_here(situation: Situation, policy: Policy) -> list[Effective]:
    """Return the measures in force for this holder in this scene today."""
    issuer = situation.token.issuer
    if not situation.facts.measures:
        return []
    today = business_day(situation.now.utc_ms, policy.zone_of(issuer), 0).day
    found = (in_force(policy.codes, entry, situation.place.scene, today) for entry in situation.facts.measures)
    return [one for one in found if one is not None]


def _restricted(situation: Situation, policy: Policy) -> Decision | None:
    restricting = [one for one in measures_here(situation, policy) if one.code.effect is Effect.RESTRICT]
    if not restricting:
        return None
    findings = tuple(Finding(Reason.RESTRICTED, one.facts()) for one in restricting)
    now = situation.now
    return Decision(outcome=Outcome.REFUSE, findings=findings, offline=now.offline, clock=now.clock)


def serves(lifecycle: Lifecycle, intent: Intent) -> bool:
    """Return whether a benefit of this lifecycle answers this intent (contract.md §3)."""
    return (lifecycle.kind is LifecycleKind.OPEN_CLOSE) == (intent in OPENING)


def _among_benefits(situation: Situation, policy: Policy) -> Decision:
    """Take steps 6 to 8."""
    request, now = situation.request, situation.now
    here = policy.offered(situation.place)
    offered = tuple(one for one in here if serves(one.lifecycle, request.intent))
    if not offered:
        facts = {"site": situation.place.site, "scene": situation.place.scene, "intent": request.intent.value}
        return _alone(Reason.WRONG_SITE, facts, now)
    withheld = [
        Failure(Condition.STANDING, Reason.WITHHELD, one.facts())
        for one in measures_here(situation, policy)
        if one.code.effect is Effect.WITHHOLD
    ]
    tried = [(benefit, _try(benefit, situation, policy.checks[benefit.id], withheld)) for benefit in offered]  # 6
    obtainable = [benefit for benefit, trial in tried if not trial.failures]
    if not obtainable:
        return _denied(situation, tried)
    return grant(situation, offered, tried, choose(obtainable, situation), _findings(tried))  # 7, 8


def _try(benefit: Benefit, situation: Situation, checks: tuple[Check, ...], withheld: list[Failure]) -> Trial:
    failures: list[Failure] = []
    for check in checks:
        check(benefit, situation, failures)
    failures += withheld
    if situation.request.override is None or not failures:
        return Trial(benefit=benefit.id, failures=tuple(failures))
    stand = tuple(one for one in failures if not (one.refer and one.reason in OVERRIDABLE))
    waived = tuple(one for one in failures if one.refer and one.reason in OVERRIDABLE)
    return Trial(benefit=benefit.id, failures=stand, waived=waived)


def _denied(situation: Situation, tried: Tried) -> Decision:
    refers = any(all(one.refer for one in trial.failures) for _, trial in tried)
    return Decision(
        outcome=Outcome.REFER if refers else Outcome.STANDARD,
        findings=_findings(tried),
        left=left(situation, tried, None),
        offline=situation.now.offline,
        clock=situation.now.clock,
        trials=tuple(trial for _, trial in tried),
    )


def _distance(one: tuple[Benefit, Trial]) -> tuple[bool, bool, int, tuple[str, int, str]]:
    """Return how far a benefit was from being given."""
    benefit, trial = one
    firm, stranger = False, False
    for failure in trial.failures:
        firm = firm or not failure.refer
        stranger = stranger or failure.condition is Condition.WHO
    return (firm, stranger, len(trial.failures), benefit.order)


def _findings(tried: Tried) -> tuple[Finding, ...]:
    """Return every reason once, nearest benefit first: one that only little stands in the way of comes first."""
    found: dict[Reason, tuple[Failure, list[str]]] = {}
    for benefit, trial in sorted((one for one in tried if one[1].failures), key=_distance):
        for failure in trial.failures:
            _, stopped = found.setdefault(failure.reason, (failure, []))
            if not stopped or stopped[-1] != benefit.id:
                stopped.append(benefit.id)
    return tuple(Finding(reason, first.facts, tuple(stopped)) for reason, (first, stopped) in found.items())
