"""`lists/<city>/index.json`: the one signed document of a city's lists, which names the files that hold the rows.

Each list is a base file and deltas (`cache.lists.keyfile`); the signed `root` says what they must lead to, so it does
not matter whence a file comes. Three ways lead to it, and `files_of` takes the shortest:

1. `recent`: single steps, each from the root it names to the next; for a terminal that was there a moment ago;
2. `since`: everything since the base, in one delta; for one that has the base;
3. `before`: from the base before this one to this one; for one that has that.

Rules of this file:

- sizes are signed and bounded before anything is fetched; a file is named by its SHA-256;
- more than MAX_STEPS single steps are not heaped up: `since` says the same in one file;
- after a delta that did not lead to the root (`afresh`) only base and `since` count.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from cache.lists.refusals import ContentRefusedError
from cache.lists.values import Document
from credit.rules.listing import INDEX, LISTS, path_of
from credit.rules.reading import short

BASE: Final = "base"
DELTA: Final = "delta"
MEASURES: Final = "measures"
MEMBERS: Final = "members"
REVOKED: Final = "revocations.json"
MAX_STEPS: Final = 32
MAX_BASE_BYTES: Final = 1 << 30
MAX_DELTA_BYTES: Final = 32 << 20
MAX_REVOKED_BYTES: Final = 16 << 20
MAX_INDEXES: Final = 1 << 26  # 8 MB of memory for each city that says so
MAX_AUTHORITIES: Final = 255

Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Authority = Annotated[str, Meta(min_length=1, max_length=200)]
Count = Annotated[int, Meta(ge=0, le=50_000_000)]


class BaseFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An immutable key file, and the root of its rows."""

    sha256: Hash
    size: Annotated[int, Meta(ge=1, le=MAX_BASE_BYTES)]
    root: Hash


class DeltaFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"start": "from"}):
    """A delta, and the root from which it leads."""

    sha256: Hash
    size: Annotated[int, Meta(ge=1, le=MAX_DELTA_BYTES)]
    start: Hash


class KeyList(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One list: where it stands (`root`, `count` rows) and the files that lead there."""

    root: Hash
    count: Count
    base: BaseFile
    since: DeltaFile | None = None
    recent: Annotated[tuple[DeltaFile, ...], Meta(max_length=16)] = ()
    before: DeltaFile | None = None


class RevokedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The revoked tokens: a file, and how many status indexes it must unfold to."""

    sha256: Hash
    size: Annotated[int, Meta(ge=1, le=MAX_REVOKED_BYTES)]
    indexes: Annotated[int, Meta(ge=0, le=MAX_INDEXES)]


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a city's lists are made of."""

    issuer: str
    complete: Literal[True]
    authorities: Annotated[tuple[Authority, ...], Meta(max_length=MAX_AUTHORITIES)]
    measures: KeyList
    revocations: RevokedFile
    members: KeyList | None = None


def read_index(city: str, data: bytes) -> Index:
    """Read a city's index; raise ContentRefusedError."""
    path = path_of(LISTS, city, INDEX)
    try:
        index = msgspec.json.decode(data, type=Index)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ContentRefusedError(f"{path}: {short(str(error))}") from error
    if index.issuer != city:
        named = short(repr(index.issuer))
        raise ContentRefusedError(f"{path}: issuer {named} in a document of {city}; a city publishes only its own")
    return index


def lists_of(index: Index) -> dict[str, KeyList]:
    """Return the key lists of an index by name, those that are there."""
    return {MEASURES: index.measures} | ({MEMBERS: index.members} if index.members else {})


def named_files(index: Index) -> Iterator[tuple[str, str]]:
    """Yield the (SHA-256, name) of every file that an index names: `<sha256>.<name>` beside it on the server."""
    for document in every_file(index):
        yield document.sha256, document.path.rpartition("/")[2]


def every_file(index: Index) -> Iterator[Document]:
    """Yield every file that an index names: what a server of these lists must have, whichever way a reader takes."""
    city, revoked = index.issuer, index.revocations
    yield Document(path=path_of(LISTS, city, REVOKED), sha256=revoked.sha256, size=revoked.size)
    for name, one in lists_of(index).items():
        yield Document(path=path_of(LISTS, city, f"{name}.{BASE}"), sha256=one.base.sha256, size=one.base.size)
        for delta in (*one.recent, *filter(None, (one.since, one.before))):
            yield Document(path=path_of(LISTS, city, f"{name}.{DELTA}"), sha256=delta.sha256, size=delta.size)


def pile_of(documents: tuple[Document, ...], city: str, name: str) -> tuple[Document, ...]:
    """Return base and deltas of one list among a role's documents, in the order in which they are laid on."""
    paths = {path_of(LISTS, city, f"{name}.{kind}") for kind in (BASE, DELTA)}
    return tuple(one for one in documents if one.path in paths)


def files_of(
    index: Index, *, held: tuple[Index, tuple[Document, ...]] | None, has: Callable[[str], bool], afresh: bool = False
) -> tuple[Document, ...]:
    """Return the files to have beside the index, those of the held state where they serve.

    `held` is the index in force with its documents; `has` tells whether a file of that SHA-256 is here.
    """
    city = index.issuer
    revoked = index.revocations
    found = [Document(path=path_of(LISTS, city, REVOKED), sha256=revoked.sha256, size=revoked.size)]
    for name, wanted in lists_of(index).items():
        way = _Way(city, name, wanted)
        pile = pile_of(held[1], city, name) if held else ()
        stands = lists_of(held[0]).get(name) if held else None
        found += way.afresh() if afresh or stands is None or not pile else way.shortest(stands, pile, has)
    return tuple(found)


class _Way:
    """The ways to one list of a city."""

    def __init__(self, city: str, name: str, wanted: KeyList) -> None:
        self._wanted = wanted
        self._base = path_of(LISTS, city, f"{name}.{BASE}")
        self._delta = path_of(LISTS, city, f"{name}.{DELTA}")

    def afresh(self) -> list[Document]:
        base = self._wanted.base
        return [Document(path=self._base, sha256=base.sha256, size=base.size), *self._since()]

    def shortest(self, stands: KeyList, pile: tuple[Document, ...], has: Callable[[str], bool]) -> list[Document]:
        wanted = self._wanted
        if pile[0].sha256 != wanted.base.sha256 and has(wanted.base.sha256):
            return self.afresh()  # compacted here, to the very file
        if stands.root == wanted.root:
            return list(pile)
        steps = self._steps_from(stands.root)
        if steps and len(pile) + len(steps) <= MAX_STEPS:
            return [*pile, *steps]
        before = wanted.before
        if before is not None and pile[0].sha256 != wanted.base.sha256 and before.start == _base_root(stands, pile):
            return [pile[0], self._document(before), *self._since()]
        return self.afresh()

    def _steps_from(self, root: str) -> list[Document]:
        recent = self._wanted.recent
        first = next((at for at, one in enumerate(recent) if one.start == root), len(recent))
        return [self._document(one) for one in recent[first:]]

    def _since(self) -> list[Document]:
        return [self._document(self._wanted.since)] if self._wanted.since else []

    def _document(self, delta: DeltaFile) -> Document:
        return Document(path=self._delta, sha256=delta.sha256, size=delta.size)


def _base_root(stands: KeyList, pile: tuple[Document, ...]) -> str:
    """Return the root of the base that lies on this disk: the index in force names it, or the one before it."""
    if stands.base.sha256 == pile[0].sha256 or stands.before is None:
        return stands.base.root
    return stands.before.start
