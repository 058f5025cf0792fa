"""Putting another database in place of the present one: from a copy, or from nothing, with the facts from the platform.

    draft beside ──judge──▶ push what waits ──▶ doubted ──memory──▶ whole ──▶ link the old one, rename the draft
    (copy | empty)

The hard idea: a copy is a past. It leads to a receipt that may be the newest, and still does not know what was given
after it was made. So a draft is always *lost* in the sense of illness.md 4 (`cache.memory.lives`): it declares an epoch
of its own, and what has limits is referred until the platform has given this terminal's facts back.

Rules of this file:

- the present database is not touched before the draft beside it is whole and on the disk; one rename then decides;
- nothing that waits here is left behind unsaid: it is pushed first. Where that cannot be, whoever restores says so
  (`leave_unsent`), and the file that is set aside keeps it (`xinguan journal export --sealed F --set-aside NAME`);
- a draft is of this very terminal, of a schema that this program knows, whole, and its chain fits.
"""

import contextlib
import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cache.ids import uuid7
from cache.journal import chain
from cache.journal.chain import JournalError
from cache.memory import lives
from cache.pen import Pen
from cache.texts import from_before
from edge.aside import DRAFT, PARTS, remove
from edge.clock import Clock
from edge.config import Config
from edge.watch.store import Fault, fault_of
from storage.files import make_private, sync_folder
from storage.jobs import StoreFailedError
from storage.migrations import SchemaTooNewError
from storage.sqlite import Store, connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import Identity
from sync.memory.rebuilder import Rebuilder
from sync.peer import Peer
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.push.receipts import kept_end
from sync.transport import RefusedError, UnreachableError, open_session
from sync.wire.messages import WireError

BEGUN: Final = "SELECT 1 FROM sqlite_master WHERE name = 'journal'"  # not so in a file that was emptied
AWAY: Final = (UnreachableError, RefusedError, WireError)


class CopyError(Exception):
    """The copy cannot be put in place of this terminal's database; says why, and what to bring instead."""


class UnsentError(Exception):
    """Facts of the present database wait for the platform, which cannot be reached."""

    def __init__(self, many: int, why: str) -> None:
        super().__init__(f"{many} facts have not arrived at the platform: {why}")
        self.many = many


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: where the former database lies, how many facts were sent before, left there, and given back.

    `left` None: it is damaged, and nobody knows what it holds. `given_back` None: the platform could not be reached;
    the terminal asks it by itself from its next start on.
    """

    aside: Path | None
    sent: int
    left: int | None
    given_back: int | None


async def restore(config: Config, identity: Identity, copy: Path | None, *, leave_unsent: bool) -> Restored:
    """Put `copy`, or without one an empty database, in place of the present one, under the folder's lock.

    Raises CopyError, UnsentError, StoreFailedError, OSError; without a copy also UnreachableError, RefusedError and
    WireError, for then everything comes from the platform. Nothing has changed where it raises.
    """
    present = config.data / DATABASE_FILE
    draft = config.data / DRAFT
    remove(draft)
    try:
        if copy is not None:
            _take(copy, draft)
            _judge(draft, identity)
        sent, left = await _bring_home(config, identity, present, leave_unsent=leave_unsent)
        given_back = await _remember(config, identity, draft, alone=copy is not None)
        name = _set_aside(present)
        _put(draft, present)
    finally:
        remove(draft)
    return Restored(name, sent, left, given_back)


@asynccontextmanager
async def _line(config: Config, identity: Identity, database: Path) -> AsyncIterator[tuple[Line, Clock]]:
    ca = Path(config.platform.ca) if config.platform.ca else None
    async with Store(database) as store:
        clock = await Clock.restore(store)
        async with open_session(ca, at_least_ms=clock.now_ms) as session:
            yield Line(store, Peer(session, identity.platform), identity, clock), clock


async def _bring_home(
    config: Config, identity: Identity, present: Path, *, leave_unsent: bool
) -> tuple[int, int | None]:
    """Push what waits in the present database; return how many facts went, and how many are left in it."""
    many = _waiting(present)
    if not many:
        return 0, many
    try:
        async with _line(config, identity, present) as (line, _clock):
            return await Pusher(line).drain(), 0
    except (*AWAY, JournalError, StoreFailedError) as error:
        left = _waiting(present)
        if not leave_unsent:
            raise UnsentError(many if left is None else left, str(error)) from error
        return (0, None) if left is None else (many - left, left)


def _waiting(database: Path) -> int | None:
    """Return how many facts wait in `database`, None for a damaged one. Raises StoreFailedError where a disk is ill."""
    if not database.is_file():
        return 0
    try:
        with contextlib.closing(connect(database, writing=False)) as conn:
            return chain.unsent(conn).count if conn.execute(BEGUN).fetchone() else 0
    except sqlite3.Error as error:
        if fault_of(error) is Fault.CORRUPT:
            return None
        raise StoreFailedError(f"{database}: {error}") from error


def _take(copy: Path, draft: Path) -> None:
    """Copy the bytes: a regular file, read as the folder's owner and never through a link."""
    try:
        source = os.open(copy, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for ever
    except OSError as error:
        raise CopyError(f"{copy}: {error.strerror}") from error
    with os.fdopen(source, "rb") as reading:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            raise CopyError(f"{copy} is no regular file")
        if found.st_size >= shutil.disk_usage(draft.parent).free:
            raise CopyError(f"{copy} has {found.st_size} bytes, and the disk has no room for them")
        with draft.open("xb") as writing:
            make_private(draft)
            shutil.copyfileobj(reading, writing, 1 << 20)


def _judge(draft: Path, identity: Identity) -> None:
    try:
        with contextlib.closing(connect(draft, writing=False)) as conn:
            if conn.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                raise CopyError("this copy is damaged; take an older one, or --from-platform")
            terminal = chain.current_epoch(conn).terminal
            if terminal != identity.terminal:
                raise CopyError(f"this copy is of terminal {terminal}, and this one is {identity.terminal}")
            chain.verify(from_before(conn))
    except sqlite3.Error as error:
        raise CopyError(f"this is no copy of a terminal's database: {error}") from error
    except JournalError as error:
        raise CopyError(f"the journal of this copy does not fit: {error}") from error


async def _remember(config: Config, identity: Identity, draft: Path, *, alone: bool) -> int | None:
    """Let the draft doubt itself, and take back what the platform holds. `alone`: it may be used without that too."""
    why = "restored from a copy" if alone else "restored from the platform"
    try:
        async with _line(config, identity, draft) as (line, clock):
            await line.store.write(
                lambda conn: lives.lose(Pen(conn, clock.now(), uuid7), identity.terminal, why, kept_end(identity))
            )
            return await _given_back(line, clock, alone=alone)
    except SchemaTooNewError as error:
        raise CopyError(f"this copy is of a newer Xinguan: {error}. Update this terminal first") from error


async def _given_back(line: Line, clock: Clock, *, alone: bool) -> int | None:
    rebuilder = Rebuilder(line, clock.now, done=lambda: None)
    try:
        return (await rebuilder.once()).applied
    except AWAY:
        if not alone:
            raise
        return None


def _set_aside(present: Path) -> Path | None:
    """Give the present database a second name, its log written into it first; one that is damaged moves in parts."""
    if not present.exists():
        return None
    name = f"{present.name}.replaced-{present.stat().st_mtime_ns // 1_000_000}"
    aside = present.with_name(name)
    aside.unlink(missing_ok=True)
    try:
        with contextlib.closing(connect(present, writing=True)) as conn:
            busy = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        if busy:
            raise StoreFailedError("somebody else reads the database; end that and try again")
        os.link(present, aside)
    except sqlite3.Error as error:
        if fault_of(error) is not Fault.CORRUPT:
            raise StoreFailedError(f"{present}: {error}") from error
        for part in PARTS:
            path = present.with_name(present.name + part)
            if path.exists():
                path.replace(present.with_name(name + part))
    sync_folder(present.parent)
    return aside


def _put(draft: Path, present: Path) -> None:
    """Let the draft be the database: one rename, on the disk before anybody is told."""
    with draft.open("rb") as written:
        os.fsync(written.fileno())
    draft.replace(present)
    sync_folder(present.parent)
