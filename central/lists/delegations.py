"""What `targets` delegates, and which documents the delegated roles name; the rules stand in `publishing`."""

from tuf.api.metadata import DelegatedRole, Key, Metadata, TargetFile, Targets  # type: ignore[attr-defined]

from central.lists.metadata_files import PublishingError, State
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
