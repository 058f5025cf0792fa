"""`xinguan central city`: take a city in with its rules, give it new keys, remove it, say how it stands."""

import argparse
from pathlib import Path
from typing import Final

from central.clock import now_ms
from central.commands.common import Answer, add_state, answered, said
from central.lists.cities import DEFAULT_ZONE, enter, found_city, publish
from central.lists.issuing import complete_keys, make_keys
from central.lists.metadata_files import PublishingError
from central.lists.publishing import Published, Repository
from credit.rules.listing import KINDS

ACTIONS: Final = ("add", "rotate", "remove", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_state(parser)
    parser.add_argument("action", nargs="?", choices=ACTIONS, help="what to do; or one of the options below")
    parser.add_argument("--city", help="the city; status without it tells of all")
    parser.add_argument("--rules", type=Path, metavar="DIR", help="add: the city's rules, JSON files in this folder")
    parser.add_argument("--keys", type=Path, metavar="DIR", help="add: keep the city's keys in this folder of its own")
    parser.add_argument("--role", choices=KINDS, help="rotate: whose key; without it, all three")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--add", type=Path, metavar="DIR", help="another spelling of: add --rules DIR")
    what.add_argument("--new-key", action="store_true", help="make other keys that sign tokens, one for each class")
    what.add_argument("--rekey", choices=KINDS, help="another spelling of: rotate --role ROLE")
    what.add_argument("--expel", action="store_true", help="another spelling of: remove")
    parser.add_argument("--zone", default=DEFAULT_ZONE, help="IANA zone of its civil days")


def run(args: argparse.Namespace) -> int:
    """Change, publish, say so."""
    return answered(lambda: _status(args) if args.action == "status" else said(_change(args)))


def _change(args: argparse.Namespace) -> Published:
    at_ms = now_ms()
    if not args.city:
        raise PublishingError("--city is missing: which one?")
    rules, repository = args.add or args.rules, Repository(args.state)
    if rules and args.action in (None, "add"):
        enter(args.state, args.city, zone=args.zone)
        complete_keys(args.state, args.city, now_s=at_ms // 1000)
        return found_city(args.state, args.city, rules, now_ms=at_ms, keys=args.keys)
    if args.new_key:
        make_keys(args.state, args.city, now_s=at_ms // 1000)
        return publish(args.state, now_ms=at_ms, cities=(args.city,))
    if args.rekey or args.action == "rotate":
        kinds = [kind for kind in (args.rekey, args.role) if kind] or KINDS
        return [repository.rekey_city(args.city, kind, now_ms=now_ms()) for kind in kinds][-1]
    if args.expel or args.action == "remove":
        return repository.expel_city(args.city, now_ms=at_ms)
    raise PublishingError("nothing to do: say add --rules DIR, rotate, remove or status")


def _status(args: argparse.Namespace) -> Answer:
    found = Repository(args.state).standing(now_ms=now_ms())
    if args.city and args.city not in found:
        raise PublishingError(f"{args.city}: not delegated to; cities are {', '.join(found) or 'none yet'}")
    return {"cities": {city: roles for city, roles in found.items() if args.city in (None, city)}}
