"""One device, one reader: an advisory lock on the device file, and the name of who holds it when it is taken.

Two terminals that open one camera or one handheld scanner each get half of it, or an error that names nobody. So every
reader of ours takes `flock` on the device file first; and whoever else has it open is found in /proc.
"""

import fcntl
import os
from pathlib import Path

MAX_NAME = 120
MAX_NAMED = 3  # processes in one line


class HeldError(OSError):
    """Another process has the device; the message names it."""


def claim(path: str) -> int:
    """Open the device file and lock it; return the descriptor, which holds the lock until it is closed.

    Raises HeldError when another reader of ours has it, OSError when it cannot be opened.
    """
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise HeldError(f"{path} is held by {describe(path)}") from None
    except OSError:
        os.close(fd)
        raise
    return fd


def holders(path: str) -> list[tuple[int, str]]:
    """Return (process id, command) of the other processes that have the file open, as far as this user may see."""
    try:
        device = Path(path).stat()
    except OSError:
        return []
    others = (p for p in Path("/proc").iterdir() if p.name.isdigit() and int(p.name) != os.getpid())
    return sorted((int(process.name), _command(process)) for process in others if _has_open(process, device))


def describe(path: str) -> str:
    """Return who has the device open, in words."""
    found = holders(path)
    names = [f"process {pid} ({_name(pid)})" for pid, _command in found[:MAX_NAMED]]
    if len(found) > MAX_NAMED:
        names.append(f"{len(found) - MAX_NAMED} more")
    return ", ".join(names) or "a process of another user"


def _has_open(process: Path, device: os.stat_result) -> bool:
    try:
        return any(_same(entry, device) for entry in (process / "fd").iterdir())
    except OSError:
        return False  # gone meanwhile, or of another user


def _same(entry: Path, device: os.stat_result) -> bool:
    try:
        other = entry.stat()
    except OSError:
        return False  # closed meanwhile
    return (other.st_dev, other.st_ino) == (device.st_dev, device.st_ino)


def _command(process: Path) -> str:
    return _said(process / "cmdline").replace("\0", " ").strip() or "unknown"


def _name(pid: int) -> str:
    """Return the program's name; its arguments are nobody's business, and may hold a password."""
    return _said(Path("/proc") / str(pid) / "comm").strip() or "unknown"


def _said(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", "replace")[:MAX_NAME]
    except OSError:
        return ""  # gone meanwhile
