"""`xinguan central member`: give somebody tier and groups by list, alone, in an emergency.

The list counts in place of what a credential claims. Two people give a tier in the office (docs/office.md).
"""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered
from central.commands.office.alone import add_emergency, alone
from central.lists.measure_calls import Listed, list_as_member
from central.register.accounts.acts import Act
from central.register.warrants import Warrant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--tier", type=int, required=True, help="their tier from now on; 0 takes it away")
    parser.add_argument("--group", type=int, action="append", default=[], help="a group code; give it once for each")
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Record, publish, say so."""
    act = Act(act="member.list", city=args.city, after={"tier": args.tier, "groups": args.group})

    def listed(warrant: Warrant) -> Answer:
        wished = Listed(args.tier, args.group)
        return list_as_member(args.state, args.city, args.subject, wished, warrant=warrant, now_ms=now_ms()).told()

    return answered(lambda: alone(args, act, listed))
