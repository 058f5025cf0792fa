"""Documents on disk, named by their content (lists.md, "Use it as verifier, own the rest").

Rules of this file:

- a file under `targets/` bears the SHA-256 of its bytes and is never changed: it is there whole, or not at all;
- a download grows in `incoming/`, where a power cut may leave part of it, and goes on from there next time;
- `accept` checks length and SHA-256, syncs the file, renames it, syncs the folder, in that order;
- a long document is not begun where it would leave less than RESERVE of the disk: the ledger needs that room, and a
  partner city may sign a file of any size. Nor is one asked for again at once that came wrong: a mirror that sends
  rubbish would wear the flash out in months, so each time the wait doubles, up to MOST_WAIT_S;
- a file that does not hash to its name (worn flash) is removed when it is found; the next refresh fetches it.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from storage.files import durable_folder, sync_folder

BLOCK: Final = 1 << 20
LONG: Final = 1 << 20  # octets from which a document counts as long
RESERVE: Final = 100 << 20  # five times what the last facts are kept for (edge.watch.disk)
FIRST_WAIT_S: Final = 120.0
MOST_WAIT_S: Final = 3600.0


class DocumentRefusedError(Exception):
    """Bytes that are not what the signed metadata names; nothing was kept."""


class ListFiles:
    """The documents below `folder`. `reached` is told the points at which tests pull the plug."""

    def __init__(
        self,
        folder: Path,
        *,
        reached: Callable[[str], None] = lambda _point: None,
        running_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder = folder
        self._running_s = running_s
        self._wrong: dict[str, tuple[int, float]] = {}  # how often what stands there came wrong, and when to ask again
        self._incoming = folder / "incoming"
        self._targets = folder / "targets"
        self._reached = reached
        with contextlib.suppress(OSError):  # a disk that takes nothing: what is here is still read
            for place in (self._incoming, self._targets):
                durable_folder(place)

    def incoming(self, sha256: str) -> Path:
        """Return where a download of that content grows."""
        return self._incoming / sha256

    def has(self, sha256: str) -> bool:
        """Tell whether the content is here; it was checked when it came, and is checked again at every start."""
        return (self._targets / sha256).exists()

    def may_begin(self, url: str, sha256: str, size: int) -> None:
        """Raise DocumentRefusedError where a long document must not be fetched from there now."""
        if size < LONG:
            return
        times, until_s = self._wrong.get(url, (0, 0.0))
        if (wait_s := until_s - self._running_s()) > 0:
            raise DocumentRefusedError(f"{url}: came wrong {times} times; asked for again in {wait_s:.0f} s")
        path = self.incoming(sha256)
        have = path.stat().st_size if path.exists() else 0
        if shutil.disk_usage(self.folder).free - (size - have) < RESERVE:
            raise DocumentRefusedError(
                f"{url}: its {size >> 20} MiB would leave less than {RESERVE >> 20} MiB of this disk for anything else"
            )

    def came_wrong(self, url: str) -> None:
        """Note that what stands there is not what was signed; the wait before it is asked for again doubles."""
        times = self._wrong.get(url, (0, 0.0))[0]
        wait_s = min(MOST_WAIT_S, FIRST_WAIT_S * 2.0**times)
        self._wrong[url] = (times + 1, self._running_s() + wait_s)

    def accept(self, sha256: str, size: int) -> None:
        """Move a finished download to its place; raise DocumentRefusedError, and drop it, if it is not that."""
        path = self.incoming(sha256)
        with path.open("rb") as file:
            found = os.fstat(file.fileno()).st_size
            digest = _digest(path) if found == size else ""
            if digest != sha256:
                path.unlink()
                raise DocumentRefusedError(f"{sha256}: {found} bytes of {size}, or another content than was signed")
            os.fsync(file.fileno())
        self._reached("before-rename")
        path.replace(self._targets / sha256)
        self._reached("after-rename")
        sync_folder(self._targets)

    def read(self, sha256: str) -> bytes:
        """Return the content; raise DocumentRefusedError, and remove the file, if it is missing or damaged."""
        path = self._targets / sha256
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise DocumentRefusedError(f"{sha256}: not on this terminal") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            path.unlink()
            raise DocumentRefusedError(f"{sha256}: damaged on disk; removed, and fetched again with the next refresh")
        return data

    def place(self, sha256: str) -> Path:
        """Return where the content lies, for who reads it in pieces and checks each."""
        return self._targets / sha256

    def drop(self, sha256: str) -> None:
        """Remove a damaged file; the next refresh fetches it."""
        (self._targets / sha256).unlink(missing_ok=True)

    def is_whole(self, sha256: str) -> bool:
        """Tell whether the content is here and hashes to its name; changes nothing."""
        path = self._targets / sha256
        return path.exists() and _digest(path) == sha256

    def keep_only(self, wanted: Iterable[str]) -> None:
        """Remove every document whose content nobody names any more."""
        _clear(self._targets, frozenset(wanted))

    def give_up_downloads(self) -> None:
        """Remove what was begun and is not wanted any more: after a refresh that got everything."""
        _clear(self._incoming, frozenset())


def _clear(folder: Path, wanted: frozenset[str]) -> None:
    for path in folder.iterdir():
        if path.name not in wanted:
            path.unlink(missing_ok=True)


def _digest(path: Path) -> str:
    state = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            state.update(block)
    return state.hexdigest()
