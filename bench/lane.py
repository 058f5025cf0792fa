"""How long a lane takes: a frame or byte → the screen, a code → the gate's pulse; the floors in the same run.

A real platform and terminal, a camera of 15 frames a second (MJPEG) and a serial line (pty), each visitor once.
The gate is an HTTP controller in this process, so that its pulse is heard when it comes. The floors are what nobody
can save, taken in turn with each visitor (`_lane_floor.py`, ADR 0103, ADR 0140); no line of what decides is in them.
Each line says how many of each floor its median is: ≤ 2 is asked for, of the plain floor where nobody has to be asked,
of the floor with the question where somebody has.

Each line is played twice: while the platform, which counts for this site, answers; and without a network, where nobody
can be asked. Two visitors find out that it is silent (claims.md 10); they are not counted. One JSON object a line.

"Screen" is the moment at which a reader of the terminal's event stream has the event `decision`, as a screen's page
has: what the page then draws is the browser's, and no part of it.

    python bench/lane.py [--rounds 40] [--only frame|byte] [--folder DIR] [--sync-ms 4]

DIR decides which disk is measured. `--sync-ms`: each sync of the terminal and of the floors takes so much longer, as on
the card or eMMC of a box (`tests/ill/slow_disk.c`, built with `cc`); the platform keeps the disk of its own.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import pty
import runpy
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import aiohttp
import cv2
import numpy as np
import numpy.typing as npt
import segno
from aiohttp import web

from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors

FPS = 15
SIZE = (720, 1280)
PATIENCE_S = 8.0
parts = runpy.run_path(str(Path(__file__).parent / "_lane_floor.py"))  # not on the path: there is a token.py
NAMES, Ask, Controller, Floor, Floors = (parts[name] for name in ("NAMES", "Ask", "Controller", "Floor", "Floors"))
SILENCES = 2  # visitors who find out that nobody answers
PACE, SHIM = "SLOW_DISK", Path(__file__).parent.parent / "tests" / "ill" / "slow_disk.c"
Picture = npt.NDArray[np.uint8]


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
        self.controller = Controller(0)

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

    async def bare(self, request: web.Request) -> web.Response:
        """Hear a bare request, which is a floor."""
        self.controller.heard.put_nowait(time.perf_counter())
        await request.read()
        return web.Response()


class Built(NamedTuple):
    """What stands in the street: the gate terminal, who comes, a bare question, and the platform."""

    gate: TerminalLink
    visitors: Visitors
    ask: Ask
    platform: PlatformLink


@contextlib.asynccontextmanager
async def built(folder: Path, street: Street, source: str | None) -> AsyncIterator[Built]:
    """Run a platform, a gate terminal, and the street around it."""
    app = web.Application()
    app.add_routes([web.get("/camera", street.camera), web.post("/gate", street.gate), web.post("/bare", street.bare)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    platform_port, gate_port, own = free_ports(3)
    await web.TCPSite(runner, "127.0.0.1", own).start()
    street.controller = Controller(own)
    await street.controller.start()
    async with aiohttp.ClientSession() as session:
        platform = PlatformLink(folder, platform_port, session)
        gate = TerminalLink(town.GATE, folder, gate_port, session)
        url = f"http://127.0.0.1:{platform_port}"
        try:
            pace = os.environ.pop(PACE, None)  # the platform is another machine, and has a disk of its own
            await platform.start()
            os.environ |= {} if pace is None else {PACE: pace}
            source = source or f"http://127.0.0.1:{own}/camera"
            text = gate.configuration(platform=url, source=source, actuator=f"http://127.0.0.1:{own}/gate")
            gate.config.write_text(text, "utf-8")
            await gate.enrol(await platform.code_for(town.GATE, platform=url))
            await gate.start()

            async def ask() -> None:
                async with session.get(f"{url}/healthz") as answer:
                    await answer.read()

            yield Built(gate, Visitors(platform.state), ask, platform)
        finally:
            await gate.process.stop()
            await platform.process.stop()
            await street.controller.stop()
            await runner.cleanup()


class Round(NamedTuple):
    """What one visitor waited for the screen and for the gate's pulse, and the floors taken just before."""

    screen: float
    pulse: float
    floors: Floors


class Line:
    """One lane with its visitors, one after the other. `send` hands a code to the reader of a serial line."""

    def __init__(self, street: Street, source: str | None, send: Callable[[str], None]) -> None:
        self._street = street
        self._source = source
        self._send = send
        self._heard: asyncio.Queue[float] = asyncio.Queue()

    def note(self, name: str, _data: object) -> None:
        """Hear what the screen is told."""
        if name == "decision":
            self._heard.put_nowait(time.perf_counter())

    async def visit(self, stands: Built, floor: Floor, ask: Ask | None) -> Round | None:
        """Let one visitor come; None where nobody opened in time."""
        street = self._street
        who = await asyncio.to_thread(stands.visitors.resident, int(time.time()))
        text = who.code(int(time.time()))
        jpeg = cv2.imencode(".jpg", frame(text))[1].tobytes() if self._source is None else None
        floors = await floor.take(jpeg, ask)
        street.hold(jpeg)
        begun = time.perf_counter()
        self._send(text)
        try:
            async with asyncio.timeout(PATIENCE_S):
                shown, pulsed = await self._heard.get(), await street.pulsed.get()
        except TimeoutError:
            return None
        finally:
            street.hold(None)
        begun = street.left_at if self._source is None else begun
        await asyncio.sleep(0.3)
        return Round(shown - begun, pulsed - begun, floors)


async def measured(folder: Path, rounds: int, source: str | None, send: Callable[[str], None]) -> None:
    """Let visitors come while somebody can be asked, then while nobody can; print what they waited."""
    street, kind = Street(), "frame" if source is None else "byte"
    async with built(folder, street, source) as stands:
        line, floor = Line(street, source, send), Floor(folder, street.controller)
        listening = asyncio.ensure_future(stands.gate.follow(line.note))
        while not await stands.gate.reads():  # noqa: ASYNC110 - another process: nothing to wait on
            await asyncio.sleep(0.1)
        asked = [await line.visit(stands, floor, stands.ask) for _ in range(rounds)]
        await stands.platform.process.stop()
        alone = [await line.visit(stands, floor, None) for _ in range(rounds + SILENCES)][SILENCES:]
        listening.cancel()
        floor.close()
    told(kind, asked)
    told(f"{kind}, nobody asked", alone)


def told(kind: str, visits: list[Round | None]) -> None:
    """Print the figures of one line."""
    rounds = [one for one in visits if one is not None]
    missed = len(visits) - len(rounds)
    print(json.dumps({"bench": "lane", "what": f"visitors of {kind}", "served": len(rounds), "missed": missed}))
    floors = [one.floors for one in rounds]
    for name in Floors._fields:
        figure(f"{NAMES[name]} of a {kind}", [getattr(one, name) for one in floors], floors)
    figure(f"{kind} to screen", [one.screen for one in rounds], floors)
    figure(f"{kind} to gate pulse", [one.pulse for one in rounds], floors)


def figure(what: str, times: list[float], floors: list[Floors]) -> None:
    """Print one figure, and how many of each floor its median is."""
    p50, p99 = statistics.median(times) * 1e3, sorted(times)[int(len(times) * 0.99)] * 1e3
    figures = {"p50_ms": p50, "p99_ms": p99}
    for name in Floors._fields:
        figures[f"of_{name}"] = p50 / (statistics.median([getattr(one, name) for one in floors]) * 1e3)
    print(json.dumps({"bench": "lane", "what": what} | {name: round(one, 2) for name, one in figures.items()}))


def slowed(sync_ms: int) -> None:
    """Begin anew with a disk each of whose syncs takes `sync_ms` longer, for this process and its children."""
    folder = Path(tempfile.mkdtemp())
    built, pace = folder / "slow_disk.so", folder / "pace"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", str(built), str(SHIM), "-ldl"], check=True)
    pace.write_text(str(sync_ms))
    os.execve(sys.executable, sys.orig_argv, os.environ | {"LD_PRELOAD": str(built), PACE: str(pace)})  # noqa: S606


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", choices=("frame", "byte"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--sync-ms", type=int, default=0)
    args = parser.parse_args()
    if args.sync_ms and PACE not in os.environ:
        slowed(args.sync_ms)
    if args.only != "byte":
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            (Path(folder) / "camera").mkdir()
            asyncio.run(measured(Path(folder) / "camera", args.rounds, None, lambda _text: None))
    if args.only != "frame":
        master, slave = pty.openpty()
        with tempfile.TemporaryDirectory(dir=args.folder) as folder:
            line = f"serial:{os.ttyname(slave)}"
            write = lambda text: os.write(master, text.encode() + b"\r")  # noqa: E731 - used once
            asyncio.run(measured(Path(folder), args.rounds, line, write))


if __name__ == "__main__":
    main()
