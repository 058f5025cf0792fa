"""Verify the list repository with The Update Framework's client: bytes in, trusted states out (lists.md).

Rules of this file:

1. everything starts from the root that came with the enrolment; a cached root is never the anchor;
2. the reference time is ours (clock and list floor, whichever is later), never the raw clock;
3. no version may fall below the highest seen under the same keys, even when the cache was lost; a role with new keys
   starts again, so that a thief who counted up to the limit cannot lock us out;
4. a city's role is trusted for `<kind>/<city>/*` and nothing else, and the delegation must say exactly that;
5. every document of a role must be named in it, and must be there whole, before the role counts as verified; the files
   that a city's `index.json` names are fetched by the shortest way from what is here (`cache.lists.index`), and what
   they lead to is judged when they are opened.

The client keeps files in a scratch folder that is filled from our store before and thrown away after; what counts is
what our store commits. All of this blocks, so it runs in the list thread; a `Session` serves one refresh.
"""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from tuf.api.exceptions import DownloadLengthMismatchError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp  # type: ignore[attr-defined]
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface, Updater  # type: ignore[attr-defined]

from cache.lists.content import is_keyed
from cache.lists.files import DocumentRefusedError, ListFiles
from cache.lists.index import Index, files_of, read_index
from cache.lists.refusals import ContentRefusedError
from cache.lists.values import Chain, Document, RoleState, Stored
from credit.rules.listing import DOCUMENTS, OLD_DOCUMENTS, OPTIONAL, city_of, path_of, pattern_of
from sync.pull.fetcher import DocumentFetcher

TOP_LEVEL: Final = ("timestamp", "snapshot", "targets")
ROOT_FLOOR: Final = ("root", "")
NO_METADATA: Final = "what came is no signed metadata: a portal or a proxy may answer in the platform's place"
MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024
SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


class ListRefusedError(Exception):
    """Lists that do not verify. The text names the role or document and what is wrong with it."""


class Session:
    """One refresh against `base_url`, with what is `stored` as its memory. Blocking."""

    def __init__(
        self,
        stored: Stored,
        *,
        trust_root: bytes,
        base_url: str,
        fetcher: FetcherInterface,
        files: ListFiles,
        reference_ms: int,
        scratch: Path,
    ) -> None:
        self.afresh: frozenset[str] = frozenset()  # roles whose deltas led astray: only their base counts
        self._stored = stored
        self._trust_root = trust_root
        self._base_url = base_url
        self._fetcher = fetcher
        self._files = files
        self._scratch = scratch
        self._reference = datetime.fromtimestamp(reference_ms / 1000, tz=UTC)
        self._delegating: Targets | None = None

    def top(self) -> Chain:
        """Verify root, timestamp, snapshot and targets; raise ListRefusedError or DownloadError."""
        self.refresh()
        try:
            return self._chain()
        except (RepositoryError, DeserializationError) as error:
            raise ListRefusedError(_told(error)) from error

    def refresh(self) -> None:
        """Verify the top level as The Update Framework has it, before anything of ours is asked; raises as `top`."""
        try:
            self._seed()
            self._updater = Updater(
                str(self._scratch), f"{self._base_url}metadata/", fetcher=self._fetcher, bootstrap=self._trust_root
            )
            self._updater._trusted_set.reference_time = self._reference  # noqa: SLF001 - there is no other way to give it our time
            self._updater.refresh()
        except (RepositoryError, DeserializationError) as error:
            raise ListRefusedError(_told(error)) from error

    def role(self, role: str) -> RoleState:
        """Verify one city role and have its documents here; raise ListRefusedError or DownloadError."""
        pair = city_of(role)
        if pair is None:
            raise ListRefusedError(f"{role}: not a role of ours")
        self._check_delegation(role)
        self.find(path_of(*pair, DOCUMENTS[pair[0]][0]), of=role)
        try:
            state = read_role(role, self._read(role))
        except (RepositoryError, DeserializationError, FileNotFoundError) as error:
            raise ListRefusedError(f"{role}: {_told(error)}") from error
        self._check_floor(role, self._role_keys(role), state.version)
        for document in state.documents:
            self._have(document)
        return self._with_files(state, pair[1]) if is_keyed(state) else state

    def find(self, path: str, *, of: str = "") -> TargetFile | None:
        """Return what signed metadata (`of` a role) says of `path`, verified down to it.

        Raises ListRefusedError or DownloadError.
        """
        try:
            return self._updater.get_targetinfo(path)
        except (RepositoryError, DeserializationError) as error:
            raise ListRefusedError(f"{of or path}: {_told(error)}") from error

    def _with_files(self, state: RoleState, city: str) -> RoleState:
        """Return the role with the files that its index names, all of them here."""
        (named,) = state.documents
        try:
            index = read_index(city, self._files.read(named.sha256))
        except (ContentRefusedError, DocumentRefusedError) as error:
            raise ListRefusedError(str(error)) from error
        found = files_of(
            index, held=self._held(state.role, city), has=self._files.has, afresh=state.role in self.afresh
        )
        for document in found:
            self._have(document)
        return replace(state, documents=(named, *found))

    def _held(self, role: str, city: str) -> tuple[Index, tuple[Document, ...]] | None:
        """Return the index in force with its documents, None where it cannot be read any more."""
        held = self._stored.roles.get(role)
        if held is None or not is_keyed(held):
            return None
        try:
            return read_index(city, self._files.read(held.documents[0].sha256)), held.documents
        except (ContentRefusedError, DocumentRefusedError):
            return None

    def kept(self, state: RoleState) -> None:
        """Verify a role that stays in force at an older version than the newest; raise ListRefusedError."""
        self._check_delegation(state.role)
        if self._delegating is None:
            raise ListRefusedError("targets were not verified")
        try:
            metadata = Metadata[Targets].from_bytes(state.body)
            self._delegating.verify_delegate(state.role, metadata.signed_bytes, metadata.signatures)
        except (RepositoryError, DeserializationError) as error:
            raise ListRefusedError(f"{state.role}: {error}") from error

    def _seed(self) -> None:
        history = self._scratch / "root_history"
        history.mkdir(parents=True)
        for version, body in self._stored.roots.items():
            (history / f"{version}.root.json").write_bytes(body)
        for name in TOP_LEVEL:
            body_or_none: bytes | None = getattr(self._stored, name)
            if body_or_none is not None:
                (self._scratch / f"{name}.json").write_bytes(body_or_none)
        for role, state in self._stored.roles.items():
            (self._scratch / f"{quote(role, '')}.json").write_bytes(state.body)

    def _read(self, role: str) -> bytes:
        return (self._scratch / f"{quote(role, '')}.json").read_bytes()

    def _chain(self) -> Chain:
        root: Root = Metadata[Root].from_bytes(self._read("root")).signed
        timestamp: Timestamp = Metadata[Timestamp].from_bytes(self._read("timestamp")).signed
        snapshot: Snapshot = Metadata[Snapshot].from_bytes(self._read("snapshot")).signed
        targets: Targets = Metadata[Targets].from_bytes(self._read("targets")).signed
        self._check_floor(*ROOT_FLOOR, root.version)
        floors = {ROOT_FLOOR: root.version}
        for name, signed in (("timestamp", timestamp), ("snapshot", snapshot), ("targets", targets)):
            keys = key_names(root.roles[name].keyids)
            self._check_floor(name, keys, signed.version)
            floors[name, keys] = signed.version
        self._delegating = targets
        roles = (targets.delegations.roles or {}) if targets.delegations else {}
        return Chain(
            roots={
                int(path.name.split(".")[0]): path.read_bytes()
                for path in (self._scratch / "root_history").glob("*.root.json")
            },
            timestamp=self._read("timestamp"),
            snapshot=self._read("snapshot"),
            targets=self._read("targets"),
            timestamp_version=timestamp.version,
            issued_ms=issued_ms(timestamp),
            cities=frozenset(role for role in roles if city_of(role) is not None),
            role_versions={name.removesuffix(".json"): meta.version for name, meta in snapshot.meta.items()},
            floors=floors,
        )

    def floor_of(self, state: RoleState) -> tuple[tuple[str, str], int]:
        """Return the floor that this version of a role sets."""
        return (state.role, self._role_keys(state.role)), state.version

    def _role_keys(self, role: str) -> str:
        delegations = self._delegating.delegations if self._delegating else None
        return key_names(delegations.roles[role].keyids) if delegations and delegations.roles else ""

    def _check_floor(self, role: str, keys: str, version: int) -> None:
        floor = self._stored.floors.get((role, keys), 0)
        if version < floor:
            raise ListRefusedError(f"{role}: version {version} after version {floor} under the same keys (rollback)")

    def _check_delegation(self, role: str) -> None:
        delegations = self._delegating.delegations if self._delegating else None
        found = delegations.roles.get(role) if delegations and delegations.roles else None
        pair = city_of(role)
        if found is None or pair is None:
            raise ListRefusedError(f"{role}: not delegated to")
        if found.paths != [pattern_of(*pair)] or not found.terminating:
            raise ListRefusedError(f"{role}: delegated {found.paths}, must be exactly {pattern_of(*pair)}, terminating")

    def _have(self, document: Document) -> None:
        if self._files.has(document.sha256):
            return
        if not isinstance(self._fetcher, DocumentFetcher):
            raise ListRefusedError(f"{document.path}: not on this terminal")
        folder, _, name = document.path.rpartition("/")
        url = f"{self._base_url}targets/{folder}/{document.sha256}.{name}"
        try:
            self._files.may_begin(url, document.sha256, document.size)
            self._fetcher.download_document(url, self._files.incoming(document.sha256), document.size)
        except DocumentRefusedError as error:
            raise ListRefusedError(f"{document.path}: {error}") from error
        except DownloadLengthMismatchError:
            self._files.came_wrong(url)
            raise
        try:
            self._files.accept(document.sha256, document.size)
        except DocumentRefusedError as error:
            self._files.came_wrong(url)
            raise ListRefusedError(f"{document.path}: {error}") from error


def _told(error: Exception) -> str:
    """Return what is wrong in words: the parser's own say neither what came nor who may have sent it."""
    return NO_METADATA if isinstance(error, DeserializationError) else str(error)


def read_role(role: str, body: bytes) -> RoleState:
    """Read a city role's metadata, which must name every document of its kind; raise ListRefusedError."""
    kind, city = city_of(role) or ("", "")
    signed: Targets = Metadata[Targets].from_bytes(body).signed
    documents = []
    for name in _names(kind, city, signed):
        path = path_of(kind, city, name)
        target = signed.targets.get(path)
        if target is None:
            if name in OPTIONAL:
                continue
            raise ListRefusedError(f"{path}: missing; an empty list must be there and say so itself")
        sha256 = target.hashes.get("sha256", "")
        if not SHA256.match(sha256) or target.length > MAX_DOCUMENT_BYTES:
            raise ListRefusedError(
                f"{path}: a document is named by its SHA-256 and has at most {MAX_DOCUMENT_BYTES} bytes"
            )
        documents.append(Document(path=path, sha256=sha256, size=target.length))
    return RoleState(
        role=role, version=signed.version, body=body, issued_ms=issued_ms(signed), documents=tuple(documents)
    )


def _names(kind: str, city: str, signed: Targets) -> tuple[str, ...]:
    """Return which documents a role must name: those of today, or all of the form before it."""
    names, old = DOCUMENTS.get(kind, ()), OLD_DOCUMENTS.get(kind, ())
    is_old = old and not any(path_of(kind, city, name) in signed.targets for name in names)
    return old if is_old and any(path_of(kind, city, name) in signed.targets for name in old) else names


def issued_ms(signed: Any) -> int:
    """Return when a role was signed (ms UTC); raise ListRefusedError if it says nothing, or after its own expiry."""
    at_ms = signed.unrecognized_fields.get("issued_ms")
    if type(at_ms) is not int or not 0 < at_ms <= signed.expires.timestamp() * 1000:
        raise ListRefusedError(f"{signed.type}: issued_ms is missing, or after the role's own expiry")
    return at_ms


def root_issued_ms(trust_root: bytes) -> int:
    """Return when the enrolment's root was signed (ms UTC): it is at least that late. 0 if the root does not say."""
    try:
        return issued_ms(Metadata[Root].from_bytes(trust_root).signed)
    except (
        ListRefusedError,
        DeserializationError,
    ):  # a root that is unusable is refused by the verifier, with its reason
        return 0


def key_names(keyids: list[str]) -> str:
    """Return key ids as a floor names them."""
    return " ".join(sorted(keyids))
