"""`xinguan central codes`: register a terminal with its profile and make a one-time code, also as a QR picture."""

import argparse
import sys
from pathlib import Path

import msgspec
import segno

from central.clock import now_ms
from central.platform_state import StateError, open_state
from central.register.enrolment import make_code, qr_text
from central.store import changed
from sync.wire.messages import TerminalId, WireError, decode
from sync.wire.profiles import Profile

HOUR_MS = 3_600_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("--terminal", required=True, help="the terminal's id: a-z, 0-9 and hyphens")
    parser.add_argument("--profile", type=Path, required=True, help="JSON file: site, title, issuer, lanes, …")
    parser.add_argument("--platform", required=True, metavar="URL", help="the address the terminal will use")
    parser.add_argument("--hours", type=int, default=24, help="how long the code is good for")
    parser.add_argument("--qr", type=Path, help="write the enrolment QR here (.svg or .png)")


def read_profile(path: Path) -> Profile:
    """Return the profile in a JSON file; raise StateError."""
    try:
        return decode(path.read_bytes(), Profile)
    except (OSError, WireError) as error:
        raise StateError(f"{path}: is no profile ({error})") from error


def run(args: argparse.Namespace) -> int:
    """Make the code and print it, with the QR's text."""
    state, profile = open_state(args.state), read_profile(args.profile)
    _check_id(args.terminal)
    at_ms, valid_ms = now_ms(), args.hours * HOUR_MS
    code = changed(
        state, lambda tx: make_code(tx, terminal=args.terminal, profile=profile, now_ms=at_ms, valid_ms=valid_ms)
    )
    text = qr_text(code=code, platform=args.platform.rstrip("/"), trust_root=state.trust_root())
    if args.qr:
        segno.make(text, error="m").save(str(args.qr), scale=8, border=4)
    sys.stdout.write(f"{code}\n{text}\n")
    return 0


def _check_id(terminal: str) -> None:
    try:
        msgspec.convert(terminal, TerminalId)
    except msgspec.ValidationError as error:
        raise StateError(f"--terminal {terminal!r}: use a-z, 0-9 and hyphens, at most 63") from error
