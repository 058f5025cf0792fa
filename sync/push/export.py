"""The sealed export of a journal: what the push would send, as lines of a file (sync.wire.exports)."""

import sqlite3
from collections.abc import Iterator

from cache.journal.batches import Batch, batch
from sync.enrol.identity import Identity
from sync.wire.exports import header, line
from sync.wire.messages import ENVELOPE_BYTES, MAX_BATCH_BYTES, Seal
from sync.wire.seals import seal_batch

ROOM = MAX_BATCH_BYTES - ENVELOPE_BYTES
OLDEST = "SELECT min(seq) FROM journal"
BEGINS = "SELECT 1 FROM epoch WHERE from_seq = ?"


def seal_of(ready: Batch, terminal: str) -> Seal:
    """Return what the terminal signs about a batch."""
    return Seal(
        terminal=terminal,
        epoch=ready.epoch,
        first=ready.first,
        last=ready.last,
        count=len(ready.records),
        prev_hash=ready.prev_hash.hex(),
        head_hash=ready.head_hash.hex(),
    )


def export(conn: sqlite3.Connection, identity: Identity) -> Iterator[bytes]:
    """Yield the lines of the whole journal that is still here; raise JournalError when it is damaged."""
    yield header(identity.terminal)
    after = _first(conn) - 1
    while (ready := batch(conn, after=after, max_bytes=ROOM)) is not None:
        yield line(seal_batch(seal_of(ready, identity.terminal), ready.records, identity.key))
        after = ready.last


def _first(conn: sqlite3.Connection) -> int:
    """Return the first seq that can be sent: behind retired records one must stay, because the chain hangs on to it."""
    oldest = conn.execute(OLDEST).fetchone()[0]
    if oldest is None:
        return 1
    return int(oldest) if conn.execute(BEGINS, (oldest,)).fetchone() else int(oldest) + 1
