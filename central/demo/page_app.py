"""The demo's page: the three screens and the platform's ledger side by side, and a button for everything.

Rules of this file:

- what changes or shows anything needs the key in the printed address (a fragment, which never leaves the browser);
- camera and turnstile need no key: the gate terminal has none, and they hold nothing;
- only this machine is answered, under its own names (DNS rebinding).
"""

import hmac
import secrets
from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Final

import aiohttp
from aiohttp import web

from central.demo.actions import ACTIONS
from central.demo.running.processes import ChildError
from central.demo.view import View
from central.demo.world import World

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KINDS: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


@web.middleware
async def _only_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    name = request.host.rpartition(":")[0]
    origin = request.headers.get("Origin")
    if name not in ("127.0.0.1", "localhost") or origin not in (None, f"http://{request.host}"):
        raise web.HTTPForbidden(text="the demo answers its own page only")
    return await handler(request)


class PageApp:
    """The page's server side. `world` is given once it runs."""

    def __init__(self) -> None:
        self.key = secrets.token_urlsafe(12)
        self._world: World | None = None
        self._view: View | None = None

    def show(self, world: World, view: View) -> None:
        """Let the page show this world."""
        self._world, self._view = world, view

    def application(self, more: list[web.RouteDef]) -> web.Application:
        """Return the application with the page's routes and `more`."""
        app = web.Application(middlewares=[_only_here])
        page = files("central.demo").joinpath("page")
        for item in page.iterdir():
            path = "/" if item.name == "index.html" else f"/page/{item.name}"
            app.router.add_get(path, _file(item.read_bytes(), KINDS[item.name.rsplit(".", 1)[-1]]))
        app.router.add_get("/api/state", self._keyed(self._state))
        app.router.add_post("/api/do/{action}", self._keyed(self._do))
        app.add_routes(more)
        return app

    def _keyed(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            if not hmac.compare_digest(request.headers.get("X-Demo-Key", "").encode(), self.key.encode()):
                raise web.HTTPUnauthorized(text="open the address that the demo printed")
            return await handler(request)

        return checked

    async def _state(self, _request: web.Request) -> web.Response:
        if self._view is None:
            return web.json_response({"starting": True})
        return web.json_response(await self._view.state())

    async def _do(self, request: web.Request) -> web.Response:
        action = ACTIONS.get(request.match_info["action"])
        if action is None or self._world is None:
            raise web.HTTPNotFound(text="there is no such action (yet)")
        try:
            return web.json_response({"done": await action.do(self._world)})
        except (LookupError, RuntimeError, TimeoutError, ChildError, aiohttp.ClientError) as error:
            raise web.HTTPConflict(text=str(error) or type(error).__name__) from error


def _file(body: bytes, kind: str) -> Handler:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=kind, charset="utf-8", headers=HEADERS)

    return answer
