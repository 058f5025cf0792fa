"""`xinguan central revoke`: revoke one token, or kill a signing key with every token under it; publish that.

The kill-switch needs one person and tells everybody (office.md): it stands in the office journal and on the work lists.
"""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_city, answered
from central.commands.office.alone import journalled
from central.lists.measure_calls import kill_key, revoke
from central.register.accounts.acts import Act


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--token", type=bytes.fromhex, metavar="HEX", help="the token's id (16 hex digits)")
    what.add_argument("--key", type=bytes.fromhex, metavar="HEX", help="kill this signing key (its kid); for good")
    what.add_argument("--all-keys", action="store_true", help="kill every signing key of the city; for good")


def run(args: argparse.Namespace) -> int:
    """Revoke, publish, say so."""
    return answered(lambda: _revoke(args))


def _revoke(args: argparse.Namespace) -> Answer:
    if args.token is not None:
        act = Act(act="credential.revoke", city=args.city, subject=args.token.hex())
        return journalled(args.state, act, lambda: revoke(args.state, args.city, args.token, now_ms=now_ms()).told())
    act = Act(act="key.kill", city=args.city, subject="" if args.key is None else args.key.hex())
    return journalled(args.state, act, lambda: kill_key(args.state, args.city, kid=args.key, now_ms=now_ms()).told())
