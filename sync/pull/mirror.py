"""A mirror of the lists as static files: what this machine has verified, laid out as the platform serves it.

Rules of this file:

- nothing is copied from the network: the files are written from the store of verified lists, so a mirror that was lied
  to serves what it had;
- whoever fetches from a mirror verifies everything itself, as from the platform: a mirror is trusted with nothing;
- a file that is there is right (its name bears version or hash) and is not written again; `timestamp.json` comes last;
- what neither this state nor the one before it needs is removed.
"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tuf.api.metadata import Metadata, Root, Snapshot, Targets  # type: ignore[attr-defined]

from cache.ids import uuid7
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from cache.lists.values import Stored
from credit.rules.catalogue import Benefit
from credit.rules.listing import RULES
from storage.files import replace_file
from storage.sqlite import Store

PUBLIC: Final = 0o644
TIMESTAMP: Final = "timestamp.json"


class Mirror:
    """Static files below `public` (`metadata/`, `targets/`), kept after `lists`."""

    def __init__(self, lists: ListStore, public: Path, trust_root: bytes) -> None:
        self.lists = lists
        self.public = public
        self._trust_root = trust_root
        self._before: frozenset[Path] = frozenset()
        self._changed = asyncio.Condition()
        self.version: int | None = None

    async def write(self) -> None:
        """Let the files be what is in force. Raises OSError, StoreFailedError."""
        stored = await self.lists.stored()
        if stored.timestamp is None or stored.snapshot is None or stored.targets is None:
            return
        version = await asyncio.to_thread(self._write, stored)
        async with self._changed:
            self.version = version
            self._changed.notify_all()

    async def reach(self, version: int, *, within_s: float) -> bool:
        """Wait until the mirror serves that publication, or a later one; return whether it does."""
        try:
            async with asyncio.timeout(within_s), self._changed:
                await self._changed.wait_for(lambda: self.version is not None and self.version >= version)
        except TimeoutError:
            return False
        return True

    def benefits(self) -> Iterator[Benefit]:
        """Return every benefit of every city that the verified lists state."""
        for content in self.lists.current.contents.values():
            if content.kind == RULES:
                yield from content.rules.benefits

    def _write(self, stored: Stored) -> int:
        metadata = self.public / "metadata"
        metadata.mkdir(parents=True, exist_ok=True)
        wanted, snapshot = _metadata(stored, self._trust_root)
        for name, data in wanted.items():
            _put(metadata / name, data)
        keep = {metadata / name for name in (*wanted, TIMESTAMP)}
        for state in stored.roles.values():
            for document in state.documents:
                folder, _, name = document.path.rpartition("/")
                path = self.public / "targets" / folder / f"{document.sha256}.{name}"
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    _put(path, self.lists.files.read(document.sha256))
                keep.add(path)
        replace_file(metadata / TIMESTAMP, stored.timestamp or b"", mode=PUBLIC)
        here = {path for path in self.public.rglob("*.json") if not path.name.endswith(".root.json")}
        for path in here - keep - self._before:
            path.unlink(missing_ok=True)
        self._before = frozenset(keep)
        return snapshot


def _metadata(stored: Stored, trust_root: bytes) -> tuple[dict[str, bytes], int]:
    """Return the metadata files of a stored state by their names, and the snapshot's version."""
    first = Metadata[Root].from_bytes(trust_root).signed.version
    snapshot = Metadata[Snapshot].from_bytes(stored.snapshot or b"").signed.version
    targets = Metadata[Targets].from_bytes(stored.targets or b"").signed.version
    found = {f"{version}.root.json": body for version, body in stored.roots.items()}
    found |= {f"{first}.root.json": trust_root, f"{snapshot}.snapshot.json": stored.snapshot or b""}
    found |= {f"{targets}.targets.json": stored.targets or b""}
    found |= {f"{state.version}.{role}.json": state.body for role, state in stored.roles.items()}
    return found, int(snapshot)


def _put(path: Path, data: bytes) -> None:
    if not path.exists():
        replace_file(path, data, mode=PUBLIC)


def open_lists(store: Store, folder: Path, *, home: str) -> ListStore:
    """Return the store of verified lists of a machine that has no lanes."""
    return ListStore(store, ListFiles(folder), ids=uuid7, home=home)
