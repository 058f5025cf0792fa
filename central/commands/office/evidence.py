"""`xinguan central evidence REDEMPTION`: everything known of one redemption as a file that anybody can check."""

import argparse
import sys
from importlib import resources
from pathlib import Path

from central.books.settling.evidence import NoEvidenceError, gather, signed
from central.clock import now_ms
from central.office.drafts.rulebooks import held_files
from central.platform_state import open_state
from central.store import looked

EX_NONE = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, help="the platform's folder")
    parser.add_argument("redemption", nargs="?", default="", help="which redemption")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it here; else to standard output")
    parser.add_argument("--checker", action="store_true", help="print the program that checks such a file, and end")


def run(args: argparse.Namespace) -> int:
    """Write the evidence, or the checker."""
    if args.checker:
        sys.stdout.write(resources.files("central.books.settling").joinpath("check_evidence.py").read_text("utf-8"))
        return 0
    if args.state is None or not args.redemption:
        raise SystemExit("central evidence: name --state DIR and the redemption; --checker prints the checker")
    state = open_state(args.state)
    try:
        found = looked(state, lambda tx: gather(tx, args.redemption))
    except NoEvidenceError as error:
        sys.stderr.write(f"{error}\n")
        return EX_NONE
    cities = sorted(path.name for path in (args.state / "cities").glob("*") if path.is_dir())
    catalogue = {city: {name: raw.decode() for name, raw in held_files(args.state, city).items()} for city in cities}
    more = {"catalogue_now": catalogue, "lists_version_now": state.lists_version()}
    raw = signed(found, state.signer, now_ms=now_ms(), more=more)
    if args.out:
        args.out.write_bytes(raw)
    else:
        sys.stdout.buffer.write(raw + b"\n")
    return 0
