"""Proofs of presence: what phones showed, kept beside the journal until the platform has it (illness.md 11).

Rules of this file:

- a grant's fact bears the SHA-256 of what was shown; the bytes stand here, so that the chain stays small and they can
  be deleted;
- a proof's number is its fact's: numbers rise and are never given again, so "all up to number n" names what there was
  at a moment, whatever any clock says;
- a fact goes first: no proof travels before the batch that its fact is in;
- what has arrived is deleted by name; functions run inside their caller's transaction.

    >>> from storage.sqlite import memory
    >>> conn = memory()
    >>> keep(conn, "r-1", 7, b"shown")
    >>> waiting(conn, Aboard(through=newest(conn), last=7, room=1024))
    {'r-1': b'shown'}
    >>> forget(conn, ["r-1"])
    >>> waiting(conn, Aboard(through=newest(conn), last=7, room=1024))
    {}
"""

import json
import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

MAX_AT_ONCE: Final = 500
ENTRY_BYTES: Final = 8  # quotes, colon and comma of one entry on the wire

KEEP: Final = "INSERT INTO proofs (redemption, seq, shown) VALUES (?, ?, ?)"
NEWEST: Final = "SELECT coalesce(max(seq), 0) FROM proofs"
OLDEST: Final = "SELECT min(seq) FROM proofs WHERE seq > ?"
NUMBERED: Final = "SELECT seq FROM proofs WHERE redemption = ?1 AND seq IN (SELECT seq FROM redemptions WHERE id = ?1)"
WAITING: Final = "SELECT redemption, shown FROM proofs WHERE seq > ? AND seq <= min(?, ?) ORDER BY seq LIMIT ?"
FORGET: Final = (  # all in one statement: the interpreter is taken up again once, not after each of them
    "DELETE FROM proofs WHERE seq IN (SELECT r.seq FROM json_each(?) named CROSS JOIN redemptions r"
    " ON r.id = named.value WHERE EXISTS (SELECT 1 FROM proofs p WHERE p.seq = r.seq AND p.redemption = r.id))"
)
UNNUMBERED: Final = (  # their redemptions are gone: one walk for all; what was sent is the oldest, so it is short
    "SELECT seq FROM proofs WHERE redemption IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"
)
LEFT_OVER: Final = f"DELETE FROM proofs WHERE seq IN ({UNNUMBERED})"  # noqa: S608 - a constant


class Aboard(NamedTuple):
    """What may go now: numbers after `after` up to `through`, of facts up to seq `last`, in `room` bytes."""

    through: int
    last: int
    room: int
    after: int = 0


def keep(conn: sqlite3.Connection, redemption: str, seq: int, shown: bytes) -> None:
    """Keep what was shown for the grant whose fact is `seq`."""
    conn.execute(KEEP, (redemption, seq, shown))


def newest(conn: sqlite3.Connection) -> int:
    """Return the number of the newest proof that waits, 0 when none does."""
    return int(conn.execute(NEWEST).fetchone()[0])


def oldest(conn: sqlite3.Connection, *, after: int = 0) -> int | None:
    """Return the number of the oldest proof after a number, None when none waits."""
    number: int | None = conn.execute(OLDEST, (after,)).fetchone()[0]
    return number


def waiting(conn: sqlite3.Connection, aboard: Aboard) -> dict[str, bytes]:
    """Return the oldest proofs that may go now, by redemption."""
    found: dict[str, bytes] = {}
    room = aboard.room
    for redemption, shown in conn.execute(WAITING, (aboard.after, aboard.through, aboard.last, MAX_AT_ONCE)):
        room -= len(redemption) + wire_bytes(shown) + ENTRY_BYTES
        if room < 0:
            break
        found[redemption] = bytes(shown)
    return found


def wire_bytes(shown: bytes) -> int:
    """Return how many characters a proof takes as base64url without padding."""
    return (len(shown) * 4 + 2) // 3


def highest(conn: sqlite3.Connection, redemptions: Iterable[str]) -> int:
    """Return the highest number of the proofs of `redemptions`, 0 where none waits."""
    found = {one: conn.execute(NUMBERED, (one,)).fetchone() for one in redemptions}
    gone = [one for one, row in found.items() if row is None]
    rows = [row for row in found.values() if row] + (conn.execute(UNNUMBERED, _all_of(gone)).fetchall() if gone else [])
    return max((row[0] for row in rows), default=0)


def forget(conn: sqlite3.Connection, redemptions: Iterable[str]) -> None:
    """Delete proofs that have arrived. A name that is told again names none any more: all such take one walk."""
    names = list(redemptions)
    if names and (gone := len(names) - conn.execute(FORGET, (json.dumps(names),)).rowcount):
        conn.execute(LEFT_OVER, (json.dumps(names), gone))


def _all_of(redemptions: list[str]) -> tuple[str, int]:
    return json.dumps(redemptions), len(redemptions)
