"""The journal: every fact this terminal knows, hash-chained, and at once the outbox (journal.md, contract.md §8).

Rules of this file:

- every function takes the connection of a transaction that its caller began; nothing here commits;
- facts are appended, never changed; `append` is the only INSERT into `journal`;
- a peer's word moves `sent_through`; only a platform receipt with our own head hash moves `acked_through`, and only
  what is below it *and* was signed for long ago, by the platform's clock, may leave (`retire`).
"""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from cache.texts import BODY, clear, columns
from credit.records import Record, around, canonical, chain_next, chain_start, encode

MAX_ID = 128  # characters of an id in a fact
MAX_BESIDE = 1024 * 1024  # bytes that are kept of what no record holds

LAST = "SELECT seq, CAST(hash AS BLOB) FROM journal ORDER BY seq DESC LIMIT 1"
EPOCH = "SELECT number, id, terminal, from_seq FROM epoch ORDER BY number DESC LIMIT 1"
EPOCH_OF = "SELECT number, id, terminal, from_seq FROM epoch WHERE from_seq <= ? ORDER BY number DESC LIMIT 1"
END = (  # the epoch in force, and the last record
    "SELECT e.terminal, e.id, e.from_seq, j.seq, CAST(j.hash AS BLOB) FROM epoch e"
    " LEFT JOIN journal j ON j.seq = (SELECT max(seq) FROM journal) ORDER BY e.number DESC LIMIT 1"
)
INSERT = "INSERT INTO journal (seq, id, at_ms, kind, redemption, body, packed, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
ROW = (  # as bytes: what a bit turned over may be no text any more, no number, or nothing
    "SELECT seq, CAST(id AS BLOB), CASE typeof(at_ms) WHEN 'integer' THEN at_ms ELSE CAST(at_ms AS BLOB) END,"  # noqa: S608 - constant columns
    f" CAST(kind AS BLOB), CAST(redemption AS BLOB), {BODY}, CAST(hash AS BLOB) FROM journal"
)
AFTER = f"{ROW} WHERE seq >= ? ORDER BY seq LIMIT ?"
EVERY = f"{ROW} ORDER BY seq"
CHAINING = "SELECT through, was FROM chaining"
HASH = "SELECT CAST(hash AS BLOB) FROM journal WHERE seq = ?"
FIRST_AFTER = "SELECT at_ms FROM journal WHERE seq > ? ORDER BY seq LIMIT 1"
GAPS = (  # numbers above ?1 that were passed over where an epoch began
    "SELECT coalesce(sum(e.from_seq - 1"
    " - max(?1, coalesce((SELECT max(j.seq) FROM journal j WHERE j.seq < e.from_seq), 0))), 0)"
    " FROM epoch e WHERE e.from_seq - 1 > ?1 AND e.from_seq <= (SELECT max(seq) FROM journal)"
)
BESIDE = "INSERT INTO beside (seq, original) VALUES (?, ?)"
LEAVE = (
    "DELETE FROM journal WHERE seq IN (SELECT seq FROM journal"
    " WHERE seq < ?1 AND seq <= ?2 AND seq NOT IN (SELECT seq FROM set_aside) ORDER BY seq LIMIT ?3)"
)
SIGNED_AT = (
    "INSERT INTO receipts (hour, through, at_ms) VALUES (?1 / 3600000, ?2, ?1) ON CONFLICT (hour) DO UPDATE"
    " SET through = max(through, excluded.through), at_ms = max(at_ms, excluded.at_ms)"
)
SIGNED_BEFORE = "SELECT max(through) FROM receipts WHERE at_ms < ?"
FORGET_RECEIPTS = "DELETE FROM receipts WHERE through < ? AND at_ms < ?"
CURSOR = "SELECT sent_through, acked_through, acked_at_ms FROM cursor"


class JournalError(Exception):
    """The journal cannot be used as asked; the message says why."""


class ForeignReceiptError(JournalError):
    """A receipt that does not fit this journal: beyond its head, or with another hash. Nothing was changed."""


class Epoch(Struct, frozen=True):
    """One unforked stretch of the chain. `from_seq` is its first record's number."""

    number: int
    id: str
    terminal: str
    from_seq: int


class Head(Struct, frozen=True):
    """The end of the journal: last seq (0 when empty) and its hash (32 bytes)."""

    seq: int
    hash: bytes


class Cursor(Struct, frozen=True):
    """How far the journal has gone: held by a peer, signed for by the platform, and when (ms UTC)."""

    sent_through: int
    acked_through: int
    acked_at_ms: int


class NewFact(NamedTuple):
    """A fact that is to be appended; its seq and its hash follow from where it comes to stand."""

    kind: str
    body: dict[str, Any]
    at_ms: int
    id: str
    redemption: str | None = None


class Unsent(Struct, frozen=True):
    """How many facts wait for the platform, and since when the oldest does (ms UTC, None when none waits)."""

    count: int
    oldest_at_ms: int | None


def begin_epoch(
    conn: sqlite3.Connection, *, epoch: str, terminal: str, reason: str, from_seq: int | None = None
) -> Epoch:
    """Start a new epoch at the next seq, or at a later one: at enrolment, when it is ordered, and after a loss."""
    last = conn.execute(LAST).fetchone()
    from_seq = from_seq or (last[0] + 1 if last else 1)
    conn.execute(
        "INSERT INTO epoch (id, terminal, from_seq, reason) VALUES (?, ?, ?, ?)", (epoch, terminal, from_seq, reason)
    )
    return current_epoch(conn)


def current_epoch(conn: sqlite3.Connection) -> Epoch:
    """Return the epoch in force; raise JournalError when this terminal has none yet."""
    row = conn.execute(EPOCH).fetchone()
    if row is None:
        raise JournalError("this terminal has no journal epoch yet; enrol it first (xinguan enrol CODE)")
    return Epoch(*row)


def epoch_of(conn: sqlite3.Connection, seq: int) -> Epoch:
    """Return the epoch that record `seq` belongs to; raise JournalError when there is none."""
    row = conn.execute(EPOCH_OF, (seq,)).fetchone()
    if row is None:
        raise JournalError(f"no epoch holds record {seq}")
    return Epoch(*row)


def head(conn: sqlite3.Connection) -> Head:
    """Return the end of the chain: the last record's, or hash(0) of the epoch when it has no record yet."""
    row = conn.execute(END).fetchone()
    if row is None:
        current_epoch(conn)  # which says so
    terminal, epoch, from_seq, seq, hashed = row
    if seq is None or seq < from_seq:
        return Head(from_seq - 1, chain_start(terminal, epoch))
    return Head(seq, hashed or b"")


def append(conn: sqlite3.Connection, fact: NewFact) -> Record:
    """Append one fact and return it; never raises for what a fact says (illness.md 1).

    A body that is no RFC 8785 object, or too large for a record, is replaced by its length and SHA-256; what it said is
    kept in the table beside. So nothing that anybody says can keep a fact from being written, or end a terminal.
    """
    end, original = head(conn), b""
    kind, body, at_ms, record_id, redemption = fact
    record = Record(seq=end.seq + 1, id=record_id, at_ms=at_ms, kind=kind, redemption=redemption, body=body)
    try:
        said = canonical(record.body)
        raw = around(record, said)
    except (ValueError, RecursionError):
        original = _any_text({"body": body, "redemption": redemption})
        replaced = {"bytes": len(original), "sha256": hashlib.sha256(original).hexdigest()}
        named = redemption if redemption is not None and len(redemption) <= MAX_ID else None
        record = replace(record, redemption=named, body={"replaced": replaced})
        said = canonical(record.body)
        raw = around(record, said)
    linked = chain_next(end.hash, raw)
    conn.execute(INSERT, (record.seq, record_id, at_ms, kind, record.redemption, *columns(kind, said), linked))
    if original:
        conn.execute(BESIDE, (record.seq, original[:MAX_BESIDE]))
    return record


def _any_text(value: object) -> bytes:
    """Return something readable of any value, also of one that is no JSON."""
    try:
        return json.dumps(value, default=repr, ensure_ascii=False).encode("utf-8", "replace")
    except (ValueError, RecursionError):
        return type(value).__name__.encode()


def cursor(conn: sqlite3.Connection) -> Cursor:
    """Return how far the journal has gone."""
    return Cursor(*conn.execute(CURSOR).fetchone())


def unsent(conn: sqlite3.Connection) -> Unsent:
    """Return how many facts the platform has not signed for, and the oldest one's time; few look-ups, however many.

    Sequence numbers have gaps only where an epoch begins after a loss, so the count is a difference less those.
    """
    through = cursor(conn).acked_through
    last = conn.execute(LAST).fetchone()
    oldest = conn.execute(FIRST_AFTER, (through,)).fetchone()
    if not last or not oldest:
        return Unsent(0, None)
    return Unsent(last[0] - through - conn.execute(GAPS, (through,)).fetchone()[0], oldest[0])


def record_of(row: tuple[Any, ...]) -> Record:
    """Return a row of ROW as a record; raise ValueError where it is none any more."""
    seq, record_id, at_ms, kind, redemption, body, _hash = row
    if None in (record_id, kind, body) or not isinstance(at_ms, int):
        raise ValueError(f"record {seq} lacks a part")
    named = None if redemption is None else str(redemption, "utf-8")
    try:
        said = json.loads(clear(body))
    except RecursionError as error:
        raise ValueError(f"record {seq} nests too deep") from error
    if not isinstance(said, dict):
        raise ValueError(f"record {seq} has no body")  # noqa: TRY004 - what is wrong is what was stored
    return Record(
        seq=seq, id=str(record_id, "utf-8"), at_ms=at_ms, kind=str(kind, "utf-8"), redemption=named, body=said
    )


def raw_of(row: tuple[Any, ...]) -> bytes | None:
    """Return a row of ROW as it travels, None where it is no record any more."""
    try:
        return encode(record_of(row))
    except (ValueError, RecursionError):
        return None


def records(conn: sqlite3.Connection, *, after: int = 0) -> Iterator[Record]:
    """Yield every record after seq `after` that is still here, oldest first."""
    return map(record_of, conn.execute(AFTER, (after + 1, -1)))


def mark_sent(conn: sqlite3.Connection, through: int) -> None:
    """Note that a peer holds every record up to `through`, or that it holds less than we thought."""
    conn.execute("UPDATE cursor SET sent_through = max(?, acked_through)", (through,))


def acknowledge(conn: sqlite3.Connection, *, through: int, head_hash: bytes, receipt: str, at_ms: int) -> Cursor:
    """Accept a verified platform receipt; raise ForeignReceiptError when it does not fit, and change nothing."""
    now = cursor(conn)
    if through > head(conn).seq:
        raise ForeignReceiptError(f"the platform signed for record {through}; this journal ends at {head(conn).seq}")
    if through <= now.acked_through:
        return now
    row = conn.execute(HASH, (through,)).fetchone()
    if row is None or bytes(row[0]) != head_hash:
        raise ForeignReceiptError(f"the platform signed for another record {through} than this terminal wrote")
    conn.execute(
        "UPDATE cursor SET acked_through = ?, sent_through = max(sent_through, ?), acked_at_ms = ?, receipt = ?",
        (through, through, at_ms, receipt),
    )
    return cursor(conn)


def signed_at(conn: sqlite3.Connection, through: int, at_ms: int) -> None:
    """Note when the platform signed for all up to `through`, by its own clock: from then facts are kept (`retire`)."""
    conn.execute(SIGNED_AT, (at_ms, through))


def set_aside(conn: sqlite3.Connection, *, seq: int, detail: str, at_ms: int) -> None:
    """Note that the platform could not parse record `seq`; it stays here, shown and counted."""
    conn.execute(
        "INSERT INTO set_aside (seq, at_ms, detail) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (seq, at_ms, detail)
    )


def set_aside_count(conn: sqlite3.Connection) -> int:
    """Return how many records the platform could not parse."""
    return int(conn.execute("SELECT count(*) FROM set_aside").fetchone()[0])


def retire(conn: sqlite3.Connection, *, signed_before_ms: int, at_most: int = -1) -> int:
    """Let facts leave that the platform signed for before then, the oldest first; return how many left.

    The newest signed one stays; `at_most` bounds one call (-1: no bound). What a fact says of its own time counts for
    nothing: a clock that was wrong when it was written erases nothing early, and keeps nothing for ever.
    """
    (through,) = conn.execute(SIGNED_BEFORE, (signed_before_ms,)).fetchone()
    if through is None:
        return 0
    left = conn.execute(LEAVE, (cursor(conn).acked_through, through, at_most)).rowcount
    if not left:
        conn.execute(FORGET_RECEIPTS, (through, signed_before_ms))
    return left


def verify(conn: sqlite3.Connection) -> Head:
    """Recompute the whole chain and return its head; raise JournalError naming the first record that does not fit.

    Records may be missing only where the platform signed for them (`retire`), and where an epoch began after a loss.
    What is being chained anew behind a damaged record leads on from the hash that stood there (`cache.memory.damage`).
    """
    signed_through = cursor(conn).acked_through
    anew = conn.execute(CHAINING).fetchone()
    previous, expected = b"", 1
    for row in conn.execute(EVERY):
        seq = row[0]
        epoch = epoch_of(conn, seq)
        if seq > expected and seq - 1 > signed_through and seq != epoch.from_seq:
            raise JournalError(f"record {expected} is missing, and the platform has not signed for it")
        before = chain_start(epoch.terminal, epoch.id) if seq == epoch.from_seq else previous
        if anew is not None and anew[0] == seq - 1:
            before = anew[1]
        unbroken = seq in (expected, epoch.from_seq) and before is not None
        if unbroken and ((raw := raw_of(row)) is None or chain_next(before, raw) != row[6]):
            raise JournalError(f"record {seq} does not fit the chain: it or one before it was changed")
        previous, expected = bytes(row[6] or b""), seq + 1
    return head(conn)
