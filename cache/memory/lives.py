"""Whether this journal tells everything that was given under this terminal's name, and how it goes on when not.

The hard idea: nobody can prove a loss to a machine that has lost its memory. But the platform signs for the journal,
and its newest receipt lies in a file *beside* the database: a database that does not lead to it is older, empty or
another one. What a whole older folder hides is said by the platform itself: it names the ends of every journal that it
holds under our name, and an end that is neither a point of our chain nor one that we have learned is a life of which we
know nothing (a clone, a swapped box, a restored copy).

Rules of this file (illness.md 4):

- a store that is lost refers what has limits (`STORE_LOST`) until the platform has given its facts back, or a person
  has said that the loss is accepted; the rest, and every ending, goes on and is journalled;
- whatever is written meanwhile stands in an epoch of its own, whose first fact *declares* it and names the heads that
  are known; the epoch in which a terminal goes on after its memory came back is declared as well;
- a life that was learned may still grow: an old card comes home, a box that was replaced is plugged in again. That is
  late, and no reason to doubt anew; else whoever holds a former key could keep an honest terminal from serving;
- an epoch is only ever left behind, never rewritten: its records stay, and still go up.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from cache.journal.chain import Epoch, JournalError, begin_epoch, current_epoch, head
from cache.ledger.facts import STORE_LOST, switched
from cache.ledger.upkeep import SWITCH
from cache.pen import Pen
from credit.records import chain_start

MAX_HEADS: Final = 8  # that a declaration names
FARTHEST: Final = 2**52  # no journal of ours is so long: whoever says so has made it up, and nothing could follow it
EPOCH_BY_ID: Final = "SELECT number, id, terminal, from_seq FROM epoch WHERE id = ?"
ANY_EPOCH: Final = "SELECT 1 FROM epoch LIMIT 1"
HASH_AT: Final = "SELECT CAST(hash AS BLOB) FROM journal WHERE seq = ?"
FIRST: Final = "SELECT min(seq) FROM journal"
LEARNED: Final = "SELECT 1 FROM lives WHERE epoch = ?"
LEARN: Final = "INSERT INTO lives (epoch, seq, hash) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"


class End(NamedTuple):
    """An end of a journal under this terminal's name, as the platform signed for it."""

    epoch: str
    seq: int
    hash: bytes

    def told(self) -> dict[str, Any]:
        """Return it as a declaration names it."""
        return {"epoch": self.epoch, "seq": self.seq, "hash": self.hash.hex()}


def is_point(conn: sqlite3.Connection, end: End) -> bool:
    """Tell whether our own journal has `end` as a point of its chain."""
    row = conn.execute(EPOCH_BY_ID, (end.epoch,)).fetchone()
    if row is None:
        return False
    epoch = Epoch(*row)
    if end.seq == epoch.from_seq - 1:
        return end.hash == chain_start(epoch.terminal, epoch.id)
    found = conn.execute(HASH_AT, (end.seq,)).fetchone()
    return end.seq >= epoch.from_seq and found is not None and bytes(found[0] or b"") == end.hash


def unknown(conn: sqlite3.Connection, ends: Iterable[End]) -> list[End]:
    """Return the ends of which this terminal knows nothing: no point of our chain, retired from it, or learned."""
    first = conn.execute(FIRST).fetchone()[0] or 0
    return [end for end in ends if not (is_point(conn, end) or _learned(conn, end) or _retired(conn, end, first))]


def _learned(conn: sqlite3.Connection, end: End) -> bool:
    return conn.execute(LEARNED, (end.epoch,)).fetchone() is not None


def _retired(conn: sqlite3.Connection, end: End, first: int) -> bool:
    """Tell whether a record of ours stood there once: it was signed for, and has left."""
    return end.seq < first and conn.execute(EPOCH_BY_ID, (end.epoch,)).fetchone() is not None


def why_lost(conn: sqlite3.Connection, receipt: End | None) -> str | None:
    """Return why this store does not know what its terminal gave; None when nothing says so.

    `receipt` is the last that the platform signed, from the file beside the database.
    """
    if conn.execute(ANY_EPOCH).fetchone() is None:
        return "the database is empty"
    if receipt is not None and not (is_point(conn, receipt) or _learned(conn, receipt)):
        return f"the journal does not lead to record {receipt.seq}, which the platform signed for"
    return None


def lose(pen: Pen, terminal: str, why: str, receipt: End | None) -> None:
    """Note that this store is lost: an epoch of its own begins, whose first fact says why and what is known.

    What the receipt covers counts as learned: the switch stands until the facts have come.
    """
    last = head(pen.conn).seq if pen.conn.execute(ANY_EPOCH).fetchone() else 0
    from_seq = max(last, _near(receipt.seq) if receipt else 0) + 1
    epoch = begin_epoch(pen.conn, epoch=pen.fresh(), terminal=terminal, reason=f"lost: {why}", from_seq=from_seq)
    if receipt is not None:
        pen.conn.execute(LEARN, receipt)
    doubt(pen)
    pen.fact("note", {"declares": epoch.id, "heads": [receipt.told()] if receipt else [], "lost": why})


def _near(seq: int) -> int:
    """Return a number to go on after; one that a stolen key made up is none: after it no fact could be written."""
    return seq if seq < FARTHEST else 0


def doubt(pen: Pen) -> None:
    """Let benefits with limits be referred from now on: others gave under this name."""
    pen.conn.execute(SWITCH, (STORE_LOST, 1, pen.now.utc_ms))


def go_on(pen: Pen, ends: Sequence[End], *, last_seq: int) -> bool:
    """Go on after the facts came back: what the platform holds under our name is learned, and the epoch is declared.

    Returns whether another epoch began: where the chain has a life beside it, or stands below what is held.
    """
    conn, heads = pen.conn, [end.told() for end in ends[:MAX_HEADS]]
    strange = unknown(conn, ends)
    now = current_epoch(conn)
    ours = {end.epoch for end in strange if conn.execute(EPOCH_BY_ID, (end.epoch,)).fetchone()}
    for end in ends:
        if not is_point(conn, end):
            conn.execute(LEARN, end)
    held = now.id in {end.epoch for end in ends}
    if not held:
        pen.fact("note", _declaration(pen, now.id, heads))
    anew = bool(ours) or last_seq > head(conn).seq
    if anew:
        from_seq = max(head(conn).seq, _near(last_seq)) + 1
        epoch = begin_epoch(
            conn, epoch=pen.fresh(), terminal=now.terminal, reason="declared: its facts came back", from_seq=from_seq
        )
        pen.fact("note", _declaration(pen, epoch.id, heads))
    elif held:
        pen.fact("note", {"learned": heads})
    conn.execute(SWITCH, (STORE_LOST, 0, pen.now.utc_ms))
    return anew


def accept_loss(pen: Pen, *, by: str) -> None:
    """Let a person take it on themselves that what was given before is not known: there is no network to ask over.

    At the next contact the platform names the ends that it holds, and the facts come back all the same. Raises
    JournalError when nothing is lost.
    """
    if not switched(pen.conn, STORE_LOST):
        raise JournalError("this terminal knows what it gave: there is no loss to accept")
    pen.conn.execute(SWITCH, (STORE_LOST, 0, pen.now.utc_ms))
    pen.fact("note", {"accepts_loss": True, "by": by, "declares": current_epoch(pen.conn).id, "heads": []})


def _declaration(pen: Pen, epoch: str, heads: list[dict[str, Any]]) -> dict[str, Any]:
    return {"declares": epoch, "heads": heads, "clock": pen.now.clock.value}
