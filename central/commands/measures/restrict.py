"""`xinguan central restrict`: take a measure against somebody and publish it."""

import argparse
from datetime import date

from central.clock import now_ms
from central.commands.common import add_subject, answered
from central.lists.measure_calls import Measure, restrict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--code", type=int, required=True, help="a code of the city's measure catalogue")
    parser.add_argument("--until", type=date.fromisoformat, required=True, metavar="DATE", help="its last day")
    parser.add_argument("--from", dest="from_day", type=date.fromisoformat, metavar="DATE", help="its first day")
    parser.add_argument("--authority", required=True, help="who decided it; shown to the visitor")
    parser.add_argument("--basis", help="the law it rests on")


def run(args: argparse.Namespace) -> int:
    """Record, publish, say so."""
    measure = Measure(
        code=args.code, until=args.until, authority=args.authority, from_day=args.from_day, basis=args.basis
    )
    return answered(lambda: restrict(args.state, args.city, args.subject, measure, now_ms=now_ms()).told())
