"""The next batch of a journal. What is damaged in the way is set aside first, so that one bit stops nothing."""

import logging
import sqlite3
from collections.abc import Callable

from cache.ids import uuid7
from cache.journal.batches import Batch, DamagedRecordError, batch
from cache.memory.damage import Damage, mend
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import Store
from sync.wire.messages import ENVELOPE_BYTES, MAX_BATCH_BYTES

ROOM = MAX_BATCH_BYTES - ENVELOPE_BYTES

log = logging.getLogger("xinguan.journal")


async def ready(store: Store, *, after: int, many: int, now_ms: Callable[[], int]) -> Batch | None:
    """Return the batch after seq `after`, None when there is nothing; raise JournalError, StoreFailedError."""
    while True:
        try:
            return await store.read(lambda conn: batch(conn, after=after, max_records=many, max_bytes=ROOM))
        except DamagedRecordError as error:
            seq = error.seq

        def job(conn: sqlite3.Connection, seq: int = seq) -> Damage | None:
            return mend(Pen(conn, Now(utc_ms=now_ms()), uuid7), seq)

        found = await store.write(job)
        if found is not None:
            done = "its hash was put right" if found.hash_alone else "it is set aside, and a new epoch begins"
            log.error("record_damaged", extra={"seq": found.seq, "detail": done})
