"""Taking in what the platform answered about the journal: one transaction, which its caller began.

A conflict is two accepted facts that should not both have happened. It is told again until the platform knows that we
heard it, so each is written down once: kind `claim_conflict`, found again by what it names.
"""

import json
import sqlite3
from collections.abc import Iterable

from cache.ids import uuid7
from cache.journal.chain import acknowledge, set_aside
from cache.journal.orders import Order, obey
from cache.pen import Pen
from credit.inputs import Now
from sync.push.resume import is_ours
from sync.wire.messages import Command, Conflict, JournalAnswer, Receipt, Standing

KNOWN_CONFLICTS = "SELECT body FROM journal WHERE kind = 'claim_conflict' AND seq > ?"


def _name(body: dict[str, object]) -> tuple[object, ...]:
    other = body.get("with")
    with_ = (other.get("terminal"), other.get("seq")) if isinstance(other, dict) else (None, None)
    return (body.get("seq"), body.get("conflict"), body.get("key"), *with_)


def note_conflicts(conn: sqlite3.Connection, conflicts: Iterable[Conflict], *, now_ms: int) -> int:
    """Append a fact for each conflict not yet written down; return how many were new."""
    told = list(conflicts)
    if not told:
        return 0
    first = min(conflict.seq for conflict in told)
    known = {_name(json.loads(body)) for (body,) in conn.execute(KNOWN_CONFLICTS, (first,))}
    fresh = 0
    for conflict in told:
        other = conflict.other
        body = {
            "seq": conflict.seq,
            "conflict": conflict.kind,
            "key": conflict.key,
            "with": {
                "terminal": other.terminal,
                "site": other.site,
                "seq": other.seq,
                "at_ms": other.at_ms,
                "redemption": other.redemption,
            },
        }
        if _name(body) in known:
            continue
        Pen(conn, Now(utc_ms=now_ms), uuid7).fact("claim_conflict", body)
        known.add(_name(body))
        fresh += 1
    return fresh


def take_answer(
    conn: sqlite3.Connection, *, answer: JournalAnswer, receipt: Receipt, order: Command | None, now_ms: int
) -> int:
    """Move the cursor by a verified receipt and note what came with it; return how many conflicts were new.

    `order` is the answer's command, verified. Raises ForeignReceiptError when the receipt does not fit this journal;
    nothing is kept then.
    """
    _sign_off(conn, receipt, answer.receipt, now_ms)
    for entry in answer.set_aside:
        set_aside(conn, seq=entry.seq, detail=entry.detail, at_ms=now_ms)
    return _note(conn, answer.conflicts, order, now_ms)


def take_standing(
    conn: sqlite3.Connection, *, standing: Standing, receipts: Iterable[Receipt], order: Command | None, now_ms: int
) -> int:
    """Note what the platform has to tell an idle terminal; return how many conflicts were new.

    `receipts` are those of the ends it holds, verified. One for our own chain moves the cursor: the answer to our last
    batch may have been lost. One for another chain (a fork's other side) says nothing about our facts.
    """
    for end, receipt in zip(standing.held, receipts, strict=True):
        if is_ours(conn, end):
            _sign_off(conn, receipt, end.receipt or "", now_ms)
    return _note(conn, standing.conflicts, order, now_ms)


def _sign_off(conn: sqlite3.Connection, receipt: Receipt, signed: str, now_ms: int) -> None:
    head_hash = bytes.fromhex(receipt.head_hash)
    acknowledge(conn, through=receipt.acked_through, head_hash=head_hash, receipt=signed, at_ms=now_ms)


def _note(conn: sqlite3.Connection, conflicts: Iterable[Conflict], order: Command | None, now_ms: int) -> int:
    fresh = note_conflicts(conn, conflicts, now_ms=now_ms)
    if order is not None:
        obey(conn, Order(number=order.number, action=order.action, reason=order.reason), at_ms=now_ms)
    return fresh
