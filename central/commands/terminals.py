"""`xinguan central terminals`: who is enrolled, how far each journal is; suspend, resume, revoke; entry to a site."""

import argparse
import sys
from pathlib import Path

from central.books.reports import terminals
from central.clock import now_ms
from central.commands.codes import read_profile
from central.platform_state import StateError, open_state
from central.register.standing import set_entry, set_profile, set_state
from central.store import changed, looked
from sync.wire.messages import WireError

ACTIONS = ("list", "suspend", "resume", "revoke", "profile", "stop-entry", "resume-entry")
ENTRY = {"stop-entry": True, "resume-entry": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("action", nargs="?", default="list", choices=[*ACTIONS])
    parser.add_argument("terminal", nargs="?", help="which terminal; for stop-entry and resume-entry: which site")
    parser.add_argument("--reason", default="", help="shown at the terminal")
    parser.add_argument("--profile", type=Path, help="JSON file with the terminal's new profile, for `profile`")


def run(args: argparse.Namespace) -> int:
    """List the terminals, or change what one may do."""
    state, terminal, at_ms = open_state(args.state), args.terminal or "", now_ms()
    if args.action == "list":
        for row in looked(state, terminals):
            sys.stdout.write(
                f"{row['terminal']:<16} {row['site']:<16} {row['state']:<10} "
                f"through {row['acked_through']:>8}  set aside {row['set_aside']}  forks {row['forks']}\n"
            )
        return 0
    try:
        if args.action in ENTRY:
            stopped = ENTRY[args.action]
            many = changed(state, lambda tx: set_entry(tx, terminal, stopped=stopped, reason=args.reason, now_ms=at_ms))
            sys.stdout.write(f"{terminal}: {args.action}, {many} terminals are told\n")
            return 0
        if args.action == "profile":
            if args.profile is None:
                raise StateError("profile: name the file: --profile FILE")
            profile = read_profile(args.profile)
            number = changed(state, lambda tx: set_profile(tx, terminal, profile, now_ms=at_ms))
        else:
            number = changed(state, lambda tx: set_state(tx, terminal, args.action, reason=args.reason, now_ms=at_ms))
    except WireError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{terminal}: {args.action}, order {number}; it is told with its next call\n")
    return 0
