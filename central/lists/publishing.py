"""The list repository: signed documents as static files that any web server or CDN can serve (lists.md).

Rules of this file:

- root is signed by two of three keys; `targets` delegates to each city three terminating roles, each confined to
  `<kind>/<city>/*`; snapshot and timestamp bind everything into one state (The Update Framework, 1.0);
- snapshots are consistent: every file but `timestamp.json` has its version or its SHA-256 in its name and is never
  changed once a timestamp names it;
- publishing writes and syncs the files first and renames `timestamp.json` last: that rename is the publication. A
  power cut before it leaves the old state whole and only files that nobody reads, keys included: a successor lies
  beside its key until metadata that names it is public;
- what is to be published is verified as a terminal does, before the rename: what one would refuse is refused here;
- versions are max(previous + 1, unix milliseconds), so that a repository restored from a backup is not older than its
  terminals. Root alone is numbered 1, 2, 3 … as the specification wants;
- what is published is read back from the files, from `timestamp.json` inwards; there is no second book-keeping;
- every role carries `issued_ms`, the time it was signed: the age that terminals show and judge by;
- a role whose key is not here is left as it is by what concerns every city (renewals, a look at all lists): `waiting`
  names it, and the others go out. What was asked of that very city is refused.

A timestamp says "this is still the newest" and must be renewed (`freshen`) even when nothing changed; but not at every
look: each renewal is a file that every terminal fetches.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from tuf.api.metadata import Delegations, Snapshot, Targets  # type: ignore[attr-defined]

from central.lists.delegations import (
    changed_by,
    check_complete,
    cities_of,
    delegate,
    delegated,
    here,
    signer_of,
    standing_of_cities,
    standing_of_root,
    take_in,
    withdraw,
)
from central.lists.metadata_files import TIMESTAMP, MetadataFiles, PublishingError, State, is_due, is_old
from central.lists.role_keys import ROOT_KEYS, TOP_LEVEL, RoleKeys, following_of
from central.platform_state import LOCK
from credit.rules.listing import ISSUERS, KINDS, is_city, role_of
from storage.files import locked
from sync.pull.examine import Draft, examine
from sync.pull.verify import ListRefusedError

__all__ = ["Published", "PublishingError", "Repository"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What a publication did: the timestamp's version, its time, and the documents that changed."""

    version: int
    at_ms: int
    changed: tuple[str, ...]
    waiting: tuple[str, ...] = ()  # roles that are due and whose key is not here


Render: TypeAlias = Callable[[tuple[str, ...], Callable[[str], bytes | None]], Mapping[str, bytes]]


class Repository:
    """The repository below `state`: keys in `state/keys`, files to serve in `state/public`."""

    def __init__(self, state: Path, *, root_keys: Sequence[Path] = ()) -> None:
        self.keys = RoleKeys(state / "keys", offline=root_keys)
        self.public = state / "public"
        self._files = MetadataFiles(self.public, self.keys)
        self._lock = state / LOCK

    def create(self, *, now_ms: int, go_on: bool = False) -> Published:
        """Make the keys and the first, empty state; raise PublishingError if there is one.

        `go_on`: keys that a founding which was cut short has made are kept.
        """
        with locked(self._lock):
            if self._files.exist():
                raise PublishingError(f"{self.public}: a repository is already here")
            if self.keys.offline:
                self.keys.make_offline(go_on=go_on)
            for name in (*(() if self.keys.offline else ROOT_KEYS), *TOP_LEVEL):
                if not (go_on and self.keys.has(name)):
                    self.keys.make(name)
            self._files.put("1.root.json", self._files.root(1, now_ms))
            first = _next(0, now_ms)
            targets = Targets(version=first, delegations=Delegations({}, {}))
            self._files.write_role("targets", targets, now_ms=now_ms)
            snapshot = Snapshot(version=first, meta={})
            self._files.write_snapshot(snapshot, {"targets": first}, now_ms=now_ms)
            timestamp = self._files.timestamp(first, snapshot, now_ms=now_ms)
            self._examine({TIMESTAMP: timestamp}, {}, now_ms=now_ms)
            self._files.put(TIMESTAMP, timestamp)
            return Published(version=first, at_ms=now_ms, changed=())

    def exists(self) -> bool:
        """Tell whether a repository was created here."""
        return self._files.exist()

    def trust_root(self) -> bytes:
        """Return the newest root metadata: what a terminal is given at enrolment. Raises PublishingError."""
        return self._files.newest_root()

    def add_city(
        self, city: str, documents: Mapping[str, bytes], *, now_ms: int, keys: Path | None = None
    ) -> Published:
        """Delegate to a new city and publish its first documents (path → bytes); raise PublishingError.

        `keys`: a folder of the city's own for its keys.
        """
        if not is_city(city):
            raise PublishingError(f"{city!r}: a city is named with a-z, 0-9 and hyphens, at most 32 letters")
        with locked(self._lock):
            state = self._load()
            if role_of(ISSUERS, city) in delegated(state):
                raise PublishingError(f"{city}: already delegated to")
            if keys is not None:
                self.keys.lodge(city, keys)
            for kind in KINDS:
                role = role_of(kind, city)
                delegate(state, role, self.keys.successor(role))
                self._files.signers[role] = (following_of(role),)
            return self._publish(
                state, documents, now_ms=now_ms, resign={"targets", *(role_of(kind, city) for kind in KINDS)}
            )

    def rekey_city(self, city: str, kind: str, *, now_ms: int) -> Published:
        """Give a city's role a new key (the old one was lost or stolen) and sign its documents anew."""
        role = role_of(kind, city)
        with locked(self._lock):
            state = self._load()
            if role not in delegated(state):
                raise PublishingError(f"{city}: not delegated to")
            delegate(state, role, self.keys.successor(role))
            self._files.signers = {role: (following_of(role),)}
            return self._publish(state, {}, now_ms=now_ms, resign={"targets", role})

    def expel_city(self, city: str, *, now_ms: int) -> Published:
        """Withdraw a city's delegations: terminals drop its keys and lists with the next refresh."""
        with locked(self._lock):
            state = self._load()
            if role_of(ISSUERS, city) not in delegated(state):
                raise PublishingError(f"{city}: not delegated to")
            for kind in KINDS:
                withdraw(state, role_of(kind, city))
            return self._publish(state, {}, now_ms=now_ms, resign={"targets"})

    def rotate(self, name: str, *, now_ms: int) -> Published:
        """Replace the key of targets, snapshot or timestamp by a new root, signed by the root keys.

        First everything is signed by the old key and its successor: that is good under the old root and under the new
        one, so there is no moment in which a terminal finds one without the other.
        """
        if name not in TOP_LEVEL:
            raise PublishingError(f"{name}: only {', '.join(TOP_LEVEL)} rotate this way")
        with locked(self._lock):
            state = self._load()
            self.keys.successor(name)
            self._files.signers = {name: (name, following_of(name))}
            published = self._publish(state, {}, now_ms=now_ms, resign={"targets", "snapshot"})
            self._put_root(state, now_ms=now_ms)
            return published

    def replace_root_key(self, number: int, folder: Path, *, now_ms: int) -> None:
        """Replace one of the root's own keys, lost or stolen, by a new one in `folder`; the others sign."""
        name = ROOT_KEYS[number - 1]
        with locked(self._lock):
            self.keys.bring(folder)
            state = self._load()
            path = folder / f"{following_of(name)}.pem"
            waits = path.exists()  # made in a try that was cut short before anything named it
            self.keys.put_offline(following_of(name), folder, go_on=True)
            self._files.signers = {name: (following_of(name),)}
            try:
                self._put_root(state, now_ms=now_ms)
            except PublishingError:
                if not waits:
                    path.unlink()
                raise

    def _put_root(self, state: State, *, now_ms: int) -> None:
        number = state.root.signed.version + 1
        root = self._files.root(number, now_ms)
        self._examine({f"{number}.root.json": root}, self._files.seen(self._files.load()), now_ms=now_ms)
        self._files.put(f"{number}.root.json", root)
        self._load()

    def root_standing(self) -> dict[str, Any]:
        """Return the root's version, its threshold, and its keys by name: key id, and whether it is here."""
        return standing_of_root(self._files.load(), self.keys)

    def standing(self, *, now_ms: int) -> dict[str, dict[str, Any]]:
        """Return each city's roles: version, age of the last signature in seconds, when it ends, key id."""
        return standing_of_cities(self._files.load(), self.keys, now_ms=now_ms)

    def publish(self, documents: Mapping[str, bytes], *, now_ms: int) -> Published:
        """Sign what differs from the state in force and put it in force; what is not named stays as it is."""
        with locked(self._lock):
            return self._publish(self._load(), documents, now_ms=now_ms)

    def resign(self, *, now_ms: int) -> Published:
        """Sign every role anew: after a restore, so that no terminal has seen a newer version of any."""
        with locked(self._lock):
            state = self._load()
            return self._publish(state, {}, now_ms=now_ms, resign={"targets", *here(state, self.keys)})

    def publish_from(
        self, render: Render, *, now_ms: int, only_due: bool = False, leaving_out: bool = False
    ) -> Published:
        """Publish what `render` gives for the cities delegated to, asked for while nobody else can publish.

        It is told the cities, and asks for documents in force by their path: what was rendered before waiting for
        another publication would undo it. With `only_due` nothing is signed where nothing changed and nothing has to
        be renewed yet. With `leaving_out` a city whose keys are away waits, and the others go out.
        """
        with locked(self._lock):
            state = self._load()
            rendered = render(cities_of(state), lambda path: self._files.document(state, path))
            away = changed_by(state, rendered) - here(state, self.keys) if leaving_out else frozenset()
            rendered = {path: data for path, data in rendered.items() if signer_of(path) not in away}
            return self._publish(state, rendered, now_ms=now_ms, only_due=only_due, waiting=away)

    def freshen(self, *, now_ms: int) -> Published:
        """Renew the timestamp, and any role that has used half of its life."""
        return self.publish({}, now_ms=now_ms)

    def cities(self) -> tuple[str, ...]:
        """Return the cities delegated to, in order."""
        return cities_of(self._files.load())

    def _publish(
        self,
        state: State,
        documents: Mapping[str, bytes],
        *,
        now_ms: int,
        resign: frozenset[str] | set[str] = frozenset(),
        only_due: bool = False,
        waiting: frozenset[str] = frozenset(),
    ) -> Published:
        seen = self._files.seen(state)
        changed = take_in(self._files, state, documents)
        check_complete(state)
        wanted, able = {*resign, *(signer_of(path) for path in changed)}, {"targets", *here(state, self.keys)}
        for role in ("targets", *delegated(state)):
            signed = state.roles[role].signed
            if role in wanted or (is_old(signed, role, now_ms) and role in able):
                signed.version = _next(signed.version, now_ms)
                self._files.write_role(role, signed, now_ms=now_ms)
                wanted.add(role)
            elif is_old(signed, role, now_ms):
                waiting |= {role}
        snapshot, timestamp_now = state.snapshot.signed, state.timestamp.signed
        stale = bool(wanted) or is_old(snapshot, "snapshot", now_ms)
        if only_due and not stale and not is_due(timestamp_now, now_ms):
            return Published(version=timestamp_now.version, at_ms=now_ms, changed=(), waiting=tuple(sorted(waiting)))
        if stale:
            snapshot.version = _next(snapshot.version, now_ms)
            versions = {role: state.roles[role].signed.version for role in wanted & state.roles.keys()}
            self._files.write_snapshot(snapshot, versions, now_ms=now_ms)
        version = _next(timestamp_now.version, now_ms)
        timestamp = self._files.timestamp(version, snapshot, now_ms=now_ms)
        self._examine({TIMESTAMP: timestamp}, seen, now_ms=now_ms, roles=wanted & delegated(state).keys())
        self._files.put(TIMESTAMP, timestamp)
        self._settle(state)
        self._files.prune(state, now_ms=now_ms)
        return Published(version=version, at_ms=now_ms, changed=changed, waiting=tuple(sorted(waiting)))

    def _load(self) -> State:
        """Return the state in force, and let every role have the key that it names."""
        state = self._files.load()
        self._files.signers = {}
        self._settle(state)
        return state

    def _settle(self, state: State) -> None:
        named = {name: state.root.signed.roles[name].keyids[0] for name in TOP_LEVEL}
        named |= {role: one.keyids[0] for role, one in delegated(state).items()}
        named |= dict(zip(ROOT_KEYS, state.root.signed.roles["root"].keyids, strict=False))
        self.keys.settle(named)

    def _examine(
        self, pending: Mapping[str, bytes], seen: Mapping[str, bytes], *, now_ms: int, roles: Iterable[str] = ()
    ) -> None:
        """Raise PublishingError unless a terminal would take what is to be public."""
        draft = Draft(self.public, pending)
        try:
            examine(draft, trust_root=self._files.first_root(), now_ms=now_ms, roles=sorted(roles), seen=seen)
        except ListRefusedError as error:
            raise PublishingError(f"terminals would refuse this, so nothing was published: {error}") from error


def _next(version: int, now_ms: int) -> int:
    """Return the version after `version`: by time, so that nothing restored is older than what was seen."""
    return max(version + 1, now_ms)
