"""One poll: is what we have still the newest? One request, and an answer that was verified (lists.md).

Rules of this file:

- a poll asks for `timestamp.json` alone and names the entity tag of the one we have (RFC 9110 §13.1.2): where nothing
  changed the answer is a 304 without a body;
- a timestamp that was signed anew over the very same snapshot is a *renewal*. Its signature is verified with the keys
  of the newest root that we hold, and neither its version nor its issue time may be lower than ours. It makes every
  list that the snapshot names as young as itself, and nothing else has to be fetched;
- all else (another snapshot, a signature that is not good, a rollback, no timestamp at all) is nothing that one file
  can settle: the whole verification looks and says what it is;
- a list teaches how late it is at least, for ever. So a timestamp that is signed ahead of the platform's own time by
  more than AHEAD_MS is refused: whoever stole the key that signs it would stop every clock until that time has come;
- one that is past its expiry is a failure, behind a 304 too: somebody may be holding back news;
- a tag made in the second of the file's change may name two contents: nginx makes it of second and length, and our
  timestamps have one length. So a tag is kept only where the server's own Date is later than its Last-Modified by
  more than a second (RFC 9110 §8.8.2.2).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]
from tuf.api.serialization import DeserializationError

from cache.lists.values import Chain, Stored
from credit.rules.listing import city_of
from sync.pull.fetcher import Found, ListFetcher
from sync.pull.verify import ListRefusedError, issued_ms, key_names

MAX_TIMESTAMP_BYTES: Final = 16_384
STRONG_AFTER: Final = timedelta(seconds=2)
EVERY_S: Final = 0.5  # between looks for a publication that was named
MOST: Final = 60  # looks for one publication: somebody may name what does not exist
AHEAD_MS: Final = 30_000  # less than what the terminal's clock calls a contradiction (edge.clock)
HELD_BACK: Final = "timestamp.json is past its expiry: the platform, or somebody between, holds back news"


class Clock(Protocol):
    """Trusted time."""

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        ...

    def signed_ms(self) -> int | None:
        """Return the platform's time, None where it was not signed for since power came."""
        ...


@dataclass(frozen=True, slots=True)
class Polled:
    """What a poll found: still the newest, with the chain to confirm where it was signed anew; or something else."""

    unchanged: bool
    renewal: Chain | None = None


class Poll:
    """Polls the timestamp below `base_url`; remembers the entity tag of the one that was last seen."""

    def __init__(self, base_url: str, trust_root: bytes) -> None:
        self._url = f"{base_url}metadata/timestamp.json"
        self._trust_root = trust_root
        self._tagged: tuple[bytes, str] | None = None

    async def ask(self, stored: Stored, fetcher: ListFetcher, *, reference_ms: int) -> Polled:
        """Ask once; raise DownloadError, or ListRefusedError for a timestamp past its expiry."""
        ours = stored.timestamp
        if ours is None:
            return Polled(unchanged=False)
        tag = self._tagged[1] if self._tagged and self._tagged[0] == ours else None
        found = await fetcher.ask(self._url, MAX_TIMESTAMP_BYTES, tag=tag)
        renewal = None
        if found.body is not None and found.body != ours:
            renewal = renewal_of(stored, found.body, trust_root=self._trust_root)
            if renewal is None:
                return Polled(unchanged=False)
        timestamp = ours if found.body is None else found.body
        if (
            Metadata[Timestamp]
            .from_bytes(timestamp)
            .signed.is_expired(datetime.fromtimestamp(reference_ms / 1000, UTC))
        ):
            raise ListRefusedError(HELD_BACK)
        if found.body is not None:
            self._tagged = (timestamp, found.tag) if found.tag is not None and _is_strong(found) else None
        return Polled(unchanged=True, renewal=renewal)


class Chase:
    """The publication that somebody named, until it is here; owns how often it was looked for.

    A platform names its newest publication; a mirror on the way may not have it yet. Who looked once and then waited
    for the next usual look was a minute late: the news had been heard and was not told again.

    >>> chase = Chase()
    >>> chase.name(8)
    >>> chase.behind(7), chase.behind(8), chase.behind(7)
    (True, False, False)
    """

    def __init__(self) -> None:
        self._named = 0
        self._looks = 0

    def name(self, version: int | None) -> None:
        """Take in the number of the newest publication, as somebody names it."""
        if version is not None and version > self._named:
            self._named, self._looks = version, 0

    @property
    def on(self) -> bool:
        """Whether anything is looked for."""
        return self._named > 0

    def behind(self, version: int) -> bool:
        """Return whether to look again soon; `version` is the snapshot that is in force."""
        if version >= self._named:
            self._named = 0
        self._looks += 1
        return self._named > 0 and self._looks <= MOST


def be_past(chain: Chain, signed_ms: int | None) -> None:
    """Raise ListRefusedError for a chain signed ahead of the platform's own time, where that is known."""
    if signed_ms is not None and chain.issued_ms > signed_ms + AHEAD_MS:
        ahead_s = (chain.issued_ms - signed_ms) // 1000
        raise ListRefusedError(f"timestamp.json is signed {ahead_s} s ahead of the platform's time")


def snapshot_version(stored: Stored) -> int:
    """Return the number of the publication in force, 0 where there is none yet."""
    return 0 if stored.snapshot is None else int(Metadata[Snapshot].from_bytes(stored.snapshot).signed.version)


def renewal_of(stored: Stored, found: bytes, *, trust_root: bytes) -> Chain | None:
    """Return the chain with `found` as its timestamp, where that is a renewal of the stored one; None where not."""
    try:
        return _renewed(stored, found, trust_root)
    except (RepositoryError, DeserializationError, ListRefusedError):
        return None


def _renewed(stored: Stored, found: bytes, trust_root: bytes) -> Chain | None:
    if stored.timestamp is None or stored.snapshot is None or stored.targets is None:
        return None
    root = max((_root(body) for body in (trust_root, *stored.roots.values())), key=lambda one: one.version)
    metadata = Metadata[Timestamp].from_bytes(found)
    root.verify_delegate("timestamp", metadata.signed_bytes, metadata.signatures)
    new, ours = metadata.signed, Metadata[Timestamp].from_bytes(stored.timestamp).signed
    keys = key_names(root.roles["timestamp"].keyids)
    if new.snapshot_meta != ours.snapshot_meta or new.version <= max(
        ours.version, stored.floors.get(("timestamp", keys), 0)
    ):
        return None
    at_ms = issued_ms(new)
    if at_ms < issued_ms(ours):
        return None
    snapshot: Snapshot = Metadata[Snapshot].from_bytes(stored.snapshot).signed
    targets: Targets = Metadata[Targets].from_bytes(stored.targets).signed
    roles = (targets.delegations.roles or {}) if targets.delegations else {}
    return Chain(
        roots={},
        timestamp=found,
        snapshot=stored.snapshot,
        targets=stored.targets,
        timestamp_version=new.version,
        issued_ms=at_ms,
        cities=frozenset(role for role in roles if city_of(role) is not None),
        role_versions={name.removesuffix(".json"): meta.version for name, meta in snapshot.meta.items()},
        floors={("timestamp", keys): new.version},
    )


def _root(body: bytes) -> Root:
    root: Root = Metadata[Root].from_bytes(body).signed
    return root


def _is_strong(found: Found) -> bool:
    """Tell whether no later content can bear the tag: by the server's clock the file had been still for a while."""
    if found.date is None or found.modified is None:
        return False
    try:
        return parsedate_to_datetime(found.date) - parsedate_to_datetime(found.modified) >= STRONG_AFTER
    except (ValueError, TypeError):  # no date, or one without a zone beside one that has it
        return False
