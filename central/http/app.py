"""The platform as an HTTP service: composition, nothing else.

Request bodies are never inflated by the server (`auto_decompress=False` in `serving`): what a token signs is the body
as it travelled, and the bound on inflating is ours to keep.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import metadata, resources
from pathlib import Path
from ssl import SSLContext
from typing import Any

from aiohttp import web

from central.http.admin_calls import AdminCalls
from central.http.asked import bound_tls
from central.http.claim_calls import ClaimCalls
from central.http.description.openapi import document
from central.http.list_calls import ListCalls
from central.http.memory_calls import MemoryCalls
from central.http.problems import answer_problems
from central.http.terminal_calls import TerminalCalls
from central.http.visitors.notices import NoticePage
from central.http.visitors.shorts import ShortCalls
from central.http.visitors.wallets import WalletCalls
from central.http.waking import Waking
from central.platform_state import PlatformState
from central.store import open_books
from storage.collector import collecting_seldom
from storage.files import durable_folder
from storage.jobs import JobStore

SHUTDOWN_S = 2.0
BACKLOG = 1024  # connections that wait to be taken: after a restart a whole town asks at once
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(document(metadata.version("xinguan")))


async def _ledger_page(_request: web.Request) -> web.Response:
    text = resources.files("central").joinpath("pages", "ledger.html").read_text("utf-8")
    return web.Response(text=text, content_type="text/html", headers=PAGE_HEADERS)


def build_app(state: PlatformState, store: JobStore, waking: Waking, now_ms: Callable[[], int]) -> web.Application:
    """Return the application over an opened platform."""
    app = web.Application(middlewares=[answer_problems])
    app.on_shutdown.append(waking.close)
    calls = TerminalCalls(state, store, waking, now_ms)
    claims = ClaimCalls(store, calls, state, now_ms)
    memory = MemoryCalls(store, calls, state.signer, now_ms)
    app.add_routes([*calls.routes(), *claims.routes(), *memory.routes()])
    app.on_startup.append(lambda _app: claims.begin())
    admin = AdminCalls(state, store, now_ms)
    app.add_routes(admin.routes())
    app.add_routes(ShortCalls(state.folder, store, calls, now_ms).routes(admin.guarded))
    app.add_routes(NoticePage(store, folder=state.folder, now_ms=now_ms).routes())
    app.add_routes(WalletCalls(state.folder, store, now_ms).routes())
    app.add_routes(ListCalls(state.folder, store, now_ms).routes(admin.guarded))
    app.add_routes([web.get("/healthz", _health), web.get("/openapi.json", _openapi), web.get("/", _ledger_page)])
    durable_folder(state.public)
    app.add_routes([web.static("/lists", state.public)])
    with resources.as_file(resources.files("central").joinpath("pages")) as pages:
        app.add_routes([web.static("/pages", Path(pages))])
    return app


@asynccontextmanager
async def serving(
    state: PlatformState,
    *,
    host: str,
    port: int,
    now_ms: Callable[[], int],
    tls: SSLContext | None = None,
    beside: Callable[[JobStore], Coroutine[Any, Any, None]] | None = None,
) -> AsyncIterator[str]:
    """Serve the platform until the context ends; gives the base URL with the port that was bound.

    `beside` gives what else runs on the same books for that time.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(collecting_seldom())
        store = await stack.enter_async_context(open_books(state))
        group = await stack.enter_async_context(asyncio.TaskGroup())
        waking = Waking(store, state.lists_version)
        tasks = [group.create_task(waking.run())]
        if beside is not None:
            tasks.append(group.create_task(beside(store)))
        app = build_app(state, store, waking, now_ms)
        runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await runner.setup()
        try:
            bound_tls()
            site = web.TCPSite(runner, host, port, ssl_context=tls, backlog=BACKLOG)
            await site.start()
            bound = runner.addresses[0][1]
            shown = f"[{host}]" if ":" in host else host
            yield f"{'https' if tls else 'http'}://{shown}:{bound}"
        finally:
            await runner.cleanup()
            for task in tasks:
                task.cancel()
