"""Handheld and built-in scanners on a serial line or as a keyboard: read in the service itself, no child needed.

    open ─▶ bytes ─▶ … ─▶ end of file, EIO, ENODEV (unplugged) ─▶ close ─▶ pause ─▶ open again, under the same name

Rules: raw descriptors and the loop's readers, so nothing blocks; the device is claimed (`scanner.holder`), a
keyboard is grabbed, so that a code never types itself into a screen; what was half received when the plug came out
is forgotten.
"""

import asyncio
import errno
import fcntl
import os
import stat
import struct
import termios
from collections import Counter
from typing import Protocol

from scanner.handheld.framing import STUTTER_S, Framer
from scanner.handheld.hid import EVENT_32, EVENT_64, Keyboard
from scanner.handheld.layouts import LAYOUTS
from scanner.health import State
from scanner.holder import HeldError, claim, describe
from scanner.source import Source
from scanner.spec import Spec

READ_BYTES = 4096
FIRST_PAUSE_S = 0.2
TICK_S = 0.001  # a timer may fire as much too early
LONGEST_PAUSE_S = 2.0  # a hand plugs it in again and expects it to work
EVIOCGRAB = 0x40044590
TIOCEXCL = termios.TIOCEXCL
NATIVE_EVENT = EVENT_64 if struct.calcsize("l") == 8 else EVENT_32  # noqa: PLR2004 - bytes of a long


class Reader(Protocol):
    """What turns the bytes of a device into the bytes of codes."""

    def feed(self, data: bytes, at_s: float) -> list[bytes]:
        """Take bytes; return the codes that they complete."""

    def reset(self) -> None:
        """Forget what is half received."""


def open_serial(spec: Spec) -> int:
    """Open a serial line raw at its baud rate; raise OSError."""
    speed = getattr(termios, f"B{spec.option('baud')}", None)
    if speed is None:
        raise OSError(errno.EINVAL, f"no such baud rate: {spec.option('baud')}; usual are 9600 and 115200")
    fd = claim(spec.target)
    try:
        settings = termios.tcgetattr(fd)
        control = termios.CS8 | termios.CREAD | termios.CLOCAL
        characters = list(settings[6])
        characters[termios.VMIN], characters[termios.VTIME] = 0, 0
        termios.tcsetattr(fd, termios.TCSANOW, [0, 0, control, 0, speed, speed, characters])
        fcntl.ioctl(fd, TIOCEXCL)
        termios.tcflush(fd, termios.TCIFLUSH)
    except termios.error as error:
        os.close(fd)
        raise OSError(*error.args) from error
    except OSError:
        os.close(fd)
        raise
    return fd


def open_keyboard(spec: Spec) -> int:
    """Open an input device and grab it; raise OSError, HeldError when another program has grabbed it."""
    fd = claim(spec.target)
    try:
        if stat.S_ISCHR(os.fstat(fd).st_mode):
            fcntl.ioctl(fd, EVIOCGRAB, 1)
    except OSError as error:
        os.close(fd)
        if error.errno == errno.EBUSY:
            raise HeldError(f"{spec.target} is grabbed by {describe(spec.target)}") from error
        raise
    return fd


class Handheld:
    """Drives one serial or HID source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._loop = asyncio.get_running_loop()
        spec = source.spec
        gap_s: float = spec.option("gap_s")
        suffix = spec.option("suffix") if spec.kind == "serial" else None
        self._framer = Framer(suffix, gap_s, gap_s if "gap_s" in spec.options else STUTTER_S)
        self._told: Counter[str] = Counter()
        self._reader: Reader = self._framer
        if spec.kind == "hid":
            self._reader = Keyboard(self._framer, NATIVE_EVENT, LAYOUTS[spec.option("layout")])
        self._open = open_serial if spec.kind == "serial" else open_keyboard

    async def run(self) -> None:
        """Keep the device open until this task is cancelled."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                fd = self._open(self._source.spec)
            except OSError as error:
                self._source.note(state=State.DOWN, note=_words(error))
            else:
                pause = FIRST_PAUSE_S
                self._source.note(state=State.LIVE, note="")
                reason = await self._listen(fd)
                health = self._source.health
                self._source.note(state=State.DOWN, note=reason, restarts=health.restarts + 1)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _listen(self, fd: int) -> str:
        """Read until the device goes away; return why."""
        gone: asyncio.Future[str] = self._loop.create_future()
        self._loop.add_reader(fd, self._ready, fd, gone)
        try:
            return await gone
        finally:
            self._loop.remove_reader(fd)
            os.close(fd)
            self._reader.reset()
            self._hand_on([])

    def _ready(self, fd: int, gone: asyncio.Future[str]) -> None:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data, words = b"", _words(error)
        else:
            words = "unplugged"
        if not data:
            if not gone.done():
                gone.set_result(words)
            return
        self._hand_on(self._reader.feed(data, self._loop.time()))
        if self._framer.waiting:
            self._loop.call_later(self._framer.patience_s + TICK_S, self._idle)

    def _idle(self) -> None:
        self._hand_on(self._framer.idle(self._loop.time()))

    def _hand_on(self, codes: list[bytes]) -> None:
        for raw in codes:
            self._source.present_bytes(raw)
        for why in (self._framer.dropped - self._told).elements():
            self._source.drop(why)
        self._source.took_off(*self._framer.noticed.elements())
        self._told = self._framer.dropped.copy()
        self._framer.noticed.clear()


def _words(error: OSError) -> str:
    return str(error) if isinstance(error, HeldError) else f"{error.strerror or error}"
