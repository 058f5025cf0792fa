"""What stands under keys: how much, since when and where, by whom, and what was given back.

Rules of this file:

- a count under a plain key is its tally; what one holder has used (`is_holders`), and what stands under a rolling key,
  is counted from the rows, in the same transaction;
- every function takes a connection and writes nothing; the SQL stands at the top;
- what was given back is looked for from the newest facts on (CROSS JOIN keeps that order, whatever the planner makes of
  a file without statistics): from the uses on, each visit read every use that there ever was.
"""

import sqlite3
from collections.abc import Iterable, Mapping
from functools import lru_cache

from cache.ledger.counting.holders import BY_KEY, BY_MARK, BY_SHARED, HOLDERS, mark
from credit.facts import Used
from credit.weighing.compiled import FEN, is_fen
from credit.weighing.situation import UNUSED

TALLIES = "SELECT key, n FROM tallies WHERE key IN ({})"
COUNTED = f"SELECT key FROM uses WHERE {BY_MARK} AND +key IN ({{}}) AND given_back_by IS NULL"  # noqa: S608 - constants
NEWEST = (
    "SELECT uses.at_ms, r.site, r.lane FROM uses LEFT JOIN redemptions r ON r.id = uses.redemption"
    " WHERE {} AND given_back_by IS NULL ORDER BY uses.at_ms DESC LIMIT 1"
)
NEWEST_OF_HOLDER, NEWEST_USE = NEWEST.format(BY_KEY), NEWEST.format(BY_SHARED)
NEWEST_SUM = (
    "SELECT s.at_ms, r.site, r.lane FROM sums s LEFT JOIN redemptions r ON r.id = s.redemption"
    " WHERE s.key = ? AND s.given_back_fen < s.fen ORDER BY s.at_ms DESC LIMIT 1"
)
ROLLING = "SELECT count(*) FROM uses WHERE {} AND at_ms > ?2 AND given_back_by IS NULL"
ROLLING_OF_HOLDER, ROLLING_USES = ROLLING.format(BY_KEY), ROLLING.format(BY_SHARED)
ROLLING_SUMS = "SELECT coalesce(sum(fen - given_back_fen), 0) FROM sums WHERE key = ? AND at_ms > ?"
LIVING_OF = (
    "SELECT r.redemption, (SELECT count(*) FROM uses u WHERE u.redemption = r.redemption AND u.key = ?1"
    " AND u.given_back_by IS NULL) FROM (SELECT redemption, max(at_ms) AS at_ms FROM"
    " (SELECT redemption, at_ms FROM uses WHERE {} AND given_back_by IS NULL ORDER BY at_ms DESC LIMIT 200)"
    " GROUP BY redemption) r ORDER BY r.at_ms DESC LIMIT 50"
)
LIVING_OF_HOLDER, LIVING = LIVING_OF.format(BY_KEY), LIVING_OF.format(BY_SHARED)
LIVING_SUMS = (
    "SELECT redemption, sum(fen - given_back_fen) FROM (SELECT redemption, fen, given_back_fen, at_ms FROM sums"
    " WHERE key = ? AND given_back_fen < fen ORDER BY at_ms DESC LIMIT 200) GROUP BY redemption"
    " ORDER BY max(at_ms) DESC LIMIT 50"
)
UNHEARD = (
    "j.seq > (SELECT max(c.acked_through, h.seq - 200) FROM cursor c, (SELECT max(seq) AS seq FROM journal) h)"
    " AND j.kind IN ('annulled', 'closed', 'reversed')"
)
GIVEN_BACK = (
    f"SELECT DISTINCT u.redemption FROM journal j CROSS JOIN uses u ON u.redemption = j.redemption WHERE {UNHEARD}"  # noqa: S608 - a constant
    " AND u.key = ? AND u.given_back_by IS NOT NULL LIMIT 50"
)
LEFT_HERE = (
    "SELECT DISTINCT u.redemption FROM journal j CROSS JOIN uses u ON u.given_back_by = j.id WHERE"
    " j.seq > (SELECT max(c.acked_through, h.seq - 200) FROM cursor c, (SELECT max(seq) AS seq FROM journal) h)"
    " AND j.kind = 'exited' AND u.given_back_by IS NOT NULL AND u.key >= 'i|' AND u.key < 'i}' AND u.key = ?1"
    " AND NOT EXISTS (SELECT 1 FROM uses s WHERE s.redemption = u.redemption AND s.key = ?1"
    " AND s.given_back_by IS NULL) LIMIT 50"
)
SUMS_GIVEN_BACK = (
    f"SELECT DISTINCT s.redemption FROM journal j CROSS JOIN sums s ON s.redemption = j.redemption WHERE {UNHEARD}"  # noqa: S608 - a constant
    " AND s.key = ? AND s.given_back_fen = s.fen LIMIT 50"
)
INSIDE = "i|"
MOST_NAMED = 50  # own redemptions that an ask names under a key


def is_holders(key: str) -> bool:
    """Return whether a key counts what one holder has used: few rows, which have no total of their own."""
    return HOLDERS in key and not key.startswith(FEN)


def used(conn: sqlite3.Connection, key: str, since_ms: int | None) -> Used:
    """Return what stands under `key`, and when and where the newest of it was taken."""
    return counts(conn, {key: since_ms})[key]


def counts(conn: sqlite3.Connection, keys: Mapping[str, int | None]) -> dict[str, Used]:
    """Return what stands under each key (rolling ones from their start), one question for plain ones of a kind."""
    found: dict[str, int] = {}
    plain = [key for key, since_ms in keys.items() if since_ms is None]
    own = [key for key in plain if HOLDERS in key and not key.startswith(FEN)]  # `is_holders`, of twenty at once
    if own:
        marks = {mark(key) for key in {key.partition(HOLDERS)[2]: key for key in own}.values()}  # one holder's: few
        for (key,) in conn.execute(_asking(COUNTED, len(marks), len(own)), (*marks, *own)):
            found[key] = found.get(key, 0) + 1
    if len(own) < len(plain):
        shared = [key for key in plain if not is_holders(key)]
        found.update(conn.execute(_asking(TALLIES, len(shared)), shared))
    if len(plain) < len(keys):
        found.update([(key, _rolling(conn, key, since_ms)) for key, since_ms in keys.items() if since_ms is not None])
    every = dict.fromkeys(keys, UNUSED)
    if found:
        every.update([(key, _used(conn, key, n)) for key, n in found.items() if n])
    return every


@lru_cache(maxsize=256)
def _asking(sql: str, *many: int) -> str:
    """Return a question about so many keys: the same text each time, which is found faster among those prepared."""
    return sql.format(*[",".join("?" * one) for one in many])


def _rolling(conn: sqlite3.Connection, key: str, since_ms: int) -> int:
    asked = ROLLING_SUMS if is_fen(key) else ROLLING_OF_HOLDER if is_holders(key) else ROLLING_USES
    return int(conn.execute(asked, (key, since_ms)).fetchone()[0])


def _used(conn: sqlite3.Connection, key: str, n: int) -> Used:
    asked = NEWEST_SUM if is_fen(key) else NEWEST_OF_HOLDER if is_holders(key) else NEWEST_USE
    newest = conn.execute(asked, (key,)).fetchone()
    if newest is None:
        return Used(n=n)
    return Used(n=n, at_ms=newest[0], where=f"{newest[1]}/{newest[2]}" if newest[1] else None)


def living(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, tuple[tuple[str, int], ...]]:
    """Return the redemptions that stand under each key here, the newest first, as many as one ask may name.

    Each with how much it takes: heads, or fen.
    """
    found = {}
    for key in keys:
        asked = LIVING_SUMS if is_fen(key) else LIVING_OF_HOLDER if is_holders(key) else LIVING
        found[key] = tuple([(row[0], row[1]) for row in conn.execute(asked, (key,))])
    return found


def given_back(conn: sqlite3.Connection, keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return what was given back under each key while the facts that say so are on their way; of the newest 200 facts.

    Whoever counts beyond this terminal has not heard of it yet, and would hold our own use against our visitor: the
    platform has heard what it signed for, whatever a hub holds of it meanwhile.
    An amount that came back in part still stands there with the whole of it, until its fact is heard.
    """
    found = {}
    for key in keys:
        rows = conn.execute(SUMS_GIVEN_BACK if is_fen(key) else GIVEN_BACK, (key,)).fetchall()
        rows += conn.execute(LEFT_HERE, (key,)).fetchall() if key.startswith(INSIDE) else []
        found[key] = tuple(dict.fromkeys(row[0] for row in rows))[:MOST_NAMED]
    return found
