"""The console as an HTTP service: composition, nothing else."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib import metadata, resources
from pathlib import Path
from ssl import SSLContext
from typing import Final, TypeVar

from aiohttp import web

from central.console import api, describing, entrance
from central.console.doors import DESK, ORIGINS, door
from central.console.pages import approvals, desk_pages, letters, overviews, registers, settlement
from central.office.desk import Desk
from central.office.drafts.deciding import apply_due
from central.office.overdue import keep_blocked
from central.office.persons.retaining import tidy
from central.office.resuming import resume, settle_cases

log = logging.getLogger("central.console")

SHUTDOWN_S: Final = 2.0
MAX_FORM: Final = 17 * 1024 * 1024
LONGEST_ACT_MS: Final = 600_000
BLOCK_MS: Final = 20_000
TIDY_MS: Final = 3_600_000
EVERY_S: Final = 1.0
SCHEDULE: Final = "schedule"
DUTIES: Final[Mapping[str, tuple[int, Callable[[Desk], Awaitable[object]]]]] = {
    "drafts": (-1, apply_due),
    "overdue": (BLOCK_MS, keep_blocked),
    "retention": (TIDY_MS, tidy),
}
"""What the schedule does, and after how many ms again."""
T = TypeVar("T")


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
    looked_ms = dict.fromkeys(DUTIES, 0)

    async def after_a_cut() -> None:
        nonlocal first
        await resume(desk, begun_before_ms=max(begun_before_ms, desk.now_ms() - LONGEST_ACT_MS))
        if first:
            await settle_cases(desk)
        first = False

    while True:
        if await _outlived(lambda: hold(SCHEDULE)):
            await _outlived(after_a_cut)
            for name, (every_ms, duty) in DUTIES.items():
                if abs(desk.now_ms() - looked_ms[name]) > every_ms:  # a clock may be set back
                    looked_ms[name] = desk.now_ms()
                    await _outlived(partial(duty, desk))
        await asyncio.sleep(EVERY_S)


async def _outlived(work: Callable[[], Awaitable[T]]) -> T | None:
    """Do one duty of the schedule; what fails is logged: neither the other duties nor the platform ends with it."""
    try:
        return await work()
    except Exception:  # this is the one place that outlives any of them
        log.exception("a duty of the office's schedule failed; it is tried again")
        return None


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
