"""Answers by request id: who asks twice under one id is answered once, also across a power cut (terminal.md).

Rules of this file:

- an answer that gave something is written in the transaction that gives it, so there is no moment between the two;
- of the answer to a grant only that is kept which its redemption does not say; the two are put together again;
- an answer that gave nothing is not kept: asked again, it is decided afresh, as any other repeat is (contract.md §2);
- of the request only a hash is kept: no token bytes in the database;
- an id means one request of one lane for KEPT_MS.
"""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from cache.pen import Pen
from cache.texts import clear, told
from credit.codec.packed import pack
from credit.telling.answers import kept

KEPT_MS: Final = 24 * 3_600_000
BUCKET_MS: Final = 3 * 3_600_000  # requests of so long lie beside each other, and are forgotten together
BUCKETS: Final = KEPT_MS // BUCKET_MS + 1
FORGET: Final = (
    "DELETE FROM requests WHERE (bucket, lane, id) IN"
    " (SELECT bucket, lane, id FROM requests WHERE bucket < ? ORDER BY bucket LIMIT ?)"
)
FORGET_REDEMPTION: Final = "DELETE FROM requests WHERE bucket >= ? AND redemption = ?"
KNOWN: Final = f"""
    SELECT q.asked, q.answer, q.whole, q.redemption, iif(r.answer = '', CAST(r.shown AS BLOB), CAST(r.answer AS BLOB)),
        r.intent = 'enter' AND r.grace_until_ms > ?1 AND r.passed_ms IS NULL AND r.ended_ms IS NULL
    FROM requests q LEFT JOIN redemptions r ON r.id = q.redemption
    WHERE q.bucket IN ({",".join(f"?2 - {ago}" for ago in range(BUCKETS + 1))})
        AND q.lane = ?3 AND q.id = ?4 AND q.at_ms > ?5
"""  # noqa: S608 - numbers
REMEMBER: Final = (
    "INSERT INTO requests (bucket, lane, id, asked, redemption, answer, whole, at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class OtherRequestError(Exception):
    """This request id was used for another request of the lane."""


class Asking(Struct, frozen=True):
    """A request under an id: `asked` is the SHA-256 of all of it."""

    id: str
    asked: bytes


class Answered(Struct, frozen=True):
    """What a request was given: the answer as text, and whether the visitor of it may still be waiting."""

    answer: str
    redemption: str
    in_grace: bool


def answered(conn: sqlite3.Connection, asking: Asking, *, lane: str, at_ms: int) -> Answered | None:
    """Return what this request was given, None if it was given nothing; raise OtherRequestError."""
    newest = at_ms // BUCKET_MS + 1  # one to come: a clock that was put back since
    row = conn.execute(KNOWN, (at_ms, newest, lane, asking.id, at_ms - KEPT_MS)).fetchone()
    if row is None:
        return None
    asked, answer, whole, redemption, decided, in_grace = row
    if asked != asking.asked:
        raise OtherRequestError(asking.id)
    beside = told(answer)
    text = clear(answer).decode() if whole else kept(told(decided) | beside).decode()
    return Answered(text, redemption, bool(in_grace))


def forget(pen: Pen, redemption: str) -> None:
    """Forget the answer that told of this redemption a moment ago: nobody heard it, and it was taken back."""
    pen.conn.execute(FORGET_REDEMPTION, (pen.now.utc_ms // BUCKET_MS - 1, redemption))


def forget_old(conn: sqlite3.Connection, at_ms: int, *, at_most: int) -> int:
    """Forget answers that are kept no longer, `at_most` so many; return how many."""
    return conn.execute(FORGET, ((at_ms - KEPT_MS) // BUCKET_MS, at_most)).rowcount


class Given(Struct, frozen=True):
    """What a request was given. `beside` is what the answer says beyond its redemption's; or `whole`, all of it."""

    redemption: str
    beside: Mapping[str, Any]
    whole: bool


def remember(pen: Pen, asking: Asking, given: Given, *, lane: str) -> None:
    """Keep the answer of a request that was given something."""
    at_ms, answer = pen.now.utc_ms, pack(kept(given.beside))
    row = (at_ms // BUCKET_MS, lane, asking.id, asking.asked, given.redemption, answer, int(given.whole), at_ms)
    pen.conn.execute(REMEMBER, row)
