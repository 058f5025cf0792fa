"""Making the books anew from the facts: for a database that was stored before there were books, and to prove them.

The books say nothing that the facts do not say. Conflicts that were heard stay heard.
"""

from typing import Final

from central.books.booking import book_all
from central.books.bounds import Bounds
from central.books.planned import Incoming, entries_of
from central.proofs.apart import all_foreign
from credit.records import Record
from storage.jobs import Tx
from sync.wire.messages import WireError
from sync.wire.seals import Link, open_record

BOOKS: Final = (
    "uses",
    "tallies",
    "redemptions",
    "named",
    "endings",
    "early",
    "refusals",
    "denied",
    "hub_words",
    "totals",
    "daily",
    "kinds",
    "overruns",
)
JUDGED: Final = ("verdicts", "presented", "apart", "doubts")
FOUND: Final = ("unbookable", "granted_again", "apart", "over_bound", "disproved", "foreign_proof")
"""Findings that booking and judging make anew; those about the lives of a terminal's name were heard once."""
FORGET: Final = f"DELETE FROM findings WHERE kind IN ({', '.join(f'${n}' for n in range(1, len(FOUND) + 1))})"  # noqa: S608
JUDGE_AGAIN: Final = "UPDATE proofs SET judged_ms = NULL"
DUE: Final = "SELECT 1 FROM marks WHERE name = 'books' AND value = 'due'"
DONE: Final = "DELETE FROM marks WHERE name = 'books'"
PAGE: Final = 500
FACTS: Final = (
    "SELECT f.terminal, f.epoch, f.seq, f.hash, f.raw, t.site, f.received_ms FROM facts f"
    " JOIN terminals t ON t.terminal = f.terminal WHERE f.fault IS NULL"
    " AND (f.received_ms, f.terminal, f.epoch, f.seq, f.hash) > ($1, $2, $3, $4, $5)"
    " ORDER BY f.received_ms, f.terminal, f.epoch, f.seq, f.hash LIMIT $6"
)


async def is_due(tx: Tx) -> bool:
    """Return whether this database was stored before there were books."""
    return await tx.row(DUE) is not None


async def rebuild(tx: Tx, bounds: Bounds) -> None:
    """Empty the books and book every readable fact again, in the order in which they came."""
    for table in (*BOOKS, *JUDGED):
        await tx.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own
    await tx.execute(FORGET, *FOUND)
    await tx.execute(JUDGE_AGAIN)
    await all_foreign(tx)
    after: tuple[int, str, str, int, bytes] = (-(2**62), "", "", 0, b"")
    while page := await tx.rows(FACTS, *after, PAGE):
        groups: dict[tuple[int, str, str, str], list[Record]] = {}
        for terminal, epoch, seq, hashed, raw, site, received_ms in page:
            after = (received_ms, terminal, epoch, seq, bytes(hashed))
            try:
                record = open_record(Link(seq, bytes(raw), bytes(hashed)))
            except WireError:  # readable when it came; a stricter reader now leaves it as it stands: stored
                continue
            groups.setdefault((received_ms, terminal, epoch, site), []).append(record)
        for (received_ms, terminal, epoch, site), records in groups.items():
            incoming = Incoming(terminal=terminal, epoch=epoch, site=site, received_ms=received_ms)
            await book_all(tx, entries_of(incoming, records), bounds)
    await tx.execute(DONE)
