"""`xinguan central repair --emergency WHY`: lift measures (信用修复) alone, and publish that."""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered
from central.commands.measures.standing import add_choice, chosen
from central.commands.office.alone import add_emergency, alone
from central.lists.measure_calls import repair
from central.office import entries
from central.register.accounts.acts import Act


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    add_choice(parser)
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Lift, publish, say so."""
    return answered(lambda: _repair(args))


def _repair(args: argparse.Namespace) -> Answer:
    key = entries.pseudonym_of(args.state, args.city, args.subject)
    only = chosen(args, key)
    act = Act(act="measure.lift", city=args.city, subject=key, before={"code": only.code, "authority": only.authority})
    return alone(
        args,
        act,
        lambda warrant: repair(args.state, args.city, key, only=only, warrant=warrant, now_ms=now_ms()).told(),
    )
