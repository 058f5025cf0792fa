"""One port for everything: the screens of the terminals, reached through the demo's own page.

`/terminal/NAME/PATH` is PATH of that terminal. Rules of this file:

- what a browser sends goes on as it is, but for Host and Origin, which the page's own check has judged before;
- bodies are bounded, answers are streamed, so that events arrive when they happen;
- a terminal that is down is 502, and a stream that breaks there breaks here: a screen sees the loss at once.
"""

from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp import web

from central.demo.running.terminal_link import TerminalLink

CHUNK_BYTES: Final = 64 * 1024
CONNECT_S: Final = 2.0
ASKED: Final = ("Authorization", "Content-Type", "Accept", "Accept-Language", "If-None-Match")
ANSWERED: Final = (
    "Content-Type",
    "Cache-Control",
    "Content-Security-Policy",
    "X-Content-Type-Options",
    "Referrer-Policy",
    "WWW-Authenticate",
    "ETag",
)


class Through:
    """Hands requests on to the terminals."""

    def __init__(self, terminals: Mapping[str, TerminalLink], session: aiohttp.ClientSession) -> None:
        self._terminals = terminals
        self._session = session

    def routes(self) -> list[web.RouteDef]:
        """Return the one route."""
        return [web.route("*", "/terminal/{name}/{path:.*}", self.serve)]

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer as the terminal does."""
        link = self._terminals.get(request.match_info["name"])
        if link is None:
            raise web.HTTPNotFound(text="there is no such terminal")
        url = f"{link.url}/{request.rel_url.raw_path.split('/', 3)[3]}"
        if request.query_string:
            url += f"?{request.rel_url.raw_query_string}"
        headers = {name: request.headers[name] for name in ASKED if name in request.headers}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
        body = await request.read()
        answer: web.StreamResponse | None = None
        try:
            async with self._session.request(
                request.method, url, headers=headers, data=body or None, timeout=timeout, allow_redirects=False
            ) as there:
                passed = {name: there.headers[name] for name in ANSWERED if name in there.headers}
                answer = web.StreamResponse(status=there.status, reason=there.reason, headers=passed)
                await answer.prepare(request)
                async for chunk in there.content.iter_chunked(CHUNK_BYTES):
                    await answer.write(chunk)
        except (aiohttp.ClientError, TimeoutError) as error:
            if answer is None:
                raise web.HTTPBadGateway(text=f"{link.post.terminal} does not answer") from error
            if request.transport is not None:
                request.transport.abort()  # half an answer must not look like a whole one
        except ConnectionResetError:
            pass  # the browser went away
        assert answer is not None  # noqa: S101 - every way without an answer has raised
        return answer
