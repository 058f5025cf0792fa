"""The values that pass between verifying a list (sync) and taking it into force (cache).

Rules of this file:

- bytes in these values were verified against the trust root by `sync.pull.verify`; nothing else makes them but tests;
- a role's documents are named by their SHA-256; their bytes lie in `cache.lists.files`;
- times are milliseconds UTC and come from signed metadata, never from a clock.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One signed document: its path in the repository, its SHA-256 (hex) and its size in bytes."""

    path: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleState:
    """One version of a city's role: its metadata as signed and the documents it names."""

    role: str
    version: int
    body: bytes
    issued_ms: int
    documents: tuple[Document, ...]
    confirmed_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The top-level metadata of one verified state. `roots` maps version to bytes, beyond the shipped one.

    `cities` are the roles that `targets` delegates to now; what is not among them is no longer trusted.
    `floors` maps (role, key ids) to the version seen under those keys.
    """

    roots: Mapping[int, bytes]
    timestamp: bytes
    snapshot: bytes
    targets: bytes
    timestamp_version: int
    issued_ms: int
    cities: frozenset[str]
    role_versions: Mapping[str, int]
    floors: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the store holds of the lists, as bytes: enough to verify everything again without a network."""

    roots: Mapping[int, bytes] = field(default_factory=dict)
    timestamp: bytes | None = None
    snapshot: bytes | None = None
    targets: bytes | None = None
    roles: Mapping[str, RoleState] = field(default_factory=dict)
    floors: Mapping[tuple[str, str], int] = field(default_factory=dict)
    killed: frozenset[tuple[str, bytes]] = frozenset()
    problems: Mapping[str, str] = field(default_factory=dict)
    newest_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a refresh found good: the chain, roles that are news, floors by (role, key ids), and what was wrong."""

    chain: Chain
    roles: Iterable[RoleState]
    floors: Mapping[tuple[str, str], int]
    problems: Mapping[str, str]
