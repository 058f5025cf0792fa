"""Which attempts to open are written down and were not sent: known after a fall of this program, not after a power cut.

An attempt is a fact before it is sent, and after a start nobody can tell from the journal whether it was. A page of
memory that outlives the process can: an attempt's name stands there from before its fact is durable until just before
it is sent. A name that still stands there was not sent.

Rules of this file:

- a name that is missing says nothing: a power cut or a reboot forgets the page, and of many names the oldest goes;
- where a name cannot be taken off, the whole page goes before anything is sent;
- there is no page before the first attempt: a terminal without a gate leaves nothing behind;
- the page lies in memory, never on a disk: one that hangs must not hold a lane up. It lies where systemd keeps a
  service's run-time files across its restarts, else where everybody's shared memory is.
"""

import contextlib
import logging
import os
import stat
import threading
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

MEMORY: Final = Path("/dev/shm")  # noqa: S108 - looked at before it is believed (`_opened`)
SLOTS: Final = 64
SLOT_BYTES: Final = 64

log = logging.getLogger("xinguan.unsent")


class Unsent:
    """The page of one terminal. Without a path it keeps nothing, and everything is unknown."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._names: dict[str, int] = {}
        self._lock = threading.Lock()
        self._page: int | None = None
        if path is not None and os.path.lexists(path):
            self._begin(path)

    @classmethod
    def of(cls, data: Path) -> Self:
        """Return the page of the terminal whose data lie there."""
        name = f"xinguan-{os.geteuid()}-{sha256(os.fsencode(data.resolve())).hexdigest()[:16]}"
        kept = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        folder = Path(kept) if kept else MEMORY
        return cls(folder / name if folder.is_dir() else None)

    def written(self, name: str) -> None:
        """Note an attempt whose fact is being written. Called in its transaction, on whatever thread."""
        with self._lock:
            if self._page is None and self._path is not None:
                self._begin(self._path)
            if self._page is None or name in self._names or len(name) > SLOT_BYTES:
                return
            if len(self._names) == SLOTS:
                slot = self._names.pop(next(iter(self._names)))
            else:
                slot = min(set(range(SLOTS)) - set(self._names.values()))
            self._names[name] = slot
            self._put(slot, name)

    def leaves(self, name: str) -> None:
        """Note that an attempt is about to be sent: from now on nobody knows, until its gate has answered."""
        with self._lock:
            slot = self._names.pop(name, None)
            if slot is not None:
                self._put(slot, "")

    def waits(self, name: str) -> bool:
        """Return whether an attempt was written down and surely not sent."""
        with self._lock:
            return name in self._names

    def close(self) -> None:
        """Forget the page where nothing waits on it."""
        with self._lock:
            if not self._names:
                self._drop()
            elif self._page is not None:
                os.close(self._page)
            self._page = self._path = None

    def _begin(self, path: Path) -> None:
        """Open the page and read what an earlier start left there; one that is not ours is not looked at again."""
        self._page = _opened(path)
        if self._page is None:
            self._path = None
            return
        said = os.pread(self._page, SLOTS * SLOT_BYTES, 0)
        for slot in range(SLOTS):
            name = said[slot * SLOT_BYTES : (slot + 1) * SLOT_BYTES].rstrip(b"\0").decode("ascii", "replace")
            if name:
                self._names[name] = slot

    def _put(self, slot: int, name: str) -> None:
        if self._page is None:
            return
        try:
            os.pwrite(self._page, name.encode().ljust(SLOT_BYTES, b"\0"), slot * SLOT_BYTES)
        except OSError as error:
            log.warning("unsent_not_kept", extra={"detail": str(error)})
            self._drop()

    def _drop(self) -> None:
        """Give the page up: nothing is known from here on."""
        self._names.clear()
        if self._page is not None and self._path is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._page, 0)
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
            os.close(self._page)
        self._page = self._path = None


def _opened(path: Path) -> int | None:
    """Return the page, if it is a file of ours alone."""
    try:
        page = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        log.warning("unsent_not_kept", extra={"detail": str(error)})
        return None
    found = os.fstat(page)
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077:
        return page
    os.close(page)
    log.warning("unsent_not_kept", extra={"detail": f"{path} is not ours"})
    return None
