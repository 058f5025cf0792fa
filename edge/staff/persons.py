"""The persons of this terminal, in its database: who they are, what they may, and who is locked out until when.

Rules of this file:

- functions take a connection and run inside their caller's transaction; no PIN comes here, only its hash;
- TRIES wrong PINs lock a person out for LOCK_MS, and each TRIES more for twice as long, up to MOST_LOCK_MS; the lock
  lies in the database, so that a restart opens nothing; a right PIN forgets the wrong ones.

    >>> [locked_for(failed) // 60_000 for failed in (4, 5, 6, 10, 15, 500)]
    [0, 5, 0, 10, 20, 1440]
"""

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TRIES: Final = 5  # wrong PINs in a row
LOCK_MS: Final = 300_000
MOST_LOCK_MS: Final = 86_400_000

ALL = "SELECT person, role, pin_hash, failed, locked_until_ms FROM staff ORDER BY person"
ONE = "SELECT person, role, pin_hash, failed, locked_until_ms FROM staff WHERE person = ?"
ADD = "INSERT INTO staff (person, role, pin_hash, at_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
RESET = "UPDATE staff SET pin_hash = ?, failed = 0, locked_until_ms = 0, at_ms = ? WHERE person = ?"
REMOVE = "DELETE FROM staff WHERE person = ?"
FAILED = "UPDATE staff SET failed = failed + 1, locked_until_ms = ? WHERE person = ?"
RIGHT = "UPDATE staff SET failed = 0, locked_until_ms = 0 WHERE person = ?"


class Duty(StrEnum):
    """What a person is here."""

    KEEPER = "keeper"
    SUPERVISOR = "supervisor"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works here."""

    name: str
    duty: Duty
    pin_hash: str
    failed: int
    locked_until_ms: int


def locked_for(failed: int) -> int:
    """Return for how long the wrong PIN number `failed` in a row locks out, in ms."""
    if failed % TRIES:
        return 0
    return int(min(LOCK_MS * 2 ** min(failed // TRIES - 1, 16), MOST_LOCK_MS))


def persons(conn: sqlite3.Connection) -> tuple[Person, ...]:
    """Return everybody, by name."""
    return tuple(_person(row) for row in conn.execute(ALL))


def person(conn: sqlite3.Connection, name: str) -> Person | None:
    """Return one person, None if nobody of this name works here."""
    row = conn.execute(ONE, (name,)).fetchone()
    return None if row is None else _person(row)


def add(conn: sqlite3.Connection, name: str, duty: Duty, pin_hash: str, at_ms: int) -> bool:
    """Write a new person down; False if there is one of this name."""
    return conn.execute(ADD, (name, duty.value, pin_hash, at_ms)).rowcount == 1


def reset(conn: sqlite3.Connection, name: str, pin_hash: str, at_ms: int) -> bool:
    """Give a person a new PIN and lift the lock; False if nobody has this name."""
    return conn.execute(RESET, (pin_hash, at_ms, name)).rowcount == 1


def remove(conn: sqlite3.Connection, name: str) -> bool:
    """Strike a person out; False if nobody has this name."""
    return conn.execute(REMOVE, (name,)).rowcount == 1


def tried(conn: sqlite3.Connection, name: str, *, right: bool, now_ms: int) -> int:
    """Note whether a PIN was right; return until when the person is locked out, in ms UTC (0: is not)."""
    if right:
        conn.execute(RIGHT, (name,))
        return 0
    known = person(conn, name)
    if known is None:
        return 0
    wait = locked_for(known.failed + 1)
    until_ms = now_ms + wait if wait else known.locked_until_ms
    conn.execute(FAILED, (until_ms, name))
    return until_ms


def _person(row: tuple[str, str, str, int, int]) -> Person:
    return Person(row[0], Duty(row[1]), row[2], row[3], row[4])
