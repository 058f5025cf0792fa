"""What the verifier finds out about some roles of one refresh: each role's fault is its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from tuf.api.exceptions import DownloadError

from cache.lists.values import RoleState
from credit.rules.listing import city_of
from sync.pull.verify import ListRefusedError, Session


@dataclass(slots=True)
class Examined:
    """What the verifier found out about some roles."""

    states: list[RoleState] = field(default_factory=list)
    floors: dict[tuple[str, str], int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def look_at(session: Session, roles: Iterable[str]) -> Examined:
    """Verify `roles`, with their documents here. Blocking."""
    found = Examined()
    for role in sorted(roles):
        try:
            state = session.role(role)
        except (ListRefusedError, DownloadError) as error:
            found.problems[role] = str(error)
        else:
            found.states.append(state)
            floor, version = session.floor_of(state)
            found.floors[floor] = version
    return found


def kind_of(role: str) -> str:
    """Return a role's kind, empty for one that is none of ours."""
    pair = city_of(role)
    return pair[0] if pair else ""
