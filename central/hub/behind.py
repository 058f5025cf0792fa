"""Which lists an asker has in an older version than the authority: it is told so, and pulls (claims.md, "The call").

A role that the asker does not name at all is behind as well: a publication may have brought a new city. What the asker
has newer is no matter here: a bound that is stated by a newer version is unknown to us (`central.books.bounds`).

    >>> behind({"w-rules": 3, "w-lists": 9}, {"w-rules": 4, "w-lists": 9, "n-rules": 1})
    ['n-rules', 'w-rules']
    >>> behind({"w-rules": 5}, {"w-rules": 4})
    []
"""

import os
from collections.abc import Mapping
from typing import Final

from central.platform_state import PlatformState
from sync.wire.claims import MAX_ROWS

NOT_ROLES: Final = frozenset({"targets"})


def behind(theirs: Mapping[str, int], ours: Mapping[str, int]) -> list[str]:
    """Return the roles to pull, of an asker who says which versions it has; nothing for one who says none."""
    whole = 0 < len(theirs) < MAX_ROWS  # a longer list was cut off, and says nothing of what it does not name
    older = [role for role, version in ours.items() if theirs.get(role, -1 if whole else version) < version]
    return sorted(older)[:MAX_ROWS]


class Published:
    """The versions of every role in the newest publication of a platform, read once for each.

    Whether there is a newer one says the stamp of the file that names it: it is not read for each ask.
    """

    def __init__(self, state: PlatformState) -> None:
        self._state = state
        self._number: int | None = None
        self._file = str(state.timestamp)
        self._stamp: tuple[int, ...] | None = None
        self._versions: Mapping[str, int] = {}

    def versions(self) -> Mapping[str, int]:
        """Return the newest versions; nothing where nothing is published."""
        stamp = _stamp(self._file)
        if stamp == self._stamp:
            return self._versions
        number = self._state.lists_version()
        if number != self._number:
            found = {} if number is None else self._state.role_versions(number)
            self._versions = {role: version for role, version in found.items() if role not in NOT_ROLES}
            self._number = number
        self._stamp = stamp
        return self._versions


def _stamp(file: str) -> tuple[int, ...]:
    """Return what changes when a file is exchanged; nothing where there is none."""
    try:
        found = os.stat(file)  # noqa: PTH116 - with each ask
    except FileNotFoundError:
        return ()
    return found.st_mtime_ns, found.st_ino, found.st_size
