"""One terminal, put together (architecture.md, "Process and lifetime").

Everything that lives is a task of one TaskGroup: a dead lane ends the process, and systemd restarts it; what talks to
the platform is kept alive whatever it meets (`edge.watch.alive`). SIGTERM: stop taking scans, finish the job in hand,
close. kill -9 at any instruction is survivable, because nothing that matters lives here: it is in the store.

Starting is `edge.beginning`; how it is put on a port is `edge.api.serving`.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path

from cache.ids import uuid7
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from cache.offers.own import Shop
from credit.inputs import Place
from edge.actuators.lines import Turns
from edge.actuators.making import make_gate
from edge.api.app import Api
from edge.api.calls.looking import Looking
from edge.api.calls.offers import Offers
from edge.api.calls.printing import Printing
from edge.api.calls.staff import StaffCalls
from edge.api.rates import Rates
from edge.api.serving import listening
from edge.beginning import Beginning
from edge.clock import Clock, Memory, this_boot
from edge.config import Config, LaneTable
from edge.events import Events
from edge.housekeeping import tidy
from edge.lanes.beside.making import open_beside
from edge.lanes.decider import Decider
from edge.lanes.gates.unsent import Unsent
from edge.lanes.lane import Lane
from edge.lanes.second_check import Verifiers
from edge.lanes.together import finish, join, read, resume
from edge.metrics import Metrics
from edge.terms import terms_of
from edge.watch.alive import Rounds, Tasks
from edge.watch.bounds import Bounds
from edge.watch.disk import Disk
from edge.watch.patrol import Patrol, note
from edge.watch.readings import Parts, Readings
from edge.watch.systemd import feed_watchdog, notify
from scanner.sources import open_source
from storage.collector import collecting_seldom
from storage.jobs import StoreFailedError
from storage.only_one import only_one
from storage.sqlite import Store
from sync.beyond.asking import open_asking
from sync.beyond.authority import NetworkAuthority
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import Identity, load_identity
from sync.peer import Peer
from sync.pull.puller import Pace, Puller
from sync.push.line import Line
from sync.reask import Reasker
from sync.transport import IDLE_S, open_session
from sync.way import Way
from sync.ways import Ways, open_ways

log = logging.getLogger("xinguan.terminal")

STOP_S = 1.0  # for the last fact
LOG_BYTES = 4 * 1024 * 1024  # about what is written between two checkpoints


class Terminal:
    """The running service. `reached` is told named points on the way of a redemption; tests pull the plug there."""

    def __init__(self, config: Config, *, reached: Callable[[str], None] = lambda _point: None) -> None:
        self._config = config
        self._reached = reached
        self._stop = asyncio.Event()
        self._turns = Turns()
        self._ways: Ways | None = None

    async def serve(self) -> None:
        """Serve until SIGTERM or SIGINT; raise what ended a task (ExceptionGroup), or what is wrong at the start."""
        with only_one(self._config.data), collecting_seldom():
            identity = load_identity(self._config.data, platform=self._config.platform.url)
            async with AsyncExitStack() as stack:
                parts, decider = await self._open(identity, stack)
                decider.errands = parts.tasks.errands
                asyncio.get_running_loop().set_exception_handler(parts.tasks.faults.lost)
                await self._serve(identity, parts, decider, stack)

    def _committed(self) -> Callable[[], None]:
        """Return what the store's writer tells after each commit: a fact is on its way at once."""
        loop = asyncio.get_running_loop()

        def committed() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._nudge)

        return committed

    def _nudge(self) -> None:
        if self._ways is not None:
            self._ways.push.nudge()

    async def _serve(self, identity: Identity, parts: Parts, decider: Decider, stack: AsyncExitStack) -> None:
        events = Events()
        verifiers = await stack.enter_async_context(Verifiers(self._config.verifiers))
        parted = (parts, decider)
        lanes = {one.id: await self._lane(one, parted, events, verifiers, stack) for one in self._config.lanes}
        join(lanes.values())
        identity.held.told.append(lambda: adopt(self._config, identity, parts.clock, decider, lanes))
        beside = await open_beside(self._config.lanes, identity, self._turns, stack, errands=parts.tasks.errands)
        events.beside.append(beside.heard)
        readings = Readings(parts, lambda lane: lanes[lane].openings.strikes, beside.lines)
        api = Api(
            lanes=lanes,
            store=parts.store,
            events=events,
            metrics=parts.metrics,
            about=readings,
            rates=Rates(self._config.api.presents_per_s),
        )
        staff = StaffCalls(store=parts.store, clock=readings, key=identity.key, lanes=lanes)
        looking = Looking(store=parts.store, clock=readings, ages=lambda: parts.lists.current.policy.ages)
        printing = Printing(beside.papers, parts.store)
        more = (self._offers(parts, events, readings), staff, printing, looking)
        routes = [*api.routes(), *(route for calls in more for route in calls.routes())]
        self._signals()
        beginning = Beginning(identity, parts)
        async with asyncio.TaskGroup() as group:
            opening = group.create_task(beginning.run(stack))
            await beginning.first_try()
            runner = await stack.enter_async_context(listening(self._config, routes, staff.sessions, parts.tasks))
            gates = [group.create_task(lane.openings.run()) for lane in lanes.values()]
            work = self._work(parts, lanes, beginning, Patrol(parts, readings, events))
            signs = parts.tasks.keep("signs", beside.run, worked=lambda: beside.said)
            tasks = [opening, *(group.create_task(one) for one in (*work, signs))]
            notify("READY=1")
            log.info("serving", extra={"terminal": identity.terminal, "site": identity.site})
            await self._stop.wait()
            notify("STOPPING=1")
            events.close()
            for task in tasks:
                task.cancel()
            await runner.cleanup()  # nobody asks any more; what was granted is opened and noted before we go
            await finish(lanes)
            await parts.tasks.errands.finish(STOP_S)
            for task in gates:
                task.cancel()
        try:
            await parts.store.write(note("stopped", {}, parts.decider.now()), before=time.monotonic() + STOP_S)
            await parts.sync.line.at_rest()  # whatever batch was under way: the newest receipt lies beside the database
        except StoreFailedError:
            log.exception("stop_not_kept")

    def _work(
        self, parts: Parts, lanes: dict[str, Lane], beginning: Beginning, patrol: Patrol
    ) -> list[Coroutine[None, None, None]]:
        """Return what runs as long as we do; what is kept alive falls without taking the gate with it."""
        sync, keep, store, begun = parts.sync, parts.tasks.keep, parts.store, beginning.then
        paid, tidied, fed = Rounds(), Rounds(), Rounds()
        return [
            keep("push", begun(sync.push.run), worked=lambda: sync.push.status.answered_ms),
            keep("listen", begun(sync.listen.run), worked=lambda: sync.listen.heard),
            keep("memory", begun(sync.memory.run), worked=lambda: sync.memory.rebuilt),
            keep("orders", begun(sync.orders.run), worked=lambda: sync.orders.rounds),
            keep("pull", begun(sync.pull.run), worked=lambda: sync.pull.last_ok_ms),
            keep("hub", begun(sync.way.run), worked=lambda: sync.way.rounds),
            keep("claims", begun(parts.asking.run), worked=lambda: parts.asking.rounds),
            keep("time", begun(sync.times.run), worked=lambda: sync.times.learned),
            keep("patrol", patrol.run, worked=lambda: patrol.rounds),
            keep("payments", begun(lambda: resume(lanes, store, paid.done)), worked=lambda: paid.n),
            keep("tidy", lambda: tidy(store, parts.bounds, tidied.done), worked=lambda: tidied.n),
            keep("watchdog", lambda: feed_watchdog(store, fed.done), worked=lambda: fed.n),
            *(read(source, lanes[name], parts.tasks.faults) for name, source in parts.sources.items()),
        ]

    async def _open(self, identity: Identity, stack: AsyncExitStack) -> tuple[Parts, Decider]:
        """Put together everything this terminal is made of, on a store that is not open yet."""
        config, metrics = self._config, Metrics()
        store = Store(config.data / DATABASE_FILE, log_bytes=LOG_BYTES, committed=self._committed())
        clock = Clock(store, Memory(), boot_id=this_boot())
        clock.rtc_h = identity.profile.rtc_trust_h
        bounds = Bounds(clock=clock, disk=Disk(config.data), answer_s=config.terminal.answer_s)
        shop = Shop(identity.terminal, identity.site)
        files = ListFiles(config.data / "lists")
        lists = ListStore(store, files, ids=uuid7, home=identity.profile.issuer, shop=shop)
        decider = Decider(
            store=store,
            bounds=bounds,
            lists=lists,
            profile=identity.profile,
            places=places(config, identity),
            metrics=metrics,
        )
        decider.reached = self._reached
        decider.unsent = Unsent.of(config.data)
        stack.callback(decider.close)
        sync = self._ways = await self._sync(identity, store, clock, lists, stack)
        sync.pull.switched = lambda versions: metrics.lists.switched(versions, clock.now_ms())
        authority = NetworkAuthority(
            sync.way.platform.session, identity, sync.line.auth, versions=lambda: lists.current.versions, ids=uuid7
        )
        decider.beyond = asking = open_asking(authority, authority.asker, decider.now, store)
        asking.behind = sync.pull.wake
        decider.asks = Reasker(sync.way, store, clock, terminal=identity.terminal, sign=sync.line.signed)
        sources = {
            table.id: await stack.enter_async_context(open_source(table.source, clock=clock))
            for table in config.lanes
            if table.source is not None
        }
        parts = Parts(
            identity=identity,
            store=store,
            clock=clock,
            lists=lists,
            decider=decider,
            metrics=metrics,
            lanes=config.lanes,
            sources=sources,
            sync=sync,
            asking=asking,
            bounds=bounds,
            tasks=Tasks(),
            database=config.data / DATABASE_FILE,
        )
        return parts, decider

    async def _sync(
        self, identity: Identity, store: Store, clock: Clock, lists: ListStore, stack: AsyncExitStack
    ) -> Ways:
        """Open the ways to the platform."""
        platform = self._config.platform
        base_url, poll_s = f"{identity.platform}/lists/", platform.poll_s
        ca, idle_s = Path(platform.ca) if platform.ca else None, max(IDLE_S, 1.5 * poll_s)
        session = await stack.enter_async_context(open_session(ca, idle_s=idle_s, at_least_ms=clock.now_ms))
        pull = Puller(
            lists, session, base_url=base_url, trust_root=identity.trust_root, clock=clock, pace=Pace(poll_s=poll_s)
        )
        await stack.enter_async_context(pull)
        way = Way(Peer(session, identity.platform), lambda: identity.profile.hub)
        identity.held.told.append(way.adopt)
        line = Line(store, way, identity, clock)
        return open_ways(line, way, pull, clock, poll_s=poll_s, reached=self._reached)

    async def _lane(
        self,
        table: LaneTable,
        made: tuple[Parts, Decider],
        events: Events,
        verifiers: Verifiers,
        stack: AsyncExitStack,
    ) -> Lane:
        parts, decider = made
        gate = make_gate(table.actuator, self._turns)
        if gate is not None:
            await stack.enter_async_context(gate)
        return Lane(
            terms_of(table, parts.identity.profile),
            decider=decider,
            store=parts.store,
            gate=gate,
            events=events,
            metrics=parts.metrics,
            verifiers=verifiers,
        )

    def _offers(self, parts: Parts, events: Events, about: Readings) -> Offers:
        identity, lanes = parts.identity, [table.id for table in self._config.lanes]
        shop, issuer = Shop(identity.terminal, identity.site), identity.profile.issuer
        return Offers(
            shop=shop, issuer=issuer, lists=parts.lists, store=parts.store, events=events, about=about, lanes=lanes
        )

    def _signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)


def adopt(config: Config, identity: Identity, clock: Clock, decider: Decider, lanes: dict[str, Lane]) -> None:
    """Put the profile that the platform ordered in force: the next decision is made with it."""
    decider.adopt(identity.profile, places(config, identity))
    clock.rtc_h = identity.profile.rtc_trust_h
    for table in config.lanes:
        lanes[table.id].terms = terms_of(table, identity.profile)
    log.info("profile_in_force", extra={"number": identity.held.number})


def places(config: Config, identity: Identity) -> dict[str, Place]:
    """Return where each lane stands, and whether the site has no other."""
    scenes = {table.id: terms_of(table, identity.profile).scene for table in config.lanes}
    site, alone = identity.site, len(config.lanes) == 1 == len(identity.profile.site_lanes)
    return {
        lane: Place(site=site, scene=scene, lane=lane, terminal=identity.terminal, only_lane=alone)
        for lane, scene in scenes.items()
    }
