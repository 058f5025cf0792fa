"""Receipt printers: on USB (usblp), on a serial line, by TCP (port 9100), or a file that takes text.

Rules of this file:

- a slip is sent once; what came of it is told, and nobody waits for it but who asked;
- before a slip the printer is asked about its paper, where it can be; without paper nothing is sent, and that is said;
- what was last heard of a printer stands in `standing`: the terminal's own lines are made of it.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

from edge.actuators.files import aside
from edge.actuators.gate import words
from edge.actuators.lines import Line, LineError, Setting, Turns
from edge.actuators.paper.escpos import ASK, Paper, encode, paper_of, text
from edge.actuators.paper.slips import Slip
from edge.actuators.paper.tables import PrinterTable

log = logging.getLogger("xinguan.printer")

ASKED_S = 0.3


@dataclass(frozen=True, slots=True)
class Printed:
    """What came of a slip: how the paper stands, and why nothing was printed (empty: it was)."""

    paper: Paper
    why: str = ""

    @property
    def well(self) -> bool:
        """Whether the slip was sent whole."""
        return not self.why


class Printer:
    """One printer. `standing` is what was heard of it last."""

    def __init__(self, table: PrinterTable, turns: Turns) -> None:
        self._table = table
        self._turn = turns.of(table.port)
        self._line = Line(Setting(port=table.port, baud=table.baud, usb=table.usb), turns)
        self.standing = Printed(Paper.UNKNOWN)

    async def print(self, slip: Slip) -> Printed:
        """Print a slip; never raises for what a printer does."""
        table = self._table
        kind, _, path = table.port.partition(":")
        try:
            if kind == "file":
                self.standing = await self._write(Path(path), text(slip, table.columns).encode() + b"\n")
            elif kind == "usb":
                self.standing = await self._through(Path(path), encode(slip, table.columns, cut=table.cut))
            else:
                self.standing = await self._talk(encode(slip, table.columns, cut=table.cut))
        except (LineError, OSError, TimeoutError) as error:
            self.standing = Printed(Paper.UNKNOWN, words(error))
        if not self.standing.well:
            log.warning("not_printed", extra={"printer": table.port, "why": self.standing.why})
        return self.standing

    async def _talk(self, data: bytes) -> Printed:
        paper = Paper.UNKNOWN
        async with self._line.talk(self._table.timeout_s) as talk:
            if self._table.asks:
                await talk.send(ASK)
                paper = paper_of(await talk.settle(ASKED_S))
            if paper is Paper.OUT:
                return Printed(paper, "没有纸 no paper")
            await talk.send(data)
        return Printed(paper)

    async def _through(self, path: Path, data: bytes) -> Printed:
        """Print by the kernel's usblp, whose device is a file that answers."""
        async with self._turn:
            return await aside(lambda: _by_device(path, data, asks=self._table.asks), self._table.timeout_s)

    async def _write(self, path: Path, data: bytes) -> Printed:
        async with self._turn:
            await aside(lambda: _append(path, data), self._table.timeout_s)
        return Printed(Paper.WELL)


def _append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def _by_device(path: Path, data: bytes, *, asks: bool) -> Printed:
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        paper = Paper.UNKNOWN
        if asks:
            os.write(fd, ASK)
            paper = paper_of(os.read(fd, 16))
        if paper is Paper.OUT:
            return Printed(paper, "没有纸 no paper")
        while data:
            data = data[os.write(fd, data) :]
        return Printed(paper)
    finally:
        os.close(fd)
