"""Where a terminal's chain stands, and whether a batch hangs on to it (rules 1 to 3 of `central.books.intake`)."""

from collections.abc import Sequence
from typing import Final

from credit.records import chain_start
from storage.jobs import Row, Tx
from sync.wire.messages import Held, Seal

MAX_ENDS: Final = 8
AT_SEQ: Final = "SELECT hash FROM facts WHERE terminal = $1 AND epoch = $2 AND seq = $3 ORDER BY hash"
EPOCH: Final = "SELECT bottom, top FROM epochs WHERE terminal = $1 AND epoch = $2"
EPOCHS: Final = "SELECT epoch, top FROM epochs WHERE terminal = $1 ORDER BY top DESC, epoch DESC LIMIT $2"
EXPECTED: Final = (
    "SELECT e.epoch, e.top FROM epochs e WHERE e.terminal = $1 AND NOT EXISTS (SELECT 1 FROM lives l"
    " WHERE l.terminal = e.terminal AND l.epoch = e.epoch AND l.standing = 'bare')"
    " ORDER BY e.top DESC, e.epoch DESC LIMIT $2"
)


class GapError(Exception):
    """The batch does not hang on to anything we hold. `held` are the ends that we have."""

    def __init__(self, code: str, detail: str, held: list[Held]) -> None:
        super().__init__(detail)
        self.code = code
        self.held = held


async def hanging(tx: Tx, seals: Sequence[Seal], known: Sequence[Row | None]) -> list[GapError | None]:
    """Return what is wrong with batches that hang on to nothing; `known` are their epochs as they are held."""
    asked = [seal for seal, epoch in zip(seals, known, strict=True) if not _begins(seal, epoch)]
    places = [(seal.terminal, seal.epoch, seal.first - 1) for seal in asked]
    found: dict[str, GapError] = {}
    for seal, rows in zip(asked, await tx.rows_each(AT_SEQ, places), strict=True):
        held = {bytes(row[0]).hex() for row in rows}
        if seal.prev_hash not in held:
            code, said = "hash_mismatch" if held else "gap", f"record {seal.first} does not follow what is held here"
            found[seal.terminal] = GapError(code, said, await ends(tx, seal.terminal))
    return [found.get(seal.terminal) for seal in seals]


def _begins(seal: Seal, epoch: Row | None) -> bool:
    """Return whether a batch is the start of its epoch: of one that is not held, or the very start that is."""
    start = chain_start(seal.terminal, seal.epoch).hex()
    return seal.prev_hash == start and (epoch is None or epoch[0] == seal.first)


async def ends(tx: Tx, terminal: str, *, expected: bool = False) -> list[Held]:
    """Return the ends of the terminal's chain that are held, newest first: of each epoch, and of each fork's side.

    `expected`: without epochs that nobody declared; what a stolen key begins disturbs no honest terminal.
    """
    found = []
    for epoch, seq in await tx.rows(EXPECTED if expected else EPOCHS, terminal, MAX_ENDS):
        for (hashed,) in await tx.rows(AT_SEQ, terminal, epoch, seq):
            found.append(Held(epoch=epoch, acked_through=seq, head_hash=bytes(hashed).hex()))
    return found[:MAX_ENDS]
