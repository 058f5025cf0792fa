"""Lists from a file, where no network is: the same repository, carried on a stick (`xinguan lists import`).

Rules of this file:

- a bundle is a ZIP of the repository's files (`metadata/…`, `targets/…`) and nothing of it is believed: the verifier
  reads it as it reads a web server, with the same roots, signatures, delegations, floors and hashes;
- a member is read up to the size that its caller allows, and never unpacked to a path of its own;
- its expiry is judged at its own issue time: a network that shows an expired timestamp may be holding back news, a
  stick is carried by hand. It can never be older than what is in force, and its age shows and counts as always.
"""

import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError
from tuf.api.metadata import Metadata, Timestamp  # type: ignore[attr-defined]
from tuf.api.serialization import DeserializationError

from sync.pull.fetcher import MAX_METADATA_BYTES, DocumentFetcher
from sync.pull.verify import ListRefusedError, issued_ms

BASE: Final = "bundle:///"
NOT_FOUND: Final = 404


class BundleFetcher(DocumentFetcher):
    """Reads the repository out of a bundle. `close` it when done."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise ListRefusedError(f"{path}: no list bundle: {error}") from error

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def issued_ms(self) -> int:
        """Return when the bundle says it was signed (ms UTC), before it is verified; raise ListRefusedError."""
        try:
            raw = self.download_bytes(f"{BASE}metadata/timestamp.json", MAX_METADATA_BYTES)
            return issued_ms(Metadata[Timestamp].from_bytes(raw).signed)
        except (DownloadError, DeserializationError) as error:
            raise ListRefusedError(f"no list bundle: {error}") from error

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return a member; raise DownloadError."""
        with self._member(url) as member:
            return self._bounded(url, member, max_length)

    def download_document(self, url: str, path: Path, size: int) -> None:
        """Copy a member to `path`; raise DownloadError."""
        with self._member(url) as member:
            path.write_bytes(self._bounded(url, member, size))

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, MAX_METADATA_BYTES)

    def _member(self, url: str) -> IO[bytes]:
        try:
            return self._zip.open(url.removeprefix(BASE))
        except KeyError as error:
            raise DownloadHTTPError(f"{url}: not in the bundle", NOT_FOUND) from error
        except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
            raise DownloadError(f"{url}: {error}") from error

    def _bounded(self, url: str, member: IO[bytes], most: int) -> bytes:
        try:
            data = member.read(most + 1)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DownloadError(f"{url}: damaged in the bundle: {error}") from error
        if len(data) > most:
            raise DownloadLengthMismatchError(f"{url}: more than {most} bytes")
        return data
