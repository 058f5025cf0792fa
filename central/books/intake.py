"""Taking in a terminal's journal. Facts are accepted: what happened is stored, even if it should not have happened.

Rules of this file:

1. A batch hangs on to the chain where its `prev_hash` is a point that we hold at `first - 1` (or the start of its
   epoch). If we hold no such point, we say which ends we have, and the terminal goes there.
2. A record's place is (terminal, epoch, seq, chain hash). Known there: counted as duplicate, nothing changes. New:
   stored. So a batch that is sent again counts once, whatever was lost on the way.
3. Another record at the same seq is a fork (a restored backup, a cloned disk): both stay, and the terminal is ordered
   to begin a new epoch.
4. A record that cannot be read is stored as bytes, named in the answer, and blocks nothing.
"""

import sqlite3
from dataclasses import dataclass

from central.books.conflicts import conflicts_of, notice
from central.register.standing import hear_obeyed, order, tell_again
from credit.records import Record, chain_start
from sync.wire.messages import Conflict, Held, Receipt, SetAside, WireError
from sync.wire.seals import Link, Sealed, open_record

MAX_ENDS = 8

HOLDS = "SELECT 1 FROM facts WHERE terminal = ? AND epoch = ? AND seq = ? AND hash = ?"
AT_SEQ = "SELECT hash FROM facts WHERE terminal = ? AND epoch = ? AND seq = ?"
BATCH = "INSERT INTO batches (terminal, epoch, first, last, seal, received_ms) VALUES (?, ?, ?, ?, ?, ?)"
FACT = (
    "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault, batch)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
FAULTS = "SELECT seq, fault FROM facts WHERE terminal = ? AND epoch = ? AND seq BETWEEN ? AND ? AND fault IS NOT NULL"
# Ends of a chain: records that no record of the next batch hangs on. An epoch has one, and one more for each fork.
ENDS = "SELECT epoch, max(seq) FROM facts WHERE terminal = ? GROUP BY epoch ORDER BY max(seq) DESC, epoch DESC LIMIT ?"
FORK = "INSERT INTO forks (terminal, epoch, seq, noticed_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"


class GapError(Exception):
    """The batch does not hang on to anything we hold. `held` are the ends that we have."""

    def __init__(self, code: str, detail: str, held: list[Held]) -> None:
        super().__init__(detail)
        self.code = code
        self.held = held


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    receipt: Receipt
    fresh: int
    duplicates: int
    set_aside: list[SetAside]
    conflicts: list[Conflict]


def take_in(conn: sqlite3.Connection, sealed: Sealed, *, now_ms: int) -> Taken:
    """Store a batch whose seal and chain hold, and return what to answer; raise GapError."""
    seal = sealed.seal
    _check_hangs_on(conn, sealed)
    place = (seal.terminal, seal.epoch)
    fresh = [link for link in sealed.links if conn.execute(HOLDS, (*place, link.seq, link.hash)).fetchone() is None]
    if fresh:
        values = (*place, seal.first, seal.last, sealed.token, now_ms)
        number = conn.execute(BATCH, values).lastrowid
        if number is None:
            raise AssertionError("an INSERT has a row number")
        for link in fresh:
            _store(conn, sealed, link, batch=number, now_ms=now_ms)
    receipt = Receipt(
        terminal=seal.terminal, epoch=seal.epoch, acked_through=seal.last, head_hash=sealed.links[-1].hash.hex()
    )
    aside = conn.execute(FAULTS, (*place, seal.first, seal.last)).fetchall()
    return Taken(
        receipt=receipt,
        fresh=len(fresh),
        duplicates=len(sealed.links) - len(fresh),
        set_aside=[SetAside(seq=seq, detail=fault) for seq, fault in aside],
        conflicts=conflicts_of(conn, seal.terminal),
    )


def _check_hangs_on(conn: sqlite3.Connection, sealed: Sealed) -> None:
    seal = sealed.seal
    if seal.prev_hash == chain_start(seal.terminal, seal.epoch).hex():
        return
    before = (seal.terminal, seal.epoch, seal.first - 1)
    held = {bytes(row[0]).hex() for row in conn.execute(AT_SEQ, before)}
    if seal.prev_hash in held:
        return
    code = "hash_mismatch" if held else "gap"
    raise GapError(code, f"record {seal.first} does not follow what is held here", ends(conn, seal.terminal))


def _store(conn: sqlite3.Connection, sealed: Sealed, link: Link, *, batch: int, now_ms: int) -> None:
    seal = sealed.seal
    place = (seal.terminal, seal.epoch, link.seq)
    if conn.execute(AT_SEQ, place).fetchone() is not None:
        _notice_fork(conn, place, now_ms=now_ms)
    try:
        record = open_record(link)
    except WireError as error:
        conn.execute(FACT, (*place, link.hash, link.raw, None, None, None, None, error.detail[:500], batch))
        return
    conn.execute(FACT, (*place, link.hash, link.raw, *_columns(record), None, batch))
    notice(conn, terminal=seal.terminal, record=record, now_ms=now_ms)
    hear_obeyed(conn, seal.terminal, record.body)


def _columns(record: Record) -> tuple[str, int, str, str | None]:
    return record.id, record.at_ms, record.kind, record.redemption


def _notice_fork(conn: sqlite3.Connection, place: tuple[str, str, int], *, now_ms: int) -> None:
    terminal, epoch, _seq = place
    known = conn.execute("SELECT 1 FROM forks WHERE terminal = ? AND epoch = ?", (terminal, epoch)).fetchone()
    conn.execute(FORK, (*place, now_ms))
    if known is None:
        tell_again(conn, terminal)
        order(conn, terminal, "new_epoch", reason=f"epoch {epoch} has two journals", now_ms=now_ms)


def ends(conn: sqlite3.Connection, terminal: str) -> list[Held]:
    """Return the ends of the terminal's chain that are held, newest first."""
    found = []
    for epoch, seq in conn.execute(ENDS, (terminal, MAX_ENDS)).fetchall():
        for (hashed,) in conn.execute(AT_SEQ, (terminal, epoch, seq)):
            found.append(Held(epoch=epoch, acked_through=seq, head_hash=bytes(hashed).hex()))
    return found[:MAX_ENDS]
