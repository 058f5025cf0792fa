"""One terminal, put together (architecture.md, "Process and lifetime").

Everything that lives is a task of one TaskGroup: a dead task ends the process, and systemd restarts it. SIGTERM: stop
taking scans, finish the job in hand, close. kill -9 at any instruction is survivable, because nothing that matters
lives here: it is in the store.
"""

import asyncio
import logging
import signal
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from importlib.metadata import version
from pathlib import Path

from aiohttp import web

from cache.ids import uuid7
from cache.journal import chain
from cache.ledger import settle
from cache.ledger.steps import summarise
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from cache.offers.own import Shop
from credit.inputs import Now, Place
from edge.actuators.gates import from_spec
from edge.api.access import guard, load_tokens
from edge.api.app import MAX_BODY_BYTES, Api, Route
from edge.api.offers import Offers
from edge.api.openapi import with_description
from edge.clock import Clock
from edge.config import Config, LaneTable
from edge.events import Events
from edge.lanes.decider import Decider
from edge.lanes.lane import Lane
from edge.lanes.second_check import Verifiers
from edge.metrics import Metrics
from edge.screens.pages import screen_routes
from edge.watch.about import About, Parts, Sync, note
from edge.watch.systemd import notify, watchdog_interval_s
from scanner.source import Source
from scanner.sources import open_source
from storage.jobs import StoreFailedError
from storage.only_one import only_one
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE, ensure_epoch
from sync.enrol.identity import Identity, load_identity
from sync.pull.puller import Puller
from sync.push.pusher import Pusher
from sync.times import TimeSync
from sync.transport import open_session

log = logging.getLogger("xinguan.terminal")


STATUS_EVERY_S = 1.0
TIDY_EVERY_S = 60.0
FINISH_S = 3.0
MINUTE_MS = 60_000
RETAIN_MS = 180 * 86_400_000  # facts that the platform signed for stay this long


class Terminal:
    """The running service. `reached` is told named points on the way of a redemption; tests pull the plug there."""

    def __init__(self, config: Config, *, reached: Callable[[str], None] = lambda _point: None) -> None:
        self._config = config
        self._reached = reached
        self._stop = asyncio.Event()

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; raise what ended a task (ExceptionGroup), or what is wrong at the start."""
        with only_one(self._config.data):
            identity = load_identity(self._config.data)
            async with AsyncExitStack() as stack:
                store = await stack.enter_async_context(Store(self._config.data / DATABASE_FILE))
                await self._serve(identity, store, stack)

    async def _serve(self, identity: Identity, store: Store, stack: AsyncExitStack) -> None:
        parts = await self._open(identity, store, stack)
        events = Events()
        verifiers = await stack.enter_async_context(Verifiers(self._config.verifiers))
        lanes = {table.id: await self._lane(table, parts, events, verifiers, stack) for table in self._config.lanes}
        about = About(parts)
        api = Api(lanes=lanes, store=store, events=events, metrics=parts.metrics, about=about)
        routes = [*api.routes(), *self._offers(parts, events, about).routes()]
        runner = await self._listen(with_description(routes), stack)
        await store.write(lambda conn: started(conn, identity, parts.decider.now()))
        self._signals()
        async with asyncio.TaskGroup() as group:
            gates = [group.create_task(lane.openings.run()) for lane in lanes.values()]
            work = [
                parts.sync.push.run(),
                parts.sync.pull.run(),
                parts.sync.times.run(),
                about.tell(events, every_s=STATUS_EVERY_S),
                feed_watchdog(store),
                tidy(parts),
                *(read(source, lanes[name]) for name, source in parts.sources.items()),
            ]
            tasks = [group.create_task(one) for one in work]
            notify("READY=1")
            log.info("serving", extra={"terminal": identity.terminal, "site": identity.site})
            await self._stop.wait()
            notify("STOPPING=1")
            events.close()
            for task in tasks:
                task.cancel()
            await runner.cleanup()  # nobody asks any more; what was granted is opened and noted before we go
            await finish(lanes)
            for task in gates:
                task.cancel()
        try:
            await store.write(note("stopped", {}, parts.decider.now()))
        except StoreFailedError:
            log.exception("stop_not_kept")

    async def _open(self, identity: Identity, store: Store, stack: AsyncExitStack) -> Parts:
        """Open everything this terminal is made of; `stack` closes it again."""
        config, metrics = self._config, Metrics()
        clock = await Clock.restore(store)
        shop = Shop(identity.terminal, identity.site)
        files = ListFiles(config.data / "lists")
        lists = ListStore(store, files, ids=uuid7, home=identity.profile.issuer, shop=shop)
        decider = Decider(
            store=store,
            clock=clock,
            lists=lists,
            profile=identity.profile,
            places=places(config, identity),
            metrics=metrics,
            reached=self._reached,
        )
        sync = await self._sync(identity, store, clock, lists, stack)
        await sync.pull.restore()
        sources = {
            table.id: await stack.enter_async_context(open_source(table.source, clock=clock))
            for table in config.lanes
            if table.source is not None
        }
        return Parts(
            identity=identity,
            store=store,
            clock=clock,
            lists=lists,
            decider=decider,
            metrics=metrics,
            lanes=config.lanes,
            sources=sources,
            sync=sync,
        )

    async def _sync(
        self, identity: Identity, store: Store, clock: Clock, lists: ListStore, stack: AsyncExitStack
    ) -> Sync:
        """Open the three ways to the platform."""
        platform = self._config.platform
        session = await stack.enter_async_context(open_session(Path(platform.ca) if platform.ca else None))
        base_url, poll_s = f"{identity.platform}/lists/", platform.poll_s
        pull = Puller(lists, session, base_url=base_url, trust_root=identity.trust_root, clock=clock, poll_s=poll_s)
        return Sync(
            push=Pusher(store, session, identity, clock, poll_s=poll_s, reached=self._reached),
            pull=await stack.enter_async_context(pull),
            times=TimeSync(session, identity, clock, poll_s=poll_s),
        )

    async def _lane(
        self, table: LaneTable, parts: Parts, events: Events, verifiers: Verifiers, stack: AsyncExitStack
    ) -> Lane:
        actuator = from_spec(table.actuator)
        if isinstance(actuator, AbstractAsyncContextManager):
            await stack.enter_async_context(actuator)
        return Lane(
            table,
            decider=parts.decider,
            store=parts.store,
            actuator=actuator,
            events=events,
            metrics=parts.metrics,
            tickets=tuple(parts.identity.profile.ticket_types),
            verifiers=verifiers,
        )

    def _offers(self, parts: Parts, events: Events, about: About) -> Offers:
        identity, lanes = parts.identity, [table.id for table in self._config.lanes]
        shop, issuer = Shop(identity.terminal, identity.site), identity.profile.issuer
        return Offers(
            shop=shop, issuer=issuer, lists=parts.lists, store=parts.store, events=events, about=about, lanes=lanes
        )

    async def _listen(self, routes: list[Route], stack: AsyncExitStack) -> web.AppRunner:
        needs = {f"{method} {path}": may for method, path, may, _handler in routes if may is not None}
        tokens = load_tokens(self._config.data)
        app = web.Application(
            client_max_size=MAX_BODY_BYTES, middlewares=[guard(tokens, frozenset(self._config.api.hosts), needs)]
        )
        for method, path, _may, handler in routes:
            app.router.add_route(method, path, handler)
        app.add_routes(screen_routes())
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        host, port = self._config.listen
        await web.TCPSite(runner, host, port).start()
        return runner

    def _signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)


def started(conn: sqlite3.Connection, identity: Identity, now: Now) -> int:
    """Journal the start; whoever was granted just before the plug was pulled may show the code again (scene S11)."""
    ensure_epoch(conn, terminal=identity.terminal, now_ms=now.utc_ms)
    note("started", {"version": version("xinguan")}, now)(conn)
    return settle.renew_grace(conn, now=now)


def places(config: Config, identity: Identity) -> dict[str, Place]:
    """Return where each lane stands."""
    return {
        table.id: Place(site=identity.site, scene=table.scene, lane=table.id, terminal=identity.terminal)
        for table in config.lanes
    }


async def read(source: Source, lane: Lane) -> None:
    """Hand every sight of a code to the lane; ends with a recording."""
    source.on_dropped = lane.dropped
    async for presented in source:
        await lane.seen(presented.text, presented.at_ms, presented.beside, presented.raw)


async def finish(lanes: dict[str, Lane]) -> None:
    """Finish the openings in hand: a fact that is missing would open the gate again after the restart."""
    try:
        async with asyncio.timeout(FINISH_S):
            for lane in lanes.values():
                await lane.openings.drain()
    except TimeoutError:
        log.error("openings_left", extra={"after_s": FINISH_S})  # noqa: TRY400 - the deadline is the whole story


async def tidy(parts: Parts) -> None:
    """Once a minute: what has fallen due becomes a fact, summaries are written, old signed facts leave."""
    while True:
        try:
            await parts.store.write(lambda conn: housekeeping(conn, parts.decider.now()))
        except StoreFailedError:
            log.exception("tidying_failed")
        await asyncio.sleep(TIDY_EVERY_S)


def housekeeping(conn: sqlite3.Connection, now: Now) -> None:
    """Mark what is overdue, journal finished minutes of refusals, let facts leave that are signed for and old."""
    settle.mark_overdue(conn, now=now, ids=uuid7)
    summarise(conn, before_minute=now.utc_ms // MINUTE_MS, now=now, ids=uuid7)
    chain.retire(conn, older_than_ms=now.utc_ms - RETAIN_MS)


async def feed_watchdog(store: Store) -> None:
    """Feed the service manager's watchdog through the very path a decision takes: a transaction on the writer.

    A store that answers "I cannot" is alive: visitors get REFER and staff see why, which no restart would better.
    """
    every_s = watchdog_interval_s()
    while True:
        try:
            await store.write(lambda conn: conn.execute("SELECT 1").fetchone())
        except StoreFailedError:
            log.exception("store_failed")
        notify("WATCHDOG=1")
        await asyncio.sleep(every_s)
