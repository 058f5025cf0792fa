"""`xinguan backup FILE`: a consistent copy of the database while the terminal runs (VACUUM INTO)."""

import argparse
import os
from pathlib import Path

from edge.commands.common import add_config, complain, open_database, read_config
from edge.commands.owner import PRIVATE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target and the configuration."""
    parser.add_argument("target", type=Path, help="a file that does not exist yet")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Write the copy. A restored copy is a fork of the journal: the platform notices and orders a new epoch."""
    if args.target.exists():
        complain(f"{args.target} exists already. Name a new file")
        return 2
    os.umask(PRIVATE)  # a copy holds what the database holds
    conn = open_database(read_config(args.config))
    conn.execute("PRAGMA query_only = OFF")  # VACUUM INTO writes the copy, not this database
    conn.execute("VACUUM INTO ?", (str(args.target),))
    conn.close()
    print(f"{args.target}: {args.target.stat().st_size} bytes")
    return 0
