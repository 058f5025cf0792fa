"""Lost 0, twice 0, computed: the ledgers of the terminals and of the platform laid side by side.

Both databases are opened read-only, as an auditor would; nothing here asks the programs that wrote them.

- *lost*: a record of a terminal's journal that the platform does not hold byte for byte at its place in the chain,
  although the terminal has nothing left to send;
- *unsent*: such a record while the terminal still has to send it;
- *twice*: a fact that the platform holds at two places, a redemption granted by two facts, a fact that no terminal
  wrote, or two people let through the gate for one redemption.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from credit.codec.packed import is_packed, unpack
from credit.records import Record, chain_next, chain_start, encode

EPOCHS = "SELECT id, terminal, from_seq FROM epoch ORDER BY number"
JOURNAL = (  # a body lies clear, or packed beside
    "SELECT seq, id, at_ms, kind, redemption, iif(body = '', packed, CAST(body AS BLOB)), hash FROM journal"
    " ORDER BY seq"
)
ACKED = "SELECT acked_through FROM cursor"
FACTS = "SELECT terminal, epoch, seq, hash, raw, id, kind, redemption FROM facts"
GRANTING: Final = frozenset({"granted", "opened"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One record where it stands: in a terminal's chain, or at the platform."""

    terminal: str
    seq: int
    hash: bytes
    raw: bytes
    id: str | None
    kind: str | None
    redemption: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """A terminal's whole journal; `broken` counts records whose stored hash is not what follows from the bytes."""

    facts: tuple[Fact, ...]
    acked_through: int
    broken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What the comparison says."""

    journal_records: int
    platform_records: int
    unsent: int
    lost: int
    duplicated: int

    def to_json(self) -> dict[str, int]:
        """Return the figures."""
        return {
            "journal_records": self.journal_records,
            "platform_records": self.platform_records,
            "unsent": self.unsent,
            "lost": self.lost,
            "duplicated": self.duplicated,
        }


def _rows(path: Path, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Return the rows of several queries, read in one transaction."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)) as conn:
        conn.execute("BEGIN")
        return [conn.execute(query).fetchall() for query in queries]


def read_terminal(path: Path) -> Book:
    """Return a terminal's journal, each record encoded and hashed anew."""
    epochs, records, [(acked,)] = _rows(path, EPOCHS, JOURNAL, ACKED)
    starts = {from_seq: (epoch, terminal) for epoch, terminal, from_seq in epochs}
    facts, broken, last, terminal = [], 0, b"", ""
    for seq, record_id, at_ms, kind, redemption, body, kept in records:
        if seq in starts:
            epoch, terminal = starts[seq]
            last = chain_start(terminal, epoch)
        content = json.loads(unpack(body) if is_packed(body) else body)
        raw = encode(Record(seq=seq, id=record_id, at_ms=at_ms, kind=kind, redemption=redemption, body=content))
        last = chain_next(last, raw)
        broken += last != kept
        facts.append(
            Fact(terminal=terminal, seq=seq, hash=last, raw=raw, id=record_id, kind=kind, redemption=redemption)
        )
    return Book(facts=tuple(facts), acked_through=acked, broken=broken)


def read_platform(path: Path) -> tuple[Fact, ...]:
    """Return every fact the platform holds."""
    [rows] = _rows(path, FACTS)
    return tuple(
        Fact(terminal=terminal, seq=seq, hash=chained, raw=raw, id=record_id, kind=kind, redemption=redemption)
        for terminal, _epoch, seq, chained, raw, record_id, kind, redemption in rows
    )


def compare(books: Iterable[Book], platform: Iterable[Fact], passages: Mapping[str, int]) -> Audit:
    """Lay the ledgers side by side; `passages` counts who walked through the gate for each redemption."""
    books, held = list(books), list(platform)
    at_platform = {(fact.terminal, fact.seq, fact.hash, fact.raw) for fact in held}
    written = {fact.id for book in books for fact in book.facts}
    unsent = lost = 0
    for book in books:
        for fact in book.facts:
            if (fact.terminal, fact.seq, fact.hash, fact.raw) not in at_platform:
                lost, unsent = (lost + 1, unsent) if fact.seq <= book.acked_through else (lost, unsent + 1)
        lost += book.broken
    ids = Counter(fact.id for fact in held if fact.id is not None)
    grants = Counter(fact.redemption for fact in held if fact.kind in GRANTING and fact.redemption is not None)
    return Audit(
        journal_records=sum(len(book.facts) for book in books),
        platform_records=len(held),
        unsent=unsent,
        lost=lost,
        duplicated=_beyond_one(ids) + _beyond_one(grants) + _beyond_one(passages) + len(ids.keys() - written),
    )


def _beyond_one(counts: Mapping[Any, int]) -> int:
    return sum(count - 1 for count in counts.values() if count > 1)
