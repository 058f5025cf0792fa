"""Where a camera's child comes from: a sandbox that systemd makes for each connection, or a process of our own.

    XINGUAN_CAMERAS=/run/xinguan-camera    set by the unit; sockets of xinguan-camera.socket and -net.socket
      v4l2                   local.sock    cameras, no network
      http, https, rtsp      net.sock      network, no device
      file, folder           a process of our own: recordings, for practice and tests
    not set                  a process of our own, for every kind

Rules of this file:

- where a sandbox is named it is used, or the camera is down: none falls back into the service's own user in silence;
- a child in a sandbox is ended by closing its connection; one that hangs is ended by its own alarm (`child.limits`),
  for nobody else here may kill it;
- ending a child reads its pipe to the end, also where that is cancelled: a pipe that was not outlives the loop.
"""

import asyncio
import contextlib
import os
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from scanner.spec import WEB, Spec

SANDBOXES = "XINGUAN_CAMERAS"
LOCAL, NET = "local.sock", "net.sock"
UNITS = {LOCAL: "xinguan-camera.socket", NET: "xinguan-camera-net.socket"}


class NoChildError(Exception):
    """No child can be had now; says why, and the mend where somebody has to do something."""


def sandbox_of(spec: Spec) -> Path | None:
    """Return the socket behind which the child of `spec` lives; None where that is a process of our own."""
    folder = os.environ.get(SANDBOXES)
    if not folder or spec.kind not in WEB | {"v4l2"}:
        return None
    return Path(folder, NET if spec.kind in WEB else LOCAL)


@asynccontextmanager
async def start(spec: Spec) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    """Start the child of a camera and give its pipe, what it says and what it is told; end it. Raises NoChildError."""
    socket = sandbox_of(spec)
    if socket is not None:
        async with _behind(socket) as pipe:
            yield pipe
        return
    command = (sys.executable, "-I", "-m", "scanner", "--source", "-")
    pipe_word = asyncio.subprocess.PIPE
    try:
        child = await asyncio.create_subprocess_exec(*command, stdin=pipe_word, stdout=pipe_word)
    except OSError as error:  # no process, no memory, no file descriptor left: all of it may pass
        raise NoChildError(f"the scanner process cannot start: {error}") from error
    assert child.stdin and child.stdout  # noqa: S101, PT018 - both were asked for
    try:
        yield child.stdout, child.stdin
    finally:
        await end(child)


@asynccontextmanager
async def _behind(socket: Path) -> AsyncIterator[tuple[StreamReader, StreamWriter]]:
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError as error:
        mend = f"sudo systemctl start {UNITS[socket.name]}"
        raise NoChildError(f"the camera's sandbox is not there ({error.strerror}): {mend}") from error
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):  # it was reset: gone all the same
            await writer.wait_closed()


async def end(child: asyncio.subprocess.Process) -> None:
    """End a process of our own and read what it wrote to its end, also where this task is cancelled meanwhile."""
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    ending = asyncio.ensure_future(child.communicate())
    try:
        await asyncio.shield(ending)
    except asyncio.CancelledError:
        await ending
        raise
