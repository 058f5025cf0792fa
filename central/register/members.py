"""Who has which tier and groups by list, in place of what the credential claims (contract.md §10).

Rules of this file:

- who is listed as what changes by the word of two people, or in an emergency (`Warrant`): a tier opens gates;
- a subject's rows are replaced together: they all bear its tier, each one group;
- nothing left (tier 0, no groups) is a row too: it takes away what credentials claim. It stays until the last
  credential that may claim more has ended (`forget_ended`), for without it the claim would count again.
"""

import sqlite3
from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from central.register.registry import RegistryError
from central.register.warrants import Warrant, done_already, note
from credit.rules.terms import MAX_TIER

MAX_GROUPS: Final = 16
MAX_GROUP: Final = 2**32 - 1

PUT: Final = "INSERT INTO member (city, subject, tier, code, listed_ms) VALUES (?, ?, ?, ?, ?)"
OF: Final = "SELECT tier, code FROM member WHERE city = ? AND subject = ? ORDER BY code"
ENDED: Final = (
    "SELECT subject FROM member AS listed WHERE city = ? AND NOT EXISTS ("
    "SELECT 1 FROM credential WHERE credential.city = listed.city AND credential.subject = listed.subject"
    " AND expires_s >= ?) GROUP BY subject HAVING max(tier) = 0 AND max(code) = 0"
)


class Standing(NamedTuple):
    """Tier and group codes of somebody, by list: the codes sorted, none twice."""

    tier: int
    groups: tuple[int, ...]

    @classmethod
    def of(cls, tier: int, groups: Collection[int]) -> "Standing":
        """Return it in the one form in which two can be compared."""
        return cls(tier, tuple(sorted(set(groups) - {0})))


def standing_of(conn: sqlite3.Connection, city: str, subject: bytes) -> Standing | None:
    """Return what a subject has by list; None where no list names it."""
    rows = conn.execute(OF, (city, subject)).fetchall()
    return Standing.of(rows[0][0], [code for _tier, code in rows]) if rows else None


def list_members(
    conn: sqlite3.Connection,
    city: str,
    wished: Mapping[bytes, Standing | None],
    *,
    about: str,
    warrant: Warrant,
    now_ms: int,
) -> bool:
    """Let subjects have what is wished (None: what credentials claim) by somebody's word; return whether it was new.

    `about` is how the register notes whose word it was. Raises RegistryError.
    """
    if done_already(conn, warrant, "member", city=city):
        return False
    for subject, one in wished.items():
        if one is None:
            unlist_member(conn, city, subject)
        else:
            _list(conn, city, subject, one, now_ms=now_ms)
    note(conn, warrant, "member", (about,), city=city, now_ms=now_ms)
    return True


def silence(conn: sqlite3.Connection, city: str, subject: bytes, *, now_ms: int) -> None:
    """Take tier and groups away from somebody who is forgotten, whatever their credentials claim."""
    _list(conn, city, subject, Standing(0, ()), now_ms=now_ms)


def _list(conn: sqlite3.Connection, city: str, subject: bytes, wished: Standing, *, now_ms: int) -> None:
    tier, groups = wished
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
