"""Looking at a publication as a terminal will, before anybody can see it: the publisher's own last check (lists.md).

What is not public yet is handed in as bytes, everything else is read from the public folder; the verifier is the very
one of the terminals (`sync.pull.verify`). Documents are hashed for the roles that are asked for.

    >>> examine(Draft(Path("/srv/lists"), {"timestamp.json": b"..."}), trust_root=b"...", now_ms=0)  # doctest: +SKIP
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tuf.api.exceptions import DownloadError, DownloadHTTPError

from cache.lists.files import ListFiles
from cache.lists.values import Stored
from sync.pull.fetcher import DocumentFetcher
from sync.pull.verify import ListRefusedError, Session

NOWHERE = "draft:///"
NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Draft:
    """A public folder (`metadata/`, `targets/`) and the metadata files that are to be added to it, by name."""

    public: Path
    pending: Mapping[str, bytes] = field(default_factory=dict)


class DraftFetcher(DocumentFetcher):
    """Answers as the platform will once the draft is public."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft

    def _place(self, url: str) -> Path:
        return self._draft.public / url.removeprefix(NOWHERE)

    def _fetch(self, url: str) -> Iterator[bytes]:
        place = self._place(url)
        pending = self._draft.pending.get(place.name)
        if pending is not None:
            yield pending
        elif place.is_file():
            yield place.read_bytes()
        else:
            raise DownloadHTTPError(f"{url}: is not there", NOT_FOUND)

    def download_document(self, url: str, path: Path, size: int) -> None:
        """Let `path` lead to the document of `size` bytes: what looks at it hashes it where it lies."""
        place = self._place(url)
        try:
            place.stat()
            path.unlink(missing_ok=True)
            path.symlink_to(place.absolute())
        except OSError as error:
            raise DownloadError(f"{url}: {error} ({size} bytes wanted)") from error


def examine(
    draft: Draft,
    *,
    trust_root: bytes,
    now_ms: int,
    roles: Iterable[str] = (),
    seen: Mapping[str, bytes] | None = None,
) -> None:
    """Verify the chain of the draft, and `roles` with their documents; raise ListRefusedError with what is wrong.

    `seen` is what a terminal may have (timestamp, snapshot, targets): a draft that is a rollback for it is refused.
    """
    seen = seen or {}
    stored = Stored(timestamp=seen.get("timestamp"), snapshot=seen.get("snapshot"), targets=seen.get("targets"))
    with TemporaryDirectory(prefix="xinguan-publishing-") as folder:
        session = Session(
            stored,
            trust_root=trust_root,
            base_url=NOWHERE,
            fetcher=DraftFetcher(draft),
            files=ListFiles(Path(folder) / "documents"),
            reference_ms=now_ms,
            scratch=Path(folder) / "scratch",
        )
        try:
            session.top()
            for role in roles:
                session.role(role)
        except DownloadError as error:
            raise ListRefusedError(str(error)) from error
