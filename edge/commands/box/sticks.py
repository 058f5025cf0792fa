"""Reading a file that somebody brought, as root: a stick is not to be trusted with more than its bytes.

Rules of this file: a plain file, opened without following a link in its last step, never waited for, and no longer than
agreed; whatever else lies there is refused by name. A folder names what lies in it: of two bundles a person chooses.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

MAX_NAMES: Final = 5


class StickError(Exception):
    """What lies on the stick cannot be used. The text says why, in both languages."""


@contextmanager
def open_plain(path: Path) -> Iterator[IO[bytes]]:
    """Open a plain file for reading; raise StickError."""
    if path.is_dir() and not path.is_symlink():
        raise StickError(f"{path}: 请指定其中一个文件 is a folder: name one file of it ({_names(path)})")
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise StickError(f"{path}: 无法读取 cannot be read ({error.strerror})") from error
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise StickError(f"{path}: 不是普通文件 is no plain file")
        yield file


def _names(folder: Path) -> str:
    try:
        names = sorted(repr(one.name) for one in folder.iterdir() if one.is_file())
    except OSError as error:
        return str(error.strerror)
    return ", ".join(names[:MAX_NAMES] + ["…"] * (len(names) > MAX_NAMES)) or "空 empty"


def read_plain(path: Path, most: int) -> bytes:
    """Return the bytes of a plain file of at most `most` bytes; raise StickError."""
    with open_plain(path) as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise StickError(f"{path}: 大于 {most} 字节 is longer than {most} bytes")
    return raw
