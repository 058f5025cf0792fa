"""Setting a damaged database aside by name, never deleting it (illness.md 7).

Rules of this file:

- only damage that SQLite itself calls so counts: a file that is held, full or unreadable stays where it is;
- damage that was met while running leaves a mark beside the file; the next start then looks at the whole file;
- what is set aside keeps its bytes, with its log files, under a name that says when: unsent facts may be read from it;
- the terminal that goes on knows that it does not know what it gave (`store_lost`);
- what a restore was making beside the database when the plug was pulled is nobody's: the next start takes it away;
- so is the copy on which an update tried its version, unless that update still holds it (a lock that ends with it).
"""

import contextlib
import fcntl
import logging
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from edge.watch.store import Fault, fault_of
from storage.files import sync_folder
from storage.sqlite import connect

MARK: Final = ".damaged"
PARTS: Final = ("", "-wal", "-shm")
DRAFT: Final = "restoring.db"  # what `xinguan restore` makes, until one rename lets it be the database
TRIAL: Final = ".trial-"  # folders in which `xinguan update` tries a version on a copy

log = logging.getLogger("xinguan.aside")


def mark(database: Path) -> None:
    """Note beside the file that damage was met in it; a disk that takes no note is no reason to fail."""
    with contextlib.suppress(OSError):
        database.with_name(database.name + MARK).touch()


def set_aside(database: Path, *, now_ms: int) -> Path | None:
    """Rename a damaged database and return its new name; None when it is well, or nobody knows. Raises OSError."""
    marked = database.with_name(database.name + MARK)
    damaged = database.exists() and _damaged(database, whole=marked.exists())
    if damaged:
        name = f"{database.name}.damaged-{now_ms}"
        for part in PARTS:
            path = database.with_name(database.name + part)
            if path.exists():
                path.replace(database.with_name(name + part))
        sync_folder(database.parent)
        log.error("database_set_aside", extra={"path": name})
    with contextlib.suppress(OSError):
        marked.unlink(missing_ok=True)
    return database.with_name(name) if damaged else None


def remove(database: Path) -> bool:
    """Remove a draft, with its log files and the copy that a migration made of it; return whether there was any."""
    parts = [database.with_name(database.name + part) for part in PARTS]
    found = [path for path in (*parts, database.with_suffix(".before-migration.db")) if path.exists()]
    for path in found:
        path.unlink(missing_ok=True)
    return bool(found)


def hold(trial: Path) -> int:
    """Hold a folder of a trial: `remove_trials` leaves it alone until the handle is closed, by us or by our end."""
    handle = os.open(trial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def remove_trials(data: Path) -> bool:
    """Remove the copies of updates that were cut off; return whether there was any that is gone now.

    What root had not handed over yet is root's to remove: the next update does.
    """
    gone = False
    for trial in data.glob(f"{TRIAL}*"):
        try:
            handle = hold(trial)
        except OSError:  # an update holds it, or it is root's
            continue
        shutil.rmtree(trial, ignore_errors=True)
        os.close(handle)
        gone = gone or not trial.exists()
    return gone


def _damaged(database: Path, *, whole: bool) -> bool:
    try:
        with contextlib.closing(connect(database, writing=False)) as conn:
            conn.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return bool(whole and conn.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok")
    except sqlite3.Error as error:
        return fault_of(error) is Fault.CORRUPT
