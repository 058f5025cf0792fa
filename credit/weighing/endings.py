"""Bringing back and going out: close, give_back, return, exit (contract.md §3).

Rules of this file:

- the answer is GRANT with the benefit of the redemption it ends, or STANDARD nothing_open / too_late;
- measures, rules, limits, list age, suspension and expiry are skipped; an exit is never barred;
- an asset or a redemption id names what is brought back, whoever brings it; otherwise it is the holder's own.
"""

from datetime import UTC, tzinfo
from typing import Any

from credit.decision import Decision, Finding, Given
from credit.facts import Bought, Facts, OpenThing
from credit.inputs import Intent, Now, Request
from credit.reasons import Outcome, Reason
from credit.rules.offers import share
from credit.weighing.situation import iso

PAIR = {Intent.CLOSE: Intent.OPEN.value, Intent.GIVE_BACK: Intent.LEND.value}


def end(request: Request, facts: Facts, now: Now, zone: tzinfo = UTC) -> Decision:
    """Return the answer to an ending intent, with a token or without one; its times are told in `zone`."""
    if request.intent is Intent.EXIT:
        return _granted(now, (), None, {"open_gate": True})
    if request.intent is Intent.RETURN:
        return _returned(request, facts, now, zone)
    thing = which(request, facts)
    if thing is None:
        what = {"asset": request.asset} if request.asset else {}
        return _denied(Reason.NOTHING_OPEN, what, now)
    findings = [Finding(Reason.OK)]
    if thing.due_ms is not None and thing.due_ms <= now.utc_ms:
        findings.append(Finding(Reason.OVERDUE, {"due": iso(thing.due_ms, zone), "asset": thing.asset}))
    return _granted(now, thing.given, thing.offer, {}, ends=thing.redemption, findings=tuple(findings))


def which(request: Request, facts: Facts) -> OpenThing | None:
    """Return the open thing that is meant: the one named, else the holder's, oldest first, own kind and scene first."""
    pair, scene = PAIR.get(request.intent), facts.place.scene
    named = [
        one
        for one in facts.open
        if (request.redemption is None or one.redemption == request.redemption)
        and (request.asset is None or one.asset == request.asset)
    ]
    if request.redemption is None and request.asset is None:
        named = [one for one in named if one.scene == scene or one.intent == pair]
    return min(named, key=lambda one: (one.intent != pair, one.scene != scene, one.at_ms), default=None)


def _returned(request: Request, facts: Facts, now: Now, zone: tzinfo) -> Decision:
    found = [
        one
        for one in facts.bought
        if (request.redemption is None or one.redemption == request.redemption) and _covers(one, request)
    ]
    if not found:
        return _denied(Reason.NOTHING_OPEN, {}, now)
    newest = max(found, key=lambda one: (one.at_ms, one.redemption))
    if newest.until_ms is not None and now.utc_ms >= newest.until_ms:
        told = {"until": iso(newest.until_ms, zone), "at": iso(newest.at_ms, zone)}
        return _denied(Reason.TOO_LATE, told, now)
    if newest.until_ms is None and newest.passed and newest.intent == Intent.ENTER.value:
        return _denied(Reason.TOO_LATE, {"at": iso(newest.at_ms, zone)}, now)
    fen, heads = returning(newest, amount_fen=request.amount_fen, heads=request.heads if request.heads_named else None)
    obligations: dict[str, Any] = {}
    if newest.amount_fen is not None and newest.to_pay_fen is not None:
        before = share(newest.to_pay_fen, newest.returned_fen, newest.amount_fen)
        obligations["refund_fen"] = share(newest.to_pay_fen, newest.returned_fen + fen, newest.amount_fen) - before
        obligations["returned_fen"] = fen
    elif heads:
        obligations["returned_heads"] = heads
    return _granted(now, newest.given, newest.offer, obligations, ends=newest.redemption)


def _covers(one: Bought, request: Request) -> bool:
    """Return whether something of it is left to return, and as much as is asked for."""
    if one.amount_fen is not None:
        return one.returned_fen < one.amount_fen and (request.amount_fen or 0) <= one.amount_fen - one.returned_fen
    return one.returned_heads < one.heads and request.heads <= one.heads - one.returned_heads


def returning(one: Bought, *, amount_fen: int | None, heads: int | None) -> tuple[int, int]:
    """Return (fen, heads) that come back: the part named, else all that is left."""
    fen_left = (one.amount_fen or 0) - one.returned_fen
    heads_left = one.heads - one.returned_heads
    if amount_fen is not None:
        fen = min(amount_fen, fen_left)
        return fen, heads_left if fen == fen_left else 0
    if heads is not None and heads < heads_left:
        return fen_left * heads // heads_left, heads
    return fen_left, heads_left


def _denied(reason: Reason, facts: dict[str, Any], now: Now) -> Decision:
    return Decision(outcome=Outcome.STANDARD, findings=(Finding(reason, facts),), offline=now.offline, clock=now.clock)


def _granted(
    now: Now,
    given: tuple[Any, ...],
    offer: Any,
    obligations: dict[str, Any],
    *,
    ends: str | None = None,
    findings: tuple[Finding, ...] = (Finding(Reason.OK),),
) -> Decision:
    return Decision(
        outcome=Outcome.GRANT,
        findings=findings,
        given=tuple(Given(**one) for one in given),
        offer=offer,
        obligations=obligations,
        offline=now.offline,
        clock=now.clock,
        ends=ends,
    )
