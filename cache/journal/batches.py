"""What goes out next: consecutive records of one epoch, each compared with its hash before it is sealed.

Rules of this file:

- a batch is made of what stands in the journal, and nothing in it is sealed unread: body and hash are compared;
- it ends before a record that does not fit. One that begins there is none: `DamagedRecordError` names the record, and
  `cache.memory.damage` sets it aside, so that the rest flows (illness.md 12);
- behind a damaged record the chain is made anew piece by piece; what has no new hash yet is asked for the same way.
"""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from cache.journal.chain import AFTER, CHAINING, HASH, Epoch, JournalError, cursor, epoch_of, raw_of
from cache.texts import clear
from credit.records import chain_next, chain_start

MAX_BATCH_RECORDS: Final = 500
MAX_BATCH_BYTES: Final = 256 * 1024

PLAIN: Final = b'{"at_ms":%d,"body":%b,"id":"%b","kind":"%b","redemption":%b,"seq":%d}'
NEXT_EPOCH: Final = "SELECT id, from_seq FROM epoch WHERE number = ?"


class DamagedRecordError(JournalError):
    """Record `seq` is not what was written, or not there, or waits for its new hash: nothing after it can be sealed."""

    def __init__(self, seq: int, why: str) -> None:
        super().__init__(f"record {seq} {why}")
        self.seq = seq


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records of one epoch, ready to be sealed: canonical bytes each, and the hashes around them."""

    epoch: str
    first: int
    last: int
    prev_hash: bytes
    head_hash: bytes
    records: tuple[bytes, ...]


def following(conn: sqlite3.Connection, epoch: Epoch) -> tuple[str, int] | None:
    """Return the id and the first number of the epoch after `epoch`, None where it is the last."""
    row: tuple[str, int] | None = conn.execute(NEXT_EPOCH, (epoch.number + 1,)).fetchone()
    return row


def hash_before(conn: sqlite3.Connection, seq: int, epoch: Epoch) -> bytes:
    """Return what record `seq` hangs on to; raise JournalError where that has left this terminal."""
    if seq == epoch.from_seq:
        return chain_start(epoch.terminal, epoch.id)
    row = conn.execute(HASH, (seq - 1,)).fetchone()
    if row is None:
        raise JournalError(f"record {seq - 1} has left this terminal; nothing before {seq} can be sent again")
    return bytes(row[0] or b"")


def batch(
    conn: sqlite3.Connection, *, after: int, max_records: int = MAX_BATCH_RECORDS, max_bytes: int = MAX_BATCH_BYTES
) -> Batch | None:
    """Return the records after seq `after`, within the bounds and within one epoch; None when there are none.

    Raises DamagedRecordError where the first of them cannot be sealed, JournalError where it cannot be sent again.
    """
    rows = conn.execute(AFTER, (after + 1, max_records)).fetchall()
    if not rows:
        return None
    first = rows[0][0]
    epoch = epoch_of(conn, first)
    if first > (expected := max(after + 1, epoch.from_seq)) > cursor(conn).acked_through:
        raise DamagedRecordError(expected, "is not there any more, and the platform has not signed for it")
    before = current = hash_before(conn, first, epoch)
    end, anew = following(conn, epoch), conn.execute(CHAINING).fetchone()
    records: list[bytes] = []
    size = 0
    for row in rows:
        seq = row[0]
        if (end is not None and seq >= end[1]) or seq != first + len(records):
            break
        if anew is not None and seq > anew[0]:
            if not records:
                raise DamagedRecordError(seq, "stands behind a damaged one and has no new hash yet")
            break
        raw = fitting(current, row)
        if raw is None and not records:
            raise DamagedRecordError(seq, "does not fit the chain: it or its hash was changed on this disk")
        if raw is None or (records and size + len(raw) > max_bytes):
            break
        size += len(raw)
        records.append(raw)
        current = bytes(row[6])
    return Batch(epoch.id, first, first + len(records) - 1, before, current, tuple(records))


def joined(before: Batch, after: Batch) -> Batch | None:
    """Return two batches as one, None where the second does not hang on to the first."""
    if (after.epoch, after.first, after.prev_hash) != (before.epoch, before.last + 1, before.head_hash):
        return None
    records = before.records + after.records
    return Batch(before.epoch, before.first, after.last, before.prev_hash, after.head_hash, records)


def fitting(before: bytes, row: tuple[Any, ...]) -> bytes | None:
    """Return the record of a row as it travels, None where it and its hash do not fit what is `before`.

    The body stands in the journal as it was hashed, perhaps packed, so its bytes are put together, not read and
    written again: where they are not the very ones, the hash does not fit.
    """
    seq, record_id, at_ms, kind, redemption, body, hashed = row
    if None not in (record_id, kind, body) and isinstance(at_ms, int):
        named = b"null" if redemption is None else b'"%b"' % redemption
        try:
            said = clear(body)
        except ValueError:
            return None
        raw = PLAIN % (at_ms, said, record_id, kind, named, seq)
        if chain_next(before, raw) == hashed:
            return raw
    whole = raw_of(row)  # whose names need escapes, or whose body was kept in another form
    return whole if whole is not None and chain_next(before, whole) == hashed else None
