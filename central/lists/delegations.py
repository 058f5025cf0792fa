"""What `targets` delegates, and which documents the delegated roles name; the rules stand in `publishing`."""

from collections.abc import Mapping
from typing import Any

from tuf.api.metadata import DelegatedRole, Key, Metadata, TargetFile, Targets  # type: ignore[attr-defined]

from central.lists.metadata_files import MetadataFiles, PublishingError, State
from central.lists.role_keys import ROOT_KEYS, RoleKeys
from credit.rules.listing import DOCUMENTS, OLD_DOCUMENTS, OPTIONAL, city_of, path_of, pattern_of, role_of


def _delegations(state: State) -> tuple[dict[str, Key], dict[str, DelegatedRole]]:
    delegations = state.roles["targets"].signed.delegations
    if delegations is None or delegations.roles is None:
        raise PublishingError("targets.json: delegates to nobody; this is not a repository of ours")
    return delegations.keys, delegations.roles


def delegated(state: State) -> dict[str, DelegatedRole]:
    """Return the roles that are delegated to, by name."""
    return _delegations(state)[1]


def cities_of(state: State) -> tuple[str, ...]:
    """Return the cities that are delegated to, in order."""
    pairs = {city_of(role) for role in delegated(state)}
    return tuple(sorted({pair[1] for pair in pairs if pair is not None}))


def withdraw(state: State, role: str) -> None:
    """Trust nobody for a role any more."""
    keys, roles = _delegations(state)
    for keyid in roles.pop(role).keyids:
        keys.pop(keyid, None)


def delegate(state: State, role: str, key: Key) -> None:
    """Trust `key` alone for `role`, which is one of ours, and for nothing outside its paths."""
    keys, roles = _delegations(state)
    if role in roles:
        withdraw(state, role)
    kind, _, city = role.partition(".")
    keys[key.keyid] = key
    roles[role] = DelegatedRole(role, [key.keyid], 1, terminating=True, paths=[pattern_of(kind, city)])
    state.roles.setdefault(role, Metadata(Targets(version=1)))


def put(targets: dict[str, TargetFile], path: str, target: TargetFile) -> None:
    """Name a document; those that had its place in the form before it are named no more, and the other way round."""
    kind, city, name = path.split("/")
    today, old = DOCUMENTS[kind], OLD_DOCUMENTS.get(kind, ())
    for other in old if name in today else today if name in old else ():
        targets.pop(path_of(kind, city, other), None)
    targets[path] = target


def signer_of(path: str) -> str:
    """Return the role that signs a document; raise PublishingError for one that is none of ours."""
    kind, _, rest = path.partition("/")
    city, _, name = rest.partition("/")
    if name not in (*DOCUMENTS.get(kind, ()), *OLD_DOCUMENTS.get(kind, ())):
        raise PublishingError(
            f"{path}: not a list document; {kind!r} has {', '.join(DOCUMENTS.get(kind, ())) or 'none'}"
        )
    return role_of(kind, city)


def names(state: State, role: str, path: str, data: bytes) -> bool:
    """Tell whether a role in force names this very document."""
    found = state.roles.get(role)
    return found is not None and found.signed.targets.get(path) == TargetFile.from_data(path, data, ["sha256"])


def here(state: State, keys: RoleKeys) -> frozenset[str]:
    """Return the cities' roles whose keys are here."""
    return frozenset(role for role in delegated(state) if keys.has(role))


def changed_by(state: State, documents: Mapping[str, bytes]) -> frozenset[str]:
    """Return the roles that these documents would change; raise PublishingError."""
    other = ((signer_of(path), path, data) for path, data in documents.items())
    return frozenset(role for role, path, data in other if not names(state, role, path, data))


def take_in(files: MetadataFiles, state: State, documents: Mapping[str, bytes]) -> tuple[str, ...]:
    """Write documents that are new, let their roles name them; return their paths. Raises PublishingError."""
    changed = []
    for path, data in documents.items():
        role = signer_of(path)
        if role not in delegated(state):
            raise PublishingError(f"{path}: no city of that name is delegated to")
        if not names(state, role, path, data):
            target = TargetFile.from_data(path, data, ["sha256"])
            files.write_target(path, target.hashes["sha256"], data)
            put(state.roles[role].signed.targets, path, target)
            changed.append(path)
    return tuple(changed)


def standing_of_root(state: State, keys: RoleKeys) -> dict[str, Any]:
    """Return the root's version, its threshold, and its keys by name: key id, and whether it is here."""
    root = state.root.signed
    own = root.roles["root"]
    named = zip(ROOT_KEYS, own.keyids, strict=True)
    found = {name: {"keyid": keyid, "here": keys.has(name)} for name, keyid in named}
    return {"version": root.version, "threshold": own.threshold, "expires": root.expires.isoformat(), "keys": found}


def standing_of_cities(state: State, keys: RoleKeys, *, now_ms: int) -> dict[str, dict[str, Any]]:
    """Return each city's roles: version, age of the last signature in seconds, when it ends, key id, key here."""
    found: dict[str, dict[str, Any]] = {}
    for role, one in sorted(delegated(state).items()):
        signed, (kind, city) = state.roles[role].signed, city_of(role) or ("", "")
        found.setdefault(city, {})[kind] = {
            "version": signed.version,
            "age_s": (now_ms - int(signed.unrecognized_fields["issued_ms"])) // 1000,
            "expires": signed.expires.isoformat(),
            "keyid": one.keyids[0],
            "key_here": keys.has(role),
        }
    return found


def check_complete(state: State) -> None:
    """Raise PublishingError unless every role names all that it must."""
    for role in delegated(state):
        kind, _, city = role.partition(".")
        targets = state.roles[role].signed.targets
        old = OLD_DOCUMENTS.get(kind, ())
        if old and all(path_of(kind, city, name) in targets for name in old):
            continue  # from a platform before this one, until it publishes again
        for name in DOCUMENTS.get(kind, ()):
            if name not in OPTIONAL and path_of(kind, city, name) not in targets:
                raise PublishingError(f"{path_of(kind, city, name)}: missing; an empty list must say so itself")
