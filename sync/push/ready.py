"""The next batch of a journal. What is damaged in the way is set aside first, so that one bit stops nothing."""

import logging
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Final

from cache.ids import uuid7
from cache.journal.batches import Batch, DamagedRecordError, batch, joined
from cache.journal.chain import JournalError
from cache.memory.damage import Damage, mend
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import Store
from sync.wire.messages import ENVELOPE_BYTES, MAX_BATCH_BYTES

PIECE: Final = 64  # records read at a time: about 0.3 ms
ROOM = MAX_BATCH_BYTES - ENVELOPE_BYTES

log = logging.getLogger("xinguan.journal")


async def ready(store: Store, *, after: int, many: int, now_ms: Callable[[], int]) -> Batch | None:
    """Return the batch after seq `after`, None when there is nothing; raise JournalError, StoreFailedError."""
    while True:
        try:
            return await _in_pieces(store, after, many)
        except DamagedRecordError as error:
            seq = error.seq

        def job(conn: sqlite3.Connection, seq: int = seq) -> Damage | None:
            return mend(Pen(conn, Now(utc_ms=now_ms()), uuid7), seq)

        found = await store.write(job)
        if found is not None:
            done = "its hash was put right" if found.hash_alone else "it is set aside, and a new epoch begins"
            log.error("record_damaged", extra={"seq": found.seq, "detail": done})


async def _in_pieces(store: Store, after: int, many: int) -> Batch | None:
    """Return the next batch, read piece by piece; what a later piece cannot give is the next batch's business."""
    whole: Batch | None = None
    size = 0
    while (taken := len(whole.records) if whole else 0) < many:
        last, wanted = whole.last if whole else after, min(PIECE, many - taken)
        await store.give_way()
        try:
            piece = await store.read(partial(batch, after=last, max_records=wanted, max_bytes=ROOM - size))
        except JournalError:
            if whole is None:
                raise
            break
        if piece is None:
            break
        size += sum(map(len, piece.records))
        together = joined(whole, piece) if whole else piece
        if together is None or (whole and size > ROOM):
            break
        whole = together
        if len(piece.records) < wanted:
            break
    return whole
