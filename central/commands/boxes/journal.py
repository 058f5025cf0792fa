"""`xinguan central journal import FILE`: facts from the card of a dead box, sealed by its own key.

Rules of this file:

- the terminal's key, or one that it had before, must have sealed each batch; a batch of anybody else is counted as
  refused and stops nothing;
- what is here already counts once, whoever brought it first, and whenever;
- facts that happened after a former key's end stand apart (central.register.former).
"""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path
from typing import IO

from central.books.arriving.chains import GapError
from central.books.bounds import Bounds, Catalogue
from central.books.intake import Taken, take_in
from central.clock import now_ms
from central.platform_state import PlatformState, open_state
from central.register.former import FormerKey, former_keys, note_former
from central.store import open_books
from storage.jobs import JobStore, Tx
from sync.wire.exports import bodies, terminal_of
from sync.wire.jws import public_key
from sync.wire.messages import WireError
from sync.wire.seals import Sealed, open_batch

Key = tuple[str, FormerKey | None]  # 64 hex digits, and when it ended
KEY_OF = "SELECT public_key FROM terminals WHERE terminal = $1"
EX_REFUSED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("action", choices=["import"])
    parser.add_argument("file", type=Path, help="written by: xinguan journal export --sealed FILE")


def run(args: argparse.Namespace) -> int:
    """Take the file in and say what was new; exit code 1 when something of it was refused, 2 when it is no export."""
    state = open_state(args.state)
    try:
        with args.file.open("rb") as file:
            terminal = terminal_of(file)
            counted = asyncio.run(_take_all(state, terminal, file))
    except OSError as error:
        sys.stderr.write(f"{args.file}: {error.strerror}\n")
        return 2
    except WireError as error:
        sys.stderr.write(f"{args.file}: {error.detail}\n")
        return 2
    sys.stdout.write(
        f"{terminal}: 新增 {counted['fresh']} 条，已有 {counted['known']} 条，另列 {counted['late']} 条，"
        f"拒收 {counted['refused']} 批 · {counted['fresh']} new, {counted['known']} known, "
        f"{counted['late']} set apart (after the key's end), {counted['refused']} batches refused\n"
    )
    return EX_REFUSED if counted["refused"] else 0


async def _take_all(state: PlatformState, terminal: str, file: IO[bytes]) -> Counter[str]:
    """Take every batch of the file in, each as one transaction, and return what they brought."""
    counted, bounds = Counter[str](), Catalogue(state.folder).bounds()
    async with open_books(state) as books:
        keys = await books.read(lambda tx: _keys(tx, terminal))
        for body in bodies(file):
            found = None if body is None else _sealed_by(body, terminal, keys)
            counted.update(await _take(books, found, bounds) if found else {"refused": 1})
    return counted


async def _keys(tx: Tx, terminal: str) -> list[Key]:
    """Return the key of a terminal and those that it had; raise WireError when it never had one."""
    row = await tx.row(KEY_OF, terminal)
    now: list[Key] = [(row[0], None)] if row is not None and row[0] is not None else []
    if not now:
        raise WireError("unknown_terminal", f"no terminal {terminal!r} was ever enrolled here")
    return now + [(one.public_key, one) for one in await former_keys(tx, terminal)]


def _sealed_by(body: bytes, terminal: str, keys: list[Key]) -> tuple[Sealed, FormerKey | None] | None:
    for key, former in keys:
        try:
            return open_batch(body, terminal=terminal, key=public_key(key)), former
        except WireError:
            continue  # another of its keys, or nobody's
    return None


async def _take(books: JobStore, found: tuple[Sealed, FormerKey | None], bounds: Bounds) -> dict[str, int]:
    sealed, former = found
    at_ms = now_ms()

    async def job(tx: Tx) -> tuple[Taken, int]:
        taken = await take_in(tx, sealed, now_ms=at_ms, bounds=bounds, former=former is not None)
        return taken, 0 if former is None else await note_former(tx, sealed, former, now_ms=at_ms)

    try:
        taken, late = await books.write(job)
    except GapError as error:
        sys.stderr.write(f"{sealed.seal.terminal}: {error}\n")
        return {"refused": 1}
    return {"fresh": taken.fresh, "known": taken.duplicates, "late": late}
