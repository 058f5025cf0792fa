"""`xinguan central acts`: the office journal, newest first; with --verify, whether it holds together."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from central.platform_state import open_state
from central.register.accounts.acts import ActsBrokenError, newest, verify
from central.store import looked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("--city", default="", help="only this city's")
    parser.add_argument("--many", type=int, default=50, help="how many")
    parser.add_argument("--verify", action="store_true", help="walk the whole chain; tells the head to write down")
    parser.add_argument("--head", metavar="HEX", help="with --verify: a head written down earlier must be in the chain")


def run(args: argparse.Namespace) -> int:
    """Print the acts, or verify them. Exit code 1 when the journal does not hold."""
    state = open_state(args.state)
    if not args.verify:
        for one in looked(state, lambda tx: newest(tx, city=args.city, many=args.many)):
            at = datetime.fromtimestamp(one.at_ms / 1000, tz=UTC).astimezone().isoformat(" ", "seconds")
            sys.stdout.write(
                f"{one.number:>6} {at} {one.operator:<14} {one.city:<10} {one.act:<20} {one.outcome:<6}"
                f" {one.subject} {one.why}\n"
            )
        return 0
    try:
        held = looked(state, lambda tx: verify(tx, through=args.head))
    except ActsBrokenError as error:
        sys.stderr.write(f"操作记录不完整 · the office journal is broken: {error}\n")
        return 1
    sys.stdout.write(f"完整 whole: {held.number} acts, head {held.head}\n")
    return 0
