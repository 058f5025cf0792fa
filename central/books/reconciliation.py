"""The reconciliation report: what was given, by civil day, site, issuer and benefit, and whether the books are whole.

Rules of this file:

- a redemption counts on the civil day of its grant, at the site its signed fact names, whenever it arrived;
- money is fen, as the terminal told it: `off`, `waived` and `later` are what stands after everything that came back;
- `net` is what stands at the end: granted and not annulled, not wholly reversed;
- late is what arrived more than 24 h after it happened (零迟报); a missing number is a seq that nobody brought;
- a fork's two sides are both counted, and named: people settle which one happened;
- what does not settle is named: each line and each terminal says how much, the findings say which;
- it adds up the running totals (central.books.totals), a civil day at a time: half a year is read in seconds.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.books.reports import findings, terminals
from central.books.settling.accounts import FIGURES
from central.books.settling.verdicts import VERDICTS, WEIGHTS
from central.books.totals import QUARTER_MS
from storage.jobs import Tx

SUMMED: Final = (*FIGURES, "clashes", "late")
DAY: Final = (
    "SELECT site, issuer, benefit, "  # noqa: S608 - columns of our own
    + ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in SUMMED)
    + ", max(latest_ms), max(local)"
    " FROM totals WHERE quarter >= $1 AND quarter < $2 GROUP BY site, issuer, benefit ORDER BY site, issuer, benefit"
)
WEIGHED: Final = (
    "SELECT site, issuer, benefit, "  # noqa: S608 - columns of our own
    + ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in WEIGHTS)
    + " FROM verdicts WHERE quarter >= $1 AND quarter < $2 GROUP BY site, issuer, benefit"
)
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would run instead of show


@dataclass(slots=True, kw_only=True)
class Line:
    """One line of the report. `heads` are people or pieces; money in fen; `latest_s` is the longest way here.

    `later` was deferred, of which `repaid` is settled and `overdue` fell due; `refund` went back to visitors, and
    benefits got `back` their part; `claim` is damage; `paid` was taken at gates (central.books.settling.accounts).
    `local`: a merchant's own offer, which the city does not pay for. The verdicts say what stands behind the grants
    (central.proofs.judging); `waiting` are those not judged yet. `settled` and its money is what may be paid by without
    a person: proved or vouched, standing, not apart, within every bound.
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
    later_fen: int = 0
    repaid_fen: int = 0
    refund_fen: int = 0
    back_fen: int = 0
    returns: int = 0
    claims: int = 0
    claim_fen: int = 0
    overdue: int = 0
    overdue_fen: int = 0
    paid_fen: int = 0
    conflicts: int = 0
    late: int = 0
    latest_s: int = 0
    local: bool = False
    proved: int = 0
    vouched: int = 0
    unproved: int = 0
    disproved: int = 0
    waiting: int = 0
    apart: int = 0
    settled: int = 0
    settled_off_fen: int = 0
    settled_waived_fen: int = 0
    settled_later_fen: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole report, for the civil days from `first` to `last`, both included."""

    first: date
    last: date
    zone: str
    lines: list[Line]
    terminals: list[dict[str, Any]]
    findings: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "zone": self.zone,
            "lines": [asdict(line) for line in self.lines],
            "terminals": self.terminals,
            "findings": self.findings,
        }

    def to_csv(self) -> str:
        """Return the lines as CSV (RFC 4180), with a heading."""
        out = io.StringIO()
        writer = csv.writer(out)
        names = [one.name for one in fields(Line)]
        writer.writerow(names)
        writer.writerows([_cell(getattr(line, name)) for name in names] for line in self.lines)
        return out.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Return when a civil day begins, in milliseconds UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


async def reconcile(tx: Tx, *, first: date, last: date, zone: str) -> Report:
    """Return the report for the civil days from `first` to `last` in `zone`."""
    where = ZoneInfo(zone)
    lines: list[Line] = []
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        span = [midnight_ms(one, where) // QUARTER_MS for one in (day, day + timedelta(days=1))]
        weighed = {tuple(row[:3]): row[3:] for row in await tx.rows(WEIGHED, *span)}
        lines += [_weighed(_line(day.isoformat(), *row), weighed.get(row[:3])) for row in await tx.rows(DAY, *span)]
    named = await findings(tx, since_ms=midnight_ms(first, where))
    return Report(first=first, last=last, zone=zone, lines=lines, terminals=await terminals(tx), findings=named)


def _weighed(line: Line, weights: Sequence[int] | None) -> Line:
    for name, figure in zip(WEIGHTS, weights or (), strict=False):
        setattr(line, name, figure)
    line.waiting = line.granted - sum(getattr(line, name) for name in VERDICTS)
    return line


def _line(day: str, site: str, issuer: str, benefit: str, *row: int) -> Line:
    figures = dict(zip(SUMMED, row, strict=False))
    conflicts, (latest_ms, local) = figures.pop("clashes"), row[len(SUMMED) :]
    line = Line(day=day, site=site, issuer=issuer, benefit=benefit, conflicts=conflicts)
    for name, figure in figures.items():
        setattr(line, name, figure)
    line.net, line.latest_s, line.local = line.granted - line.undone, latest_ms // 1000, bool(local)
    return line
