#!/usr/bin/env python3
"""Our list verifier as a client of the public TUF conformance suite: `init`, `refresh`, `download` (docs/testing.md).

Rules of this file:

- what answers is the terminal's own `sync.pull.verify.Session` with its own fetcher: roots from the first on, our time,
  our deadline, our downloads; no rule of verification stands here;
- a terminal brings a whole chain into force or nothing of it. The suite looks at what a client trusts after each step,
  so what the session trusted is written out here, and is its memory at the next call;
- what is ours and no part of TUF is not asked: when a role was signed (`issued_ms`), cities and their paths.
"""

import argparse
import asyncio
import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote, unquote

import aiohttp
from tuf.api.exceptions import DownloadError, RepositoryError
from tuf.api.metadata import Metadata

from cache.lists.files import ListFiles
from cache.lists.values import RoleState, Stored
from sync.pull.fetcher import ListFetcher
from sync.pull.verify import ListRefusedError, Session

DEADLINE_S = 60.0
ROOT, HISTORY = "root.json", "root_history"
TOP = ("timestamp", "snapshot", "targets")


def stored(folder):
    """Return what was trusted before, as a terminal's store gives it to a session."""
    history = folder / HISTORY
    roots = {int(path.name.split(".")[0]): path.read_bytes() for path in history.glob("*.root.json")}
    here = {unquote(path.stem): path.read_bytes() for path in folder.glob("*.json") if path.name != ROOT}
    roles = {
        role: RoleState(role=role, version=0, body=body, issued_ms=0, documents=())
        for role, body in here.items()
        if role not in TOP
    }
    return Stored(roots=roots, roles=roles, **{name: here.get(name) for name in TOP})


def keep(scratch, folder):
    """Write out what the session trusts now."""
    for path in scratch.glob("*.json"):
        shutil.copyfile(path, folder / path.name)
    if (scratch / HISTORY).is_dir():
        shutil.copytree(scratch / HISTORY, folder / HISTORY, dirs_exist_ok=True)


async def session_of(args, work):
    """Verify as a terminal's refresh does, then do `work` with the session, in a thread of its own."""
    folder = args.metadata_dir
    with TemporaryDirectory() as made:
        async with aiohttp.ClientSession() as http:
            scratch, fetcher = Path(made) / "tuf", ListFetcher(http, deadline_s=DEADLINE_S)
            session = Session(
                stored(folder),
                trust_root=(folder / "first" / ROOT).read_bytes(),
                base_url=args.metadata_url.rstrip("/").removesuffix("metadata"),
                fetcher=fetcher,
                files=ListFiles(Path(made) / "documents"),
                reference_ms=time.time_ns() // 1_000_000,
                scratch=scratch,
            )
            try:
                await asyncio.to_thread(session.refresh)
                keep(scratch, folder)
                await asyncio.to_thread(work, session, fetcher)
            finally:
                keep(scratch, folder)


def downloading(args):
    """Return what downloads the named targets, in their order."""

    def work(session, fetcher):
        for name in args.target_name:
            target = session.find(name)
            if target is None:
                raise ListRefusedError(f"{name}: nobody signs it")
            place = args.target_dir / quote(name, "")
            if place.is_file() and is_whole(target, place):
                continue
            folder, _, last = name.rpartition("/")
            known = next(iter(target.hashes.values()))
            hashed = f"{known}.{last}" if is_consistent(args) else last
            url = f"{args.target_base_url.rstrip('/')}/{folder + '/' if folder else ''}{hashed}"
            growing = args.target_dir / ".incoming"
            growing.unlink(missing_ok=True)
            fetcher.download_document(url, growing, target.length)
            try:
                target.verify_length_and_hashes(growing.read_bytes())
            finally:
                found = growing.read_bytes()
                growing.unlink()
            place.write_bytes(found)

    return work


def is_whole(target, place):
    """Tell whether a target lies here already."""
    try:
        target.verify_length_and_hashes(place.read_bytes())
    except RepositoryError:
        return False
    return True


def is_consistent(args):
    """Tell whether the newest trusted root says that files bear hashes in their names."""
    return bool(Metadata.from_bytes((args.metadata_dir / ROOT).read_bytes()).signed.consistent_snapshot)


def init(args):
    """Take the trusted root in; the repository is not asked."""
    data = args.trusted_root.read_bytes()
    (args.metadata_dir / "first").mkdir(parents=True, exist_ok=True)
    (args.metadata_dir / "first" / ROOT).write_bytes(data)
    (args.metadata_dir / ROOT).write_bytes(data)
    Metadata.from_bytes(data)


def main(argv=None):
    """Do one command of the suite's protocol; exit code 1 where anything was refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    for name in ("--metadata-url", "--target-base-url"):
        parser.add_argument(name)
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    for name in ("refresh", "download"):
        commands.add_parser(name)
    args = parser.parse_args(argv)
    try:
        if args.command == "init":
            init(args)
        else:
            work = downloading(args) if args.command == "download" else lambda _session, _fetcher: None
            asyncio.run(session_of(args, work))
    except (ListRefusedError, DownloadError, RepositoryError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
