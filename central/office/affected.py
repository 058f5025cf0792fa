"""Which decisions rested on a measure: whoever was turned away or got no benefit while it stood (找回错误决定).

A refusal's fact names no person, only a hash of the code that was shown. The register knows which codes somebody was
issued, so only that office can find them again; the books keep the refusals that a measure caused by that hash.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from central.office import entries
from central.office.desk import Desk
from central.register.registry import register, zone_of

HASHED_ID_BYTES: Final = 16  # of SHA-256(issuer, token id), as terminals write it
MAX_CODES: Final = 500
TOKENS: Final = "SELECT token_id FROM credential WHERE city = ? AND subject = ? ORDER BY issued_s DESC LIMIT ?"
DENIED: Final = (
    "SELECT at_ms, site, terminal, reason FROM denied"
    " WHERE token_hash = $1 AND at_ms >= $2 AND at_ms < $3 ORDER BY at_ms"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision that rested on the measure: when, where, and what it came to."""

    at_ms: int
    site: str
    terminal: str
    reason: str


async def by_entry(desk: Desk, entry: entries.Entry) -> list[Decision]:
    """Return the refusals of this person's codes while the entry stood, in order; raises StoreFailedError."""

    def look() -> tuple[list[str], int, int]:
        with register(desk.folder) as conn:
            zone = zone_of(conn, entry.city)
            rows = conn.execute(TOKENS, (entry.city, bytes.fromhex(entry.subject), MAX_CODES)).fetchall()
        first = date.fromisoformat(entry.from_day)
        last = date.fromisoformat(entry.until_day) + timedelta(days=1)
        start, end = (
            int(datetime(one.year, one.month, one.day, tzinfo=zone).timestamp() * 1000) for one in (first, last)
        )
        hashes = [
            hashlib.sha256(entry.city.encode() + bytes(token)).digest()[:HASHED_ID_BYTES].hex() for (token,) in rows
        ]
        return hashes, max(start, entry.recorded_ms), min(end, entry.lifted_ms or end)

    hashes, start, end = await desk.run(look)
    found: list[Decision] = []
    for one in hashes:
        for at_ms, site, terminal, reason in await desk.books.read(
            lambda tx, one=one: tx.rows(DENIED, one, start, end)  # type: ignore[misc]  # the hash of this turn
        ):
            found.append(Decision(at_ms=at_ms, site=site, terminal=terminal, reason=reason))
    return sorted(found, key=lambda decision: decision.at_ms)
