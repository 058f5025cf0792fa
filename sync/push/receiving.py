"""Taking in what the platform answered: one transaction, which its caller began. The answer has been verified.

Rules of this file:

- a conflict is told again until the platform knows that we heard it, so each is written down once: kind
  `claim_conflict`, found again by what it names; what was taken back may stand again, and is written down again then;
- `dissolved` of what we never wrote down (this disk may be an older copy) is written down like any other;
- a conflict about a fact beyond what the platform signed for is passed over: it is about a copy of this terminal;
- orders are obeyed in the order of their numbers.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from cache.ids import uuid7
from cache.journal.chain import acknowledge, cursor, set_aside, signed_at
from cache.journal.orders import NEW_EPOCH, Order, obey
from cache.memory.lives import doubt, is_point
from cache.pen import Pen
from credit.inputs import Now
from sync.push.resume import end_of
from sync.wire.messages import Answer, Command, Conflict, Receipt
from sync.wire.profiles import SignedProfile

KNOWN = "SELECT 1 FROM told_conflicts WHERE name = ?"
TELL = "INSERT INTO told_conflicts (name, seq) VALUES (?, ?)"
FORGET = "DELETE FROM told_conflicts WHERE name = ?"
ENDS: Final = {
    "limit": ("dissolved",),
    "nonce": ("dissolved",),
    "dissolved": ("limit", "nonce"),
}  # a word, what it ends


def _name(conflict: Conflict, kind: str) -> bytes:
    others = sorted((other.terminal, other.redemption or "", other.at_ms) for other in conflict.others)
    return hashlib.sha256(msgspec.json.encode([kind, conflict.seq, conflict.key, others])).digest()


def note_conflicts(conn: sqlite3.Connection, conflicts: Iterable[Conflict], *, now_ms: int) -> int:
    """Append a fact for each conflict not yet written down; return how many were new."""
    fresh = 0
    for conflict in conflicts:
        name = _name(conflict, conflict.kind)
        if conn.execute(KNOWN, (name,)).fetchone() is not None:
            continue
        body = {
            "seq": conflict.seq,
            "conflict": conflict.kind,
            "key": conflict.key,
            "with": [msgspec.to_builtins(other) for other in conflict.others],
        }
        seq = Pen(conn, Now(utc_ms=now_ms), uuid7).fact("claim_conflict", body)
        conn.execute(TELL, (name, seq))
        conn.executemany(FORGET, [(_name(conflict, kind),) for kind in ENDS[conflict.kind]])
        fresh += 1
    return fresh


def take_in(
    conn: sqlite3.Connection,
    *,
    answer: Answer,
    receipts: Sequence[tuple[Receipt, str]],
    orders: Iterable[tuple[Command | SignedProfile, str]],
    now_ms: int,
    enrolled: int = 0,
) -> int:
    """Move the cursor and note what came with the answer; return how many conflicts were new.

    `receipts` are verified, each with its text: the batch's, or those of the ends that are held. One for our own chain
    moves the cursor: the answer to our last batch may have been lost. One for another chain (a fork's other side) says
    nothing about our facts; the receipt of a batch must fit (`Line.accept` sees to it). Raises
    ForeignReceiptError; nothing is kept then.
    """
    for receipt, text in receipts:
        head_hash = bytes.fromhex(receipt.head_hash)
        before, through = cursor(conn).acked_through, receipt.acked_through
        acknowledge(conn, through=through, head_hash=head_hash, receipt=text, at_ms=now_ms)
        if through > before:
            signed_at(conn, through, answer.at_ms)
    signed_through = cursor(conn).acked_through
    for entry in answer.set_aside:
        set_aside(conn, seq=entry.seq, detail=entry.detail, at_ms=now_ms)
    about_us = [conflict for conflict in answer.conflicts if conflict.seq <= signed_through]
    fresh = note_conflicts(conn, about_us, now_ms=now_ms)
    for command, text in sorted(orders, key=lambda one: one[0].number):
        obeyed = obey(conn, as_order(command, text, enrolled=enrolled), at_ms=now_ms)
        if obeyed and command_is(command, NEW_EPOCH):  # somebody else wrote a journal under our name
            doubt(Pen(conn, Now(utc_ms=now_ms), uuid7))
    return fresh


def command_is(command: Command | SignedProfile, action: str) -> bool:
    """Tell whether an order is this command."""
    return isinstance(command, Command) and command.action == action


def as_order(command: Command | SignedProfile, signed: str, *, enrolled: int) -> Order:
    """Return a verified command, or a new profile, as the journal's order; `enrolled`: our enrolment's number."""
    if isinstance(command, SignedProfile):
        return Order(number=command.number, action="profile", reason="", signed="")  # the text has a file of its own
    past = command.number < enrolled
    return Order(number=command.number, action=command.action, reason=command.reason, signed=signed, past=past)


def ours(conn: sqlite3.Connection, answer: Answer, receipts: Sequence[Receipt]) -> list[tuple[Receipt, str]]:
    """Return the receipts of those ends of a standing that are points of our own chain, with their texts."""
    ends = zip(answer.held, receipts, strict=True)
    return [(receipt, end.receipt or "") for end, receipt in ends if is_point(conn, end_of(end))]
