"""`xinguan central report`: what the journals add up to, as JSON."""

import argparse
import json
import sys
from pathlib import Path

from central.platform_state import open_state
from central.reports import ledger
from central.store import connect


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")


def run(args: argparse.Namespace) -> int:
    """Print the report."""
    conn = connect(open_state(args.state).database)
    try:
        sys.stdout.write(json.dumps(ledger(conn), ensure_ascii=False, indent=1) + "\n")
    finally:
        conn.close()
    return 0
