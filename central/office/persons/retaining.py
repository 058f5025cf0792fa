"""How long what the office holds about people is held, by table; the rest goes by itself, once an hour. One table.

Facts and receipts stay: they are the books, and name nobody. Proofs go 90 days after their verdict
(`central.proofs.keeping`), notices and short codes by their own bounds.
"""

from pathlib import Path
from typing import Final, NamedTuple

from central.office.desk import Desk
from central.register.members import forget_ended
from central.register.registry import register
from storage.jobs import Tx

DAY_MS: Final = 86_400_000


class Kept(NamedTuple):
    """Rows older than `days` go by this statement ($1: the time before which)."""

    days: int
    sql: str


RETENTION: Final = {
    "sessions": Kept(1, "DELETE FROM sessions WHERE seen_ms < $1"),
    "api_tokens": Kept(400, "DELETE FROM api_tokens WHERE until_ms < $1"),
    "denied": Kept(400, "DELETE FROM denied WHERE at_ms < $1"),  # long enough for a dispute about a year's measure
    "evidence": Kept(
        3 * 366,
        "DELETE FROM evidence WHERE application IN (SELECT application FROM applications WHERE decided_ms < $1)",
    ),
}


async def tidy(desk: Desk) -> dict[str, int]:
    """Delete what is held no longer; return how many rows of each table went."""
    now_ms, gone = desk.now_ms(), {}
    for table, kept in RETENTION.items():

        async def job(tx: Tx, kept: Kept = kept) -> int:
            return await tx.execute(kept.sql, now_ms - kept.days * DAY_MS)

        gone[table] = await desk.books.write(job)
    gone["member"] = await desk.run(lambda: _members(desk.folder, now_s=now_ms // 1000))
    return gone


def _members(folder: Path, *, now_s: int) -> int:
    """Forget the empty rows of people whose last credential has ended (contract §10)."""
    with register(folder) as conn:
        cities = [row[0] for row in conn.execute("SELECT city FROM city ORDER BY city")]
        return sum(forget_ended(conn, city, now_s=now_s) for city in cities)
