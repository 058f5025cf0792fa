"""Openings as lines of a file: for tests, demos and controllers that read one.

A file may be a pipe that nobody reads, or lie on a disk that hangs. Neither may hold a lane or a stop up, so the work
is done in a thread that the process does not wait for.
"""

import asyncio
import json
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from edge.actuators.gate import Attempt, Done, Plain, unanswered, unsent, well, words

T = TypeVar("T")
TAIL_BYTES = 64 * 1024  # of the file, where an attempt is looked for


async def aside(work: Callable[[], T], timeout_s: float) -> T:
    """Run `work` in a thread that nobody waits for at the end; raise TimeoutError, or what `work` raised."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            result = work()
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits
            _tell(loop, done, done.set_exception, error)
        else:
            _tell(loop, done, done.set_result, result)

    threading.Thread(target=run, name="aside", daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await done


def _tell(loop: asyncio.AbstractEventLoop, done: "asyncio.Future[T]", tell: Callable[..., None], what: object) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(lambda: None if done.done() else tell(what))


class FileSink(Plain):
    """Appends one JSON line for each attempt, on disk before it returns."""

    def __init__(self, path: Path, *, timeout_s: float = 1.0) -> None:
        self._path = path
        self.timeout_s = timeout_s
        self._began = False

    async def open(self, attempt: Attempt) -> Done:
        """Append the line."""
        line = json.dumps({"open": attempt.redemption, "attempt": attempt.id, "heads": attempt.heads}) + "\n"
        self._began = False
        try:
            await aside(lambda: self._append(line.encode()), self.timeout_s)
        except (OSError, TimeoutError) as error:
            said = f"{self._path}: {words(error)}"
            return unanswered(said) if self._began else unsent(said)
        return well()

    def _append(self, line: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(self._path, flags, 0o644)
        try:
            self._began = stat.S_ISREG(os.fstat(fd).st_mode)  # a pipe takes a short line whole or not at all
            os.write(fd, line)
            self._began = True
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.fsync(fd)
        finally:
            os.close(fd)

    async def opened(self, attempt: Attempt) -> Done:
        """Look into the file: the line is there, or it was never written."""
        try:
            tail = await aside(self._tail, self.timeout_s)
        except (OSError, TimeoutError) as error:
            return unanswered(f"{self._path}: {words(error)}")
        if tail is None:
            return unanswered(f"{self._path}: what was written is not kept")
        return well() if json.dumps(attempt.id).encode() in tail else unsent(f"{self._path}: no such line")

    def _tail(self) -> bytes | None:
        if not self._path.exists():
            return b""
        if not stat.S_ISREG(self._path.stat().st_mode):
            return None
        with self._path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return file.read()
