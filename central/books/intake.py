"""Taking in a terminal's journal. Facts are accepted: what happened is stored, even if it should not have happened.

Rules of this file:

1. A batch hangs on to the chain where its `prev_hash` is a point that we hold at `first - 1` (or the start of its
   epoch). If we hold no such point, we say which ends we have, and the terminal goes there.
2. A record's place is (terminal, epoch, seq, chain hash). Known there: counted as duplicate, nothing changes. New:
   stored. So a batch that is sent again counts once, whatever was lost on the way.
3. Another record at the same seq is a fork (a restored backup, a cloned disk): both stay, and the terminal is ordered
   to begin a new epoch.
4. A record that cannot be read is stored as bytes, named in the answer, and blocks nothing.
"""

from dataclasses import dataclass

from central.books.conflicts import conflicts_of, notice
from central.register.standing import hear_obeyed, order, tell_again
from credit.records import Record, chain_start
from storage.jobs import Tx
from sync.wire.messages import Conflict, Held, Receipt, SetAside, WireError
from sync.wire.seals import Link, Sealed, open_record

MAX_ENDS = 8

HOLDS = "SELECT 1 FROM facts WHERE terminal = $1 AND epoch = $2 AND seq = $3 AND hash = $4"
AT_SEQ = "SELECT hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq = $3"
BATCH = (
    "INSERT INTO batches (terminal, epoch, first, last, seal, received_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " RETURNING number"
)
FACT = (
    "INSERT INTO facts (terminal, epoch, seq, hash, raw, id, at_ms, kind, redemption, fault, batch)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)
FAULTS = (
    "SELECT seq, fault FROM facts"
    " WHERE terminal = $1 AND epoch = $2 AND seq BETWEEN $3 AND $4 AND fault IS NOT NULL ORDER BY seq"
)
# Ends of a chain: records that no record of the next batch hangs on. An epoch has one, and one more for each fork.
ENDS = (
    "SELECT epoch, max(seq) FROM facts WHERE terminal = $1 GROUP BY epoch ORDER BY max(seq) DESC, epoch DESC LIMIT $2"
)
FORKED = "SELECT 1 FROM forks WHERE terminal = $1 AND epoch = $2"
FORK = "INSERT INTO forks (terminal, epoch, seq, noticed_ms) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"


class GapError(Exception):
    """The batch does not hang on to anything we hold. `held` are the ends that we have."""

    def __init__(self, code: str, detail: str, held: list[Held]) -> None:
        super().__init__(detail)
        self.code = code
        self.held = held


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a batch."""

    receipt: Receipt
    fresh: int
    duplicates: int
    set_aside: list[SetAside]
    conflicts: list[Conflict]


async def take_in(tx: Tx, sealed: Sealed, *, now_ms: int) -> Taken:
    """Store a batch whose seal and chain hold, and return what to answer; raise GapError."""
    seal = sealed.seal
    await _check_hangs_on(tx, sealed)
    place = (seal.terminal, seal.epoch)
    fresh = [link for link in sealed.links if await tx.row(HOLDS, *place, link.seq, link.hash) is None]
    if fresh:
        numbered = await tx.row(BATCH, *place, seal.first, seal.last, sealed.token, now_ms)
        if numbered is None:
            raise AssertionError("an INSERT gives back its number")
        for link in fresh:
            await _store(tx, sealed, link, batch=numbered[0], now_ms=now_ms)
    receipt = Receipt(
        terminal=seal.terminal, epoch=seal.epoch, acked_through=seal.last, head_hash=sealed.links[-1].hash.hex()
    )
    aside = await tx.rows(FAULTS, *place, seal.first, seal.last)
    return Taken(
        receipt=receipt,
        fresh=len(fresh),
        duplicates=len(sealed.links) - len(fresh),
        set_aside=[SetAside(seq=seq, detail=fault) for seq, fault in aside],
        conflicts=await conflicts_of(tx, seal.terminal),
    )


async def _check_hangs_on(tx: Tx, sealed: Sealed) -> None:
    seal = sealed.seal
    if seal.prev_hash == chain_start(seal.terminal, seal.epoch).hex():
        return
    before = (seal.terminal, seal.epoch, seal.first - 1)
    held = {bytes(row[0]).hex() for row in await tx.rows(AT_SEQ, *before)}
    if seal.prev_hash in held:
        return
    code = "hash_mismatch" if held else "gap"
    raise GapError(code, f"record {seal.first} does not follow what is held here", await ends(tx, seal.terminal))


async def _store(tx: Tx, sealed: Sealed, link: Link, *, batch: int, now_ms: int) -> None:
    seal = sealed.seal
    place = (seal.terminal, seal.epoch, link.seq)
    if await tx.row(AT_SEQ, *place) is not None:
        await _notice_fork(tx, place, now_ms=now_ms)
    try:
        record = open_record(link)
    except WireError as error:
        await tx.execute(FACT, *place, link.hash, link.raw, None, None, None, None, error.detail[:500], batch)
        return
    await tx.execute(FACT, *place, link.hash, link.raw, *_columns(record), None, batch)
    await notice(tx, terminal=seal.terminal, record=record, now_ms=now_ms)
    await hear_obeyed(tx, seal.terminal, record.body)


def _columns(record: Record) -> tuple[str, int, str, str | None]:
    return record.id, record.at_ms, record.kind, record.redemption


async def _notice_fork(tx: Tx, place: tuple[str, str, int], *, now_ms: int) -> None:
    terminal, epoch, _seq = place
    known = await tx.row(FORKED, terminal, epoch)
    await tx.execute(FORK, *place, now_ms)
    if known is None:
        await tell_again(tx, terminal)
        await order(tx, terminal, "new_epoch", reason=f"epoch {epoch} has two journals", now_ms=now_ms)


async def ends(tx: Tx, terminal: str) -> list[Held]:
    """Return the ends of the terminal's chain that are held, newest first."""
    found = []
    for epoch, seq in await tx.rows(ENDS, terminal, MAX_ENDS):
        for (hashed,) in await tx.rows(AT_SEQ, terminal, epoch, seq):
            found.append(Held(epoch=epoch, acked_through=seq, head_hash=bytes(hashed).hex()))
    return found[:MAX_ENDS]
