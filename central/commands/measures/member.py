"""`xinguan central member`: give somebody tier and groups by list, in place of what their credential claims."""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_subject, answered
from central.commands.office.alone import journalled
from central.lists.measure_calls import list_as_member
from central.register.accounts.acts import Act


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_subject(parser)
    parser.add_argument("--tier", type=int, required=True, help="their tier from now on; 0 takes it away")
    parser.add_argument("--group", type=int, action="append", default=[], help="a group code; give it once for each")


def run(args: argparse.Namespace) -> int:
    """Record, publish, say so."""
    act = Act(act="member.list", city=args.city, after={"tier": args.tier, "groups": args.group})

    def listed() -> Answer:
        return list_as_member(
            args.state, args.city, args.subject, tier=args.tier, groups=args.group, now_ms=now_ms()
        ).told()

    return answered(lambda: journalled(args.state, act, listed))
