"""`xinguan backup FILE`: a consistent copy of the database while the terminal runs (VACUUM INTO)."""

import argparse
import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from edge.commands.common import EX_UNAVAILABLE, add_config, complain, open_database, read_config
from edge.commands.owner import PRIVATE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target and the configuration."""
    parser.add_argument("target", type=Path, help="a file that does not exist yet")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Write the copy; exit code 69 where none could be. A restored copy is a fork: the platform notices it."""
    if args.target.exists():
        complain(f"{args.target} exists already. Name a new file")
        return 2
    os.umask(PRIVATE)  # a copy holds what the database holds
    with closing(open_database(read_config(args.config))) as conn:
        try:
            conn.execute("PRAGMA query_only = OFF")  # VACUUM INTO writes the copy, not this database
            conn.execute("VACUUM INTO ?", (str(args.target),))
        except sqlite3.Error as error:
            with suppress(OSError):
                args.target.unlink(missing_ok=True)  # half a copy is none
            complain(
                f"{args.target}: 未能备份，请检查目录、权限与磁盘空间"
                f" · no copy was made, look at the folder, its rights and its room: {error}"
            )
            return EX_UNAVAILABLE
    print(f"{args.target}: {args.target.stat().st_size} bytes")
    return 0
