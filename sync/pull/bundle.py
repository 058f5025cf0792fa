"""Lists from a file, where no network is: the same repository, carried on a stick (`xinguan lists import`).

Rules of this file:

- a bundle is a ZIP of the repository's files (`metadata/…`, `targets/…`) and nothing of it is believed: the verifier
  reads it as it reads a web server, with the same roots, signatures, delegations, floors and hashes;
- a member is read up to the size that its caller allows, and never unpacked to a path of its own;
- its table of contents is bounded before it is read: a million names that lead nowhere would fill a small board;
- whatever a reader of ZIPs makes of damaged ones (`WRONG`) is no bundle, or no such member: nothing else comes out;
- its expiry is judged at its own issue time: a network that shows an expired timestamp may be holding back news, a
  stick is carried by hand. It can never be older than what is in force, and its age shows and counts as always.
"""

import lzma
import os
import struct
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
BLOCK: Final = 1 << 20
WRONG: Final = (  # RuntimeError: encrypted, and as NotImplementedError a version or a way of packing that nobody reads
    *(OSError, EOFError, ValueError, OverflowError, RuntimeError, struct.error),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
MAX_CONTENTS_BYTES: Final = 2 << 20  # some 20 000 names; a town's lists have hundreds
END: Final = struct.Struct("<4s4H2LH")  # APPNOTE.TXT 4.3.16
END_MAGIC, END64_MAGIC = b"PK\x05\x06", b"PK\x06\x07"
LOCATOR_BYTES: Final = 20
LONGEST_REMARK: Final = 0xFFFF


class BundleFetcher(DocumentFetcher):
    """Reads the repository out of a bundle. `close` it when done."""

    def __init__(self, path: Path) -> None:
        try:
            _bounded_contents(path)
            self._zip = zipfile.ZipFile(path)
        except WRONG as error:
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
        with self._member(url) as member, path.open("wb") as file:
            left = size
            while part := self._read(url, member, min(BLOCK, left + 1)):
                left -= len(part)
                if left < 0:
                    raise DownloadLengthMismatchError(f"{url}: more than {size} bytes")
                file.write(part)

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, MAX_METADATA_BYTES)

    def _member(self, url: str) -> IO[bytes]:
        try:
            return self._zip.open(url.removeprefix(BASE))
        except KeyError as error:
            raise DownloadHTTPError(f"{url}: not in the bundle", NOT_FOUND) from error
        except WRONG as error:
            raise DownloadError(f"{url}: {error}") from error

    def _bounded(self, url: str, member: IO[bytes], most: int) -> bytes:
        data = self._read(url, member, most + 1)
        if len(data) > most:
            raise DownloadLengthMismatchError(f"{url}: more than {most} bytes")
        return data

    def _read(self, url: str, member: IO[bytes], most: int) -> bytes:
        try:
            return member.read(most)
        except WRONG as error:
            raise DownloadError(f"{url}: damaged in the bundle: {error}") from error


def _bounded_contents(path: Path) -> None:
    """Raise BadZipFile where the table of contents is none, too long, or of the form for files beyond 4 GiB."""
    with path.open("rb") as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - END.size - LONGEST_REMARK - LOCATOR_BYTES))
        tail = file.read()
    plain = len(tail) - END.size
    at = plain if tail[plain : plain + 4] == END_MAGIC and tail[-2:] == b"\0\0" else tail.rfind(END_MAGIC)
    if at < 0 or len(tail) - at < END.size:
        raise zipfile.BadZipFile("it has no table of contents")
    size = END.unpack_from(tail, at)[5]
    if size > MAX_CONTENTS_BYTES or tail[max(0, at - LOCATOR_BYTES) : at].startswith(END64_MAGIC):
        raise zipfile.BadZipFile(f"its table of contents is longer than {MAX_CONTENTS_BYTES >> 20} MiB")
