"""One process for one terminal's data: a lock that the kernel drops when the process dies, however it dies."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

LOCK = "terminal.lock"


class AlreadyRunningError(Exception):
    """Another process serves this terminal's data."""


@contextlib.contextmanager
def only_one(data: Path) -> Iterator[None]:
    """Hold the terminal's data for this process alone; raise AlreadyRunningError when another does."""
    with (data / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunningError(f"{data}: another xinguan serves this terminal. Stop it first") from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
