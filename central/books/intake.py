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

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from central.books.booking import Incoming, book_all, find
from central.books.bounds import Bounds
from central.books.conflicts import hear
from central.lives.epochs import DECLARING, Grown, is_bare, judge, named_by
from central.proofs.apart import foreign
from central.proofs.keeping import keep
from central.register import notices
from central.register.standing import hear_obeyed, order, tell_again
from credit.records import Record, chain_start
from storage.jobs import BadValueError, Row, StoreFailedError, Tx, Value, checked
from sync.wire.messages import Held, Receipt, SetAside, WireError
from sync.wire.seals import Link, Sealed, open_record

log = logging.getLogger("central.books")

MAX_ENDS: Final = 8
MAX_FAULT: Final = 500  # characters
CORRUPT: Final = "corrupt"
DAMAGED_THERE: Final = "damaged on the terminal's disk"
SAYING: Final = frozenset({"order", "notice"})  # members of a body that are for more than the books
FAULT_COLUMN: Final = 9  # of FACT
MAX_SPAN: Final = 2_000  # ids of one terminal within the span of a batch that are looked at

TURN: Final = (
    "INSERT INTO journals (terminal, turn) VALUES ($1, 1)"
    " ON CONFLICT (terminal) DO UPDATE SET turn = journals.turn + 1 RETURNING turn"
)
HELD: Final = "SELECT seq, hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4"
AT_SEQ: Final = "SELECT hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq = $3 ORDER BY hash"
BATCH: Final = "INSERT INTO batches (terminal, epoch, first, last, seal, received_ms) VALUES ($1, $2, $3, $4, $5, $6)"
FACT: Final = (
    "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault, received_ms)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
FAULTS: Final = (
    "SELECT seq, fault FROM facts"
    " WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4 AND fault IS NOT NULL ORDER BY seq"
)
IDS: Final = "SELECT id FROM facts WHERE terminal = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT $4"
EPOCH: Final = "SELECT bottom, top FROM epochs WHERE terminal = $1 AND epoch = $2"
EPOCHS: Final = "SELECT epoch, top FROM epochs WHERE terminal = $1 ORDER BY top DESC, epoch DESC LIMIT $2"
EXPECTED: Final = (
    "SELECT e.epoch, e.top FROM epochs e WHERE e.terminal = $1 AND NOT EXISTS (SELECT 1 FROM lives l"
    " WHERE l.terminal = e.terminal AND l.epoch = e.epoch AND l.standing = 'bare')"
    " ORDER BY e.top DESC, e.epoch DESC LIMIT $2"
)
GROW: Final = (
    "INSERT INTO epochs (terminal, epoch, bottom, top, many) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (terminal, epoch) DO UPDATE SET many = epochs.many + excluded.many,"
    " bottom = CASE WHEN excluded.bottom < epochs.bottom THEN excluded.bottom ELSE epochs.bottom END,"
    " top = CASE WHEN excluded.top > epochs.top THEN excluded.top ELSE epochs.top END"
)
COUNT: Final = (
    "UPDATE journals SET records = records + $2, set_aside = set_aside + $3, duplicates = duplicates + $4,"
    " epoch = $5, seq = $6, head = $7 WHERE terminal = $1"
)
SITE: Final = "SELECT site FROM terminals WHERE terminal = $1"
FORKED: Final = "SELECT 1 FROM forks WHERE terminal = $1 AND epoch = $2"
FORK: Final = "INSERT INTO forks (terminal, epoch, seq, noticed_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


class GapError(Exception):
    """The batch does not hang on to anything we hold. `held` are the ends that we have."""

    def __init__(self, code: str, detail: str, held: list[Held]) -> None:
        super().__init__(detail)
        self.code = code
        self.held = held


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    receipt: Receipt | None  # None where the batch had no records
    fresh: int
    duplicates: int
    set_aside: list[SetAside]


async def take_in(
    tx: Tx,
    sealed: Sealed,
    *,
    now_ms: int,
    bounds: Bounds | None = None,
    nonces: bool = False,
    former: bool = False,
) -> Taken:
    """Store a batch whose seal and chain hold, and return what to answer; raise GapError.

    `nonces`: codes count by themselves, as they do at the hub of a site. `former`: a key that ended sealed it.
    """
    seal = sealed.seal
    await tx.rows(TURN, seal.terminal)
    if not nonces:  # a hub hands them on unread
        await keep(tx, seal.terminal, sealed.proofs, now_ms=now_ms)
    if not sealed.links:
        return Taken(receipt=None, fresh=0, duplicates=0, set_aside=[])
    place = (seal.terminal, seal.epoch)
    epoch = await tx.row(EPOCH, *place)
    await _check_hangs_on(tx, sealed, epoch)
    held = {(seq, bytes(hashed)) for seq, hashed in await tx.rows(HELD, *place, seal.first, seal.last)}
    fresh = [link for link in sealed.links if (link.seq, link.hash) not in held]
    records: list[Record] = []
    if fresh:
        await tx.execute(BATCH, *place, seal.first, seal.last, sealed.token, now_ms)
        records = await _store(tx, place, fresh, held_seqs={seq for seq, _hash in held}, now_ms=now_ms)
        site = (await tx.rows(SITE, seal.terminal))[0][0]
        incoming = Incoming(
            terminal=seal.terminal, epoch=seal.epoch, site=site, received_ms=now_ms, nonces=nonces, former=former
        )
        if not nonces:
            await _stand(tx, Grown(*place, epoch is not None, tuple(records), now_ms), former=former)
        await book_all(tx, incoming, records, bounds or Bounds())
        await _hear_all(tx, incoming, records)
    receipt = Receipt(
        terminal=seal.terminal, epoch=seal.epoch, acked_through=seal.last, head_hash=sealed.links[-1].hash.hex()
    )
    whole = not held and len(records) == len(fresh) and all(record.kind != CORRUPT for record in records)
    aside = [] if whole else await tx.rows(FAULTS, *place, seal.first, seal.last)
    return Taken(
        receipt=receipt,
        fresh=len(fresh),
        duplicates=len(sealed.links) - len(fresh),
        set_aside=[SetAside(seq=seq, detail=fault) for seq, fault in aside],
    )


async def _check_hangs_on(tx: Tx, sealed: Sealed, known: Row | None) -> None:
    """Raise GapError where a batch hangs on to nothing; `known` is its epoch as it is held."""
    seal = sealed.seal
    if seal.prev_hash == chain_start(seal.terminal, seal.epoch).hex() and (known is None or known[0] == seal.first):
        return
    held = {bytes(row[0]).hex() for row in await tx.rows(AT_SEQ, seal.terminal, seal.epoch, seal.first - 1)}
    if seal.prev_hash in held:
        return
    code = "hash_mismatch" if held else "gap"
    raise GapError(code, f"record {seal.first} does not follow what is held here", await ends(tx, seal.terminal))


async def _store(
    tx: Tx, place: tuple[str, str], fresh: list[Link], *, held_seqs: set[int], now_ms: int
) -> list[Record]:
    """Store the links that are new; return those that are readable."""
    rows: list[tuple[Value, ...]] = []
    records: list[Record] = []
    for link in fresh:
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
    again = await _ids_again(tx, place[0], records)
    await tx.execute_many(FACT, rows)
    seqs = {link.seq for link in fresh}
    if forked := seqs & held_seqs:
        await _notice_fork(tx, (*place, min(forked)), now_ms=now_ms)
    await tx.execute(GROW, *place, min(seqs), max(seqs), len(seqs - held_seqs))
    last = max(fresh, key=lambda link: link.seq)
    aside = sum(row[FAULT_COLUMN] is not None for row in rows)
    await tx.execute(COUNT, place[0], len(fresh), aside, again, place[1], last.seq, last.hash)
    return records


async def _ids_again(tx: Tx, terminal: str, records: Iterable[Record]) -> int:
    """Return how many facts stand under these ids already: an id is made once (a copied disk makes it twice).

    Ids rise with time, so the span of a batch holds what is its own, unless something was sent under another epoch.
    """
    ids = sorted(record.id for record in records)
    if not ids:
        return 0
    held = {row[0] for row in await tx.rows(IDS, terminal, ids[0], ids[-1], MAX_SPAN)}
    return len(held & set(ids)) + len(ids) - len(set(ids))


async def _stand(tx: Tx, grown: Grown, *, former: bool) -> None:
    """Judge how the epoch of a batch stands, before anything of it is booked: what a bare one grants stands apart."""
    await judge(tx, grown, former=former)
    named = {named_by(record) for record in grown.records if record.kind in DECLARING} - {None}
    for epoch in named | (set() if grown.held else {grown.epoch}):
        await foreign(tx, grown.terminal, str(epoch), bare=await is_bare(tx, grown.terminal, str(epoch)))


async def _hear_all(tx: Tx, incoming: Incoming, records: Sequence[Record]) -> None:
    """Hear what facts say of orders, conflicts and notices; one that cannot be heard is a finding, and stops nobody."""
    speaking = [one for one in records if one.kind == "claim_conflict" or not one.body.keys().isdisjoint(SAYING)]
    if not speaking:
        return
    try:
        async with tx.savepoint():
            for record in speaking:
                await _hear(tx, incoming, record)
    except StoreFailedError:
        raise
    except Exception:  # noqa: BLE001 - it is found again below, with its fact's name
        for record in speaking:
            await _hear_alone(tx, incoming, record)


async def _hear_alone(tx: Tx, incoming: Incoming, record: Record) -> None:
    try:
        async with tx.savepoint():
            await _hear(tx, incoming, record)
    except StoreFailedError:
        raise
    except Exception as error:
        log.exception("fact %s of %s cannot be heard", record.seq, incoming.terminal)
        await find(tx, incoming, record.seq, "unbookable", f"not heard: {type(error).__name__}: {error}")


async def _hear(tx: Tx, incoming: Incoming, record: Record) -> None:
    """Let orders and conflicts that the terminal wrote down be told no more; keep the notice of a denial."""
    if record.kind == "claim_conflict":
        await hear(tx, incoming.terminal, record.body)
    await hear_obeyed(tx, incoming.terminal, record.body)
    await notices.keep(tx, incoming.terminal, record, received_ms=incoming.received_ms)


async def _notice_fork(tx: Tx, place: tuple[str, str, int], *, now_ms: int) -> None:
    terminal, epoch, _seq = place
    known = await tx.row(FORKED, terminal, epoch)
    await tx.execute(FORK, *place, now_ms)
    if known is None:
        await tell_again(tx, terminal)
        await order(tx, terminal, "new_epoch", reason=f"epoch {epoch} has two journals", now_ms=now_ms)


async def ends(tx: Tx, terminal: str, *, expected: bool = False) -> list[Held]:
    """Return the ends of the terminal's chain that are held, newest first: of each epoch, and of each fork's side.

    `expected`: without epochs that nobody declared; what a stolen key begins disturbs no honest terminal.
    """
    found = []
    for epoch, seq in await tx.rows(EXPECTED if expected else EPOCHS, terminal, MAX_ENDS):
        for (hashed,) in await tx.rows(AT_SEQ, terminal, epoch, seq):
            found.append(Held(epoch=epoch, acked_through=seq, head_hash=bytes(hashed).hex()))
    return found[:MAX_ENDS]
