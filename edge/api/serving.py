"""The local API put on its port: the door, who may call, routes and screens."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from edge.api.access import guard, load_tokens
from edge.api.app import MAX_BODY_BYTES, Route
from edge.api.door import Door, DoorSite, reserve_files
from edge.api.openapi import with_description
from edge.config import Config
from edge.screens.pages import screen_routes
from edge.staff.sessions import Sessions
from edge.watch.alive import Tasks
from edge.watch.logs import hide

STOP_S = 1.0  # for requests in hand when we stop


def _tls(config: Config) -> ssl.SSLContext | None:
    """Return the TLS of the port; None on this machine. Raises OSError or ssl.SSLError naming what cannot be read."""
    if config.api.tls_cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(config.api.tls_cert, config.api.tls_key)
    return context


@asynccontextmanager
async def listening(
    config: Config, routes: list[Route], sessions: Sessions, tasks: Tasks
) -> AsyncIterator[web.AppRunner]:
    """Listen where the configuration says, until the end of the context or `cleanup` of what is given."""
    described = with_description(routes)
    door, tokens = Door(reserve_files()), load_tokens(config.data)
    hide(tokens.values())
    needs = {f"{method} {path}": may for method, path, may, _handler in described if may is not None}
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[door.middleware(), guard(tokens, frozenset(config.api.hosts), needs, sessions)],
    )
    for method, path, _may, handler in described:
        app.router.add_route(method, path, handler)
    app.add_routes(screen_routes())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_S, auto_decompress=False)
    await runner.setup()
    sweeping = asyncio.create_task(tasks.keep("door", door.keep, worked=lambda: door.sweeps), name="door")
    try:
        await DoorSite(runner, door, config.listen, tls=_tls(config)).start()
        yield runner
    finally:
        sweeping.cancel()
        await runner.cleanup()
