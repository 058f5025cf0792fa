"""A record that was damaged on the disk blocks nothing: it is set aside by name, and the rest flows (illness.md 12).

    (a record that does not fit)
        its hash alone is wrong: record and next one agree on another ──▶ the hash is put right
        else ──▶ in its place stands a `corrupt` fact with the bytes and both hashes; a new epoch begins after it
    (records behind it) ──▶ hashed anew in the new epoch, PIECE at a time, each compared with the old chain first
    (one of them does not fit the old chain) ──▶ it is damaged as well: from the beginning

Rules of this file:

- the `corrupt` fact keeps the number, hangs on to the record before, and names the epoch that follows: so whoever holds
  the one believes the other, and nothing that was never read is sealed as if it had been;
- the bytes stay here as well, beside it, and the record counts as set aside from this moment, also with no network;
- one piece is one short job; a power cut between two leaves a chain that `verify` understands;
- records that the platform has signed for are sent again only to a platform that lost them. Where one of those is
  damaged, the epoch's old end counts as known, so that the receipt for it is no stranger's.
"""

import base64
import hashlib
import sqlite3
from typing import Any, Final, NamedTuple

from cache.journal.batches import fitting, following, hash_before
from cache.journal.chain import (
    AFTER,
    CHAINING,
    HASH,
    ROW,
    Epoch,
    JournalError,
    cursor,
    epoch_of,
    raw_of,
    set_aside,
)
from cache.memory.lives import LEARN
from cache.pen import Pen
from cache.texts import clear
from credit.records import Record, canonical, chain_next, encode

PIECE: Final = 100  # records that are hashed anew in one job
HASH_BYTES: Final = 32
MOST: Final = 45 * 1024  # bytes of a damaged record that travel: a record of 64 KiB holds them as base64
CORRUPT: Final = "corrupt"

AT: Final = f"{ROW} WHERE seq = ?"
RENUMBER: Final = (
    "UPDATE epoch SET number = -(number + 1) WHERE number > ?",
    "UPDATE epoch SET number = -number WHERE number < 0",
)
EPOCH: Final = "INSERT INTO epoch (number, id, terminal, from_seq, reason) VALUES (?, ?, ?, ?, ?)"
STAND_IN: Final = (
    "INSERT INTO journal (seq, id, at_ms, kind, redemption, body, hash) VALUES (?, ?, ?, ?, NULL, ?, ?)"
    " ON CONFLICT (seq) DO UPDATE SET id = excluded.id, at_ms = excluded.at_ms, kind = excluded.kind,"
    " redemption = NULL, body = excluded.body, packed = NULL, hash = excluded.hash"
)
BESIDE: Final = "INSERT INTO beside (seq, original) VALUES (?, ?) ON CONFLICT DO NOTHING"
REHASH: Final = "UPDATE journal SET hash = ? WHERE seq = ?"
BEHIND: Final = "SELECT min(seq) FROM journal WHERE seq > ? AND seq < ?"
BEGIN: Final = "INSERT OR REPLACE INTO chaining (one, through, was) VALUES (1, ?, ?)"
END: Final = "DELETE FROM chaining"
DAMAGED: Final = "SELECT count(*) FROM journal WHERE kind = 'corrupt'"
LAST: Final = 2**63 - 1


class Damage(NamedTuple):
    """What was found: the record, and whether nothing of it but its hash was wrong."""

    seq: int
    hash_alone: bool


def mend(pen: Pen, seq: int) -> Damage | None:
    """Do the next piece of what keeps record `seq` from being sent; return what was found damaged, if anything was."""
    if pen.conn.execute(CHAINING).fetchone() is not None:
        _chain_on(pen.conn)
        return None
    conn, epoch = pen.conn, epoch_of(pen.conn, seq)
    for one in (seq, seq - 1):
        right = _right_hash(conn, one, epoch)
        if right is not None:
            conn.execute(REHASH, (right, one))
            return Damage(one, hash_alone=True)
    if _fits(conn, seq, epoch):
        return None
    _set_aside(pen, seq, epoch)
    return Damage(seq, hash_alone=False)


def damaged_count(conn: sqlite3.Connection) -> int:
    """Return how many records of this journal were damaged on its disk."""
    return int(conn.execute(DAMAGED).fetchone()[0])


def _fits(conn: sqlite3.Connection, seq: int, epoch: Epoch) -> bool:
    row = conn.execute(AT, (seq,)).fetchone()
    return row is not None and fitting(hash_before(conn, seq, epoch), row) is not None


def _right_hash(conn: sqlite3.Connection, seq: int, epoch: Epoch) -> bytes | None:
    """Return the hash that record `seq` and the one after it agree on, where another stands there."""
    rows = conn.execute(AFTER, (seq, 2)).fetchall()
    if [row[0] for row in rows] != [seq, seq + 1] or seq < epoch.from_seq:
        return None
    raw = raw_of(rows[0])
    try:
        before = hash_before(conn, seq, epoch)
    except JournalError:
        return None
    if raw is None:
        return None
    right = chain_next(before, raw)
    return right if right != rows[0][6] and fitting(right, rows[1]) is not None else None


def _set_aside(pen: Pen, seq: int, epoch: Epoch) -> None:
    conn, row = pen.conn, pen.conn.execute(AT, (seq,)).fetchone()
    after, signed = following(conn, epoch), cursor(conn).acked_through
    if signed >= seq:
        _learn_end(conn, epoch, signed if after is None else min(signed, after[1] - 1))
    behind = conn.execute(BEHIND, (seq, after[1] if after else LAST)).fetchone()[0]
    before, stood = hash_before(conn, seq, epoch), _stood(row)
    raw = _bytes(row)
    body = {
        "bytes": len(raw),
        "found": None if row is None else chain_next(before, raw).hex(),
        "hash": None if stood is None else stood.hex(),
        "next": after[0] if after is not None and behind is None else _begin(pen, seq, epoch, behind or seq + 1),
        "raw": base64.b64encode(raw[:MOST]).decode(),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "through": seq if behind is None else behind - 1,
    }
    at_ms = pen.now.utc_ms
    record = Record(seq=seq, id=pen.fresh(), at_ms=at_ms, kind=CORRUPT, redemption=None, body=body)
    linked = chain_next(before, encode(record))
    conn.execute(STAND_IN, (seq, record.id, at_ms, CORRUPT, canonical(body).decode(), linked))
    conn.execute(BESIDE, (seq, raw))
    set_aside(conn, seq=seq, detail="damaged on this terminal's disk" if raw else "gone from this disk", at_ms=at_ms)
    if behind is not None:
        conn.execute(BEGIN, (behind - 1, stood))
        _chain_on(conn)


def _begin(pen: Pen, seq: int, epoch: Epoch, from_seq: int) -> str:
    """Let an epoch begin behind record `seq`, in front of those that follow already; return its id."""
    for sql in RENUMBER:
        pen.conn.execute(sql, (epoch.number,) if "?" in sql else ())
    fresh = pen.fresh()
    pen.conn.execute(EPOCH, (epoch.number + 1, fresh, epoch.terminal, from_seq, f"record {seq} is damaged"))
    return fresh


def _learn_end(conn: sqlite3.Connection, epoch: Epoch, seq: int) -> None:
    row = conn.execute(HASH, (seq,)).fetchone()
    if row is not None:
        conn.execute(LEARN, (epoch.id, seq, bytes(row[0])))


def _chain_on(conn: sqlite3.Connection) -> None:
    """Hash the next PIECE of records anew; end where there are no more, or where one does not fit the old chain."""
    through, was = conn.execute(CHAINING).fetchone()
    epoch = epoch_of(conn, through + 1)
    after, before = following(conn, epoch), hash_before(conn, through + 1, epoch)
    rows = [row for row in conn.execute(AFTER, (through + 1, PIECE + 1)) if after is None or row[0] < after[1]]
    for row in rows[:PIECE]:
        raw = _as_written(was, row)
        if row[0] != through + 1 or raw is None:
            conn.execute(END)
            return
        through, was, before = row[0], _stood(row), chain_next(before, raw)
        conn.execute(REHASH, (before, through))
    if len(rows) <= PIECE:  # nothing behind it: what comes hangs on to the new hash, and the old one is nobody's
        conn.execute(END)
    else:
        conn.execute(BEGIN, (through, was))


def _as_written(was: bytes | None, row: tuple[Any, ...]) -> bytes | None:
    """Return the record of a row that fits the old chain, None where it does not; `was` None: nobody can know."""
    return raw_of(row) if was is None else fitting(was, row)


def _stood(row: tuple[Any, ...] | None) -> bytes | None:
    """Return the hash that a row bears, None where it is none any more."""
    return None if row is None or row[6] is None or len(row[6]) != HASH_BYTES else bytes(row[6])


def _bytes(row: tuple[Any, ...] | None) -> bytes:
    """Return a row as its record would travel, whatever stands in it: no byte is read, none is left out."""
    if row is None:
        return b""
    seq, record_id, at_ms, kind, redemption, body, _hash = row
    at = b"%d" % at_ms if isinstance(at_ms, int) else at_ms
    names = [None if name is None else b'"%b"' % name for name in (record_id, kind, redemption)]
    told = [b"null" if part is None else part for part in (at, _readable(body), *names)]
    return b'{"at_ms":%b,"body":%b,"id":%b,"kind":%b,"redemption":%b,"seq":%d}' % (*told, seq)


def _readable(body: bytes | None) -> bytes | None:
    """Return a body in clear where it can still be unpacked, else as it lies."""
    try:
        return None if body is None else clear(body)
    except ValueError:
        return body
