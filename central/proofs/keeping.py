"""Proofs as they come: kept beside the facts, whatever they are worth. That is judged in the background.

Rules of this file:

- a terminal sends a proof after its fact, so a proof whose fact is not here, or whose SHA-256 the fact does not bear,
  is nobody's: it is a finding, and proves nothing;
- the first bytes under a redemption stay; what is sent again after a lost answer is the same;
- bytes are deleted RETAIN_MS after their verdict.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from storage.jobs import Row, Tx, storable

RETAIN_MS: Final = 90 * 86_400_000
PIECE: Final = 200  # rows that one job deletes at most

KEEP: Final = (
    "INSERT INTO proofs (redemption, terminal, shown, hash, received_ms) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT DO NOTHING"
)
OLD: Final = "SELECT redemption, terminal FROM proofs WHERE judged_ms <= $1 ORDER BY judged_ms LIMIT $2"
DROP: Final = "DELETE FROM proofs WHERE redemption = $1 AND terminal = $2"


async def keep_all(tx: Tx, sent: Sequence[tuple[str, Mapping[str, bytes], int]]) -> None:
    """Keep what terminals sent: (terminal, proofs by redemption, when)."""
    rows = [
        (one, terminal, shown, hashlib.sha256(shown).digest(), now_ms)
        for terminal, proofs, now_ms in sent
        for one, shown in sorted(proofs.items())
        if storable(one)  # no fact is about a redemption of another name
    ]
    await tx.execute_many(KEEP, rows)


async def old(tx: Tx, *, now_ms: int) -> list[Row]:
    """Return (redemption, terminal) of proofs whose verdict is old, a piece at a time."""
    return await tx.rows(OLD, now_ms - RETAIN_MS, PIECE)


async def drop_old(tx: Tx, *, now_ms: int) -> None:
    """Delete a piece of the proofs whose verdict is old."""
    await tx.execute_many(DROP, await old(tx, now_ms=now_ms))
