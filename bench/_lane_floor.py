"""What nobody can save with one visitor at a lane (`bench/lane.py`): bare parts, taken in turn with each visitor.

- `floor`: decoding that very frame (nothing of it for a byte), one raw verification of an Ed25519 signature, one
  durable commit of SQLite (WAL, synchronous = FULL) of as many bytes as the rows of a grant (ADR 0103);
- `page`: the floor as it was until then: decoding, and one raw page written and synced;
- `asked`: the first, and one bare HTTP exchange with whoever counts for the site;
- `laws`: what the laws of a lane demand beside (ADR 0140, ADR 0170): the commit, of grant and attempt, on a thread of
  its own, which costs the way there and back; and one bare HTTP request to the controller, from another process, over
  a connection of its own. With the question where somebody is asked.

No line of what decides is in any of them.

    python bench/_lane_floor.py PORT        is that other process: a request for each line it reads, and when it began
"""

import asyncio
import os
import queue
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from scanner.decode import find_codes

PAGE = b"x" * 4096
GRANT_BYTES = 1_850  # the rows of a grant without their indexes: redemption, fact, use, nonce, proof
CODE_BYTES = 300
NAMES = {
    "floor": "floor",
    "page": "floor by a raw page",
    "asked": "floor and one question",
    "laws": "floor of what the laws demand",
}
REQUEST = b"POST /bare HTTP/1.1\r\nHost: gate\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
Ask = Callable[[], Awaitable[None]]


class Floors(NamedTuple):
    """Seconds that nobody can save with one visitor."""

    floor: float
    page: float
    asked: float
    laws: float


class Thread:
    """A thread that does what it is handed, as a store's writer does: the barest way there and back."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while (work := self._work.get()) is not None:
            work()

    async def nothing(self) -> None:
        """Go there and back."""
        loop = asyncio.get_running_loop()
        back = loop.create_future()
        self._work.put(lambda: loop.call_soon_threadsafe(back.set_result, None))
        await back

    def close(self) -> None:
        """End it."""
        self._work.put(None)
        self._thread.join()


class Controller:
    """Another process that sends one bare request for each `begun`; `heard` is told by the controller in this one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.heard: asyncio.Queue[float] = asyncio.Queue()

    async def start(self) -> None:
        """Start that process."""
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", __file__, str(self._port)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )

    async def seconds(self) -> float:
        """Return how long a request took to be heard, from its process having nothing yet."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe, as asked for
        assert self._process.stdout is not None  # noqa: S101 - the same
        self._process.stdin.write(b"\n")
        heard, began = await asyncio.gather(self.heard.get(), self._process.stdout.readline())
        return heard - float(began)

    async def stop(self) -> None:
        """End it."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe, as asked for
        self._process.stdin.close()
        await self._process.wait()


class Floor:
    """Takes the floors in turn with the visitors, on the disk of `folder`."""

    def __init__(self, folder: Path, controller: Controller) -> None:
        self._controller = controller
        self._page = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._rows = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.execute("CREATE TABLE rows (row BLOB NOT NULL)")
        key, self._code = Ed25519PrivateKey.generate(), os.urandom(CODE_BYTES)
        self._signature, self._key = key.sign(self._code), key.public_key()
        self._thread = Thread()

    async def take(self, jpeg: bytes | None, ask: Ask | None) -> Floors:
        """Return the floors of one visitor; `ask` is one bare exchange with whoever counts, None where nobody does."""
        decoding = await asyncio.to_thread(_seconds, lambda: _decode(jpeg))
        committing = await asyncio.to_thread(_seconds, self._commit)
        page = await asyncio.to_thread(_seconds, self._sync)
        asking = await _awaited(ask) if ask is not None else 0.0
        way = await _awaited(self._thread.nothing)
        telling = await self._controller.seconds()
        floor = decoding + committing
        return Floors(floor, decoding + page, floor + asking, floor + asking + way + telling)

    def _commit(self) -> None:
        self._key.verify(self._signature, self._code)
        self._rows.execute("INSERT INTO rows VALUES (?)", (b"x" * GRANT_BYTES,))

    def _sync(self) -> None:
        os.write(self._page, PAGE)
        os.fdatasync(self._page)

    def close(self) -> None:
        """Give back what is open."""
        self._thread.close()
        self._rows.close()
        os.close(self._page)


def _decode(jpeg: bytes | None) -> None:
    if jpeg is not None:
        find_codes(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


async def _awaited(work: Ask) -> float:
    start = time.perf_counter()
    await work()
    return time.perf_counter() - start


def main() -> None:
    """Send a bare request for each line, and say when it began."""
    port = int(sys.argv[1])
    for _ in sys.stdin:
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(REQUEST)
            while line.recv(4096):
                pass
        print(began, flush=True)


if __name__ == "__main__":
    main()
