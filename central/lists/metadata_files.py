"""The repository's files: reading one consistent state, signing and writing metadata, removing what nobody reads.

The rules of the repository stand in `central.lists.publishing`; this module knows names, lifetimes and signatures.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from securesystemslib.exceptions import StorageError
from tuf.api.metadata import (  # type: ignore[attr-defined]  # its own exports, without __all__
    Key,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError
from tuf.api.serialization.json import JSONSerializer

from cache.lists.index import Index, named_files, read_index
from cache.lists.refusals import ContentRefusedError
from central.lists.role_keys import ROOT_KEYS, ROOT_THRESHOLD, TOP_LEVEL, RoleKeys
from credit.rules.listing import INDEX, ISSUERS, LISTS, RULES, city_of, path_of
from storage.files import PUBLIC, replace_file

log = logging.getLogger(__name__)

LIFETIME: Final = {
    "root": timedelta(days=730),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=14),
    "timestamp": timedelta(days=2),
    ISSUERS: timedelta(days=365),
    LISTS: timedelta(days=14),
    RULES: timedelta(days=90),
}
TIMESTAMP: Final = "timestamp.json"
RENEW_AT: Final = 0.5  # of its lifetime a role has left when it is signed anew
RENEW_TIMESTAMP: Final = min(LIFETIME["timestamp"] / 3, timedelta(minutes=30))  # half of the strictest bound on age
KEEP_OLD: Final = timedelta(days=2)
LOOK_EVERY: Final = timedelta(hours=1)
UNNEEDED: Final = "unneeded.json"  # beside `public`: which of its files are needed no more, and since when
LOOKED: Final = ""


class PublishingError(Exception):
    """The repository cannot be read or written as asked; the text names file and mend."""


@dataclass(slots=True)
class State:
    """One consistent state of the repository, as read from its files."""

    root: Metadata[Root]
    timestamp: Metadata[Timestamp]
    snapshot: Metadata[Snapshot]
    roles: dict[str, Metadata[Targets]]


class MetadataFiles:
    """The files below `public`: `metadata/` and `targets/`, signed with `keys`."""

    def __init__(self, public: Path, keys: RoleKeys) -> None:
        self.metadata = public / "metadata"
        self.targets = public / "targets"
        self.keys = keys
        self.signers: dict[str, tuple[str, ...]] = {}  # who signs a role, while its key is being replaced

    def exist(self) -> bool:
        """Tell whether a state was ever published here."""
        return (self.metadata / TIMESTAMP).exists()

    def load(self) -> State:
        """Read the state in force, from the timestamp inwards; raise PublishingError."""
        try:
            timestamp = Metadata[Timestamp].from_file(str(self.metadata / TIMESTAMP))
            version = timestamp.signed.snapshot_meta.version
            snapshot = Metadata[Snapshot].from_file(str(self.metadata / f"{version}.snapshot.json"))
            roles = {
                name.removesuffix(".json"): self.read(name.removesuffix(".json"), meta.version)
                for name, meta in snapshot.signed.meta.items()
            }
            root = Metadata[Root].from_bytes(self.newest_root())
        except (StorageError, DeserializationError) as error:
            raise PublishingError(f"{self.metadata}: no readable repository ({error}); run `central init`") from error
        return State(root, timestamp, snapshot, roles)

    def read(self, role: str, version: int) -> Metadata[Targets]:
        """Read one version of a targets role."""
        return Metadata[Targets].from_file(str(self.metadata / f"{version}.{role}.json"))

    def newest_root(self) -> bytes:
        """Return the newest root as signed; raise PublishingError if there is none."""
        return self._root(max)

    def _root(self, which: Callable[[list[int]], int]) -> bytes:
        versions = [int(path.name.split(".")[0]) for path in self.metadata.glob("[0-9]*.root.json")]
        if not versions:
            raise PublishingError(f"{self.metadata}: no root; run `central init` first")
        return (self.metadata / f"{which(versions)}.root.json").read_bytes()

    def root(self, version: int, now_ms: int) -> bytes:
        """Return a root that names the keys in force, or their successors where a key is being replaced.

        Putting it into the folder is itself the publication of those keys.
        """
        root = Root(version=version, consistent_snapshot=True)
        root.roles["root"] = Role([], ROOT_THRESHOLD)
        for name, key in self._root_keys(version).items():
            new = self.signers.get(name)
            root.add_key(self.keys.public(new[-1]) if new else key, "root")
        for name in TOP_LEVEL:
            root.add_key(self.keys.public(self._signers_of(name)[-1]), name)
        here = [one for name in ROOT_KEYS for one in self._signers_of(name) if self.keys.has(one)]
        if len(here) < ROOT_THRESHOLD:
            brought = ", ".join(here) or "none"
            raise PublishingError(f"root: {ROOT_THRESHOLD} of its keys must sign, here are {brought}; bring more")
        return self._sign(root, tuple(here), now_ms, of="root")

    def _root_keys(self, version: int) -> dict[str, Key]:
        """Return the root's own keys by name: those of the newest root, in its order, whether or not they are here."""
        if version == 1:
            return {name: self.keys.public(name) for name in ROOT_KEYS}
        root = Metadata[Root].from_bytes(self.newest_root()).signed
        return {name: root.keys[one] for name, one in zip(ROOT_KEYS, root.roles["root"].keyids, strict=True)}

    def put(self, name: str, data: bytes) -> None:
        """Make a metadata file public, in one step."""
        replace_file(self.metadata / name, data, mode=PUBLIC)

    def document(self, state: State, path: str) -> bytes | None:
        """Return a document in force by its path, None where none is; raise PublishingError when its file is gone."""
        pair = path.split("/")
        role = state.roles.get(f"{pair[0]}.{pair[1]}")
        target = role.signed.targets.get(path) if role else None
        if target is None:
            return None
        folder, _, name = path.rpartition("/")
        try:
            return (self.targets / folder / f"{target.hashes['sha256']}.{name}").read_bytes()
        except OSError as error:
            raise PublishingError(f"{path}: the public file is gone ({error}); run `central restore`") from error

    def write_target(self, path: str, sha256: str, data: bytes) -> None:
        """Write a document under its content's name."""
        folder, _, name = path.rpartition("/")
        replace_file(self.targets / folder / f"{sha256}.{name}", data, mode=PUBLIC)

    def write_role(self, role: str, signed: Targets, *, now_ms: int) -> None:
        """Sign one version of a targets role."""
        pair = city_of(role)
        data = self._sign(signed, self._signers_of(role), now_ms, of=pair[0] if pair else role)
        replace_file(self.metadata / f"{signed.version}.{role}.json", data, mode=PUBLIC)

    def write_snapshot(self, snapshot: Snapshot, versions: Mapping[str, int], *, now_ms: int) -> None:
        """Sign a snapshot in which the roles of `versions` are at those versions, and all others as before."""
        for role, version in versions.items():
            data = (self.metadata / f"{version}.{role}.json").read_bytes()
            snapshot.meta[f"{role}.json"] = MetaFile.from_data(version, data, ["sha256"])
        data = self._sign(snapshot, self._signers_of("snapshot"), now_ms, of="snapshot")
        replace_file(self.metadata / f"{snapshot.version}.snapshot.json", data, mode=PUBLIC)

    def timestamp(self, version: int, snapshot: Snapshot, *, now_ms: int) -> bytes:
        """Return the timestamp that puts `snapshot` in force, signed and not yet public."""
        data = (self.metadata / f"{snapshot.version}.snapshot.json").read_bytes()
        timestamp = Timestamp(version=version, snapshot_meta=MetaFile.from_data(snapshot.version, data, ["sha256"]))
        return self._sign(timestamp, self._signers_of("timestamp"), now_ms, of="timestamp")

    def seen(self, state: State) -> dict[str, bytes]:
        """Return the top-level files of a state as terminals have them: the newest that they may remember."""
        names = {
            "timestamp": TIMESTAMP,
            "snapshot": f"{state.snapshot.signed.version}.snapshot.json",
            "targets": f"{state.roles['targets'].signed.version}.targets.json",
        }
        return {role: (self.metadata / name).read_bytes() for role, name in names.items()}

    def first_root(self) -> bytes:
        """Return the root that the oldest terminals were enrolled with; raise PublishingError if there is none."""
        return self._root(min)

    def _signers_of(self, role: str) -> tuple[str, ...]:
        return self.signers.get(role, (role,))

    def prune(self, state: State, *, now_ms: int) -> None:
        """Remove what no state of the last two days needs: a terminal may be in mid-refresh. Roots stay for ever.

        When a file was first found to be needed no more stands beside the folder; that is looked at once an hour.
        """
        book = self.metadata.parent.parent / UNNEEDED
        found: dict[str, int] = json.loads(book.read_bytes()) if book.exists() else {}
        if now_ms - found.get(LOOKED, 0) < LOOK_EVERY / timedelta(milliseconds=1):
            return
        try:
            wanted, since = self._needed(state), {LOOKED: now_ms}
        except PublishingError:
            log.exception("what is needed cannot be told; nothing is removed")
            return
        for path in (*self.metadata.glob("*.json"), *self.targets.glob("*/*/[0-9a-f]*.*")):
            name = str(path.relative_to(self.metadata.parent))
            if path.name in wanted or path.name.endswith(".root.json"):
                continue
            if now_ms - found.get(name, now_ms) >= KEEP_OLD / timedelta(milliseconds=1):
                path.unlink()
            else:
                since[name] = found.get(name, now_ms)
        replace_file(book, json.dumps(since).encode())

    def _needed(self, state: State) -> set[str]:
        wanted = {f"{meta.version}.{name}" for name, meta in state.snapshot.signed.meta.items()}
        wanted |= {TIMESTAMP, f"{state.snapshot.signed.version}.snapshot.json"}
        for role in state.roles.values():
            for path, target in role.signed.targets.items():
                _kind, city, name = path.split("/")
                wanted.add(f"{target.hashes['sha256']}.{name}")
                if name == INDEX:
                    wanted |= {".".join(pair) for pair in named_files(self.index(state, city))}
        return wanted

    def index(self, state: State, city: str) -> Index:
        """Return a city's index in force; raise PublishingError."""
        try:
            return read_index(city, self.document(state, path_of(LISTS, city, INDEX)) or b"")
        except ContentRefusedError as error:
            raise PublishingError(f"the public index of {city} cannot be read: {error}") from error

    def _sign(self, signed: Signed, keys: tuple[str, ...], now_ms: int, *, of: str) -> bytes:
        signed.expires = _moment(now_ms) + LIFETIME[of]
        signed.unrecognized_fields["issued_ms"] = now_ms
        metadata: Metadata[Any] = Metadata(signed)
        for name in keys:
            metadata.sign(self.keys.signer(name), append=True)
        return metadata.to_bytes(JSONSerializer(compact=True))


def is_old(signed: Signed, role: str, now_ms: int) -> bool:
    """Tell whether a role has used so much of its life that it is due to be signed anew."""
    pair = city_of(role)
    return signed.expires - _moment(now_ms) < LIFETIME[pair[0] if pair else role] * RENEW_AT


def is_due(timestamp: Signed, now_ms: int) -> bool:
    """Tell whether a timestamp must be signed anew though it names the newest snapshot: it makes the lists look old.

    A benefit may ask for lists of at most an hour (`offline.max_list_age_h`), and age counts from the last signature.
    """
    return now_ms - int(timestamp.unrecognized_fields["issued_ms"]) >= RENEW_TIMESTAMP / timedelta(milliseconds=1)


def _moment(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms // 1000, tz=UTC)
