"""Taking own facts back from the platform: the ledger is made of them again by the code that wrote it.

The hard idea (ADR 0076): a terminal's memory is its own facts. What each used, burnt, opened and gave back follows from
a fact in one way only (`cache.ledger.entries.read_back`), so nobody else has to know what a use is, and the ledger that
comes out is the one that was lost: returns, check-outs and re-entries go on with it.

Rules of this file:

- each fact is applied once, however often it is told: its id is remembered with what it did;
- a fact that this ledger wrote itself (it stands in our journal) is passed over;
- a fact that cannot be read or applied is counted and left out; it stops nothing.
"""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from cache.ledger.elsewhere.ended import end_whole
from cache.ledger.entries import Change, Entry, read_back
from cache.ledger.facts import STOP_ENTRY
from cache.ledger.upkeep import SWITCH
from cache.ledger.writing import write
from cache.pen import Pen
from credit.lifecycle import Step
from credit.records import Record

KNOWN: Final = "SELECT 1 FROM journal WHERE id = ?1 UNION ALL SELECT 1 FROM remembered WHERE id = ?1"
REMEMBER: Final = "INSERT INTO remembered (id, at_ms) VALUES (?, ?)"
THERE: Final = "SELECT ended_ms FROM redemptions WHERE id = ?"


class Ended(NamedTuple):
    """A redemption of ours that ended by somebody else's fact: annulled, reversed or closed."""

    redemption: str
    state: str


class Absorbed(NamedTuple):
    """What became of a page: facts applied, and facts that could not be."""

    applied: int
    left_out: int


def absorb(pen: Pen, terminal: str, records: Iterable[Record], ended: Iterable[Ended]) -> Absorbed:
    """Apply a page of own facts, in the order in which they were written, and what others ended."""
    applied = left_out = 0
    for record in records:
        if pen.conn.execute(KNOWN, (record.id,)).fetchone():
            continue
        if _applied(pen, terminal, record):
            applied += 1
        else:
            left_out += 1
    for one in ended:
        _end(pen, one)
    return Absorbed(applied, left_out)


def _applied(pen: Pen, terminal: str, record: Record) -> bool:
    """Apply one fact within a savepoint of its own; return False where it cannot be."""
    conn = pen.conn
    conn.execute("SAVEPOINT remembering")
    try:
        _apply(conn, terminal, record)
        conn.execute(REMEMBER, (record.id, record.at_ms))
    except (sqlite3.IntegrityError, KeyError, ValueError, TypeError, AttributeError, OverflowError, IndexError):
        conn.execute("ROLLBACK TO remembering")
        conn.execute("RELEASE remembering")
        return False
    conn.execute("RELEASE remembering")
    return True


def _apply(conn: sqlite3.Connection, terminal: str, record: Record) -> None:
    name = record.body.get("switch")
    if isinstance(name, str):
        if name.startswith(STOP_ENTRY):
            conn.execute(SWITCH, (name, int(record.body["on"]), record.at_ms))
        return
    written = read_back(record, terminal)
    there = isinstance(written, Entry) and conn.execute(THERE, (written.id,)).fetchone() is not None
    if written is not None and not there:
        write(conn, written)


def _end(pen: Pen, one: Ended) -> None:
    row = pen.conn.execute(THERE, (one.redemption,)).fetchone()
    if row is None or row[0] is not None:
        return
    if one.state == "closed":
        write(pen.conn, Change(one.redemption, Step.CLOSED, pen.now.utc_ms, "elsewhere"))
    else:
        end_whole(pen.conn, one.redemption, pen.now.utc_ms)
