"""From rows of the register to a city's list files: base, deltas, index (docs/lists.md; `cache.lists.index`).

Rules of this file:

- what is published is read back from the public folder; the register is the truth, the files follow it;
- with the subjects that were `touched`, their buckets alone are looked at; without, every row is compared;
- a step is one small file; everything since the base is another, written anew each time, so that a terminal that
  slept needs two files and no chain;
- the base is written anew (re-based) when what came since is an eighth of it (and more than 64 KiB, or 4 MiB at any
  size) or half of what one delta may hold, or when the list outgrew its fan-out. `before` then leads from the old base
  to the new one; more changes at once than a delta may hold are a new base and nothing else;
- files are named by their SHA-256, synced, and nobody reads them until an index names them;
- nothing is handed out to be signed that a terminal's own parser did not open.
"""

import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Final, Protocol

import msgspec

from cache.lists.index import (
    BASE,
    DELTA,
    MAX_AUTHORITIES,
    MEASURES,
    MEMBERS,
    REVOKED,
    BaseFile,
    DeltaFile,
    Index,
    KeyList,
    RevokedFile,
    read_index,
)
from cache.lists.keyfile import layout as forms
from cache.lists.keyfile.base import Base
from cache.lists.keyfile.building import Row, ordered_buckets, write_buckets
from cache.lists.keyfile.delta import MAX_CHANGES, Delta, Place
from cache.lists.keyfile.layout import SUFFIX_BYTES, KeyFileError, Layout, bits_for
from cache.lists.keyfile.view import View
from cache.lists.payloads import PAYLOAD_BYTES
from cache.lists.refusals import ContentRefusedError
from cache.lists.status import read_revocations
from central.lists.metadata_files import PublishingError
from storage.files import PUBLIC, durable_folder, replace_file, sync_folder

RECENT: Final = 4  # single steps that the index names
REBASE_SHARE: Final = 8
REBASE_LEAST: Final = 64 << 10
REBASE_MOST: Final = 4 << 20
MAX_AUTHORITY_LETTERS: Final = 200
KINDS: Final = {MEASURES: forms.MEASURES, MEMBERS: forms.MEMBERS}

log = logging.getLogger(__name__)


class Source(Protocol):
    """Where the rows of one list come from."""

    def count(self) -> int:
        """Return about how many rows there are."""
        ...

    def rows(self) -> Iterator[Row]:
        """Yield every (subject, payload), ascending, none twice."""
        ...

    def of(self, subject: bytes) -> bytes:
        """Return the payloads of one subject, ascending, joined."""
        ...


@dataclass(slots=True)
class Authorities:
    """The authorities by number: a number once given stays, for entry ids are made of it."""

    names: list[str] = field(default_factory=list)

    def number(self, name: str) -> int:
        """Return the number of an authority, the next one for a new name; raise PublishingError."""
        if name in self.names:
            return self.names.index(name)
        if len(self.names) >= MAX_AUTHORITIES or len(name) > MAX_AUTHORITY_LETTERS:
            raise PublishingError(
                f"authority {name[:40]!r}: at most {MAX_AUTHORITIES} in a city, of {MAX_AUTHORITY_LETTERS} letters each"
            )
        self.names.append(name)
        return len(self.names) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a city's lists shall say: rows by list (no members: None), authorities, and the revoked tokens."""

    authorities: Authorities
    measures: Source
    members: Source | None
    revocations: bytes
    indexes: int


class ListFolder:
    """The list files of one city below `folder` (`public/targets/lists/<city>`), public by their SHA-256."""

    def __init__(self, folder: Path, city: str) -> None:
        self.folder = folder
        self.city = city

    def index(self, wanted: Wanted, *, held: Index | None, touched: Sequence[bytes] | None = None) -> bytes:
        """Write what is new and return the index that names it; raise PublishingError."""
        durable_folder(self.folder)
        try:
            measures = self._brought(MEASURES, wanted.measures, held.measures if held else None, touched)
            before = held.members if held else None
            members = None if wanted.members is None else self._brought(MEMBERS, wanted.members, before, touched)
            data = wanted.revocations
            read_revocations(self.city, REVOKED, data, indexes=wanted.indexes)
            revoked = RevokedFile(sha256=self._put(REVOKED, data), size=len(data), indexes=wanted.indexes)
            index = Index(
                issuer=self.city,
                complete=True,
                authorities=tuple(wanted.authorities.names),
                measures=measures,
                members=members,
                revocations=revoked,
            )
            written = msgspec.json.encode(index)
            read_index(self.city, written)
        except (KeyFileError, ContentRefusedError) as error:
            raise PublishingError(f"lists/{self.city}: {error}") from error
        return written

    def _brought(self, name: str, source: Source, held: KeyList | None, touched: Sequence[bytes] | None) -> KeyList:
        """Return the list as the register has it now."""
        view = self._view(name, held) if held else None
        if held is None or view is None or (touched is None and bits_for(source.count()) > view.layout.bits):
            return self._afresh(name, source)  # by the layout of a short list two of very many would be one
        changes = _all_changes(view, source) if touched is None else _changes_of(view, source, touched)
        if not changes:
            return held
        if len(changes) > MAX_CHANGES:
            return self._afresh(name, source)
        step = view.step(changes)
        after = view.applied(Delta.read(step.written()))
        if bits_for(after.count) > after.layout.bits:
            return self._afresh(name, source)
        since = after.since_base()
        file = self._delta(name, since)
        recent = (*held.recent, self._delta(name, step))[-RECENT:]
        root = after.root.hex()
        many = len(since.changes)
        most_bytes = min(REBASE_MOST, max(REBASE_LEAST, held.base.size // REBASE_SHARE))
        if file.size > most_bytes or many > MAX_CHANGES // 2:
            base = self._base(name, after.buckets(), after.layout)
            before = file if many <= MAX_CHANGES else None
            return KeyList(root=root, count=after.count, base=base, recent=recent, before=before)
        return KeyList(root=root, count=after.count, base=held.base, since=file, recent=recent, before=held.before)

    def _afresh(self, name: str, source: Source) -> KeyList:
        kind = KINDS[name]
        layout = Layout(kind=kind, payload=PAYLOAD_BYTES[kind], bits=bits_for(source.count()))
        base = self._base(name, ordered_buckets(source.rows(), layout), layout)
        found = Base.open(self.folder / f"{base.sha256}.{name}.{BASE}", root=bytes.fromhex(base.root))
        return KeyList(root=base.root, count=found.count, base=base)

    def _view(self, name: str, held: KeyList) -> View | None:
        """Return the list as it is published, None when its files are not what they were: then it is made anew."""
        try:
            path, root = self._path(held.base.sha256, f"{name}.{BASE}"), bytes.fromhex(held.base.root)
            base = Base.open(path, root=root, fresh=False)  # in order since it was written here
            view = View.over(base)
            if held.since:
                view = view.applied(Delta.read(self._path(held.since.sha256, f"{name}.{DELTA}").read_bytes()))
        except (KeyFileError, OSError):
            log.exception("the published list cannot be read; its base is made anew", extra={"city": self.city})
            return None
        return view if view.root.hex() == held.root else None

    def _base(self, name: str, buckets: Iterator[bytes], layout: Layout) -> BaseFile:
        growing = self.folder / f".{name}.{BASE}"
        root = write_buckets(buckets, layout=layout, out=growing)
        sha256 = _digest(growing)
        size = growing.stat().st_size
        growing.chmod(PUBLIC)
        growing.replace(self._path(sha256, f"{name}.{BASE}"))
        sync_folder(self.folder)
        return BaseFile(sha256=sha256, size=size, root=root.hex())

    def _delta(self, name: str, delta: Delta) -> DeltaFile:
        data = delta.written()
        return DeltaFile(sha256=self._put(f"{name}.{DELTA}", data), size=len(data), start=delta.before.hex())

    def _put(self, name: str, data: bytes) -> str:
        sha256 = hashlib.sha256(data).hexdigest()
        path = self._path(sha256, name)
        if not path.exists():
            replace_file(path, data, mode=PUBLIC)
        return sha256

    def _path(self, sha256: str, name: str) -> Path:
        return self.folder / f"{sha256}.{name}"


def _changes_of(view: View, source: Source, touched: Sequence[bytes]) -> dict[Place, bytes]:
    wanted = {subject: source.of(subject) for subject in touched}
    return {view.layout.place(key): rows for key, rows in wanted.items() if rows != view.look_up(key)}


def _all_changes(view: View, source: Source) -> dict[Place, bytes]:
    changes: dict[Place, bytes] = {}
    layout = view.layout
    wanted = ordered_buckets(source.rows(), layout)
    for bucket, (want, have) in enumerate(zip(wanted, view.buckets(), strict=True)):
        if want != have:
            new, old = _by_suffix(want, layout), _by_suffix(have, layout)
            for suffix in new.keys() | old.keys():
                if new.get(suffix) != old.get(suffix):
                    changes[bucket, suffix] = new.get(suffix, b"")
    return changes


def _by_suffix(rows: bytes, layout: Layout) -> dict[bytes, bytes]:
    every = [rows[at : at + layout.row_bytes] for at in range(0, len(rows), layout.row_bytes)]
    return {
        suffix: b"".join(row[SUFFIX_BYTES:] for row in group)
        for suffix, group in groupby(every, key=lambda row: row[:SUFFIX_BYTES])
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
