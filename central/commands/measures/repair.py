"""`xinguan central repair`: lift measures (信用修复) and publish that."""

import argparse

from central.clock import now_ms
from central.commands.common import add_subject, answered
from central.lists.measure_calls import repair


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--code", type=int, help="only this measure; without it, all of the subject's")


def run(args: argparse.Namespace) -> int:
    """Lift, publish, say so."""
    return answered(lambda: repair(args.state, args.city, args.subject, code=args.code, now_ms=now_ms()).told())
