"""What stands apart from what is settled, whatever its proof says: granted by who had agreed to stop.

    the terminal's own fact that it obeyed suspend or revoke  --from its seq on-->  "suspended"
    its fact that it obeyed resume                            --up to its seq-->    (none)
    an epoch that nobody ordered and nobody declared          --all of it-->        "foreign_epoch"
    a declaration that comes for it later                     --from then on-->     (none)

Rules of this file:

- an order counts by what the platform gave under its number, never by what the fact calls it;
- what was booked apart stays so until a person has looked: a late declaration frees what comes after it;
- numbers go on across epochs, so a suspension holds in every epoch (epoch ''): a clone of a suspended terminal as well.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from credit.records import Record
from storage.jobs import Tx

EVERY_EPOCH: Final = ""
SUSPENDED: Final = "suspended"
STOPS: Final = frozenset({"suspend", "revoke"})
SPANS: Final = "SELECT epoch, since_seq, until_seq, why FROM apart WHERE terminal = $1 ORDER BY since_seq, epoch, why"
BEGIN: Final = (
    "INSERT INTO apart (terminal, epoch, since_seq, until_seq, why) VALUES ($1, $2, $3, NULL, $4)"
    " ON CONFLICT DO NOTHING"
)
END: Final = "UPDATE apart SET until_seq = $2 WHERE terminal = $1 AND until_seq IS NULL AND since_seq < $2 AND why = $3"
FOREIGN: Final = "foreign_epoch"
FREE: Final = "DELETE FROM apart WHERE terminal = $1 AND epoch = $2 AND why = $3"
BARE: Final = (
    "INSERT INTO apart (terminal, epoch, since_seq, until_seq, why)"
    " SELECT terminal, epoch, 0, NULL, $1 FROM lives WHERE standing = 'bare' ON CONFLICT DO NOTHING"
)
ACTION: Final = "SELECT action FROM commands WHERE terminal = $1 AND number = $2"


class Span(NamedTuple):
    """Records of `epoch` ('': of every one) after `since_seq`, up to `until_seq` (None: for good)."""

    epoch: str
    since_seq: int
    until_seq: int | None
    why: str

    def holds(self, epoch: str, seq: int) -> bool:
        """Return whether a record stands in this span."""
        here = self.epoch in (EVERY_EPOCH, epoch)
        return here and self.since_seq < seq and (self.until_seq is None or seq <= self.until_seq)


async def set_apart(tx: Tx, terminal: str, span: Span) -> None:
    """Let what `terminal` writes after `span.since_seq` stand apart from now on."""
    await tx.execute(BEGIN, terminal, span.epoch, span.since_seq, span.why)


async def foreign(tx: Tx, terminal: str, epoch: str, *, bare: bool) -> None:
    """Let what an epoch grants stand apart from now on, or no more."""
    if bare:
        await set_apart(tx, terminal, Span(epoch, 0, None, FOREIGN))
    else:
        await tx.execute(FREE, terminal, epoch, FOREIGN)


async def all_foreign(tx: Tx) -> None:
    """Let every epoch that is known to be bare stand apart: before the books are made again."""
    await tx.execute(BARE, FOREIGN)


async def apart_of(tx: Tx, batches: Sequence[tuple[str, str, Sequence[Record]]]) -> dict[tuple[str, str, int], str]:
    """Return why records of batches (terminal, epoch, records) stand apart, by place and seq; most do not."""
    for terminal, _epoch, records in batches:
        for record in records:
            if "order" in record.body:
                await _hear(tx, terminal, record.seq, record.body)
    found: dict[tuple[str, str, int], str] = {}
    spans_of = await tx.rows_each(SPANS, [(terminal,) for terminal, _epoch, _records in batches])
    for (terminal, epoch, records), rows in zip(batches, spans_of, strict=True):
        spans = [Span(*row) for row in rows]
        for record in records if spans else ():
            why = next((span.why for span in spans if span.holds(epoch, record.seq)), None)
            if why is not None:
                found[terminal, epoch, record.seq] = why
    return found


async def _hear(tx: Tx, terminal: str, seq: int, body: dict[str, Any]) -> None:
    number = body.get("order")
    if not isinstance(number, int) or isinstance(number, bool):
        return
    row = await tx.row(ACTION, terminal, number)
    if row is None:
        return
    if row[0] in STOPS:
        await set_apart(tx, terminal, Span(EVERY_EPOCH, seq, None, SUSPENDED))
    elif row[0] == "resume":
        await tx.execute(END, terminal, seq, SUSPENDED)
