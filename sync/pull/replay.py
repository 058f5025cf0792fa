"""Verify the stored lists again without a network (lists.md, "no offline mode").

Rules of this file:

- the client is given our own bytes as if they came from the platform, so every signature, hash and delegation is
  checked again at every start; a bit that fell over on the flash is found here, not at the gate;
- the reference time is the stored timestamp's own issue time: "verified, but old" is a valid state, and how old is too
  old is policy (`credit`), shown as the age of the lists;
- a role that stays at an older version than the newest is verified against its delegation alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import DownloadError, DownloadHTTPError
from tuf.api.metadata import Metadata, Timestamp  # type: ignore[attr-defined]
from tuf.api.serialization import DeserializationError
from tuf.ngclient import FetcherInterface  # type: ignore[attr-defined]

from cache.lists.files import ListFiles
from cache.lists.values import RoleState, Stored
from sync.pull.verify import ListRefusedError, Session, issued_ms

NOWHERE = "cache:///"
NOT_FOUND = 404


class ReplayFetcher(FetcherInterface):
    """Answers as a platform would that has exactly the stored state."""

    def __init__(self, timestamp: bytes) -> None:
        self._timestamp = timestamp

    def _fetch(self, url: str) -> Iterator[bytes]:
        if not url.endswith("/timestamp.json"):
            raise DownloadHTTPError(f"{url}: not in the cache", NOT_FOUND)
        yield self._timestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What verified again, and what did not, by role ("" for the chain itself)."""

    verified: tuple[RoleState, ...] = ()
    problems: dict[str, str]


def replay(stored: Stored, *, trust_root: bytes, files: ListFiles, scratch: Path) -> Replayed:
    """Verify everything stored; never raises for what is stored. Blocking."""
    if stored.timestamp is None:
        return Replayed(problems={})
    try:
        at_ms = issued_ms(Metadata[Timestamp].from_bytes(stored.timestamp).signed)
        session = Session(
            stored,
            trust_root=trust_root,
            base_url=NOWHERE,
            fetcher=ReplayFetcher(stored.timestamp),
            files=files,
            reference_ms=at_ms,
            scratch=scratch,
        )
        chain = session.top()
    except (ListRefusedError, DownloadError, DeserializationError) as error:
        return Replayed(problems={"": f"the stored lists do not verify: {error}"})
    verified, problems = [], {}
    for role, state in stored.roles.items():
        try:
            if chain.role_versions.get(role) == state.version:
                session.role(role)
            else:
                session.kept(state)
        except (ListRefusedError, DownloadError) as error:
            problems[role] = str(error)
        else:
            verified.append(state)
    return Replayed(verified=tuple(verified), problems=problems)
