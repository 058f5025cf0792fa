"""Refusals counted by quarter of an hour, site and reason, as facts come in: for the half-year report.

A refusal tells its reasons, first the one that decided; a terminal that is short of disk, or whose code was no code,
sums up a lane's minute instead ({"refused" | "unverified": {reason: n}}).
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from central.books.counts import MAX_N, figure
from central.books.planned import Entry
from central.books.settling.accounts import name_of
from central.books.totals import QUARTER_MS
from credit.records import Record
from storage.jobs import Tx

KIND: Final = "not_granted"
SUMMED: Final = ("refused", "unverified")
MAX_REASONS: Final = 64
MAX_REASON: Final = 40
MEASURES: Final = ("restricted", "withheld")  # the reasons that a measure causes
HASHED: Final = re.compile(r"[0-9a-f]{32}")
DENIED: Final = (
    "INSERT INTO denied (token_hash, terminal, epoch, seq, at_ms, site, reason)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING"
)
ADD: Final = (
    "INSERT INTO refusals (quarter, site, reason, n) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (quarter, site, reason) DO UPDATE SET n = refusals.n + excluded.n RETURNING n"
)
Place = tuple[int, str, str]


def refusals_of(entries: Iterable[Entry]) -> Counter[Place]:
    """Return how often was refused what, where and when."""
    found: Counter[Place] = Counter()
    for incoming, record in entries:
        if record.kind != KIND:
            continue
        own = name_of(record.body.get("site"))
        place = (record.at_ms // QUARTER_MS, incoming.site if own == "?" else own)
        for reason, n in _told(record):
            found[*place, name_of(reason)[:MAX_REASON]] += n
    return found


def _told(record: Record) -> Iterable[tuple[str, int]]:
    summed = [record.body[name] for name in SUMMED if isinstance(record.body.get(name), dict)]
    for counts in summed:
        for reason, n in list(counts.items())[:MAX_REASONS]:
            yield reason, min(figure(n) or 0, MAX_N)
    reasons = record.body.get("reasons")
    if not summed:
        yield (reasons[0] if isinstance(reasons, list) and reasons and isinstance(reasons[0], str) else "?"), 1


def denied(entries: Iterable[Entry]) -> list[tuple[str | int, ...]]:
    """Return a row for each refusal that a measure caused, by the hash of its code."""
    found: list[tuple[str | int, ...]] = []
    for incoming, record in entries:
        if record.kind != KIND:
            continue
        hashed, reasons = record.body.get("token_hash"), record.body.get("reasons")
        if not isinstance(reasons, list) or not isinstance(hashed, str):
            continue
        reason = next((one for one in MEASURES if one in reasons), None)
        if reason is not None and HASHED.fullmatch(hashed):
            own = name_of(record.body.get("site"))
            site = incoming.site if own == "?" else own
            found.append((hashed, *incoming.place, record.seq, record.at_ms, site, reason))
    return found


async def count(tx: Tx, entries: Sequence[Entry]) -> None:
    """Add the refusals among facts to the books, in the order in which rows are locked."""
    await tx.execute_many(DENIED, sorted(denied(entries)))
    await tx.rows_many(ADD, [(*place, n) for place, n in sorted(refusals_of(entries).items())])
