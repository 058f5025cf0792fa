"""`xinguan central report`: the reconciliation report of some days, or a half year as a spreadsheet."""

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from central.books.reconciliation import reconcile
from central.books.settling.half_year import HalfYear, PeriodError, half_year, read_half
from central.books.settling.sheets import as_csv, as_xlsx
from central.clock import now_ms
from central.commands.common import day
from central.office.drafts.rulebooks import titles
from central.platform_state import PlatformState, StateError, open_state
from central.store import looked

DEFAULT_ZONE = "Asia/Shanghai"
FORMATS = ("json", "csv", "xlsx")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("--from", dest="first", type=day, metavar="DAY", help="first day (today)")
    parser.add_argument("--until", dest="last", type=day, metavar="DAY", help="last day (the first)")
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="time zone of the days")
    parser.add_argument("--csv", action="store_true", help="lines only, as CSV")
    parser.add_argument("--half-year", metavar="2026H1", help="the report of a half year: sums, refusals, repairs")
    parser.add_argument(
        "--city", default="", help="with --half-year: what this city pays, and what happens at its sites"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="with --half-year: write .xlsx, .csv or .json here")


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise StateError(f"--zone {text!r}: no such time zone. Write for example {DEFAULT_ZONE}") from error


def run(args: argparse.Namespace) -> int:
    """Print the report. Exit code 1 when numbers are missing or terminals gave something away together."""
    zone, state = _zone(args.zone), open_state(args.state)
    if args.half_year:
        return _half_year(state, args)
    first = args.first or datetime.fromtimestamp(now_ms() / 1000, tz=UTC).astimezone(zone).date()
    last = args.last or first
    report = looked(state, lambda tx: reconcile(tx, first=first, last=last, zone=args.zone))
    sys.stdout.write(report.to_csv() if args.csv else json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n")
    wanting = any(one["missing"] for one in report.terminals) or any(line.conflicts for line in report.lines)
    return int(wanting)


def _half_year(state: PlatformState, args: argparse.Namespace) -> int:
    try:
        first, last = read_half(args.half_year)
    except PeriodError as error:
        raise StateError(f"--half-year {error}") from error
    told = looked(state, lambda tx: half_year(tx, first=first, last=last, zone=args.zone, city=args.city))
    named: dict[str, str] = {}
    for city in [args.city] if args.city else sorted(path.name for path in (args.state / "cities").glob("*")):
        named |= titles(args.state, city)
    kind = args.out.suffix.lstrip(".").lower() if args.out else "csv" if args.csv else "json"
    raw = _written(told, kind, named)
    if args.out:
        args.out.write_bytes(raw)
    else:
        sys.stdout.buffer.write(raw + b"\n")
    return int(bool(told.missing or told.total.clashes))


def _written(told: HalfYear, kind: str, named: dict[str, str]) -> bytes:
    if kind not in FORMATS:
        raise StateError(f"--out: a report is written as .{', .'.join(FORMATS)}")
    if kind == "xlsx":
        return as_xlsx(told, named)
    return as_csv(told, named) if kind == "csv" else told.as_json()
