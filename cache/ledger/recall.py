"""Answers by request id: who asks twice under one id is answered once, also across a power cut (terminal.md).

Rules of this file:

- an answer that gave something is written in the transaction that gives it, so there is no moment between the two;
- an answer that gave nothing is not kept: asked again, it is decided afresh, as any other repeat is (contract.md §2);
- of the request only a hash is kept: no token bytes in the database;
- an id means one request of one lane for KEPT_MS.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final

from cache.pen import Pen

KEPT_MS: Final = 24 * 3_600_000
FORGET: Final = "DELETE FROM requests WHERE at_ms <= ?"
FORGET_REDEMPTION: Final = "DELETE FROM requests WHERE redemption = ?"
KNOWN: Final = """
    SELECT asked, answer, redemption,
        EXISTS (SELECT 1 FROM graces WHERE graces.redemption = requests.redemption AND graces.until_ms > :at_ms)
    FROM requests WHERE lane = :lane AND id = :id AND at_ms > :since_ms
"""
REMEMBER: Final = "INSERT INTO requests (lane, id, asked, redemption, answer, at_ms) VALUES (?, ?, ?, ?, ?, ?)"


class OtherRequestError(Exception):
    """This request id was used for another request of the lane."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A request under an id: `asked` is the SHA-256 of all of it."""

    id: str
    asked: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What a request was given: the answer as text, and whether the visitor of it may still be waiting."""

    answer: str
    redemption: str
    in_grace: bool


def answered(conn: sqlite3.Connection, asking: Asking, *, lane: str, at_ms: int) -> Answered | None:
    """Return what this request was given, None if it was given nothing; raise OtherRequestError."""
    named = {"lane": lane, "id": asking.id, "at_ms": at_ms, "since_ms": at_ms - KEPT_MS}
    row = conn.execute(KNOWN, named).fetchone()
    if row is None:
        return None
    if row[0] != asking.asked:
        raise OtherRequestError(asking.id)
    return Answered(row[1], row[2], bool(row[3]))


def forget(pen: Pen, redemption: str) -> None:
    """Forget the answer that told of this redemption: nobody heard it, and it was taken back."""
    pen.conn.execute(FORGET_REDEMPTION, (redemption,))


def remember(pen: Pen, asking: Asking, *, lane: str, redemption: str, answer: str) -> None:
    """Keep the answer of a request that was given something."""
    at_ms = pen.now.utc_ms
    pen.conn.execute(FORGET, (at_ms - KEPT_MS,))
    pen.conn.execute(REMEMBER, (lane, asking.id, asking.asked, redemption, answer, at_ms))
