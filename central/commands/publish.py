"""`xinguan central publish`: sign and publish what the offices changed; with --rules, take edited files in first."""

import argparse
from pathlib import Path

from central.clock import now_ms
from central.commands.common import Answer, add_state, answered
from central.lists.bundles import bundle
from central.lists.cities import EDITED, publish, put_rules


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_state(parser)
    parser.add_argument("--city", help="only this city; without it, all of them")
    parser.add_argument("--rules", type=Path, metavar="DIR", help="take the city's edited JSON files from here first")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write the lists here too (.zip), for a stick")


def run(args: argparse.Namespace) -> int:
    """Publish, say what changed."""
    if args.rules and not args.city:
        raise SystemExit("central publish --rules DIR needs --city: whose rules are they?")
    return answered(lambda: _publish(args))


def _publish(args: argparse.Namespace) -> Answer:
    if args.rules:
        found = {name: args.rules / name for _kind, name in EDITED}
        put_rules(args.state, args.city, {name: path.read_bytes() for name, path in found.items() if path.exists()})
    published = publish(args.state, now_ms=now_ms(), cities=(args.city,) if args.city else None)
    if args.bundle:
        args.bundle.write_bytes(bundle(args.state))
    return {"published": published.version, "at_ms": published.at_ms, "changed": list(published.changed)}
