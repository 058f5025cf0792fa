"""The console as an HTTP service: composition, nothing else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata, resources
from pathlib import Path
from ssl import SSLContext
from typing import Final

from aiohttp import web

from central.console import api, describing, entrance
from central.console.doors import DESK, JOURNAL, MAX_FORM, ORIGINS, door
from central.console.pages import approvals, desk_pages, letters, overviews, registers, settlement
from central.office.desk import Desk
from central.register.accounts.watching import Watch

SHUTDOWN_S: Final = 2.0


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(describing.document(metadata.version("xinguan")))


def build_console(desk: Desk, *, origins: frozenset[str] = frozenset()) -> web.Application:
    """Return the application; `origins` are those of a proxy before it, none: whatever host was asked."""
    app = web.Application(middlewares=[door], client_max_size=MAX_FORM)
    app[DESK], app[ORIGINS], app[JOURNAL], app[entrance.TURNS] = desk, origins, Watch(), entrance.Turns()
    app.add_routes([*entrance.ROUTES, *api.ROUTES])
    app.add_routes(
        [
            *desk_pages.ROUTES,
            *approvals.ROUTES,
            *settlement.ROUTES,
            *overviews.ROUTES,
            *registers.ROUTES,
            *letters.ROUTES,
        ]
    )
    app.add_routes([web.get("/healthz", _health), web.get("/v1/office/openapi.json", _openapi)])
    with resources.as_file(resources.files("central.console").joinpath("static")) as static:
        app.add_routes([web.static("/static", Path(static))])
    return app


@asynccontextmanager
async def console_serving(
    desk: Desk, *, host: str, port: int, tls: SSLContext | None = None, origins: frozenset[str] = frozenset()
) -> AsyncIterator[str]:
    """Serve the console until the context ends; gives its base URL."""
    runner = web.AppRunner(build_console(desk, origins=origins), access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
        shown = f"[{host}]" if ":" in host else host
        yield f"{'https' if tls else 'http'}://{shown}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
