"""What the gate's scanner sees, with its boxes drawn: the terminal's own preview, handed on to the demo's page.

A page's picture cannot carry a bearer token, so the demo asks for it; after the plug was pulled it asks again.
"""

import asyncio
from typing import Final

import aiohttp
from aiohttp import web

from central.demo.running.terminal_link import TerminalLink

AGAIN_S: Final = 0.3
CHUNK_BYTES: Final = 64 * 1024


class Overlay:
    """The preview of one terminal's camera."""

    def __init__(self, link: TerminalLink, session: aiohttp.ClientSession) -> None:
        self._link = link
        self._session = session

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Stream the pictures until the page goes away."""
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace; boundary=frame"})
        await response.prepare(request)
        while True:
            try:
                await self._hand_on(response)
            except ConnectionResetError:
                return response  # the page went away
            except (aiohttp.ClientError, TimeoutError, KeyError):
                pass  # the terminal is down: its picture comes back when it does
            await asyncio.sleep(AGAIN_S)

    async def _hand_on(self, response: web.StreamResponse) -> None:
        url = f"{self._link.url}/v1/lanes/{self._link.post.lane}/preview"
        headers = {"Authorization": f"Bearer {self._link.tokens['service']}"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=2.0)
        async with self._session.get(url, headers=headers, timeout=timeout) as pictures:
            pictures.raise_for_status()
            async for chunk in pictures.content.iter_chunked(CHUNK_BYTES):
                try:
                    await response.write(chunk)
                except aiohttp.ClientConnectionError as error:
                    raise ConnectionResetError from error
