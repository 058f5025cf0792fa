"""A mirror of the lists as static files: what this machine has verified, laid out as the platform serves it.

Rules of this file:

- signed metadata is written from the store of verified lists, so a mirror that was lied to serves what it had;
- a city's index names files that this machine did not need for itself (it went by single steps; whoever comes new needs
  the base and all since): they are fetched beside, believed by their SHA-256, before `timestamp.json` is written. While
  they cannot be had the news goes out without them, and they are tried again with the next look;
- whoever fetches from a mirror verifies everything itself, as from the platform: a mirror is trusted with nothing;
- a file that is there is right (its name bears version or hash) and is not written again; `timestamp.json` comes last;
- what neither this state nor the one before it needs is removed.
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import aiohttp
from tuf.api.exceptions import DownloadError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets  # type: ignore[attr-defined]

from cache.ids import uuid7
from cache.lists.content import is_keyed
from cache.lists.files import DocumentRefusedError, ListFiles
from cache.lists.index import every_file, read_index
from cache.lists.store import ListStore
from cache.lists.values import Document, RoleState, Stored
from credit.rules.catalogue import Benefit
from credit.rules.listing import RULES, city_of
from storage.files import durable_folder, replace_file
from storage.sqlite import Store
from sync.pull.fetcher import ListFetcher

PUBLIC: Final = 0o644
TIMESTAMP: Final = "timestamp.json"
DEADLINE_S: Final = 30.0

Bring: TypeAlias = Callable[[Document, Path], None]  # lets a file grow to a document's bytes; raises DownloadError

log = logging.getLogger(__name__)


class Mirror:
    """Static files below `public` (`metadata/`, `targets/`), kept after `lists`."""

    def __init__(self, lists: ListStore, public: Path, trust_root: bytes) -> None:
        self.lists = lists
        self.public = public
        self._trust_root = trust_root
        self._before: frozenset[Path] = frozenset()
        self.bringing: Callable[[], Bring] = lambda: _nobody_brings
        self._changed = asyncio.Condition()
        self.version: int | None = None

    async def write(self) -> None:
        """Let the files be what is in force. Raises OSError, StoreFailedError."""
        stored = await self.lists.stored()
        if stored.timestamp is None or stored.snapshot is None or stored.targets is None:
            return
        version = await asyncio.to_thread(self._write, stored, self.bringing())
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

    def _write(self, stored: Stored, bring: Bring) -> int:
        metadata = self.public / "metadata"
        durable_folder(metadata)
        wanted, snapshot = _metadata(stored, self._trust_root)
        for name, data in wanted.items():
            _put(metadata / name, data)
        keep = {metadata / name for name in (*wanted, TIMESTAMP)}
        for state in stored.roles.values():
            for document in self._all_of(state):
                path = self._place(document)
                keep |= {path, _growing(path)}
                self._have(document, path, bring)
        replace_file(metadata / TIMESTAMP, stored.timestamp or b"", mode=PUBLIC)
        here = {path for path in self.public.rglob("*") if path.is_file() and not path.name.endswith(".root.json")}
        for path in here - keep - self._before:
            path.unlink(missing_ok=True)
        self._before = frozenset(keep)
        return snapshot

    def _all_of(self, state: RoleState) -> tuple[Document, ...]:
        """Return the documents of a role, with all that its index names."""
        if not is_keyed(state):
            return state.documents
        _kind, city = city_of(state.role) or ("", "")
        index = read_index(city, self.lists.files.read(state.documents[0].sha256))
        return tuple(dict.fromkeys((*state.documents, *every_file(index))))

    def _place(self, document: Document) -> Path:
        folder, _, name = document.path.rpartition("/")
        return self.public / "targets" / folder / f"{document.sha256}.{name}"

    def _have(self, document: Document, path: Path, bring: Bring) -> None:
        if path.exists():
            return
        if self.lists.files.has(document.sha256):
            _put(path, self.lists.files.read(document.sha256))
            return
        growing = _growing(path)
        try:
            durable_folder(path.parent)
            self.lists.files.may_begin(document.path, document.sha256, document.size)
            bring(document, growing)
            data = growing.read_bytes()
        except (DownloadError, DocumentRefusedError) as error:
            log.warning("a file for others is not here", extra={"file": document.path, "problem": str(error)})
            return
        growing.unlink()
        if hashlib.sha256(data).hexdigest() != document.sha256:
            self.lists.files.came_wrong(document.path)
            return
        _put(path, data)


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


def bringing(session: aiohttp.ClientSession, base_url: str) -> Callable[[], Bring]:
    """Return what begins to bring documents from the lists below `base_url`; it is called on the event loop."""

    def begin() -> Bring:
        fetcher = ListFetcher(session, deadline_s=DEADLINE_S)

        def bring(document: Document, path: Path) -> None:
            folder, _, name = document.path.rpartition("/")
            url = f"{base_url}targets/{folder}/{document.sha256}.{name}"
            fetcher.download_document(url, path, document.size)

        return bring

    return begin


def _nobody_brings(document: Document, _path: Path) -> None:
    raise DownloadError(f"{document.path}: nobody brings it")


def _growing(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _put(path: Path, data: bytes) -> None:
    if not path.exists():
        replace_file(path, data, mode=PUBLIC)


def open_lists(store: Store, folder: Path, *, home: str) -> ListStore:
    """Return the store of verified lists of a machine that has no lanes."""
    return ListStore(store, ListFiles(folder), ids=uuid7, home=home)
