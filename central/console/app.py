"""The console as an HTTP service: composition, nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import metadata, resources
from pathlib import Path
from ssl import SSLContext
from typing import Final

from aiohttp import web

from central.console import api, describing, entrance
from central.console.doors import DESK, ORIGINS, door
from central.console.pages import approvals, desk_pages, letters, overviews, registers, settlement
from central.office.desk import Desk
from central.office.drafts.deciding import apply_due
from central.office.overdue import keep_blocked
from central.office.persons.retaining import tidy
from central.office.refusals import OfficeError
from central.office.resuming import resume, settle_cases
from storage.jobs import StoreFailedError

log = logging.getLogger("central.console")

SHUTDOWN_S: Final = 2.0
MAX_FORM: Final = 17 * 1024 * 1024
LONGEST_ACT_MS: Final = 600_000
BLOCK_MS: Final = 20_000
TIDY_MS: Final = 3_600_000
EVERY_S: Final = 1.0
SCHEDULE: Final = "schedule"


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(describing.document(metadata.version("xinguan")))


def build_console(desk: Desk, *, origins: frozenset[str] = frozenset()) -> web.Application:
    """Return the application; `origins` are those of a proxy before it, none: whatever host was asked."""
    app = web.Application(middlewares=[door], client_max_size=MAX_FORM)
    app[DESK], app[ORIGINS] = desk, origins
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


async def keep_schedule(desk: Desk, hold: Callable[[str], Awaitable[bool]], *, alone: bool) -> None:
    """Put in force, for ever, what was approved for a time that has come; what fails is logged and tried again.

    Of several platform processes one does it: the one for which `hold` says so. First it finishes what a cut left:
    at once where no other process can be at it (`alone`), else what has been open for longer than any act takes.
    """
    begun_before_ms, first = desk.now_ms() if alone else 0, True
    tidied_ms = blocked_ms = 0
    while True:
        try:
            if await hold(SCHEDULE):
                await resume(desk, begun_before_ms=max(begun_before_ms, desk.now_ms() - LONGEST_ACT_MS))
                if first:
                    await settle_cases(desk)
                first = False
                await apply_due(desk)
                if desk.now_ms() - blocked_ms > BLOCK_MS:
                    await keep_blocked(desk)
                    blocked_ms = desk.now_ms()
                if desk.now_ms() - tidied_ms > TIDY_MS:
                    await tidy(desk)
                    tidied_ms = desk.now_ms()
        except (StoreFailedError, OfficeError):
            log.exception("drafts that are due could not be looked at")
        await asyncio.sleep(EVERY_S)


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
