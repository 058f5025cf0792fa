"""A terminal's store that has served for long: rows of its one real grant, a row for each later visitor.

Every row has an id and a visitor of its own, half a minute after the one before. What the platform has signed for is
marked so; chain hashes are made up: nobody verifies them where time is measured.
"""

import contextlib
import os
import sqlite3
from pathlib import Path

from credit.codec.packed import pack, unpack

APART_MS = 30_000
IDS = (
    "CREATE TEMP TABLE made AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)"
    " SELECT i, t.at_ms, t.seq + i AS seq, substr(t.stamp, 1, 8) || '-' || substr(t.stamp, 9) || '-7000-8000-' ||"
    " printf('%012x', i) AS id, randomblob(16) AS subject FROM (SELECT i, r.seq, r.at_ms - (?1 - i + 1) * ?2 AS at_ms,"
    " printf('%012x', r.at_ms - (?1 - i + 1) * ?2) AS stamp FROM n, redemptions r) t"
)
REDEMPTIONS = (
    "INSERT INTO redemptions (id, at_ms, terminal, site, scene, lane, issuer, subject, token_id, intent, amount_fen,"
    " heads, benefit, answer, shown, state, gives_back, grace_until_ms, passed_ms, seq)"
    " SELECT m.id, m.at_ms, r.terminal, r.site, r.scene, r.lane, r.issuer, m.subject, substr(m.subject, 1, 8),"
    " r.intent, r.amount_fen, r.heads, r.benefit, r.answer, r.shown, 'passed', r.gives_back, 0, m.at_ms + 2000, m.seq"
    " FROM temp.made m, (SELECT * FROM redemptions LIMIT 1) r"
)
JOURNAL = (
    "INSERT INTO journal (seq, id, at_ms, kind, redemption, body, packed, hash)"
    " SELECT m.seq, replace(m.id, '-8000-', '-9000-'), m.at_ms, j.kind, m.id,"
    " '', repacked(j.packed, j.said, lower(hex(m.subject))), randomblob(32) FROM temp.made m,"
    " (SELECT j.*, (SELECT lower(hex(subject)) FROM redemptions) AS said FROM journal j WHERE redemption IS NOT NULL) j"
)
USES = (
    "INSERT INTO uses (key, ordinal, redemption, at_ms, bound)"
    " SELECT replace(u.key, u.said, lower(hex(m.subject))), 1, m.id, m.at_ms, u.bound FROM temp.made m,"
    " (SELECT u.*, (SELECT lower(hex(subject)) FROM redemptions) AS said FROM uses u) u"
)
SIGNED = "UPDATE cursor SET sent_through = ?1, acked_through = ?1, acked_at_ms = 1"


def _repacked(packed: bytes, said: str, says: str) -> bytes:
    return pack(unpack(packed).replace(said.encode(), says.encode()))


def fill(path: Path, redemptions: int, unsent: int) -> None:
    """Let so many visitors have come, of whose facts the platform has not signed for the newest `unsent`."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as conn:
        for one in ("journal_mode = MEMORY", "synchronous = OFF", "cache_size = -500000", "temp_store = MEMORY"):
            conn.execute(f"PRAGMA {one}").fetchall()
        [(seq,)] = conn.execute("SELECT max(seq) FROM journal")
        conn.create_function("repacked", 3, _repacked, deterministic=True)
        conn.execute("BEGIN")
        conn.execute(IDS, (redemptions, APART_MS))
        for sql in (JOURNAL, USES, REDEMPTIONS):  # what they are made from is the first one
            conn.execute(sql)
        conn.execute(SIGNED, (seq + redemptions - unsent,))
        conn.execute("COMMIT")
    with path.open("rb") as file:
        os.fsync(file.fileno())  # what is still on its way to the disk would stand in the way of whoever is measured
