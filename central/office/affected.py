"""Which decisions rested on a measure: whoever was turned away or got no benefit while it stood (找回错误决定).

A refusal's fact names no person, only a hash of the code that was shown. The register knows which codes somebody was
issued, so only that office can find them again; the books keep the refusals that a measure caused by that hash.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from central.office import entries
from central.office.desk import Desk
from central.register.registry import register, zone_of
from storage.jobs import Tx

HASHED_ID_BYTES: Final = 16  # of SHA-256(issuer, token id), as terminals write it
MAX_CODES: Final = 500
TOKENS: Final = "SELECT token_id FROM credential WHERE city = ? AND subject = ? ORDER BY issued_s DESC LIMIT ?"
MAX_SHOWN: Final = 200
WITHIN: Final = " FROM denied WHERE token_hash = $1 AND at_ms >= $2 AND at_ms < $3"
DENIED: Final = f"SELECT at_ms, site, terminal, reason{WITHIN} ORDER BY at_ms LIMIT {MAX_SHOWN}"
MANY: Final = f"SELECT count(*){WITHIN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision that rested on the measure: when, where, and what it came to."""

    at_ms: int
    site: str
    terminal: str
    reason: str


class Decisions(NamedTuple):
    """How many decisions rested on a measure, and the first of them in order."""

    many: int
    shown: list[Decision]


async def by_entry(desk: Desk, entry: entries.Entry) -> Decisions:
    """Return the refusals of this person's codes while the entry stood; raises StoreFailedError."""

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

    async def job(tx: Tx) -> Decisions:
        many, found = 0, []
        for one in hashes:
            row = await tx.row(MANY, one, start, end)
            many += int(row[0]) if row else 0
            found += await tx.rows(DENIED, one, start, end)
        named = [
            Decision(at_ms=at_ms, site=site, terminal=terminal, reason=reason)
            for at_ms, site, terminal, reason in sorted(found)[:MAX_SHOWN]
        ]
        return Decisions(many, named)

    return await desk.books.read(job)
