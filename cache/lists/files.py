"""Documents on disk, named by their content (lists.md, "Use it as verifier, own the rest").

Rules of this file:

- a file under `targets/` bears the SHA-256 of its bytes and is never changed: it is there whole, or not at all;
- a download grows in `incoming/`, where a power cut may leave part of it, and goes on from there next time;
- `accept` checks length and SHA-256, syncs the file, renames it, syncs the folder, in that order;
- a file that does not hash to its name (worn flash) is removed when it is found; the next refresh fetches it.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from storage.files import durable_folder, sync_folder

BLOCK: Final = 1 << 20


class DocumentRefusedError(Exception):
    """Bytes that are not what the signed metadata names; nothing was kept."""


class ListFiles:
    """The documents below `folder`. `reached` is told the points at which tests pull the plug."""

    def __init__(self, folder: Path, *, reached: Callable[[str], None] = lambda _point: None) -> None:
        self.folder = folder
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
