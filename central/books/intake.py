"""Taking in a terminal's journal. Facts are accepted: what happened is stored, even if it should not have happened.

Rules of this file:

1. A batch hangs on to the chain where its `prev_hash` is a point that we hold at `first - 1`, or the start of an epoch
   that we do not hold, or the very start that we hold. If it hangs on to nothing, we say which ends we have, and the
   terminal goes there.
2. A record's place is (terminal, epoch, seq, chain hash). Known there: counted as duplicate, nothing changes. New:
   stored. So a batch that is sent again counts once, whatever was lost on the way.
3. Another record at the same seq is a fork (a restored backup, a cloned disk): both stay, and the terminal is ordered
   to begin a new epoch.
4. A record that cannot be read is stored as bytes, named in the answer, and blocks nothing. So is one that stands for
   bytes which its terminal's disk changed (`corrupt`): it is set aside, and a finding tells people.
5. Facts first, books second: the facts are stored, then they are booked, and heard, within a savepoint. A fact that
   cannot be booked or heard is a finding for people; it refuses nobody's batch and is told to no terminal: a batch that
   is refused for ever is a platform in trouble to the hub that brings it, and to everybody behind that hub.
   What an epoch grants that nobody ordered or declared stands apart; so epochs are judged before anything is booked.
6. Each transaction that ends in a receipt writes (`journals.turn`): a batch that is sent again must wait for the same
   standby as the first time. The row is also the lock that makes one terminal's batches follow each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from central.books.arriving.chains import EPOCH, GapError, hanging
from central.books.arriving.hearing import hear_all
from central.books.arriving.storing import CORRUPT, Fresh, fresh_of, store
from central.books.booking import book_all
from central.books.bounds import Bounds
from central.books.planned import Entry, Incoming, entries_of
from central.lives.epochs import DECLARING, Grown, is_bare, judge_all, named_by
from central.proofs.apart import foreign
from central.proofs.keeping import keep_all
from storage.jobs import Tx
from sync.wire.messages import Receipt, SetAside
from sync.wire.seals import Sealed

TURN: Final = (
    "INSERT INTO journals (terminal, turn) VALUES ($1, $2)"
    " ON CONFLICT (terminal) DO UPDATE SET turn = journals.turn + excluded.turn RETURNING turn"
)
HELD: Final = "SELECT seq, hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4"
FAULTS: Final = (
    "SELECT seq, fault FROM facts"
    " WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4 AND fault IS NOT NULL ORDER BY seq"
)
SITE: Final = "SELECT site FROM terminals WHERE terminal = $1"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    receipt: Receipt | None  # None where the batch had no records
    fresh: int
    duplicates: int
    set_aside: list[SetAside]


class Batch(NamedTuple):
    """A batch whose seal and chain hold, and when it came; `former`: a key that ended sealed it."""

    sealed: Sealed
    now_ms: int
    former: bool = False


async def take_in(
    tx: Tx,
    sealed: Sealed,
    *,
    now_ms: int,
    bounds: Bounds | None = None,
    nonces: bool = False,
    former: bool = False,
) -> Taken:
    """Store a batch and return what to answer; raise GapError.

    `nonces`: codes count by themselves, as they do at the hub of a site.
    """
    (found,) = await take_all(tx, [Batch(sealed, now_ms, former)], bounds or Bounds(), nonces=nonces)
    if isinstance(found, GapError):
        raise found
    return found


async def take_all(tx: Tx, batches: Sequence[Batch], bounds: Bounds, *, nonces: bool = False) -> list[Taken | GapError]:
    """Store batches of as many terminals, each statement once for all; return what to answer to each."""
    seals = [one.sealed.seal for one in batches]
    await tx.rows_many(TURN, sorted((seal.terminal, 1) for seal in seals))
    found: dict[str, Taken | GapError] = {
        one.sealed.seal.terminal: Taken(receipt=None, fresh=0, duplicates=0, set_aside=[])
        for one in batches
        if not one.sealed.links
    }
    linked = [one for one in batches if one.sealed.links]
    epochs = [rows[0] if rows else None for rows in await tx.rows_each(EPOCH, [_place(one) for one in linked])]
    for one, gap in zip(linked, await hanging(tx, [one.sealed.seal for one in linked], epochs), strict=True):
        if gap is not None:
            found[one.sealed.seal.terminal] = gap
    if not nonces:  # a hub hands them on unread
        shown = [one for one in batches if not isinstance(found.get(one.sealed.seal.terminal), GapError)]
        await keep_all(tx, [(one.sealed.seal.terminal, one.sealed.proofs, one.now_ms) for one in shown])
    taken = [one for one in zip(linked, epochs, strict=True) if one[0].sealed.seal.terminal not in found]
    found |= await _take(tx, taken, bounds, nonces=nonces)
    return [found[seal.terminal] for seal in seals]


def _place(one: Batch) -> tuple[str, str]:
    return one.sealed.seal.terminal, one.sealed.seal.epoch


async def _take(
    tx: Tx, batches: Sequence[tuple[Batch, Any]], bounds: Bounds, *, nonces: bool
) -> dict[str, Taken | GapError]:
    """Store what is new of batches that hang on, book and hear it; `batches`: each with its epoch as it is held."""
    spans = [(*_place(one), one.sealed.seal.first, one.sealed.seal.last) for one, _epoch in batches]
    held = [{(seq, bytes(hashed)) for seq, hashed in rows} for rows in await tx.rows_each(HELD, spans)]
    fresh = [fresh_of(one.sealed, had, now_ms=one.now_ms) for (one, _epoch), had in zip(batches, held, strict=True)]
    new = [(one, epoch, what) for (one, epoch), what in zip(batches, fresh, strict=True) if what.links]
    if new:
        await store(tx, [what for _one, _epoch, what in new])
        sites = await tx.rows_each(SITE, [(one.sealed.seal.terminal,) for one, _epoch, _what in new])
        came = [
            Incoming(*_place(one), site=rows[0][0], received_ms=one.now_ms, nonces=nonces, former=one.former)
            for (one, _epoch, _what), rows in zip(new, sites, strict=True)
        ]
        if not nonces:
            await _stand(
                tx,
                [
                    (Grown(*_place(one), epoch is not None, what.records, one.now_ms), one.former)
                    for one, epoch, what in new
                ],
            )
        entries: list[Entry] = []
        for incoming, (_one, _epoch, what) in zip(came, new, strict=True):
            entries += entries_of(incoming, what.records)
        if entries:
            await book_all(tx, entries, bounds)
        for incoming, (_one, _epoch, what) in zip(came, new, strict=True):
            await hear_all(tx, incoming, what.records)
    return {what.sealed.seal.terminal: await _taken(tx, what, had) for what, had in zip(fresh, held, strict=True)}


async def _taken(tx: Tx, fresh: Fresh, held: Iterable[object]) -> Taken:
    """Return what is answered to a batch."""
    seal, links, records = fresh.sealed.seal, fresh.sealed.links, fresh.records
    receipt = Receipt(terminal=seal.terminal, epoch=seal.epoch, acked_through=seal.last, head_hash=links[-1].hash.hex())
    whole = not held and len(records) == len(fresh.links) and all(record.kind != CORRUPT for record in records)
    aside = [] if whole else await tx.rows(FAULTS, seal.terminal, seal.epoch, seal.first, seal.last)
    return Taken(
        receipt=receipt,
        fresh=len(fresh.links),
        duplicates=len(links) - len(fresh.links),
        set_aside=[SetAside(seq=seq, detail=fault) for seq, fault in aside],
    )


async def _stand(tx: Tx, several: Sequence[tuple[Grown, bool]]) -> None:
    """Judge how the epochs of batches stand, before anything is booked: what a bare one grants stands apart."""
    await judge_all(tx, several)
    for grown, _former in several:
        named = {named_by(record) for record in grown.records if record.kind in DECLARING} - {None}
        for epoch in named | (set() if grown.held else {grown.epoch}):
            await foreign(tx, grown.terminal, str(epoch), bare=await is_bare(tx, grown.terminal, str(epoch)))
