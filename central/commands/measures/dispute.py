"""`xinguan central dispute --emergency WHY`: mark measures as disputed (异议) alone, or reject that; publish it."""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered
from central.commands.measures.standing import add_choice, chosen
from central.commands.office.alone import add_emergency, alone
from central.lists.measure_calls import dispute, undispute
from central.office import entries
from central.register.accounts.acts import Act


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    add_choice(parser)
    parser.add_argument("--reject", action="store_true", help="the dispute was rejected: the measure counts again")
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Mark, publish, say so."""
    return answered(lambda: _dispute(args))


def _dispute(args: argparse.Namespace) -> Answer:
    key = entries.pseudonym_of(args.state, args.city, args.subject)
    only = chosen(args, key)
    name, call = ("measure.undispute", undispute) if args.reject else ("measure.dispute", dispute)
    act = Act(act=name, city=args.city, subject=key, before={"code": only.code, "authority": only.authority})
    return alone(
        args,
        act,
        lambda warrant: call(args.state, args.city, key, only=only, warrant=warrant, now_ms=now_ms()).told(),
    )
