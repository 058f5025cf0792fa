"""`xinguan central publish`: sign what the offices changed; with --rules and --emergency, take files in alone first."""

import argparse
from pathlib import Path

from central.clock import now_ms
from central.commands.common import Answer, add_state, answered
from central.commands.office.alone import add_emergency, alone
from central.lists.bundles import bundle
from central.lists.cities import EDITED, publish, put_rules, unapproved
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.register.accounts.acts import Act
from central.register.warrants import Warrant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_state(parser)
    parser.add_argument("--city", help="only this city; without it, all of them")
    parser.add_argument("--rules", type=Path, metavar="DIR", help="take the city's edited JSON files from here first")
    parser.add_argument("--bundle", type=Path, metavar="FILE", help="write the lists here too (.zip), for a stick")
    add_emergency(parser)


def run(args: argparse.Namespace) -> int:
    """Publish, say what changed."""
    if args.rules and not args.city:
        raise SystemExit("central publish --rules DIR needs --city: whose rules are they?")
    return answered(lambda: _publish(args))


def _publish(args: argparse.Namespace) -> Answer:
    told = (
        alone(args, Act(act="rules.replace", city=args.city), lambda by: _put(args, by)) if args.rules else _sign(args)
    )
    if args.bundle:
        args.bundle.write_bytes(bundle(args.state))
    return told


def _put(args: argparse.Namespace, warrant: Warrant) -> Answer:
    found = {name: args.rules / name for _kind, name in EDITED}
    files = {name: path.read_bytes() for name, path in found.items() if path.exists()}
    if not files:
        raise PublishingError(f"{args.rules}: holds none of {', '.join(found)}")
    put_rules(args.state, args.city, files, warrant=warrant, now_ms=now_ms())
    return _sign(args)


def _sign(args: argparse.Namespace) -> Answer:
    """Sign what stands in the register and in force; say which files were edited by nobody's word."""
    published = publish(args.state, now_ms=now_ms(), cities=(args.city,) if args.city else None)
    cities = (args.city,) if args.city else Repository(args.state).cities()
    aside = [f"{city}/{name}" for city in cities for name in unapproved(args.state, city)]
    told = {"published": published.version, "at_ms": published.at_ms, "changed": list(published.changed)}
    return told | ({"not_approved": aside} if aside else {})
