"""Storing what is new of batches (rules 2 to 4 of `central.books.intake`): the same statements for one and for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from central.register.standing import order, tell_again
from credit.records import Record
from storage.jobs import BadValueError, Tx, Value, checked
from sync.wire.messages import WireError
from sync.wire.seals import Link, Sealed, open_record

MAX_FAULT: Final = 500  # characters
CORRUPT: Final = "corrupt"
DAMAGED_THERE: Final = "damaged on the terminal's disk"
FAULT_COLUMN: Final = 9  # of FACT
MAX_SPAN: Final = 2_000  # ids of one terminal within the span of a batch that are looked at
BATCH: Final = "INSERT INTO batches (terminal, epoch, first, last, seal, received_ms) VALUES ($1, $2, $3, $4, $5, $6)"
FACT: Final = (
    "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault, received_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
IDS: Final = f"SELECT id FROM facts WHERE terminal = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT {MAX_SPAN}"  # noqa: S608 - a figure of ours
GROW: Final = (
    "INSERT INTO epochs (terminal, epoch, bottom, top, many) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (terminal, epoch) DO UPDATE SET many = epochs.many + excluded.many,"
    " bottom = CASE WHEN excluded.bottom < epochs.bottom THEN excluded.bottom ELSE epochs.bottom END,"
    " top = CASE WHEN excluded.top > epochs.top THEN excluded.top ELSE epochs.top END"
)
COUNT: Final = (
    "INSERT INTO journals (terminal, records, set_aside, duplicates, epoch, seq, head)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
    " ON CONFLICT (terminal) DO UPDATE SET records = journals.records + excluded.records,"
    " set_aside = journals.set_aside + excluded.set_aside, duplicates = journals.duplicates + excluded.duplicates,"
    " epoch = excluded.epoch, seq = excluded.seq, head = excluded.head RETURNING turn"
)
FORKED: Final = "SELECT 1 FROM forks WHERE terminal = $1 AND epoch = $2"
FORK: Final = "INSERT INTO forks (terminal, epoch, seq, noticed_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


@dataclass(frozen=True, slots=True)
class Fresh:
    """What of a batch is new, and which seqs were held already; `records` are those that can be read."""

    sealed: Sealed
    now_ms: int
    links: list[Link]
    held_seqs: frozenset[int]
    records: tuple[Record, ...]
    rows: list[tuple[Value, ...]]  # of FACT


def fresh_of(sealed: Sealed, held: set[tuple[int, bytes]], *, now_ms: int) -> Fresh:
    """Return what of a batch is not held yet."""
    place = (sealed.seal.terminal, sealed.seal.epoch)
    links = [link for link in sealed.links if (link.seq, link.hash) not in held] if held else list(sealed.links)
    rows: list[tuple[Value, ...]] = []
    records: list[Record] = []
    for link in links:
        try:
            record = open_record(link)
            if b"\\" in link.raw:  # without an escape JSON holds neither NUL nor a lone surrogate
                checked((record.id, record.kind, record.redemption))
        except (WireError, BadValueError) as error:
            why = str(error)[:MAX_FAULT]
            rows.append((*place, link.seq, link.hash, link.raw, None, None, None, None, why, now_ms))
            continue
        told: tuple[Value, ...] = (record.id, record.at_ms, record.kind, record.redemption, None)
        if record.kind == CORRUPT:
            told = (None, None, None, None, DAMAGED_THERE)
        rows.append((*place, link.seq, link.hash, link.raw, *told, now_ms))
        records.append(record)
    return Fresh(sealed, now_ms, links, frozenset(seq for seq, _hash in held), tuple(records), rows)


async def store(tx: Tx, several: Sequence[Fresh]) -> None:
    """Store what is new of batches of as many terminals; each has something new."""
    batches, grown, counted = list[tuple[Value, ...]](), list[tuple[Value, ...]](), list[tuple[Value, ...]]()
    for one, again in zip(several, await _ids_again(tx, several), strict=True):
        seal, seqs = one.sealed.seal, {link.seq for link in one.links}
        place, last = (seal.terminal, seal.epoch), max(one.links, key=lambda link: link.seq)
        batches.append((*place, seal.first, seal.last, one.sealed.token, one.now_ms))
        if forked := seqs & one.held_seqs:
            await _notice_fork(tx, (*place, min(forked)), now_ms=one.now_ms)
        grown.append((*place, min(seqs), max(seqs), len(seqs - one.held_seqs)))
        aside = sum(row[FAULT_COLUMN] is not None for row in one.rows)
        counted.append((place[0], len(one.links), aside, again, place[1], last.seq, last.hash))
    await tx.execute_many(BATCH, batches)
    await tx.execute_many(FACT, [row for one in several for row in one.rows])
    await tx.rows_many(f"{GROW} RETURNING many", sorted(grown))
    await tx.rows_many(COUNT, sorted(counted))


async def _ids_again(tx: Tx, several: Sequence[Fresh]) -> list[int]:
    """Return how many facts stand under the ids of each already: an id is made once (a copied disk makes it twice).

    Ids rise with time, so the span of a batch holds what is its own, unless something was sent under another epoch.
    """
    ids = [sorted(record.id for record in one.records) for one in several]
    asked = [(one.sealed.seal.terminal, found[0], found[-1]) for one, found in zip(several, ids, strict=True) if found]
    rows = iter(await tx.rows_each(IDS, asked))
    return [_again(found, {row[0] for row in next(rows)}) if found else 0 for found in ids]


def _again(ids: list[str], held: set[str]) -> int:
    return len(held & set(ids)) + len(ids) - len(set(ids))


async def _notice_fork(tx: Tx, place: tuple[str, str, int], *, now_ms: int) -> None:
    terminal, epoch, _seq = place
    known = await tx.row(FORKED, terminal, epoch)
    await tx.execute(FORK, *place, now_ms)
    if known is None:
        await tell_again(tx, terminal)
        await order(tx, terminal, "new_epoch", reason=f"epoch {epoch} has two journals", now_ms=now_ms)
