"""A period as finance settles it: sums by site, issuer and benefit, and whether the journals are whole (半年报).

Rules of this file:

- every figure is a sum of running totals: no fact is read, so half a year of a million redemptions takes seconds;
- a city sees what it pays (its own benefits anywhere) and what others pay at its sites; nothing of others' business;
- what was refused, what came late, what is missing and what was repaired stands beside the money (零迟报、零瞒报).
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date, timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from central.books.reconciliation import SUMMED, midnight_ms
from central.books.reports import terminals
from central.books.settling.daily import days_of
from central.books.totals import QUARTER_MS
from storage.jobs import Row, Tx

HALF: Final = re.compile(r"(20[0-9]{2})H([12])\Z")
VERDICTS: Final = (
    *("proved", "vouched", "unproved", "disproved", "apart", "settled"),
    *("settled_off_fen", "settled_waived_fen", "settled_later_fen"),
)


def _sums(names: Iterable[str], table: str, at: str) -> str:
    return (
        "SELECT site, issuer, benefit, local, "  # noqa: S608 - columns of our own
        + ", ".join(f"CAST(sum({name}) AS BIGINT)" for name in names)
        + (", max(latest_ms)" if table != "verdicts" else "")
        + f" FROM {table} WHERE {at} >= $1 AND {at} < $2 GROUP BY site, issuer, benefit, local"
        " ORDER BY site, issuer, benefit, local"
    )


LINES: Final = _sums(SUMMED, "totals", "quarter")
JUDGED: Final = _sums(VERDICTS, "verdicts", "quarter")
DAILY: Final = _sums((*VERDICTS, *SUMMED), "daily", "day")
REFUSED: Final = (
    "SELECT site, reason, CAST(sum(n) AS BIGINT) FROM refusals WHERE quarter >= $1 AND quarter < $2"
    " GROUP BY site, reason ORDER BY site, reason"
)
REPAIRS: Final = (
    "SELECT made_ms, decided_ms, applied_ms FROM drafts"
    " WHERE kind = 'repair' AND applied_ms >= $1 AND applied_ms < $2 AND ($3 = '' OR city = $3) ORDER BY applied_ms"
)
SITES: Final = "SELECT terminal, profile FROM terminals"


OWED: Final = (
    "SELECT t.profile, (SELECT CAST(sum(e.top - e.bottom + 1 - e.many) AS BIGINT) FROM epochs e"
    " WHERE e.terminal = t.terminal) FROM terminals t"
)


class PeriodError(ValueError):
    """No half year; the text says how one is written."""


@dataclass(slots=True, kw_only=True)
class Sum:
    """What stands for one benefit at one site in the whole period. Money in fen (central.books.settling.accounts)."""

    site: str
    issuer: str
    benefit: str
    local: bool
    granted: int = 0
    heads: int = 0
    undone: int = 0
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
    clashes: int = 0
    late: int = 0
    proved: int = 0
    vouched: int = 0
    unproved: int = 0
    disproved: int = 0
    apart: int = 0
    settled: int = 0
    settled_off_fen: int = 0
    settled_waived_fen: int = 0
    settled_later_fen: int = 0
    latest_ms: int = 0

    @property
    def net(self) -> int:
        """What stands of the redemptions."""
        return self.granted - self.undone


FIGURES: Final = tuple(one.name for one in fields(Sum))[4:-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfYear:
    """The whole report of a period, both days included."""

    first: date
    last: date
    zone: str
    city: str
    lines: list[Sum]
    refused: list[tuple[str, str, int]]
    repairs: int
    repair_days: float
    terminals: list[dict[str, Any]]

    @property
    def total(self) -> Sum:
        """The sum of all lines."""
        return summed(self.lines)

    @property
    def missing(self) -> int:
        """How many facts nobody brought."""
        return sum(int(one["missing"]) for one in self.terminals)

    def as_json(self) -> bytes:
        """Return it as JSON, for machines."""
        told = {
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
            "zone": self.zone,
            "city": self.city,
            "lines": [asdict(line) | {"net": line.net} for line in self.lines],
            "total": {name: getattr(self.total, name) for name in FIGURES},
            "refused": [dict(zip(("site", "reason", "n"), one, strict=True)) for one in self.refused],
            "repairs": {"n": self.repairs, "median_days": self.repair_days},
            "missing": self.missing,
            "terminals": self.terminals,
        }
        return json.dumps(told, ensure_ascii=False, indent=1).encode()


def read_half(text: str) -> tuple[date, date]:
    """Return the first and last day of a half year written 2026H1; raise PeriodError."""
    found = HALF.match(text)
    if found is None:
        raise PeriodError(f"{text[:20]!r}: 写作 2026H1 或 2026H2 · write a half year as 2026H1 or 2026H2")
    year = int(found[1])
    return (date(year, 1, 1), date(year, 6, 30)) if found[2] == "1" else (date(year, 7, 1), date(year, 12, 31))


def summed(lines: Iterable[Sum]) -> Sum:
    """Return the sum of lines."""
    whole = Sum(site="", issuer="", benefit="", local=False)
    for line in lines:
        for name in FIGURES:
            setattr(whole, name, getattr(whole, name) + getattr(line, name))
        whole.latest_ms = max(whole.latest_ms, line.latest_ms)
    return whole


class Settlement(NamedTuple):
    """What a period comes to, without what only the report says: lines, and how many facts nobody brought."""

    lines: list[Sum]
    missing: int

    @property
    def total(self) -> Sum:
        """The sum of all lines."""
        return summed(self.lines)


class _Own(msgspec.Struct):
    """What of a terminal's profile says whose it is."""

    site: str = ""
    issuer: str = ""


async def settlement(tx: Tx, *, first: date, last: date, zone: str, city: str = "") -> Settlement:
    """Return the lines and `missing` of `half_year`: a page asks for them at each view, and for nothing else."""
    where = ZoneInfo(zone)
    start, end = (midnight_ms(one, where) for one in (first, last + timedelta(days=1)))
    missing, sites = 0, set()
    for profile, lacking in await tx.rows(OWED):
        own = msgspec.json.decode(profile, type=_Own)
        if not city or own.issuer == city:
            sites.add(own.site)
            missing += lacking or 0
    lines = await _lines(tx, (start // QUARTER_MS, end // QUARTER_MS))
    return Settlement([one for one in lines if not city or one.issuer == city or one.site in sites], missing)


async def half_year(tx: Tx, *, first: date, last: date, zone: str, city: str = "") -> HalfYear:
    """Return the report from `first` to `last`, both included, in `zone`; of one city if it is named."""
    where = ZoneInfo(zone)
    start, end = (midnight_ms(one, where) for one in (first, last + timedelta(days=1)))
    span = (start // QUARTER_MS, end // QUARTER_MS)
    own = {name: json.loads(profile) for name, profile in await tx.rows(SITES)}
    sites = {one.get("site") for one in own.values() if one.get("issuer") == city}
    lines = await _lines(tx, span)
    repairs = await tx.rows(REPAIRS, start, end, city)
    took = sorted(applied - made for made, _decided, applied in repairs)
    mine = [one for one in await terminals(tx) if not city or own.get(one["terminal"], {}).get("issuer") == city]
    return HalfYear(
        first=first,
        last=last,
        zone=zone,
        city=city,
        lines=[one for one in lines if not city or one.issuer == city or one.site in sites],
        refused=[(site, why, n) for site, why, n in await tx.rows(REFUSED, *span) if not city or site in sites],
        repairs=len(repairs),
        repair_days=round(took[len(took) // 2] / 86_400_000, 2) if took else 0.0,
        terminals=mine,
    )


async def _lines(tx: Tx, span: tuple[int, int]) -> list[Sum]:
    """Return the lines of a span of quarters: from whole days where it is made of such, which are far fewer rows."""
    days = days_of(*span)
    if days is not None:
        rows = await tx.rows(DAILY, *days)
        return [line_of((*row[:4], *row[4 + len(VERDICTS) :]), row[4 : 4 + len(VERDICTS)]) for row in rows]
    judged = {row[:4]: row[4:] for row in await tx.rows(JUDGED, *span)}
    return [line_of(row, judged.get(row[:4], ())) for row in await tx.rows(LINES, *span)]


def line_of(row: Row, judged: Sequence[int]) -> Sum:
    """Return a line from its sums and what it adds up to by verdict."""
    site, issuer, benefit, local, *figures = row
    line = Sum(site=site, issuer=issuer, benefit=benefit, local=bool(local), latest_ms=figures[-1])
    for name, figure in [*zip(SUMMED, figures, strict=False), *zip(VERDICTS, judged, strict=False)]:
        setattr(line, name, figure)
    return line
