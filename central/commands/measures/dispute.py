"""`xinguan central dispute`: mark measures as disputed (异议), or reject the dispute; publish that."""

import argparse

from central.clock import now_ms
from central.commands.common import add_subject, answered
from central.lists.measure_calls import dispute, undispute


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--code", type=int, help="only this measure; without it, all of the subject's")
    parser.add_argument("--reject", action="store_true", help="the dispute was rejected: the measure counts again")


def run(args: argparse.Namespace) -> int:
    """Mark, publish, say so."""
    call = undispute if args.reject else dispute
    return answered(lambda: call(args.state, args.city, args.subject, code=args.code, now_ms=now_ms()).told())
