"""Whether the ledger says what the journal says: every count is made again from the facts, and compared.

The hard case is a journal that begins late, because signed facts have left. What was granted before it begins is not
judged, nor what was brought back at another terminal (its fact stands there).

    >>> from storage.sqlite import memory
    >>> contradictions(memory(), "gate-1")
    []
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from cache.ids import uuid7
from cache.journal.chain import records
from cache.memory.absorbing import absorb
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import memory

MAX_TOLD: Final = 20
LIVING: Final = (
    "SELECT key, redemption, count(*) FROM uses WHERE given_back_by IS NULL GROUP BY key, redemption"
    " UNION ALL SELECT key, redemption, fen - given_back_fen FROM sums WHERE fen > given_back_fen"
)
GRANTED: Final = "SELECT id FROM redemptions"
ELSEWHERE: Final = "SELECT DISTINCT redemption FROM uses WHERE given_back_by = 'elsewhere'"
INVENTED: Final = "SELECT id FROM redemptions WHERE seq >= ? ORDER BY seq"
FIRST: Final = "SELECT coalesce(min(seq), 0) FROM journal"
MISCOUNTED: Final = (  # by one walk: no index finds the uses of a holder's key, which had a tally before schema 24
    "SELECT t.key, t.n, coalesce(f.n, 0) AS found FROM tallies t LEFT JOIN (SELECT key, sum(n) AS n FROM"
    " (SELECT key, count(*) AS n FROM uses WHERE given_back_by IS NULL GROUP BY key"
    " UNION ALL SELECT key, fen - given_back_fen FROM sums) GROUP BY key) f ON f.key = t.key"
    " WHERE t.n <> found ORDER BY t.key"
)
INSIDE: Final = "i|"  # an exit frees the oldest inside, who may have come before the journal begins


def contradictions(conn: sqlite3.Connection, terminal: str) -> list[str]:
    """Return what in the ledger contradicts the journal, in words; empty when nothing does. Writes nothing."""
    found = []
    for line in _every(conn, terminal):
        found.append(line)
        if len(found) == MAX_TOLD:
            return [*found, "… and perhaps more"]
    return found


def _every(conn: sqlite3.Connection, terminal: str) -> Iterator[str]:
    for key, n, counted in conn.execute(MISCOUNTED).fetchall():
        yield f"{key}: the tally says {n}, the uses say {counted}"
    with closing(memory()) as anew:
        absorb(Pen(anew, Now(utc_ms=0), uuid7), terminal, records(conn), ())
        granted = {row[0] for row in anew.execute(GRANTED)}
        first = conn.execute(FIRST).fetchone()[0]
        for (redemption,) in conn.execute(INVENTED, (first,)).fetchall() if first else ():
            if redemption not in granted:
                yield f"redemption {redemption} stands in the ledger and not in the journal"
        passed_over = {row[0] for row in conn.execute(ELSEWHERE)}
        wanted, kept = _living(anew, first > 1), _living(conn, first > 1)
        for place in sorted(wanted.keys() | kept.keys()):
            key, redemption = place
            if redemption not in granted or redemption in passed_over:
                continue
            if wanted.get(place, 0) != kept.get(place, 0):
                yield (
                    f"{key}: redemption {redemption} used {wanted.get(place, 0)} by the journal,"
                    f" {kept.get(place, 0)} by the ledger"
                )


def _living(conn: sqlite3.Connection, begins_late: bool) -> dict[tuple[str, str], int]:
    rows = conn.execute(LIVING).fetchall()
    return {(key, one): n for key, one, n in rows if not (begins_late and key.startswith(INSIDE))}
