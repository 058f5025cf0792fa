"""How long a lane takes: a frame or byte → the screen, a code → the gate's pulse; the floor in the same run.

A real platform and terminal, a camera of 15 frames a second (MJPEG) and a serial line (pty), each visitor once.
The gate is an HTTP controller in this process, so that its pulse is heard when it comes. The floor is what nobody can
save, taken in turn with each visitor (ADR 0103); no line of what decides is in it:

- decoding that very frame once: JPEG and code, one thread, this process; nothing of it for a byte;
- one raw verification of an Ed25519 signature;
- one durable commit of SQLite (WAL, synchronous = FULL) on the same disk, of as many bytes as the rows of a grant.

Beside it stand two others: the floor as it was until then (decoding, and one raw page written and synced), and the
floor with the question that the platform is asked about each of these visitors: one bare HTTP exchange with it. Each
line says how many of each floor its median is. One JSON object a line.

    python bench/lane.py [--rounds 40] [--folder DIR]         DIR decides which disk is measured
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import pty
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import cv2
import numpy as np
import numpy.typing as npt
import segno
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors
from scanner.decode import find_codes

FPS = 15
SIZE = (720, 1280)
PATIENCE_S = 8.0
PAGE = b"x" * 4096
GRANT_BYTES = 1_850  # the rows of a grant without their indexes: redemption, fact, use, nonce, proof
CODE_BYTES = 300
NAMES = {"floor": "floor", "page": "floor by a raw page", "asked": "floor and one question"}
Picture = npt.NDArray[np.uint8]
Ask = Callable[[], Awaitable[None]]


def frame(text: str) -> Picture:
    """Return what the camera sees of a code held before it."""
    rows = np.array([list(row) for row in segno.make(text, error="l", micro=False).matrix], np.uint8)
    code = np.kron(np.pad(1 - rows, 4, constant_values=1), np.ones((5, 5), np.uint8)) * 200 + 30
    view = np.random.default_rng(len(text)).normal(120, 4, SIZE).clip(0, 255).astype(np.uint8)
    top, left = (SIZE[0] - code.shape[0]) // 2, (SIZE[1] - code.shape[1]) // 2
    view[top : top + code.shape[0], left : left + code.shape[1]] = code
    return view


class Street:
    """The camera and the gate. `seen` is when a code's first frame left, `pulsed` when the gate was told to open."""

    def __init__(self) -> None:
        empty = [np.random.default_rng(n).normal(120, 4, SIZE).clip(0, 255).astype(np.uint8) for n in range(2)]
        self._empty = [cv2.imencode(".jpg", one)[1].tobytes() for one in empty]
        self._shown: bytes | None = None
        self.left = asyncio.Event()
        self.left_at = 0.0
        self.pulsed: asyncio.Queue[float] = asyncio.Queue()

    def hold(self, jpeg: bytes | None) -> None:
        """Hold a code before the camera, or take it away."""
        self.left.clear()
        self._shown = jpeg

    async def camera(self, request: web.Request) -> web.StreamResponse:
        """Serve the frames."""
        answer = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=f"})
        await answer.prepare(request)
        due = time.monotonic()
        for empty in itertools.cycle(self._empty):
            shown = self._shown
            jpeg = shown or empty
            head = f"--f\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n".encode()
            if shown is not None and not self.left.is_set():
                self.left_at = time.perf_counter()
                self.left.set()
            try:
                await answer.write(head + jpeg + b"\r\n")
            except ConnectionResetError:
                break
            due += 1 / FPS
            await asyncio.sleep(max(0.0, due - time.monotonic()))
        return answer

    async def gate(self, request: web.Request) -> web.Response:
        """Hear that the gate is told to open."""
        self.pulsed.put_nowait(time.perf_counter())
        await request.read()
        return web.json_response({"ok": True})


class Floors(NamedTuple):
    """Seconds that nobody can save with one visitor."""

    floor: float
    page: float
    asked: float


class Floor:
    """Takes the floors in turn with the visitors, on the disk of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._page = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._rows = sqlite3.connect(folder / "floor.db", isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
            self._rows.execute(f"PRAGMA {pragma}")
        self._rows.execute("CREATE TABLE rows (row BLOB NOT NULL)")
        key, self._code = Ed25519PrivateKey.generate(), os.urandom(CODE_BYTES)
        self._signature, self._key = key.sign(self._code), key.public_key()

    async def take(self, jpeg: bytes | None, ask: Callable[[], Awaitable[None]]) -> Floors:
        """Return the floors of one visitor; `ask` is one bare exchange with whoever counts."""
        decoding = await asyncio.to_thread(_seconds, lambda: self._decode(jpeg))
        committing = await asyncio.to_thread(_seconds, self._commit)
        page = await asyncio.to_thread(_seconds, self._sync)
        start = time.perf_counter()
        await ask()
        asking = time.perf_counter() - start
        return Floors(decoding + committing, decoding + page, decoding + committing + asking)

    @staticmethod
    def _decode(jpeg: bytes | None) -> None:
        if jpeg is not None:
            find_codes(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))

    def _commit(self) -> None:
        self._key.verify(self._signature, self._code)
        self._rows.execute("INSERT INTO rows VALUES (?)", (b"x" * GRANT_BYTES,))

    def _sync(self) -> None:
        os.write(self._page, PAGE)
        os.fdatasync(self._page)

    def close(self) -> None:
        """Give back what is open."""
        self._rows.close()
        os.close(self._page)


def _seconds(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextlib.asynccontextmanager
async def built(folder: Path, street: Street, source: str | None) -> AsyncIterator[tuple[TerminalLink, Visitors, Ask]]:
    """Run a platform, a gate terminal, and the street around it."""
    app = web.Application()
    app.add_routes([web.get("/camera", street.camera), web.post("/gate", street.gate)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    platform_port, gate_port, own = free_ports(3)
    await web.TCPSite(runner, "127.0.0.1", own).start()
    async with aiohttp.ClientSession() as session:
        platform = PlatformLink(folder, platform_port, session)
        gate = TerminalLink(town.GATE, folder, gate_port, session)
        url = f"http://127.0.0.1:{platform_port}"
        try:
            await platform.start()
            source = source or f"http://127.0.0.1:{own}/camera"
            text = gate.configuration(platform=url, source=source, actuator=f"http://127.0.0.1:{own}/gate")
            gate.config.write_text(text, "utf-8")
            await gate.enrol(await platform.code_for(town.GATE, platform=url))
            await gate.start()

            async def ask() -> None:
                async with session.get(f"{url}/healthz") as answer:
                    await answer.read()

            yield gate, Visitors(platform.state), ask
        finally:
            await gate.process.stop()
            await platform.process.stop()
            await runner.cleanup()


async def measured(folder: Path, rounds: int, source: str | None, send: Callable[[Street, str], None]) -> None:
    """Let visitors come one after the other; print what they waited."""
    street, heard = Street(), asyncio.Queue[float]()
    floor, floors, screens, pulses, missed = Floor(folder), list[Floors](), list[float](), list[float](), 0

    def note(name: str, _data: object) -> None:
        if name == "decision":
            heard.put_nowait(time.perf_counter())

    async with built(folder, street, source) as (gate, visitors, ask):
        listening = asyncio.ensure_future(gate.follow(note))
        while not await gate.reads():  # noqa: ASYNC110 - another process: nothing to wait on
            await asyncio.sleep(0.1)
        for _ in range(rounds):
            who = await asyncio.to_thread(visitors.resident, int(time.time()))
            text = who.code(int(time.time()))
            jpeg = cv2.imencode(".jpg", frame(text))[1].tobytes() if source is None else None
            floors.append(await floor.take(jpeg, ask))
            street.hold(jpeg)
            begun = time.perf_counter()
            send(street, text)
            try:
                async with asyncio.timeout(PATIENCE_S):
                    shown, pulsed = await heard.get(), await street.pulsed.get()
            except TimeoutError:
                missed += 1
                street.hold(None)
                continue
            begun = street.left_at if source is None else begun
            screens.append(shown - begun)
            pulses.append(pulsed - begun)
            street.hold(None)
            await asyncio.sleep(0.3)
        listening.cancel()
    floor.close()
    kind = "frame" if source is None else "byte"
    print(json.dumps({"bench": "lane", "what": f"visitors of {kind}", "served": len(screens), "missed": missed}))
    for name in Floors._fields:
        told(f"{NAMES[name]} of a {kind}", [getattr(one, name) for one in floors], floors)
    told(f"{kind} to screen", screens, floors)
    told(f"{kind} to gate pulse", pulses, floors)


def told(what: str, times: list[float], floors: list[Floors]) -> None:
    """Print one figure, and how many of each floor its median is."""
    p50, p99 = statistics.median(times) * 1e3, sorted(times)[int(len(times) * 0.99)] * 1e3
    figures = {"p50_ms": p50, "p99_ms": p99}
    for name in Floors._fields:
        figures[f"{name}s"] = p50 / (statistics.median([getattr(one, name) for one in floors]) * 1e3)
    print(json.dumps({"bench": "lane", "what": what} | {name: round(one, 2) for name, one in figures.items()}))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        (Path(folder) / "camera").mkdir()
        asyncio.run(measured(Path(folder) / "camera", args.rounds, None, lambda _street, _text: None))
    master, slave = pty.openpty()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        line = f"serial:{os.ttyname(slave)}"
        write = lambda _street, text: os.write(master, text.encode() + b"\r")  # noqa: E731 - used once
        asyncio.run(measured(Path(folder), args.rounds, line, write))


if __name__ == "__main__":
    main()
