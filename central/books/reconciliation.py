"""The reconciliation report: what was given, by civil day, site, issuer and benefit, and whether the books are whole.

Rules of this file:

- a redemption counts on the civil day of its grant, whenever it arrived; money is fen, as the terminal told it;
- `net` is what stands at the end: granted and not annulled, not wholly reversed;
- late is what arrived more than 24 h after it happened (零迟报); a missing number is a seq that nobody brought;
- a fork's two sides are both counted, and named: people settle which one happened.
"""

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from central.books.reports import STEPS, state_of, terminals
from storage.jobs import Tx

LATE_MS = 86_400_000
UNDONE = frozenset({"annulled", "reversed"})

GRANTS = (
    "SELECT f.terminal, t.site, f.redemption, f.at_ms, b.received_ms, f.raw FROM facts f"
    " JOIN batches b ON b.number = f.batch JOIN terminals t ON t.terminal = f.terminal"
    " WHERE f.kind IN ('granted', 'opened') AND f.redemption IS NOT NULL AND f.at_ms >= $1 AND f.at_ms < $2"
    " ORDER BY f.at_ms, f.terminal, f.seq"
)
CONFLICTING = "SELECT DISTINCT terminal, seq FROM conflicts"
SEQ_OF = "SELECT seq FROM facts WHERE redemption = $1 AND terminal = $2 AND kind IN ('granted', 'opened')"


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of the report. `heads` are people or pieces; money in fen; `latest_s` is the longest way here.

    `local`: a merchant's own offer, which the city does not pay for.
    """

    day: str
    site: str
    issuer: str
    benefit: str
    granted: int = 0
    heads: int = 0
    undone: int = 0
    net: int = 0
    off_fen: int = 0
    waived_fen: int = 0
    conflicts: int = 0
    late: int = 0
    latest_s: int = 0
    local: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report, for the civil days from `first` to `last`, both included."""

    first: date
    last: date
    zone: str
    lines: list[Line]
    terminals: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "zone": self.zone,
            "lines": [asdict(line) for line in self.lines],
            "terminals": self.terminals,
        }

    def to_csv(self) -> str:
        """Return the lines as CSV (RFC 4180), with a heading."""
        out = io.StringIO()
        writer = csv.writer(out)
        names = [one.name for one in fields(Line)]
        writer.writerow(names)
        writer.writerows([getattr(line, name) for name in names] for line in self.lines)
        return out.getvalue()


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Return when a civil day begins, in milliseconds UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


async def reconcile(tx: Tx, *, first: date, last: date, zone: str) -> Report:
    """Return the report for the civil days from `first` to `last` in `zone`."""
    where = ZoneInfo(zone)
    span = midnight_ms(first, where), midnight_ms(last + timedelta(days=1), where)
    conflicting = set(await tx.rows(CONFLICTING))
    lines: dict[tuple[str, ...], Line] = {}
    for terminal, site, redemption, at_ms, received_ms, raw in await tx.rows(GRANTS, *span):
        body = json.loads(raw)["body"]
        day = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(where).date().isoformat()
        undone = state_of(await tx.rows(STEPS, redemption, terminal)) in UNDONE
        seqs = {seq for (seq,) in await tx.rows(SEQ_OF, redemption, terminal)}
        clash = any((terminal, seq) in conflicting for seq in seqs)
        for given in _given(body):
            key = (day, site, _text(body.get("issuer")), _text(given.get("benefit")))
            line = lines.setdefault(key, Line(day=key[0], site=key[1], issuer=key[2], benefit=key[3]))
            _count(line, body, given, undone=undone, clash=clash, way_ms=received_ms - at_ms)
    ordered = [lines[key] for key in sorted(lines)]
    return Report(first=first, last=last, zone=zone, lines=ordered, terminals=await terminals(tx))


def _given(body: dict[str, Any]) -> Iterable[dict[str, Any]]:
    listed = body.get("given")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return found or [{}]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "?"


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _count(line: Line, body: dict[str, Any], given: dict[str, Any], *, undone: bool, clash: bool, way_ms: int) -> None:
    offer = given.get("offer")
    offer = offer if isinstance(offer, dict) else {}
    line.local = given.get("local") is True
    line.granted += 1
    line.heads += max(1, _whole(body.get("heads")))
    line.undone += undone
    line.net += not undone
    line.conflicts += clash
    line.late += way_ms > LATE_MS
    line.latest_s = max(line.latest_s, way_ms // 1000)
    if not undone:
        line.off_fen += _whole(offer.get("off_fen"))
        line.waived_fen += _whole(offer.get("waived_fen"))
