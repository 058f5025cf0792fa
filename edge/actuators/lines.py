"""Lines to boards and controllers: serial devices of this machine, or TCP to a serial server or network board.

Rules of this file:

- a line is opened for each exchange and closed after it: a board that was unplugged and is back is simply there;
- its turn ends when it is closed and not before: a device is locked until its descriptor is gone, and whoever comes
  next would be told that another program has it;
- one exchange at a time on a line, also where several lanes share a bus or a board (`Turns`);
- a serial device is opened raw and for us alone; what USB device it is can be demanded (`usb`), since a number such as
  ttyUSB0 may be another device after a replug: bytes for a relay in a till's printer are no opening;
- whether anything was sent is told with the error: `LineError.sent`.
"""

import asyncio
import contextlib
import fcntl
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import serialx

from edge.actuators.gate import words
from scanner.checks import usb_name

MAX_ANSWER = 4096
CLOSE_S = 1.0
TIOCSRS485 = 0x542F
RS485 = struct.pack("8I", 1 | 2, 0, 0, 0, 0, 0, 0, 0)  # enabled, RTS on while sending


class LineError(Exception):
    """A line cannot be used or its partner does not answer; `sent` says whether anything may have reached it."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """How a line is opened. `port` is serial:/dev/… or tcp://address:port."""

    port: str
    baud: int = 9600
    parity: str = "none"
    rs485: bool = False
    usb: str | None = None


class Turns:
    """One exchange at a time on each line of this terminal."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}

    def of(self, port: str) -> asyncio.Lock:
        """Return the lock of a line, by what it is opened as."""
        return self._locks.setdefault(port, asyncio.Lock())


class Line:
    """One line, opened for each exchange."""

    def __init__(self, setting: Setting, turns: Turns) -> None:
        self._setting = setting
        self._turn = turns.of(setting.port)

    @asynccontextmanager
    async def talk(self, timeout_s: float) -> AsyncIterator["Talk"]:
        """Open the line, wait for its turn first, all within `timeout_s`. Raises LineError."""
        talk: Talk | None = None
        try:
            async with AsyncExitStack() as after, asyncio.timeout(timeout_s):
                await after.enter_async_context(self._turn)
                reader, writer = await self._open()
                after.push_async_callback(_closed, writer)  # its time is not the exchange's: all was said
                talk = Talk(reader, writer)
                yield talk
        except (OSError, TimeoutError, serialx.SerialException, EOFError) as error:
            raise LineError(f"{self._setting.port}: {words(error)}", sent=talk is not None and talk.sent) from error

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        setting = self._setting
        if setting.port.startswith("tcp://"):
            url = urlsplit(setting.port)
            return await asyncio.open_connection(url.hostname, url.port)
        path = setting.port.removeprefix("serial:")
        self._check(path)
        parity = serialx.Parity[setting.parity.upper()]
        reader, writer = await serialx.open_serial_connection(url=path, baudrate=setting.baud, parity=parity)
        if setting.rs485:
            fcntl.ioctl(writer.transport.get_extra_info("serial").fileno(), TIOCSRS485, RS485)
        return reader, writer

    def _check(self, path: str) -> None:
        """Refuse another USB device than the one that was demanded."""
        if self._setting.usb is None:
            return
        found = usb_name(Path(path).resolve())
        told = "no USB device" if found is None else ":".join(found[:2])
        if told != self._setting.usb:
            raise OSError(0, f"is {told}, not {self._setting.usb}: another device has this name now")


async def _closed(writer: asyncio.StreamWriter) -> None:
    """Close a line; what does not close by itself is cut off."""
    writer.close()
    try:
        async with asyncio.timeout(CLOSE_S):
            await writer.wait_closed()
    except TimeoutError:
        writer.transport.abort()
    except OSError:  # it was gone already, and the exchange has said so
        return


class Talk:
    """An open line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.sent = False

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait until they have left."""
        self.sent = True
        self._writer.write(data)
        await self._writer.drain()

    async def exactly(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        return await self._reader.readexactly(count)

    async def until(self, *marks: bytes) -> bytes:
        """Return what comes, up to and with the first of the marks; what is there at the end if none comes."""
        held = bytearray()
        while not any(mark in held for mark in marks) and len(held) < MAX_ANSWER:
            data = await self._reader.read(256)
            if not data:
                raise EOFError("the line was closed")
            held += data
        return bytes(held)

    async def settle(self, seconds: float) -> bytes:
        """Return what comes within a time."""
        held = bytearray()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(256):
                    held += data
        return bytes(held)
