"""`xinguan central init`: a new platform in an empty folder."""

import argparse
import sys
from pathlib import Path

from central.clock import now_ms
from central.lists.publishing import Repository
from central.platform_state import create_state, founding, keep_database_url, open_state
from central.store import changed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder, new or empty")
    parser.add_argument(
        "--database", metavar="URL", help="keep the books on PostgreSQL: postgresql://user@host/database"
    )
    parser.add_argument(
        "--offline-root",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="put the root keys here and not in the platform's folder: one folder for all three, or three",
    )


def run(args: argparse.Namespace) -> int:
    """Make key, operator token, database and an empty list repository, or go on where a power cut ended that."""
    with founding(args.state) as go_on:
        state = create_state(args.state, go_on=go_on)
        if args.database:
            keep_database_url(state, args.database)
            state = open_state(args.state)
        repository = Repository(args.state, root_keys=args.offline_root)
        if not (go_on and repository.exists()):
            repository.create(now_ms=now_ms(), go_on=go_on)
        changed(state, lambda tx: tx.rows("SELECT 1"))
    sys.stdout.write(f"platform {state.signer.public.kid} in {args.state}\n")
    return 0
