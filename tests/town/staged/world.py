"""The program as it is, in a world whose time stands still until a test moves it, and whose wires a test holds.

Wall clock and boot clock are read from a file that all processes of a world share; nothing waits by either of them, so
deadlines and polls go on as ever. A connection to a port that is named in the second file goes to another one, where
there is a wire that can be cut. More patience than usual: tests/town/unhurried.py says why.

    python -I tests/town/staged/world.py CLOCK WIRES edge.cli run --config …
"""

import mmap
import runpy
import socket
import struct
import sys
import time
from pathlib import Path

UNHURRIED = Path(__file__).parents[1] / "unhurried.py"
CLOCK = struct.Struct("<qqqq")  # world time and real time when it was set, ns; 1 while it goes on; when the world began
BOOTED_NS = 3_600_000_000_000  # how long the machine was up when the world began


class Time:
    """The time of a world, read by its processes and set by a test."""

    def __init__(self, path, *, write=False):
        with path.open("r+b" if write else "rb") as file:
            self._map = mmap.mmap(file.fileno(), CLOCK.size, access=mmap.ACCESS_WRITE if write else mmap.ACCESS_READ)

    @classmethod
    def begin(cls, path, now_ns):
        """Make a world that begins now, and goes on by itself."""
        path.write_bytes(CLOCK.pack(now_ns, _real_ns(), 1, now_ns))
        return cls(path, write=True)

    def wall_ns(self):
        set_ns, real_ns, goes, _began_ns = CLOCK.unpack(self._map[:])
        return set_ns + (_real_ns() - real_ns if goes else 0)

    def boot_ns(self):
        return self.wall_ns() - CLOCK.unpack(self._map[:])[3] + BOOTED_NS

    def stand(self, now_ns=None):
        """Let it be `now_ns` until it is set again, without it what it is; never earlier than it was."""
        before_ns = self.wall_ns()
        now_ns = before_ns if now_ns is None else now_ns
        if now_ns < before_ns:
            raise ValueError("time goes on only")
        self._map[:] = CLOCK.pack(now_ns, _real_ns(), 0, CLOCK.unpack(self._map[:])[3])


def _real_ns(real_ns=time.monotonic_ns):
    return real_ns()


def live_in(world):
    """Let whoever reads a clock in this process read the world's."""
    real = time.clock_gettime_ns
    time.time_ns = world.wall_ns
    time.time = lambda: world.wall_ns() / 1e9
    time.clock_gettime_ns = lambda which: world.boot_ns() if which == time.CLOCK_BOOTTIME else real(which)


def lay(wires):
    """Let a connection to a port go where its wire begins."""
    there = dict(tuple(int(port) for port in line.split()) for line in wires.read_text().splitlines())
    connect = socket.socket.connect

    def through(self, address):
        if self.family == socket.AF_INET:
            address = (address[0], there.get(address[1], address[1]))
        return connect(self, address)

    socket.socket.connect = through


if __name__ == "__main__":
    clock, wires, *command = sys.argv[1:]
    live_in(Time(Path(clock)))
    lay(Path(wires))
    runpy.run_path(str(UNHURRIED))["run"](command)
