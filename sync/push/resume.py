"""Where to go on sending: the platform says what it holds, this journal says whether that is ours.

Rules of this file:

- an end of the chain that the platform names counts only when our record there has the same hash;
- the highest such end wins; without one we go on where the platform last signed;
- what has left this terminal (retention) cannot be sent again: that is an alarm, never a guess.
"""

import sqlite3
from collections.abc import Iterable

from cache.journal.chain import Epoch, cursor
from credit.records import chain_start
from sync.wire.messages import Held

EPOCH_BY_ID = "SELECT number, id, terminal, from_seq FROM epoch WHERE id = ?"
HASH_AT = "SELECT hash FROM journal WHERE seq = ?"


def is_ours(conn: sqlite3.Connection, held: Held) -> bool:
    """Tell whether our journal has `held` as a point of its chain."""
    row = conn.execute(EPOCH_BY_ID, (held.epoch,)).fetchone()
    if row is None:
        return False
    epoch = Epoch(*row)
    if held.acked_through == epoch.from_seq - 1:
        return held.head_hash == chain_start(epoch.terminal, epoch.id).hex()
    found = conn.execute(HASH_AT, (held.acked_through,)).fetchone()
    return held.acked_through >= epoch.from_seq and found is not None and bytes(found[0]).hex() == held.head_hash


def resume_after(conn: sqlite3.Connection, ends: Iterable[Held]) -> int:
    """Return the seq after which to send, given the ends of our chain that the platform holds."""
    ours = [held.acked_through for held in ends if is_ours(conn, held)]
    return max(ours) if ours else cursor(conn).acked_through
