"""What leaves the ledger: redemptions whose facts have left the journal, with the uses of periods that are over.

The hard idea: counts are made from redemptions, and `journal verify` makes them again from the facts. So a redemption
stays as long as its fact does (`cache.journal.chain.retire`: half a year after the platform signed for it), and longer
where something may still come of it:

- it is open, overdue or waits for its money, or may still be returned;
- it takes something of a period that is not over everywhere for KEPT_S by trusted time (claims.md), or of none: what a
  first visit used is used for ever.

A tally of which nothing is left goes with its last use.
"""

import sqlite3
from typing import Final

from credit.rules.periods import is_over

KEPT_S: Final = 7 * 86_400
FIRST: Final = "SELECT coalesce(min(seq), 0) FROM journal"
OLD: Final = (
    "SELECT seq, id FROM redemptions WHERE seq > ? AND seq < ? AND state NOT IN ('open', 'overdue', 'awaiting')"
    " AND coalesce(reversal_until_ms, 0) < ? ORDER BY seq LIMIT ?"
)
KEYS: Final = (
    "SELECT key FROM uses WHERE redemption = ?1 AND given_back_by IS NULL"
    " UNION SELECT key FROM sums WHERE redemption = ?1 AND given_back_fen < fen"
)
LESS: Final = (
    "UPDATE tallies SET n = n"
    " - (SELECT count(*) FROM uses WHERE redemption = ?1 AND key = ?2 AND given_back_by IS NULL)"
    " - (SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE redemption = ?1 AND key = ?2) WHERE key = ?2"
)
NONE_LEFT: Final = (
    "DELETE FROM tallies WHERE key = ?1 AND n = 0 AND NOT EXISTS (SELECT 1 FROM uses WHERE key = ?1)"
    " AND NOT EXISTS (SELECT 1 FROM sums WHERE key = ?1)"
)
ROWS: Final = ("DELETE FROM uses WHERE redemption = ?", "DELETE FROM sums WHERE redemption = ?")
REDEMPTION: Final = "DELETE FROM redemptions WHERE id = ?"


def forget_over(conn: sqlite3.Connection, now_ms: int, after: int, *, at_most: int) -> int:
    """Look at so many old redemptions after record `after`, and let go of those that are over; return where to go on.

    0 begins with the oldest: what stays is looked at again, round and round.
    """
    first = conn.execute(FIRST).fetchone()[0]
    found = conn.execute(OLD, (after, first, now_ms, at_most)).fetchall()
    for _seq, redemption in found:
        keys = [row[0] for row in conn.execute(KEYS, (redemption,))]
        if all(is_over(key, now_ms // 1000 - KEPT_S) for key in keys):
            _let_go(conn, redemption, keys)
    return int(found[-1][0]) if len(found) == at_most else 0


def _let_go(conn: sqlite3.Connection, redemption: str, keys: list[str]) -> None:
    every = {row[0] for row in conn.execute("SELECT key FROM uses WHERE redemption = ?", (redemption,))}
    for key in keys:
        conn.execute(LESS, (redemption, key))
    for statement in ROWS:
        conn.execute(statement, (redemption,))
    for key in sorted({*every, *keys}):
        conn.execute(NONE_LEFT, (key,))
    conn.execute(REDEMPTION, (redemption,))
