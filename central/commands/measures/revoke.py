"""`xinguan central revoke`: revoke one token, or kill a signing key with every token under it; publish that."""

import argparse

from central.clock import now_ms
from central.commands.common import add_city, answered
from central.lists.measure_calls import kill_key, revoke


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--token", type=bytes.fromhex, metavar="HEX", help="the token's id (16 hex digits)")
    what.add_argument("--key", type=bytes.fromhex, metavar="HEX", help="kill this signing key (its kid); for good")
    what.add_argument("--all-keys", action="store_true", help="kill every signing key of the city; for good")


def run(args: argparse.Namespace) -> int:
    """Revoke, publish, say so."""
    if args.token is not None:
        return answered(lambda: revoke(args.state, args.city, args.token, now_ms=now_ms()).told())
    return answered(lambda: kill_key(args.state, args.city, kid=args.key, now_ms=now_ms()).told())
