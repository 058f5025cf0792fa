"""One process for one folder of data: a lock that the kernel drops when the process dies, however it dies.

The lock is on the folder itself, not on a file in it: whoever tidies the folder cannot take it away, and a folder that
cannot be written can still be locked.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process serves this folder's data."""


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold a folder of data for this process alone; raise AlreadyRunningError when another does."""
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"{data}: another xinguan serves this folder. Stop it first") from error
        yield
    finally:
        os.close(folder)
