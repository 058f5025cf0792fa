"""Who has which tier and groups by list, in place of what the credential claims (contract.md §10).

Rules of this file:

- a subject's rows are replaced together: they all bear its tier, each one group;
- nothing left (tier 0, no groups) is a row too: it takes away what credentials claim. It stays until the last
  credential that may claim more has ended (`forget_ended`), for without it the claim would count again.
"""

import sqlite3
from collections.abc import Collection
from typing import Final

from central.register.registry import RegistryError
from credit.rules.terms import MAX_TIER

MAX_GROUPS: Final = 16
MAX_GROUP: Final = 2**32 - 1

PUT: Final = "INSERT INTO member (city, subject, tier, code, listed_ms) VALUES (?, ?, ?, ?, ?)"
ENDED: Final = (
    "SELECT subject FROM member AS listed WHERE city = ? AND NOT EXISTS ("
    "SELECT 1 FROM credential WHERE credential.city = listed.city AND credential.subject = listed.subject"
    " AND expires_s >= ?) GROUP BY subject HAVING max(tier) = 0 AND max(code) = 0"
)


def list_member(
    conn: sqlite3.Connection, city: str, subject: bytes, tier: int, groups: Collection[int], *, now_ms: int
) -> None:
    """Let a subject have this tier and these groups from the next publication on; raise RegistryError."""
    codes = sorted(set(groups) - {0}) or [0]
    if not 0 <= tier <= MAX_TIER:
        raise RegistryError(f"tier {tier}: a tier is 0 to {MAX_TIER}; 0 is none")
    if len(codes) > MAX_GROUPS or not 0 <= codes[0] <= codes[-1] <= MAX_GROUP:
        raise RegistryError(f"groups {codes}: at most {MAX_GROUPS}, each from 1 to {MAX_GROUP}")
    conn.execute("DELETE FROM member WHERE city = ? AND subject = ?", (city, subject))
    conn.executemany(PUT, [(city, subject, tier, code, now_ms) for code in codes])


def unlist_member(conn: sqlite3.Connection, city: str, subject: bytes) -> bool:
    """Let a subject's claim count again; return whether it was listed."""
    return conn.execute("DELETE FROM member WHERE city = ? AND subject = ?", (city, subject)).rowcount > 0


def forget_ended(conn: sqlite3.Connection, city: str, *, now_s: int) -> int:
    """Remove the empty rows of subjects none of whose credentials lives any more; return how many subjects."""
    ended = [row[0] for row in conn.execute(ENDED, (city, now_s))]
    conn.executemany("DELETE FROM member WHERE city = ? AND subject = ?", [(city, subject) for subject in ended])
    return len(ended)
