"""A network that can be cut: a TCP proxy between the terminals and the platform.

Rules of this file:

- cutting ends every connection at once (a reset, as when a cable is pulled) and refuses new ones until restored;
- the port stays ours while cut, so that nobody else takes it and terminals find the network again where it was.
"""

import asyncio
import contextlib
from typing import Self

CHUNK_BYTES = 64 * 1024
CONNECT_S = 2.0


class CuttableProxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`upstream` while it is not cut."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._open: set[asyncio.StreamWriter] = set()
        self.is_cut = False
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        self._reset_all()
        await self._server.wait_closed()

    def cut(self) -> None:
        """Pull the cable."""
        self.is_cut = True
        self._reset_all()

    def restore(self) -> None:
        """Plug the cable in again."""
        self.is_cut = False

    def _reset_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        self._open.add(writer)
        try:
            async with asyncio.timeout(CONNECT_S):
                there, back = await asyncio.open_connection("127.0.0.1", self._upstream)
        except (OSError, TimeoutError):
            self._open.discard(writer)
            writer.transport.abort()
            return
        self._open.add(back)
        try:
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
        finally:
            for end in (writer, back):
                self._open.discard(end)
                end.transport.abort()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry bytes until this direction ends; a reset of either side ends it too."""
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
