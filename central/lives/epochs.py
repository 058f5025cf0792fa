"""How each epoch of a journal stands: expected, or begun by nobody knows whom (illness.md 4).

    (batch of an epoch never heard of)
        nothing else is held of this terminal ──▶ first
        its first batch obeys our order        ──▶ ordered
        a fact declares it, and names a head that we hold, or a person accepted the loss ──▶ declared
        none of these                          ──▶ bare: a finding, and its grants stand apart
    bare ──a fact that declares it comes later──▶ declared

Rules of this file:

- a declaration may stand in the epoch itself or in one before it (a corrupt record names the epoch that follows it);
- a declared head that we never held is a finding: a platform that was restored may have lost it, and then the epoch
  is declared all the same; no other can;
- bytes that a terminal's disk changed are a finding: they may have been somebody's grant;
- an epoch that is older than the newest declared one and grows by records *later* than its declaration is a twin's;
- a declaration under a key that ended accuses nobody: whoever was enrolled anew may go on in an older epoch than that
  of the machine which is gone (central.register.former).
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from central.lives.twins import seen_twice
from credit.records import Record
from storage.jobs import Row, Tx, storable

MAX_HEADS: Final = 16
MAX_NAME: Final = 64
MAX_DETAIL: Final = 200
HASH_CHARS: Final = 64
TRUSTED: Final = "trusted"

OTHERS: Final = "SELECT 1 FROM epochs WHERE terminal = $1 AND epoch <> $2 LIMIT 1"
LIFE: Final = "SELECT standing, number FROM lives WHERE terminal = $1 AND epoch = $2"
BEGIN: Final = (
    "INSERT INTO lives (terminal, epoch, standing, number, declared_ms) VALUES ($1, $2, $3,"
    " (SELECT coalesce(max(b.number), 0) + 1 FROM lives b WHERE b.terminal = $1), NULL)"
    " ON CONFLICT (terminal, epoch) DO UPDATE SET number = excluded.number"
)
DECLARE: Final = (
    "INSERT INTO lives (terminal, epoch, standing, number, declared_ms) VALUES ($1, $2, 'declared', NULL, $3)"
    " ON CONFLICT (terminal, epoch) DO UPDATE SET declared_ms = excluded.declared_ms,"
    " standing = CASE WHEN lives.standing = 'bare' THEN 'declared' ELSE lives.standing END"
)
NEWEST: Final = (
    "SELECT epoch, declared_ms, number FROM lives WHERE terminal = $1 AND standing = 'declared'"
    " AND number IS NOT NULL AND declared_ms IS NOT NULL ORDER BY number DESC LIMIT 1"
)
HELD: Final = "SELECT 1 FROM facts WHERE terminal = $1 AND epoch = $2 AND seq = $3 AND hash = $4"
ORDERED: Final = "SELECT 1 FROM commands WHERE terminal = $1 AND number = $2 AND action = 'new_epoch'"
RESTORED: Final = "SELECT 1 FROM marks WHERE name = 'restored'"
FINDING: Final = (
    "INSERT INTO findings (terminal, epoch, seq, kind, detail, noticed_ms) VALUES ($1, $2, $3, $4, $5, $6)"
    " ON CONFLICT DO NOTHING"
)
CLEARED: Final = "DELETE FROM findings WHERE terminal = $1 AND epoch = $2 AND kind = 'bare_epoch'"


DECLARING: Final = frozenset({"note", "corrupt"})  # kinds that may name an epoch


class Grown(NamedTuple):
    """What a batch brought: whose it is, whether its epoch was held before, and the records that are new."""

    terminal: str
    epoch: str
    held: bool
    records: tuple[Record, ...]
    now_ms: int


async def judge_all(tx: Tx, several: Sequence[tuple[Grown, bool]]) -> None:
    """Note how the epochs of batches stand, and whether somebody else goes on under a name.

    Each with whether a former key sealed it: such a box was replaced and is told so, it is nobody's twin
    (central.register.former).
    """
    for grown, former in several:
        for record in grown.records:
            named = named_by(record) if record.kind in DECLARING else None
            if named is not None:
                await _declared(tx, grown, record, named, former=former)
        if not grown.held:
            await _begun(tx, grown)
    ours = [grown for grown, former in several if not former]
    for grown, rows in zip(ours, await tx.rows_each(NEWEST, [(grown.terminal,) for grown in ours]), strict=True):
        if rows:
            await _twin(tx, grown, rows[0])


def named_by(record: Record) -> str | None:
    """Return the epoch that a record declares, or would; None for any other record."""
    body = record.body
    named = body.get("declares") if record.kind == "note" else body.get("next") if record.kind == "corrupt" else None
    return named if isinstance(named, str) and 0 < len(named) <= MAX_NAME and storable(named) else None


async def is_bare(tx: Tx, terminal: str, epoch: str) -> bool:
    """Return whether nobody ordered and nobody declared this epoch: what it grants stands apart."""
    life = await tx.row(LIFE, terminal, epoch)
    return life is not None and life[0] == "bare"


async def _declared(tx: Tx, grown: Grown, record: Record, named: str, *, former: bool) -> None:
    body, terminal = record.body, grown.terminal
    if record.kind == "corrupt":
        detail = f"records {record.seq} to {body.get('through')} were damaged on its disk; epoch {named} follows"
        await _find(tx, grown, record.seq, "corrupt_record", detail)
    accepted = body.get("accepts_loss") is True
    heads = body.get("heads")
    heads = heads[:MAX_HEADS] if isinstance(heads, list) else []
    if accepted:
        await _find(tx, grown, record.seq, "loss_accepted", f"by {body.get('by')}; epoch {named}")
    if not heads and not accepted and record.kind == "note":
        return
    if heads and not any([await _held(tx, terminal, one) for one in heads]):
        restored = await tx.row(RESTORED) is not None
        why = "this platform was restored since" if restored else "and was never restored"
        await _find(tx, grown, record.seq, "declared_unheld", f"epoch {named} names heads never held here; {why}")
        if not restored and not accepted:
            return
    trusted = body.get("clock", TRUSTED) == TRUSTED
    declared_ms = record.at_ms if trusted else grown.now_ms
    await tx.execute(DECLARE, terminal, named, None if former else declared_ms)
    await tx.execute(CLEARED, terminal, named)


async def _held(tx: Tx, terminal: str, head: object) -> bool:
    if not isinstance(head, Mapping):
        return False
    epoch, seq, hexed = head.get("epoch"), head.get("seq"), head.get("hash")
    if not (isinstance(epoch, str) and isinstance(seq, int) and isinstance(hexed, str) and len(hexed) == HASH_CHARS):
        return False
    if not storable(epoch):
        return False
    try:
        hashed = bytes.fromhex(hexed)
    except ValueError:
        return False
    return await tx.row(HELD, terminal, epoch[:MAX_NAME], seq, hashed) is not None


async def _begun(tx: Tx, grown: Grown) -> None:
    life = await tx.row(LIFE, grown.terminal, grown.epoch)
    standing = "bare" if life is None else str(life[0])
    if life is None and await tx.row(OTHERS, grown.terminal, grown.epoch) is None:
        standing = "first"
    elif life is None and await _obeys(tx, grown):
        standing = "ordered"
    await tx.execute(BEGIN, grown.terminal, grown.epoch, standing)
    if standing == "bare":
        first = grown.records[0].seq if grown.records else 0
        await _find(tx, grown, first, "bare_epoch", "neither ordered nor declared: its grants stand apart")


async def _obeys(tx: Tx, grown: Grown) -> bool:
    """Tell whether a record of the batch begins this epoch because we ordered it."""
    for record in grown.records:
        number = record.body.get("order")
        if record.body.get("epoch") == grown.epoch and isinstance(number, int) and not isinstance(number, bool):
            return await tx.row(ORDERED, grown.terminal, number) is not None
    return False


async def _twin(tx: Tx, grown: Grown, newest: Row) -> None:
    if newest[0] == grown.epoch:
        return
    life = await tx.row(LIFE, grown.terminal, grown.epoch)
    if life is not None and life[1] is not None and life[1] > newest[2]:
        return
    later = [record.seq for record in grown.records if record.at_ms > newest[1]]
    if later:
        why = f"epoch {grown.epoch} grew by record {later[0]} after epoch {newest[0]} was declared"
        await seen_twice(tx, grown.terminal, why, now_ms=grown.now_ms)


async def _find(tx: Tx, grown: Grown, seq: int, kind: str, detail: str) -> None:
    text = detail.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_DETAIL]
    await tx.execute(FINDING, grown.terminal, grown.epoch, seq, kind, text, grown.now_ms)
