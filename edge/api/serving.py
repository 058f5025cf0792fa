"""The local API put on its port: routes, screens, and who may call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from edge.api.access import guard, load_tokens
from edge.api.app import MAX_BODY_BYTES, Route
from edge.api.openapi import with_description
from edge.config import Config
from edge.screens.pages import screen_routes

STOP_S = 1.0  # for requests in hand when we stop


@asynccontextmanager
async def listening(config: Config, routes: list[Route]) -> AsyncIterator[web.AppRunner]:
    """Listen where the configuration says, until the end of the context or `cleanup` of what is given."""
    described = with_description(routes)
    needs = {f"{method} {path}": may for method, path, may, _handler in described if may is not None}
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[guard(load_tokens(config.data), frozenset(config.api.hosts), needs)],
    )
    for method, path, _may, handler in described:
        app.router.add_route(method, path, handler)
    app.add_routes(screen_routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S)
    await runner.setup()
    try:
        host, port = config.listen
        await web.TCPSite(runner, host, port).start()
        yield runner
    finally:
        await runner.cleanup()
