"""Downloads for the list verifier: aiohttp, one deadline for the whole refresh, one type of error (lists.md).

Rules of this file:

- The Update Framework's client is blocking and runs in a thread of its own; the bytes come over the event loop's
  session, so that TLS, proxy and connection reuse are the same as everywhere;
- the deadline bounds everything together: a server that sends a byte a second cannot hold a refresh;
- nothing but `DownloadError` and its kinds leaves this module (`DownloadHTTPError` carries the status);
- a document grows in its file and goes on where the last attempt ended (HTTP Range, RFC 9110 §14.2); what it becomes
  is judged by its hash, not here.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import IO, Any, Final, TypeVar

import aiohttp
from tuf.api.exceptions import DownloadError, DownloadHTTPError, DownloadLengthMismatchError, SlowRetrievalError
from tuf.ngclient import FetcherInterface  # type: ignore[attr-defined]

from sync.transport import CONNECT_S, SILENT_S, pinned

OK: Final = 200
PARTIAL: Final = 206
NOT_MODIFIED: Final = 304
RANGE_REFUSED: Final = 416
MAX_METADATA_BYTES: Final = 5_000_000
GIVEN_UP: Final = "the refresh was given up"
OWN_DEADLINE: Final = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=SILENT_S)
PLAIN: Final = {"Accept-Encoding": "identity"}

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What stands at an address: its bytes (None: as the tag says), entity tag and times, as the server says them."""

    body: bytes | None
    tag: str | None = None
    date: str | None = None
    modified: str | None = None


class DocumentFetcher(FetcherInterface):
    """A fetcher that can also bring a document into a file of ours."""

    @abstractmethod
    def download_document(self, url: str, path: Path, size: int) -> None:
        """Let the file at `path` grow to `size` bytes from `url`; raise DownloadError and keep what came."""


class ListFetcher(DocumentFetcher):
    """The fetcher of one refresh. Made on the event loop, used from the verifier's thread."""

    def __init__(self, session: aiohttp.ClientSession, *, deadline_s: float, pin: bytes | None = None) -> None:
        self._session = session
        self._trust: aiohttp.Fingerprint | bool = True if pin is None else pinned(pin)
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + deadline_s
        self._deadline_s = deadline_s
        self._pending: Future[Any] | None = None
        self._cancelled = Event()

    def cancel(self) -> None:
        """End the download under way and refuse further ones: the refresh is given up."""
        self._cancelled.set()
        if self._pending is not None:
            self._pending.cancel()

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """Return what stands at `url`; raise DownloadError."""
        return self._wait(self._get(url, max_length))

    def download_document(self, url: str, path: Path, size: int) -> None:
        """Let the file at `path` grow to `size` bytes from `url`; raise DownloadError and keep what came."""
        have = path.stat().st_size if path.exists() else 0
        if have >= size:  # begun by a server that sent something else
            have = 0
        try:
            with path.open("ab") as file:
                file.truncate(have)
                self._wait(self._grow(url, file, size=size, have=have))
        except DownloadHTTPError as error:
            if error.status_code == RANGE_REFUSED:
                path.unlink()
            raise
        except OSError as error:
            raise DownloadError(f"{path}: {error}") from error

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, MAX_METADATA_BYTES)

    def _wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        if self._cancelled.is_set():
            coroutine.close()
            raise DownloadError(GIVEN_UP)
        pending: Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        self._pending = pending
        if self._cancelled.is_set():  # between the question above and now
            pending.cancel()
        try:
            return pending.result()
        except CancelledError as error:
            raise DownloadError(GIVEN_UP) from error

    async def ask(self, url: str, max_length: int, *, tag: str | None = None) -> Found:
        """Return what stands at `url` unless it still bears `tag`, on the event loop; raise DownloadError."""
        headers = PLAIN if tag is None else {**PLAIN, "If-None-Match": tag}
        data = bytearray()
        try:
            async with (
                asyncio.timeout_at(self._deadline),
                self._session.get(url, headers=headers, timeout=OWN_DEADLINE, ssl=self._trust) as response,
            ):
                if response.status == NOT_MODIFIED and tag is not None:
                    return Found(body=None)
                if response.status != OK:
                    raise DownloadHTTPError(f"{url}: HTTP {response.status}", response.status)
                async for chunk in response.content.iter_any():
                    data += chunk
                    if len(data) > max_length:
                        raise DownloadLengthMismatchError(f"{url}: more than {max_length} bytes")
                told = response.headers
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(url, error) from error
        return Found(body=bytes(data), tag=told.get("ETag"), date=told.get("Date"), modified=told.get("Last-Modified"))

    async def piece(self, url: str, *, first: int, size: int) -> bytes:
        """Return `size` bytes of what stands at `url`, from byte `first` on, on the event loop; raise DownloadError."""
        headers = {**PLAIN, "Range": f"bytes={first}-{first + size - 1}"}
        try:
            async with (
                asyncio.timeout_at(self._deadline),
                self._session.get(url, headers=headers, timeout=OWN_DEADLINE, ssl=self._trust) as response,
            ):
                if response.status != PARTIAL or not _begins_at(response, first):
                    raise DownloadHTTPError(f"{url}: HTTP {response.status} to a range", response.status)
                found: bytes = await response.content.readexactly(size)
                return found
        except (aiohttp.ClientError, OSError, asyncio.IncompleteReadError) as error:
            raise self._failure(url, error) from error

    async def _get(self, url: str, max_length: int) -> bytes:
        return (await self.ask(url, max_length)).body or b""

    async def _grow(self, url: str, file: IO[bytes], *, size: int, have: int) -> None:
        headers = {**PLAIN, "Range": f"bytes={have}-"} if have else PLAIN
        try:
            async with (
                asyncio.timeout_at(self._deadline),
                self._session.get(url, headers=headers, timeout=OWN_DEADLINE, ssl=self._trust) as response,
            ):
                if response.status not in (OK, PARTIAL):
                    raise DownloadHTTPError(f"{url}: HTTP {response.status}", response.status)
                if response.status == OK or not _begins_at(response, have):
                    have = file.truncate(0)
                async for chunk in response.content.iter_any():
                    have += len(chunk)
                    if have > size:
                        file.truncate(0)
                        raise DownloadLengthMismatchError(f"{url}: more than the {size} bytes that were signed")
                    file.write(chunk)
        except (aiohttp.ClientError, OSError) as error:
            raise self._failure(url, error) from error

    def _failure(self, url: str, error: Exception) -> DownloadError:
        if isinstance(error, TimeoutError):
            return SlowRetrievalError(f"{url}: not finished within {self._deadline_s:g} s")
        return DownloadError(f"{url}: {error or type(error).__name__}")


def _begins_at(response: aiohttp.ClientResponse, have: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
