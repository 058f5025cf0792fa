"""The ledger: check and write in one transaction, so that no use is ever given twice (contract.md §2, §8).

Rules of this file:

- every function runs inside a transaction that its caller began (`Store.write`, or `immediate` in memory) and is one
  whole step: what it returns is true once that transaction is committed, and not before;
- `settle` reads facts, decides, and writes redemption, uses, nonce and journal; only a GRANT writes more than a fact;
- what comes too late or fits nothing is an error *fact* (kind `note`): it is kept and changes nothing.
"""

import sqlite3
from dataclasses import replace
from hashlib import sha256
from typing import Any

from cache.journal.chain import append
from cache.ledger.claims import BUDGET_MS, Claims, ThisTerminal
from cache.ledger.entries import Entry, Exit, forget_old, shown, write_entry, write_exit, write_grace
from cache.ledger.facts import Listed, open_redemptions, open_things, read_facts, recent, redemption, with_lists
from cache.ledger.seams import Ids, Lists, Settled
from cache.ledger.steps import (
    Stepped,
    actuated,
    annul,
    claim,
    close,
    mark_overdue,
    passed,
    refuse_unverified,
    renew_grace,
    reverse,
    switch,
    write_reversal,
    write_step,
)
from credit.claims import Token
from credit.decide import decide
from credit.decision import Decision
from credit.facts import Facts
from credit.inputs import ASKING, ENDING, Intent, Now, Place, Request
from credit.lifecycle import State, Step
from credit.policy import Policy
from credit.reasons import Outcome
from credit.weighing.endings import end, returning
from credit.weighing.questions import Questions, questions

__all__ = [
    "Listed",
    "Settled",
    "Stepped",
    "actuated",
    "annul",
    "bring_back",
    "claim",
    "close",
    "mark_overdue",
    "open_redemptions",
    "passed",
    "recent",
    "redemption",
    "refuse_unverified",
    "renew_grace",
    "reverse",
    "settle",
    "switch",
]

ALONE = ThisTerminal()
HASHED_ID_BYTES = 16
ACTUATED_OF = "SELECT actuated_ms FROM redemptions WHERE id = ?"


def settle(  # noqa: PLR0913 - everything a decision rests on
    conn: sqlite3.Connection,
    *,
    token: Token,
    request: Request,
    place: Place,
    policy: Policy,
    lists: Lists,
    now: Now,
    ids: Ids,
    claims: Claims = ALONE,
) -> Settled:
    """Decide on a presentation and write what follows from it; one step of one transaction."""
    asked = questions(token, request, place, policy, now)
    own = read_facts(conn, asked, token=token, request=request, place=place, now=now)
    site = claims.ask(asked, token=token, request=request, place=place, now=now, budget_ms=BUDGET_MS)
    facts = with_lists(_joined(own, site), lists, asked, token=token, now=now)
    decision = decide(token, request, facts, policy, now)
    if decision.repeats is not None:
        return _repeated(conn, decision)
    if request.intent in ASKING:
        return Settled(decision=decision, redemption=None, journal_seq=None, repeat=False, open_gate=False)
    if decision.outcome is not Outcome.GRANT:
        seq = _note_denial(conn, decision, token=token, request=request, place=place, now=now, ids=ids)
        return Settled(decision=decision, redemption=None, journal_seq=seq, repeat=False, open_gate=False)
    if request.intent in ENDING:
        return _write_ending(conn, decision, token=token, request=request, facts=facts, now=now, ids=ids, claims=claims)
    return _write_grant(conn, decision, token=token, request=request, place=place, now=now, ids=ids, claims=claims)


def bring_back(
    conn: sqlite3.Connection,
    *,
    request: Request,
    place: Place,
    policy: Policy,
    now: Now,
    ids: Ids,
    claims: Claims = ALONE,
) -> Settled:
    """Close or take back without a code, by asset or redemption id (contract.md §3)."""
    asked = Questions(keys={}, passes=(), ending=True)
    site = claims.ask(asked, token=None, request=request, place=place, now=now, budget_ms=BUDGET_MS)
    facts = site or Facts(place=place, open=open_things(conn, None, request))
    decision = end(request, facts, now, policy.default_zone)
    if decision.outcome is not Outcome.GRANT or decision.ends is None:
        return Settled(decision=decision, redemption=None, journal_seq=None, repeat=False, open_gate=False)
    seq = write_step(conn, decision.ends, Step.CLOSED, State.CLOSED, now=now, ids=ids, claims=claims)
    return Settled(decision=decision, redemption=decision.ends, journal_seq=seq, repeat=False, open_gate=False)


def _joined(own: Facts, site: Facts | None) -> Facts:
    """Return the site's counts where it answered; grace and switches stay this terminal's own."""
    if site is None:
        return own
    stopped = own.entry_stopped or site.entry_stopped
    return replace(site, repeat=own.repeat, suspended=own.suspended, entry_stopped=stopped)


def _repeated(conn: sqlite3.Connection, decision: Decision) -> Settled:
    row = conn.execute(ACTUATED_OF, (decision.repeats,)).fetchone()
    again = not decision.repeats or (row is not None and row[0] is None)  # without a redemption: an exit, never barred
    return Settled(
        decision=decision,
        redemption=decision.repeats or None,
        journal_seq=None,
        repeat=True,
        open_gate=again and bool(decision.obligations.get("open_gate")),
    )


def _base(token: Token, request: Request, place: Place, decision: Decision) -> dict[str, Any]:
    asked = {"intent": request.intent.value, "amount_fen": request.amount_fen, "heads": request.heads}
    found: dict[str, Any] = {
        "issuer": token.issuer,
        "class": token.token_class.value,
        "site": place.site,
        "scene": place.scene,
        "lane": place.lane,
        "asset": request.asset,
        "outcome": decision.outcome.value,
        "reasons": [one.value for one in decision.reasons],
        "offline": decision.offline,
        "clock": decision.clock.value,
        **asked,
    }
    return {name: value for name, value in found.items() if value is not None}


def _note_denial(
    conn: sqlite3.Connection, decision: Decision, *, token: Token, request: Request, place: Place, now: Now, ids: Ids
) -> int:
    body = _base(token, request, place, decision)
    body["token_hash"] = sha256(token.issuer.encode() + token.token_id).digest()[:HASHED_ID_BYTES].hex()
    return append(conn, kind="not_granted", redemption=None, body=body, at_ms=now.utc_ms, record_id=ids(now.utc_ms)).seq


def _write_grant(
    conn: sqlite3.Connection,
    decision: Decision,
    *,
    token: Token,
    request: Request,
    place: Place,
    now: Now,
    ids: Ids,
    claims: Claims,
) -> Settled:
    forget_old(conn, now)
    entry = Entry(
        id=ids(now.utc_ms),
        at_ms=now.utc_ms,
        token=token,
        request=request,
        place=place,
        decision=decision,
        grace_until_ms=now.utc_ms + now.grace_ms,
    )
    body = _base(token, request, place, decision) | {
        "token": token.token_id.hex(),
        "subject": token.subject.hex(),
        "given": [
            {
                "benefit": one.benefit,
                "issuer": one.issuer,
                "code": one.code,
                "version": one.version,
                "offer": dict(one.offer),
                "local": one.local,
            }
            for one in decision.given
        ],
        "uses": [{"key": one.key, "n": one.n, "max": one.limit} for one in entry.uses()],
        "sums": [{"key": one.key, "fen": one.fen, "max": one.limit} for one in decision.consumption.sums],
        "due_ms": decision.consumption.due_ms,
    }
    kind = "opened" if entry.state is State.OPEN else "granted"
    record = append(conn, kind=kind, redemption=entry.id, body=body, at_ms=now.utc_ms, record_id=ids(now.utc_ms))
    write_entry(conn, entry, record.seq)
    if request.override is not None:
        why = {"by": request.override.by, "why": request.override.why}
        append(conn, kind="override", redemption=entry.id, body=why, at_ms=now.utc_ms, record_id=ids(now.utc_ms))
    claims.tell(entry)
    opens = bool(decision.obligations.get("open_gate"))
    return Settled(decision=decision, redemption=entry.id, journal_seq=record.seq, repeat=False, open_gate=opens)


def _write_ending(
    conn: sqlite3.Connection,
    decision: Decision,
    *,
    token: Token,
    request: Request,
    facts: Facts,
    now: Now,
    ids: Ids,
    claims: Claims,
) -> Settled:
    place = facts.place
    if request.intent is Intent.EXIT:
        seq = _write_exit(conn, decision, token=token, request=request, place=place, now=now, ids=ids, claims=claims)
    elif request.intent is Intent.RETURN:
        goods = next(one for one in facts.bought if one.redemption == decision.ends)
        heads = request.heads if request.heads_named else None
        fen, back = returning(goods, amount_fen=request.amount_fen, heads=heads)
        seq = write_reversal(conn, goods, fen=fen, heads=back, now=now, ids=ids, claims=claims)
    else:
        seq = write_step(conn, str(decision.ends), Step.CLOSED, State.CLOSED, now=now, ids=ids, claims=claims)
    write_grace(
        conn,
        shown(decision),
        token=token,
        request=request,
        place=place,
        redemption=None,
        until_ms=now.utc_ms + now.grace_ms,
    )
    opens = bool(decision.obligations.get("open_gate"))
    return Settled(decision=decision, redemption=decision.ends, journal_seq=seq, repeat=False, open_gate=opens)


def _write_exit(
    conn: sqlite3.Connection,
    decision: Decision,
    *,
    token: Token,
    request: Request,
    place: Place,
    now: Now,
    ids: Ids,
    claims: Claims,
) -> int:
    gone = Exit(
        issuer=token.issuer,
        subject=token.subject,
        site=place.site,
        heads=request.heads,
        at_ms=now.utc_ms,
        record=ids(now.utc_ms),
    )
    body = _base(token, request, place, decision) | {"inside": write_exit(conn, gone)}
    record = append(conn, kind="exited", redemption=None, body=body, at_ms=now.utc_ms, record_id=gone.record)
    claims.tell(gone)
    return record.seq
