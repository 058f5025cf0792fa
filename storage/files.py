"""Files that survive a power cut, and are read by nobody else.

The pattern of `replace_file`: write beside it, fsync the file, rename over it, fsync the folder. A reader sees the old
bytes or the new ones, never half of either. A rename without the first fsync may leave an empty file; without the
last one, the old name. A folder that was just made has a name too (`durable_folder`).

What root makes in a service's folder belongs to the service, as with SQLite: a file that it cannot read stops it hours
later. Only what root owns, lies in the folder itself and bears one name is given away: through a link somebody could
have any file of the machine given to him.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
ROOT: Final = 0
ZEROS: Final = bytes(4096)  # a page at a time: of what is written in one piece the kernel counts all for each part
BESIDE: Final = ("", "-wal", "-shm")  # a database is these three


Owner = tuple[int, int]


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def durable_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder, and those above it that are missing, each under a durable name; `mode` is the last one's.

    What is synced in a folder whose own name is not durable goes with it when the power fails.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for at, one in reversed(list(enumerate(missing))):
        one.mkdir(mode=0o777 if at else mode, exist_ok=True)
        sync_folder(one.parent)


def replace_file(path: Path, data: bytes, *, mode: int = PRIVATE) -> None:
    """Put `data` at `path`, durably and at once; a missing folder is made.

    It is never readable with wider rights than `mode`, whatever it was before. Root makes it for its folder's owner.
    """
    durable_folder(path.parent)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        os.fchmod(file.fileno(), mode)
        give_as_the_folder(file.fileno(), path.parent)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)


def grow_file(path: Path, to_bytes: int) -> None:
    """Let the file at `path` be at least so long, zeros at its end, all of it on disk; raise OSError.

    What is written over is cheaper to make durable than what makes a file longer: neither its length nor its blocks
    change, so the file system has nothing of its own to write down.
    """
    handle = os.open(path, os.O_WRONLY)
    try:
        size = os.fstat(handle).st_size
        while size < to_bytes:
            size += os.pwrite(handle, ZEROS[: to_bytes - size], size)
        os.fsync(handle)
    finally:
        os.close(handle)


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
    durable_folder(path.parent)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def given_to_its_owner(folder: Path) -> Iterator[None]:
    """Give what is made in `folder` within the block to whom the folder belongs."""
    owner = owner_of(folder) if os.geteuid() == ROOT else None
    try:
        yield
    finally:
        if owner is not None and owner[0] != ROOT and folder.is_dir():
            give(folder, owner)


def owner_of(folder: Path) -> Owner | None:
    """Return user and group of a folder, None where there is none."""
    try:
        found = folder.stat()
    except FileNotFoundError:
        return None
    return found.st_uid, found.st_gid


def give(folder: Path, owner: Owner) -> None:
    """Give everything in `folder` that is root's to `owner`, the folder too. Raises OSError."""
    for _path, folders, files, here in os.fwalk(folder, follow_symlinks=False):
        _give_one(".", here, owner)
        for name in (*folders, *files):
            _give_one(name, here, owner)


def _give_one(name: str, here: int, owner: Owner) -> None:
    if not _is_ours_to_give(os.stat(name, dir_fd=here, follow_symlinks=False)):
        return
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=here)
    try:
        if _is_ours_to_give(os.fstat(handle)):
            os.fchown(handle, *owner)
    finally:
        os.close(handle)


def _is_ours_to_give(found: os.stat_result) -> bool:
    return found.st_uid == ROOT and (
        stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
    )


def give_as_the_folder(handle: int, folder: Path) -> None:
    """Give a file that is being made to whom its folder belongs, if root makes it. Raises OSError."""
    if os.geteuid() == ROOT and (owner := owner_of(folder)) is not None and owner[0] != ROOT:
        os.fchown(handle, *owner)
