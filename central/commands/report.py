"""`xinguan central report`: the reconciliation report, as JSON or CSV."""

import argparse
import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from central.books.reconciliation import reconcile
from central.clock import now_ms
from central.platform_state import StateError, open_state
from central.store import looked

DEFAULT_ZONE = "Asia/Shanghai"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY", help="first day (today)")
    parser.add_argument("--until", dest="last", type=date.fromisoformat, metavar="DAY", help="last day (the first)")
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="time zone of the days")
    parser.add_argument("--csv", action="store_true", help="lines only, as CSV")


def run(args: argparse.Namespace) -> int:
    """Print the report. Exit code 1 when numbers are missing, bounds were overrun, or grants are disproved or apart."""
    try:
        zone = ZoneInfo(args.zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise StateError(f"--zone {args.zone!r}: no such time zone. Write for example {DEFAULT_ZONE}") from error
    first = args.first or datetime.fromtimestamp(now_ms() / 1000, tz=UTC).astimezone(zone).date()
    last = args.last or first
    report = looked(open_state(args.state), lambda tx: reconcile(tx, first=first, last=last, zone=args.zone))
    sys.stdout.write(report.to_csv() if args.csv else json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n")
    wanting = any(one["missing"] for one in report.terminals)
    wanting |= any(line.conflicts or line.disproved or line.apart for line in report.lines)
    return int(wanting)
