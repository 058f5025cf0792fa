"""The ledger: check and write in one transaction, so that no use is ever given twice (contract.md §2, §8).

Rules of this file:

- every function runs inside the transaction of its pen and is one whole step: what it returns is true once that
  transaction is committed, and not before;
- nothing here waits for anybody: what others know came in as a `Permit` (cache.ledger.permit);
- `settle` reads facts, decides, and writes redemption, uses, nonce and journal; only a GRANT writes more than a fact;
- what comes too late or fits nothing is an error *fact* (kind `note`): it is kept and changes nothing.

The hard case is the one that decides twice: read, decide, ask others, and meanwhile somebody was served. So what was
asked is decided again here, on what the ledger says inside the transaction, and what the permit does not hold is not
taken under it.
"""

from hashlib import sha256
from typing import Any, NamedTuple

from msgspec.structs import replace

from cache.journal import proofs
from cache.ledger import attempts, entries, facts, upkeep, writing
from cache.ledger.counting import keys as counted
from cache.ledger.elsewhere.ended import as_seen_here, end_elsewhere, less_ended
from cache.ledger.permit import ALONE, ClaimWord, Dry, Permit
from cache.ledger.steps import write_closing, write_reversal
from cache.ledger.visit import Lists, Settled, Stage, Visit, grace_key
from cache.pen import Pen
from credit.claims import TokenClass
from credit.decide import decide, refused
from credit.decision import Decision, Finding, Reach, Sum, Use
from credit.facts import Facts
from credit.inputs import ASKING, ENDING, Intent, Now, Place, Request
from credit.opening.layers import bytes_of
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.calendars import local_time
from credit.rules.measures import Effect, in_force
from credit.telling.answers import to_text
from credit.weighing.endings import end, returning
from credit.weighing.questions import Questions, questions

HASHED_ID_BYTES = 16
STARTS = {Intent.QUOTE: Intent.BUY, Intent.CHECK: Intent.ENTER}
DENIES = {Reason.RESTRICTED: Effect.RESTRICT, Reason.WITHHELD: Effect.WITHHOLD}
ACTUATED_OF = "SELECT actuated_ms FROM redemptions WHERE id = ?"


class Weighed(NamedTuple):
    """A decision, the facts that it rests on, and what was asked for them."""

    decision: Decision
    facts: Facts
    asked: Questions


def settle(pen: Pen, visit: Visit, lists: Lists, policy: Policy, permit: Permit = ALONE) -> Settled:
    """Decide on a presentation and write what follows from it; one step of one transaction."""
    if permit.ended:
        end_elsewhere(pen.conn, permit.ended, pen.now.utc_ms)
    weighed = weigh(pen, visit, lists, policy, permit)
    decision, known, _ = weighed
    if decision.repeats is not None:
        return _repeated(pen, decision)
    if visit.request.intent in ASKING:
        return Settled(decision=decision)
    if decision.reasons == (Reason.NOTHING_OPEN,) and _may_be_another_s(visit.request, permit):
        return _unmatched(pen, visit.request)
    if decision.outcome is not Outcome.GRANT:
        seq = _write_denial(pen, visit, weighed, policy, permit)
        return Settled(decision=decision, journal_seq=seq, notice=None if seq is None else visit.notice)
    if visit.request.intent in ENDING:
        return _write_ending(pen, visit, decision, known)
    outside = _outside(decision, permit)
    return Settled(decision=decision, outside=outside) if outside else _write_grant(pen, visit, decision, permit)


def _outside(decision: Decision, permit: Permit) -> frozenset[str]:
    """Return the keys that a decision takes and whoever answered for them does not hold (claims.md, gate 5)."""
    if not permit.binding:
        return frozenset()
    taken = decision.consumption
    taking: tuple[Use | Sum, ...] = (*taken.uses, *taken.sums)
    wide = [
        one.key
        for one in taking
        if one.reach is not Reach.TERMINAL and one.limit is not None and one.key not in permit.leases
    ]
    if taken.pass_root is not None and taken.pass_entries is not None and taken.pass_reach is not Reach.TERMINAL:
        wide.append(f"p|{taken.pass_root}")
    return frozenset(wide) - permit.keys


def _may_be_another_s(request: Request, permit: Permit) -> bool:
    """Return whether what is brought back may be another gate's, while nobody who knows answers (claims.md 6)."""
    back = request.intent in (Intent.CLOSE, Intent.GIVE_BACK)
    return back and permit.claim is ClaimWord.ALONE and (request.redemption or request.asset) is not None


def weigh(pen: Pen, visit: Visit, lists: Lists, policy: Policy, permit: Permit = ALONE) -> Weighed:
    """Decide on a presentation and write nothing: what would be given, and what it would take."""
    now, asked = permit.moment(pen.now), visit.asked
    if asked is None or not asked.of(visit.token, visit.request, now):
        asked = questions(visit.token, visit.request, visit.place, policy, now)
    own = less_ended(pen.conn, facts.read_facts(pen.conn, asked, visit, now), permit.ended)
    known = facts.with_lists(permit.over(own), lists, asked, visit, now)
    known = as_seen_here(pen.conn, known, own, permit.elsewhere)
    decision = decide(visit.token, visit.request, known, policy, now, asked=asked)
    if asked.ending:
        decision = titled(decision, policy)
    if visit.disk is Stage.LAST and _begins(visit, decision):
        decision = refused(Reason.STORE_FAILED, now, {"disk": "last"})
    return Weighed(decision, known, asked)


def _begins(visit: Visit, decision: Decision) -> bool:
    """Return whether a decision gives something new: no ending does, and grace only repeats."""
    return decision.outcome is Outcome.GRANT and decision.repeats is None and visit.request.intent not in ENDING


def dry(pen: Pen, visit: Visit, lists: Lists, policy: Policy, permit: Permit = ALONE) -> Dry:
    """Say what a visit would come to, and write nothing: quote and check as what they ask about."""
    intent = STARTS.get(visit.request.intent, visit.request.intent)
    same = intent is visit.request.intent  # as with most
    meant = visit if same else replace(visit, request=replace(visit.request, intent=intent))
    decision, _, asked = weigh(pen, meant, lists, policy, permit)
    taken = decision.consumption
    taking: tuple[Use | Sum, ...] = (*taken.uses, *taken.sums)
    keys = [one.key for one in taking if one.reach is not Reach.TERMINAL]
    keys += [] if taken.pass_root is None else [f"p|{taken.pass_root}"]
    inside = {key: counted.used(pen.conn, key, None).n for key in keys if key.startswith(counted.INSIDE)}
    return Dry(decision, counted.living(pen.conn, keys), counted.given_back(pen.conn, keys), inside, asked)


def bring_back(pen: Pen, request: Request, place: Place, policy: Policy, permit: Permit = ALONE) -> Settled:
    """Close or take back without a code, by asset or redemption id (contract.md §3)."""
    own = Facts(place=place, open=facts.open_things(pen.conn, None, request))
    if permit.ended:
        end_elsewhere(pen.conn, permit.ended, pen.now.utc_ms)
        own = replace(own, open=facts.open_things(pen.conn, None, request))
    known = as_seen_here(pen.conn, permit.over(own), own, ())
    decision = titled(end(request, known, pen.now, policy.default_zone), policy)
    if decision.outcome is not Outcome.GRANT or decision.ends is None:
        silent = _may_be_another_s(request, permit)
        return _unmatched(pen, request) if silent else Settled(decision=decision)
    seq = write_closing(pen, decision.ends)
    return Settled(decision=decision, redemption=decision.ends, journal_seq=seq)


def titled(decision: Decision, policy: Policy) -> Decision:
    """Return a decision whose benefits bear their titles: what another gate gave is told without them."""
    if all(one.title for one in decision.given):
        return decision
    titles = {(one.issuer, one.id): dict(one.title) for one in policy.benefits()}
    given = tuple(
        [one._replace(title=one.title or titles.get((one.issuer, one.benefit), {})) for one in decision.given]
    )
    return replace(decision, given=given)


def _unmatched(pen: Pen, request: Request) -> Settled:
    """Take back what nobody here knows while somebody who may know it is silent (claims.md 6)."""
    body = {"step": "closed", "unmatched": True} | ({"asset": request.asset} if request.asset else {})
    seq = pen.fact("closed", body, of=request.redemption)
    now = pen.now
    decision = Decision(outcome=Outcome.GRANT, findings=(Finding(Reason.OK),), offline=now.offline, clock=now.clock)
    return Settled(decision=decision, journal_seq=seq)


def _repeated(pen: Pen, decision: Decision) -> Settled:
    row = pen.conn.execute(ACTUATED_OF, (decision.repeats,)).fetchone()
    again = not decision.repeats or (row is not None and row[0] is None)  # without a redemption: an exit, never barred
    opens = again and bool(decision.obligations.get("open_gate"))
    return Settled(decision=decision, redemption=decision.repeats or None, repeat=True, open_gate=opens)


def _write_denial(pen: Pen, visit: Visit, weighed: Weighed, policy: Policy, permit: Permit) -> int | None:
    """Write down that somebody was not granted; with little room left he is only counted."""
    decision = weighed.decision
    if visit.disk is Stage.ROOM:
        rests_on = _rests_on(visit, weighed, policy, pen.now)
        return pen.fact("not_granted", _denial(visit, decision, permit) | rests_on)
    upkeep.count_refusal(pen, visit.place.lane, decision.findings[0].reason)
    return None


def _rests_on(visit: Visit, weighed: Weighed, policy: Policy, now: Now) -> dict[str, Any]:
    """Return the entries that a denial rests on and the versions of the lists they stood in, as its fact says it."""
    told: dict[str, Any] = {"lists": dict(visit.lists)} if visit.lists else {}
    effects = {DENIES[reason] for reason in weighed.decision.reasons if reason in DENIES}
    if not effects:
        return told
    today = local_time(now.utc_ms, policy.zone_of(visit.token.issuer)).date()
    stood = [in_force(policy.codes, one, visit.place.scene, today) for one in weighed.facts.measures]
    measures = [
        {"code": one.code.code} | ({"entry": one.entry.entry} if one.entry.entry else {})
        for one in stood
        if one is not None and one.code.effect in effects
    ]
    return told | {"measures": measures}


def _denial(visit: Visit, decision: Decision, permit: Permit) -> dict[str, Any]:
    token = visit.token
    hashed = sha256(token.issuer.encode() + token.token_id).digest()[:HASHED_ID_BYTES].hex()
    noticed = {} if visit.notice is None else {"notice": visit.notice}
    return entries.base_body(visit, decision) | {"token_hash": hashed} | noticed | _claimed(permit) | _lifted(visit)


def _lifted(visit: Visit) -> dict[str, Any]:
    """Return what was taken off our lists for this one decision, as the fact says it."""
    return {"negative_lifted": list(visit.lifted)} if visit.lifted else {}


def _claimed(permit: Permit) -> dict[str, Any]:
    """Return how far somebody was asked, as the fact says it."""
    if permit.claim is None:
        return {}
    told: dict[str, Any] = {"claim": permit.claim.value}
    told |= permit.word or {}
    return told if permit.hub_no is None else told | {"hub_no": permit.hub_no}


def _leased(decision: Decision, permit: Permit) -> dict[str, Any]:
    """Return the leases that a grant took from, as the fact says it."""
    keys = [one.key for one in decision.consumption.uses if one.key in permit.leases]
    told = [{"quota": key, "number": permit.leases[key].number} for key in keys]
    return {"lease": told} if told else {}


def _write_grant(pen: Pen, visit: Visit, decision: Decision, permit: Permit) -> Settled:
    now, override = pen.now, visit.request.override
    named = permit.redemption or pen.fresh()
    entry = entries.entry_of(visit, decision, named=named, at_ms=now.utc_ms, grace_until_ms=now.utc_ms + now.grace_ms)
    kind = "opened" if entry.consumption.opens else "granted"
    shown = bytes_of(visit.text) if visit.text else b""
    body = entries.grant_body(entry, visit, decision) | _claimed(permit) | _leased(decision, permit) | _lifted(visit)
    if shown:
        body["proof"] = sha256(shown).hexdigest()
    seq = pen.fact(kind, body, of=entry.id)
    if shown and visit.token.token_class is TokenClass.BOUND:  # paper proves no presence
        proofs.keep(pen.conn, entry.id, seq, shown)
    inside = {key for key in permit.keys if key.startswith(counted.INSIDE)}
    writing.write_entry(pen.conn, entry, seq, counted_beyond=inside if permit.binding else ())
    if override is not None:
        pen.fact("override", {"by": override.by, "why": override.why}, of=entry.id)
    opens = bool(decision.obligations.get("open_gate"))
    attempt = attempts.first(pen, entry.id, visit.place.lane) if opens and visit.gated else None
    return Settled(
        decision=decision,
        redemption=entry.id,
        journal_seq=seq,
        open_gate=opens,
        attempt=attempt,
        told=entry.answer,
    )


def _write_ending(pen: Pen, visit: Visit, decision: Decision, known: Facts) -> Settled:
    request, token = visit.request, visit.token
    if request.intent is Intent.EXIT:
        seq = _write_exit(pen, visit, decision)
    elif request.intent is Intent.RETURN:
        goods = next(one for one in known.bought if one.redemption == decision.ends)
        heads = request.heads if request.heads_named else None
        fen, back = returning(goods, amount_fen=request.amount_fen, heads=heads)
        seq = write_reversal(pen, goods, fen, back)
    else:
        seq = write_closing(pen, str(decision.ends))
    key = grace_key(token.issuer, token.token_id, request, visit.place)
    writing.keep_grace(pen.conn, key, to_text(decision), pen.now.utc_ms + pen.now.grace_ms)
    opens = bool(decision.obligations.get("open_gate"))
    return Settled(decision=decision, redemption=decision.ends, journal_seq=seq, open_gate=opens)


def _write_exit(pen: Pen, visit: Visit, decision: Decision) -> int:
    token, place, record = visit.token, visit.place, pen.fresh()
    gone = entries.Exit(token.issuer, token.subject, place.site, visit.request.heads, pen.now.utc_ms, record)
    inside = writing.write_exit(pen.conn, gone)
    body = entries.base_body(visit, decision) | {"subject": token.subject.hex(), "inside": inside}
    return pen.fact("exited", body, named=record)
