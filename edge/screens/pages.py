"""The screens as HTTP routes: five pages and their static files.

Rules of this file:

- pages hold no secret: the bearer token travels in the URL fragment, which browsers never send;
- nothing is loaded from elsewhere (Content-Security-Policy), and nothing runs inline;
- another page on this machine may frame a screen (the demo does); no other site may;
- every address in them is relative, so that a proxy may serve them below a path of its own;
- file names are a table made at start: no path of a request ever reaches the file system.
"""

from importlib.resources import files
from typing import Final

from aiohttp import web

PAGES: Final = ("gate", "desk", "counter", "staff", "service")
KINDS: Final = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'self' http://127.0.0.1:* http://localhost:*"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def _answer(body: bytes, kind: str) -> web.Response:
    return web.Response(body=body, content_type=kind, charset="utf-8", headers=HEADERS)


def screen_routes() -> list[web.RouteDef]:
    """Return GET routes for /gate, /desk, /counter, /staff, /service and /static/NAME; they need no bearer token."""
    here = files("edge.screens")
    pages = {name: here.joinpath(f"{name}.html").read_bytes() for name in PAGES}
    static = {item.name: item.read_bytes() for item in here.joinpath("static").iterdir() if item.is_file()}

    async def page(request: web.Request) -> web.Response:
        return _answer(pages[request.path.strip("/")], KINDS["html"])

    async def asset(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in static:
            raise web.HTTPNotFound
        return _answer(static[name], KINDS[name.rsplit(".", 1)[-1]])

    return [*(web.get(f"/{name}", page) for name in PAGES), web.get("/static/{name}", asset)]
