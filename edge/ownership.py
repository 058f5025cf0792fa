"""Our top-level package names are plain words; nobody else may own them here (docs/adr/0006)."""

from importlib.metadata import packages_distributions

OURS = ("cache", "central", "credit", "edge", "scanner", "storage", "sync")
DISTRIBUTION = "xinguan"


def strangers() -> dict[str, list[str]]:
    """Return the distributions, other than ours, that own one of our package names."""
    owners = packages_distributions()
    found = {name: sorted(set(owners.get(name, [])) - {DISTRIBUTION}) for name in OURS}
    return {name: others for name, others in found.items() if others}
