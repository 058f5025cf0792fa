"""`xinguan central root`: the alliance's root: whose keys it names, replacing one of them, rotating what it names."""

import argparse
from pathlib import Path

from central.clock import now_ms
from central.commands.common import Answer, add_state, answered
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Repository
from central.lists.role_keys import ROOT_KEYS, TOP_LEVEL


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_state(parser)
    parser.add_argument("action", choices=["status", "replace", "rotate"])
    parser.add_argument(
        "--root-keys",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder with root keys, a stick; give it once for each",
    )
    numbers = range(1, len(ROOT_KEYS) + 1)
    parser.add_argument("--number", type=int, choices=numbers, help="replace: which root key was lost or stolen")
    parser.add_argument("--new", type=Path, metavar="DIR", help="replace: where the new key is put")
    parser.add_argument("--role", choices=TOP_LEVEL, help="rotate: whose key")


def run(args: argparse.Namespace) -> int:
    """Do it, say so."""
    return answered(lambda: _done(args))


def _done(args: argparse.Namespace) -> Answer:
    repository = Repository(args.state, root_keys=args.root_keys)
    if args.action == "replace":
        if args.number is None or args.new is None:
            raise PublishingError("replace needs --number and --new DIR")
        repository.replace_root_key(args.number, args.new, now_ms=now_ms())
    if args.action == "rotate":
        if args.role is None:
            raise PublishingError("rotate needs --role")
        repository.rotate(args.role, now_ms=now_ms())
    return repository.root_standing()
