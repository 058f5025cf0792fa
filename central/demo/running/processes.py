"""Child processes of the demo: started on a leash, their output kept in a file, ended gently or by kill -9.

Rules of this file:

- each child is a group leader's equal: Ctrl-C reaches only the demo, which then ends its children in order;
- a child that ends by itself is an error that names it and shows the end of its log.
"""

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, Self

STOP_S = 5.0
TAIL_LINES = 15
POLL_S = 0.03
PORTS = range(20_000, 32_000)  # below what Linux gives to outgoing connections (ip_local_port_range)
TRIES = 200
_CLAIMS: Final[list[socket.socket]] = []


class ChildError(Exception):
    """A child process did not do what it was started for. The text names it and shows the end of its log."""


def free_ports(count: int) -> list[int]:
    """Return ports that are free now and stay this process's own until it ends: whoever else asks here gets others.

    The kernel gives none of PORTS to outgoing connections, and an abstract socket says which of them are taken: it is
    seen by every process that shares our ports, and goes with us, however we end.
    """
    found: list[int] = []
    for port in secrets.SystemRandom().sample(PORTS, TRIES):
        if len(found) == count:
            return found
        claim = socket.socket(socket.AF_UNIX)
        with socket.socket() as one, contextlib.suppress(OSError):  # in use, or somebody's: the next one then
            one.bind(("127.0.0.1", port))
            claim.bind(f"\0xinguan-port-{port}")
            _CLAIMS.append(claim)
            found.append(port)
            continue
        claim.close()
    raise ChildError(f"of {TRIES} ports in {PORTS} on 127.0.0.1 not even {count} are free")


def python(*arguments: str) -> list[str]:
    """Return the command line of one of our own modules, isolated from the user's Python settings."""
    return [sys.executable, "-I", "-m", *arguments]


class Child:
    """One process. `log` gets what it prints."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        self._command = command
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> Self:
        """Start it (again)."""
        leashed = [*python("central.demo.running.leash", str(os.getpid())), *self._command]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *leashed, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        return self

    @property
    def alive(self) -> bool:
        """Return whether it runs."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Return its process id, None before the first start."""
        return None if self._process is None else self._process.pid

    async def pull_the_plug(self) -> None:
        """End it as a power cut does: SIGKILL, nothing said before."""
        if self._process is not None and self.alive:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """End it in good order; by force if that takes too long."""
        if self._process is None or not self.alive:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            await self.pull_the_plug()

    async def until(self, ready: Callable[[], Awaitable[bool]], *, within_s: float) -> None:
        """Wait until `ready` says so; raise ChildError when the process ends or the time is over."""
        try:
            async with asyncio.timeout(within_s):
                while not await ready():
                    if not self.alive:
                        raise self.failure("ended")
                    await asyncio.sleep(POLL_S)
        except TimeoutError as error:
            raise self.failure(f"was not ready within {within_s:g} s") from error

    def failure(self, what: str) -> ChildError:
        """Return the error that says what happened, with the end of the log."""
        tail = self._log.read_text("utf-8", "replace").splitlines()[-TAIL_LINES:]
        return ChildError("\n".join([f"{self.name} {what}; the end of {self._log}:", *tail]))


async def run_once(name: str, command: list[str], log: Path, *, given: str = "") -> str:
    """Run a command to its end with `given` on standard input; return what it printed, or raise ChildError."""
    process = await asyncio.create_subprocess_exec(
        *python("central.demo.running.leash", str(os.getpid())),
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(given.encode())
    with log.open("ab") as file:
        file.write(out + err)
    if process.returncode != 0:
        raise ChildError(f"{name} failed ({process.returncode}): {err.decode('utf-8', 'replace').strip()[-800:]}")
    return out.decode()
