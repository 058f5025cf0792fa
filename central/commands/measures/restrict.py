"""`xinguan central restrict --emergency WHY`: take a measure alone, checked as at the office, and publish it."""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered, day
from central.commands.office.alone import add_emergency, alone
from central.lists.measure_calls import Measure, restrict
from central.office import entries
from central.register.accounts.acts import Act


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--code", type=int, required=True, help="a code of the city's measure catalogue")
    parser.add_argument("--until", type=day, required=True, metavar="DATE", help="its last day")
    parser.add_argument("--from", dest="from_day", type=day, metavar="DATE", help="its first day")
    parser.add_argument("--authority", default="", help="who decided it, where the catalogue leaves that open")
    parser.add_argument("--basis", default="", help="the law it rests on, where the catalogue leaves that open")
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Record, publish, say so."""
    return answered(lambda: _restrict(args))


def _restrict(args: argparse.Namespace) -> Answer:
    wished = entries.Wished(
        subject=args.subject,
        code=args.code,
        until=args.until,
        from_day=args.from_day,
        authority=args.authority,
        basis=args.basis,
    )
    one = entries.check(args.state, args.city, wished, now_ms=now_ms())
    measure = Measure(code=args.code, until=one.until, authority=one.authority, from_day=one.from_day, basis=one.basis)
    act = Act(act="measure.take", city=args.city, subject=one.subject, before=one.content())
    return alone(
        args,
        act,
        lambda warrant: restrict(args.state, args.city, one.subject, measure, warrant=warrant, now_ms=now_ms()).told(),
    )
