"""The hub of a site, put together: its books, who it is to the platform, its mirror, and the calls of its gates.

To the platform a hub is a terminal without lanes: enrolled with a key of its own, told orders and profiles with each
standing, its own journal sent up (`sync.ways`). To its gates it is the authority for what counts inside the site, and
the way to the platform for the rest. Both share one process and one folder:

    terminal-key.pem, enrolment.json, profile.jwt, terminal.db     who it is; its own journal; the verified lists
    central.db                                                     what its gates have told it, what is to be sent on
    hub-cert.pem, hub-tls-key.pem                                  what gates hold TLS to
    lists/, public/                                                documents; the mirror as static files
    retired                                                        there is another hub: this one answers no more

Nothing that happens on the way to the platform ends the process; the books and the mirror's disk do (systemd begins
anew). Provisional claims live in memory alone (claims.md 8).
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from aiohttp import web

from central.books.bounds import Bounds
from central.http.asked import bound_tls
from central.http.problems import answer_problems
from central.hub.forgetting import keep_small
from central.site.beginning import Beginning
from central.site.certificate import context
from central.site.config import HubConfig
from central.site.counting import Counting, Lists
from central.site.doubts import Doubts
from central.site.journals import Journals
from central.site.served import Terminals
from central.site.standings import Standings, StopEntry
from central.site.upward import Platform
from central.store import books_at
from credit.inputs import ClockState, Now
from storage.files import create_file, durable_folder
from storage.jobs import JobStore
from storage.sqlite import Store
from sync import happened
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import Identity, load_identity
from sync.peer import Peer
from sync.pull.mirror import Mirror, bringing, open_lists
from sync.pull.puller import Pace, Puller
from sync.push.line import Line
from sync.transport import IDLE_S, open_session
from sync.way import Way
from sync.ways import Ways, open_ways

log = logging.getLogger("central.site")

BOOKS: Final = "central.db"
STOPPED: Final = "stop-entry"
HERE: Final = "somebody at the hub"
LOOK_S: Final = 0.2
SHUTDOWN_S: Final = 2.0
BACKLOG: Final = 1024  # connections that wait to be taken: the site's terminals ask at once
FIRST_LISTS_S: Final = 10.0


class _Nudge:
    """What the store's writer tells after each commit: the hub's own facts are on their way at once."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.told: Callable[[], None] = lambda: None

    def reached(self, point: str) -> None:
        if point == "after-commit" and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.told)


class HubClock:
    """A hub's clock: the machine's own. It counts by running time, and what it signs with is corrected per call."""

    def __init__(self) -> None:
        self._signed: tuple[int, int] | None = None  # when we were, in milliseconds since power-on

    def now_ms(self) -> int:
        """Return milliseconds UTC."""
        return time.time_ns() // 1_000_000

    def now(self) -> Now:
        """Return now; nobody has signed for it."""
        return Now(utc_ms=self.now_ms(), clock=ClockState.UNSURE)

    def boot_ms(self) -> int:
        """Return milliseconds since power-on."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def signed_ms(self) -> int | None:
        """Return the platform's time, None before it was signed for; by it alone something is forgotten."""
        if self._signed is None:
            return None
        told_ms, at_ms = self._signed
        return told_ms + self.boot_ms() - at_ms

    async def learn(self, signed_ms: int, error_ms: int) -> None:
        """Keep the time that was signed for, and say when the machine's clock is off: its log depends on it."""
        self._signed = (signed_ms, self.boot_ms())
        off_ms = signed_ms - self.now_ms()
        if abs(off_ms) > max(2_000, error_ms):
            log.warning("this machine's clock is off by %s ms", off_ms)


class Hub:
    """A hub's parts."""

    def __init__(self, config: HubConfig, identity: Identity, store: Store, books: JobStore) -> None:
        self.config = config
        self.identity = identity
        self.store = store
        self.books = books
        self.clock = HubClock()
        self.terminals = Terminals(identity, books)
        self.entry = StopEntry(stopped=(config.data / STOPPED).exists())
        lists = open_lists(store, config.data / "lists", home=identity.profile.issuer)
        self.mirror = Mirror(lists, config.data / "public", identity.trust_root)
        self._bounds = (-1, Bounds())
        durable_folder(self.mirror.public)

    def turn_entry(self, stopped: bool) -> None:
        """Stop entry to the site, or let it go on, and remember it: somebody at a gate did."""
        mark = self.config.data / STOPPED
        if stopped and not mark.exists():
            create_file(mark, b"")
        elif not stopped:
            mark.unlink(missing_ok=True)
        self.entry.turn(stopped=stopped)

    def bounds(self) -> Bounds:
        """Return the bounds of the verified lists in force."""
        version = self.mirror.version or 0
        if self._bounds[0] != version:
            self._bounds = (version, Bounds(self.mirror.benefits()))
        return self._bounds[1]


@asynccontextmanager
async def serving(config: HubConfig) -> AsyncIterator[str]:
    """Serve until the context ends; gives the URL that gates use.

    Raises IdentityError, StateError, StoreFailedError.
    """
    identity, tls = load_identity(config.data), context(config.data)
    async with AsyncExitStack() as stack:
        nudge = _Nudge()
        store = await stack.enter_async_context(Store(config.data / DATABASE_FILE, reached=nudge.reached))
        books = await stack.enter_async_context(books_at(config.data / BOOKS, config.hub.database))
        hub = Hub(config, identity, store, books)
        ways = await _ways(hub, stack)
        nudge.told = ways.push.nudge
        platform = Platform(ways.way.platform, identity, ways.line.auth)
        platform.doubted = ways.listen.hurry
        journals = Journals(books, hub.terminals, platform, bounds=hub.bounds, now_ms=hub.clock.now_ms)
        lists = Lists(hub.bounds, lambda: ways.pull.versions, ways.pull.wake)
        counting = Counting(books, hub.terminals, platform, lists=lists, now_ms=hub.clock.now_ms, folder=config.data)
        journals.heard, journals.stopped = counting.hear, hub.turn_entry
        journals.settles_s = counting.settles_s
        standings = Standings(hub.terminals, platform, hub.mirror, hub.entry, hub.clock.now_ms)
        standings.drained = journals.drained
        doubts = Doubts(books, store, platform)
        await hub.terminals.enter()
        await happened.began(store, identity, hub.clock.now())
        routes = [*journals.routes(), *counting.routes(), *standings.routes()]
        begin = Beginning(books, hub.terminals, platform)

        async def learn() -> None:
            await begin.run()
            await counting.given_up.recall()
            counting.begin()

        work = [
            *(way.run() for way in (ways.push, ways.listen, ways.times, ways.pull, ways.orders, ways.memory)),
            journals.run(),
            counting.run(),
            doubts.run(hub.clock.now_ms),
            keep_small(books, hub.clock.signed_ms, mine=books.hold),
            _follow(hub),
            learn(),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
            await hub.mirror.reach(1, within_s=FIRST_LISTS_S)  # gates that find no lists here would call them refused
            async with _listening(config, routes, hub.mirror.public, tls) as runner:
                yield f"{config.url.rpartition(':')[0]}:{runner.addresses[0][1]}"
            await happened.ended(store, hub.clock.now())
            for task in tasks:
                task.cancel()


async def _ways(hub: Hub, stack: AsyncExitStack) -> Ways:
    """Open the hub's own ways to the platform, and let the mirror follow the lists."""
    platform, identity = hub.config.platform, hub.identity
    ca, idle_s = Path(platform.ca) if platform.ca else None, max(IDLE_S, 1.5 * platform.poll_s)
    session = await stack.enter_async_context(open_session(ca, idle_s=idle_s))
    pull = Puller(
        hub.mirror.lists,
        session,
        base_url=f"{identity.platform}/lists/",
        trust_root=identity.trust_root,
        clock=hub.clock,
        pace=Pace(poll_s=platform.poll_s),
    )
    await stack.enter_async_context(pull)
    await pull.restore()
    hub.mirror.bringing = bringing(session, f"{identity.platform}/lists/")
    await hub.mirror.write()
    pull.refreshed = hub.mirror.write
    way = Way(Peer(session, identity.platform))
    return open_ways(Line(hub.store, way, identity, hub.clock), way, pull, hub.clock, poll_s=platform.poll_s)


async def _follow(hub: Hub) -> None:
    """Follow what changes beside this process: the profile, and whether entry is stopped; never returns."""
    profile, mark = hub.identity.held.number, hub.config.data / STOPPED
    while True:
        await asyncio.sleep(LOOK_S)
        if hub.identity.held.number != profile:
            profile = hub.identity.held.number
            await hub.terminals.enter()
        if (stopped := mark.exists()) != hub.entry.stopped:  # by a command here; what a gate stopped its own fact says
            hub.entry.turn(stopped=stopped)
            await happened.entry_turned(hub.store, hub.terminals.site, hub.clock.now(), stopped=stopped, by=HERE)


@asynccontextmanager
async def _listening(
    config: HubConfig, routes: list[web.RouteDef], public: Path, tls: ssl.SSLContext
) -> AsyncIterator[web.AppRunner]:
    app = web.Application(middlewares=[answer_problems])
    app.add_routes([*routes, web.get("/healthz", _health), web.static("/lists", public)])
    runner = web.AppRunner(app, auto_decompress=False, access_log=None, shutdown_timeout=SHUTDOWN_S)
    await runner.setup()
    try:
        bound_tls()
        await web.TCPSite(runner, *config.listen, ssl_context=tls, backlog=BACKLOG).start()
        yield runner
    finally:
        with contextlib.suppress(TimeoutError):
            await runner.cleanup()


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
