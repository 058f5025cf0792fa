"""Files that survive a power cut, and are read by nobody else.

The pattern of `replace_file`: write beside it, fsync the file, rename over it, fsync the folder. A reader sees the old
bytes or the new ones, never half of either. A rename without the first fsync may leave an empty file; without the
last one, the old name.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
BESIDE: Final = ("", "-wal", "-shm")  # a database is these three


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_file(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Put `data` at `path`, durably and at once; a missing folder is made.

    The file is never readable with wider rights than `mode`, whatever it was before.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def create_file(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Put `data` at `path`, which must not exist yet; raise FileExistsError when it does."""
    beside = path.with_name(f".{path.name}.first")
    replace_file(beside, data, mode=mode)
    try:
        os.link(beside, path)
    finally:
        beside.unlink()
    sync_folder(path.parent)


def make_private(path: Path) -> None:
    """Let nobody but its owner read a database: made empty when it is missing, narrowed when it is there.

    A file that is there is not even opened: closing it would drop the locks that SQLite holds on it in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
    for name in (path.with_name(path.name + ending) for ending in BESIDE):
        with contextlib.suppress(FileNotFoundError):
            if name.stat().st_mode & 0o077:
                name.chmod(PRIVATE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`, between processes, for the time of the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
