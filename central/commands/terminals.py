"""`xinguan central terminals`: who is enrolled, how far each journal is, and what each may do; silent ones; entry."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from central.books.reports import terminals
from central.clock import now_ms
from central.commands.codes import read_profile
from central.hub.lifting import DOUBTS, Action, decide
from central.platform_state import PlatformState, StateError, open_state
from central.register.standing import set_entry, set_profile, set_state
from central.store import changed, looked
from sync.wire.messages import WireError

ACTIONS = (
    "list",
    "suspend",
    "resume",
    "revoke",
    "profile",
    "stop-entry",
    "resume-entry",
    "lift",
    "write-off",
    "lapsed",
)
DECIDED: Final[dict[str, Action]] = {"lift": "lift", "write-off": "write_off"}
ENTRY = {"stop-entry": True, "resume-entry": False}
MAX_WHY = 500  # characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("action", nargs="?", default="list", choices=[*ACTIONS])
    parser.add_argument("terminal", nargs="?", help="which terminal; for stop-entry and resume-entry: which site")
    parser.add_argument("--reason", default="", help="shown at the terminal")
    parser.add_argument("--why", default="", help="for lift and write-off: kept, and told to the site's hub")
    parser.add_argument("--profile", type=Path, help="JSON file with the terminal's new profile, for `profile`")


def run(args: argparse.Namespace) -> int:
    """List the terminals, or change what one may do."""
    state = open_state(args.state)
    if args.action == "list":
        return _list(state)
    if args.action == "lapsed":
        return _lapsed(state, args.terminal or "")
    try:
        sys.stdout.write(f"{args.terminal or ''}: {args.action}, {_changed(state, args)}\n")
    except WireError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _list(state: PlatformState) -> int:
    for row in looked(state, terminals):
        sys.stdout.write(
            f"{row['terminal']:<16} {row['site']:<16} {row['state']:<10} "
            f"through {row['acked_through']:>8}  set aside {row['set_aside']}  forks {row['forks']}\n"
        )
    return 0


def _lapsed(state: PlatformState, terminal: str) -> int:
    """List the claims of which nobody has spoken for a minute: what a lost box may have given."""
    for authority, of, redemption, key, n, since_ms in looked(state, lambda tx: tx.rows(DOUBTS, terminal)):
        when = datetime.fromtimestamp(since_ms / 1000, UTC).isoformat(timespec="seconds")
        sys.stdout.write(f"{of:<16} {redemption:<40} {key} x{n}  {when}  {authority or 'platform'}\n")
    return 0


def _changed(state: PlatformState, args: argparse.Namespace) -> str:
    """Make the change and return what is said of it; raise WireError, StateError."""
    terminal, at_ms, action = args.terminal or "", now_ms(), args.action
    if action in DECIDED:
        if not args.why.strip():
            raise StateError(f"{action}: say why: --why TEXT")
        done = changed(state, lambda tx: decide(tx, terminal, DECIDED[action], why=args.why[:MAX_WHY], now_ms=at_ms))
        return f"order {done.number}; " + (f"hub {done.hub} is told" if done.hub else "its site has no hub")
    if action in ENTRY:
        stopped = ENTRY[action]
        many = changed(state, lambda tx: set_entry(tx, terminal, stopped=stopped, reason=args.reason, now_ms=at_ms))
        return f"{many} terminals are told"
    if action == "profile":
        if args.profile is None:
            raise StateError("profile: name the file: --profile FILE")
        profile = read_profile(args.profile)
        number = changed(state, lambda tx: set_profile(tx, terminal, profile, now_ms=at_ms))
    else:
        number = changed(state, lambda tx: set_state(tx, terminal, action, reason=args.reason, now_ms=at_ms))
    return f"order {number}; it is told with its next call"
