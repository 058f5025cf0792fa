"""Refusals counted by quarter of an hour, site and reason, as facts come in: for the half-year report.

A refusal tells its reasons, first the one that decided; a terminal that is short of disk, or whose code was no code,
sums up a lane's minute instead ({"refused" | "unverified": {reason: n}}).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from central.books.counts import MAX_N, figure
from central.books.settling.accounts import name_of
from central.books.totals import QUARTER_MS
from credit.records import Record
from storage.jobs import Tx

KIND: Final = "not_granted"
SUMMED: Final = ("refused", "unverified")
MAX_REASONS: Final = 64
MAX_REASON: Final = 40
ADD: Final = (
    "INSERT INTO refusals (quarter, site, reason, n) VALUES ($1, $2, $3, $4)"
    " ON CONFLICT (quarter, site, reason) DO UPDATE SET n = refusals.n + excluded.n RETURNING n"
)
Place = tuple[int, str, str]


def refusals_of(records: Iterable[Record], *, site: str) -> Counter[Place]:
    """Return how often was refused what, where and when."""
    found: Counter[Place] = Counter()
    for record in records:
        if record.kind != KIND:
            continue
        own = name_of(record.body.get("site"))
        place = (record.at_ms // QUARTER_MS, site if own == "?" else own)
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


async def count(tx: Tx, records: Iterable[Record], *, site: str) -> None:
    """Add a batch's refusals to the books, in the order in which rows are locked."""
    await tx.rows_many(ADD, [(*place, n) for place, n in sorted(refusals_of(records, site=site).items())])
