"""Grants that were withdrawn: their ids go out among the city's revocations until they would have ended anyway.

The table is made when it is first needed: a register of any age serves.
"""

import sqlite3
from typing import Final

TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS withdrawn_grant (city TEXT NOT NULL REFERENCES city (city),"
    " grant_id BLOB NOT NULL CHECK (length(grant_id) = 8), until_s INTEGER NOT NULL,"
    " PRIMARY KEY (city, grant_id)) STRICT, WITHOUT ROWID"
)
ENTER: Final = "INSERT OR IGNORE INTO withdrawn_grant (city, grant_id, until_s) VALUES (?, ?, ?)"
STANDING: Final = "SELECT grant_id FROM withdrawn_grant WHERE city = ? AND until_s > ? ORDER BY grant_id"


def enter(conn: sqlite3.Connection, city: str, grant_id: bytes, *, until_s: int) -> None:
    """Enter a withdrawn grant; it is published with the next publication."""
    conn.execute(TABLE)
    conn.execute(ENTER, (city, grant_id, until_s))


def standing(conn: sqlite3.Connection, city: str, *, now_s: int) -> list[str]:
    """Return the ids (hex) of withdrawn grants that would not have ended yet."""
    conn.execute(TABLE)
    return [bytes(row[0]).hex() for row in conn.execute(STANDING, (city, now_s))]
