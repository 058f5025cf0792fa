"""`xinguan central city`: take a city in with its rules, give it new keys, expel it."""

import argparse
from pathlib import Path

from central.clock import now_ms
from central.commands.common import Answer, add_city, answered
from central.lists.cities import DEFAULT_ZONE, enter, found_city, publish
from central.lists.issuing import make_key
from central.lists.publishing import Published, Repository
from credit.rules.listing import KINDS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--add", type=Path, metavar="DIR", help="take the city in, with the rules in this folder")
    what.add_argument("--new-key", action="store_true", help="make another key that signs tokens")
    what.add_argument("--rekey", choices=KINDS, help="replace the key that signs these documents")
    what.add_argument("--expel", action="store_true", help="withdraw every trust in the city")
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="IANA zone of its civil days")


def run(args: argparse.Namespace) -> int:
    """Change, publish, say so."""
    return answered(lambda: _said(_change(args)))


def _change(args: argparse.Namespace) -> Published:
    at_ms = now_ms()
    if args.add:
        enter(args.state, args.city, zone=args.zone)
        make_key(args.state, args.city, now_s=at_ms // 1000)
        return found_city(args.state, args.city, args.add, now_ms=at_ms)
    if args.new_key:
        make_key(args.state, args.city, now_s=at_ms // 1000)
        return publish(args.state, now_ms=at_ms, cities=(args.city,))
    if args.rekey:
        return Repository(args.state).rekey_city(args.city, args.rekey, now_ms=at_ms)
    return Repository(args.state).expel_city(args.city, now_ms=at_ms)


def _said(published: Published) -> Answer:
    return {"published": published.version, "at_ms": published.at_ms, "changed": list(published.changed)}
