"""A real platform folder, its files on a real HTTP server on loopback, and a terminal that pulls from it."""

import asyncio
import json
import shutil
import time
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import date
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from tuf.api.metadata import Metadata, MetaFile, TargetFile

from cache.ids import uuid7
from cache.journal.chain import begin_epoch
from cache.lists.files import ListFiles
from cache.lists.store import ListStore
from central import example_town
from central.lists import cities, issuing, measure_calls
from central.lists.metadata_files import MetadataFiles
from central.lists.publishing import Repository
from central.lists.role_keys import RoleKeys
from central.register.registry import pseudonym, register
from central.register.warrants import Warrant
from storage.sqlite import Store
from sync.pull.puller import Pace, Puller

NOW_MS = 1_795_000_000_000  # 2026-11-18
DAY_MS = 86_400_000
HOME = example_town.HOME
BY_TWO = Warrant.by_two("li", "han")


class Clock:
    def __init__(self, ms=NOW_MS):
        self.ms = ms
        self.signed = False

    def now_ms(self):
        return self.ms

    def signed_ms(self):
        return self.ms if self.signed else None


class Platform:
    """The reference platform's founded folder with calls that tests use."""

    def __init__(self, state):
        self.state = state
        self.clock = Clock()
        self.repository = Repository(state)
        self.public = self.repository.public

    def later(self, ms=1000):
        self.clock.ms += ms
        return self.clock.ms

    def issue(self, subject="wang", city=HOME, **wanted):
        said = issuing.Wanted(subject=subject, **{"tier": 4, **wanted})
        return issuing.issue(self.state, city, said, now_s=self.clock.ms // 1000, warrant=BY_TWO)

    def restrict(self, subject="wang", code=example_town.RESTRICT, city=HOME):
        measure = measure_calls.Measure(code=code, until=date(2027, 12, 31), authority="云岭文旅局")
        with register(self.state) as conn:
            pseudonym(conn, city, subject)  # whom a measure is about is known
        return measure_calls.restrict(self.state, city, subject, measure, warrant=BY_TWO, now_ms=self.later())

    def member(self, tier, groups=(), subject="wang", city=HOME):
        with register(self.state) as conn:
            pseudonym(conn, city, subject)
        listed = measure_calls.Listed(tier, groups)
        return measure_calls.list_as_member(self.state, city, subject, listed, warrant=BY_TWO, now_ms=self.later())

    def repair(self, subject="wang", city=HOME):
        return measure_calls.repair(self.state, city, subject, warrant=BY_TWO, now_ms=self.later())

    def old_lists(self, city=HOME):
        """Return the lists as a platform before key files rendered them, path → bytes."""
        with register(self.state) as conn:
            measures = {"issuer": city, "complete": True, "entries": cities.entries(conn, city, self.clock.ms)}
        revoked = {"issuer": city, "complete": True, "tokens": [], "status": "AAAAAA=="}
        return {
            f"lists/{city}/measures.json": json.dumps(measures).encode(),
            f"lists/{city}/revocations.json": json.dumps(revoked).encode(),
        }


class Site:
    """Serves the platform's public folder. `answers` replaces paths: bytes, a status, or a handler."""

    def __init__(self, public):
        self.public = public
        self.answers = {}
        self.asked = []
        self.ranges = {}

    async def handle(self, request):
        path = request.match_info["path"]
        self.asked.append(path)
        self.ranges[path] = request.headers.get("Range")
        answer = self.answers.get(path)
        if isinstance(answer, int):
            return web.Response(status=answer)
        if isinstance(answer, bytes):
            return web.Response(body=answer)
        if answer is not None:
            return await answer(request)
        file = self.public / path
        return web.FileResponse(file) if file.is_file() else web.Response(status=404)

    @asynccontextmanager
    async def serving(self):
        app = web.Application()
        app.router.add_get("/lists/{path:.*}", self.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/lists/"
        finally:
            await runner.cleanup()


class Terminal:
    """One terminal's lists; `open` again on the same folder to restart it."""

    def __init__(self, folder, trust_root, url, clock):
        self.folder = folder
        self.trust_root = trust_root
        self.url = url
        self.clock = clock

    @asynccontextmanager
    async def open(self, **options):
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store(self.folder / "terminal.db"))
            await store.write(_enrol)
            session = await stack.enter_async_context(aiohttp.ClientSession())
            lists = ListStore(store, ListFiles(self.folder / "lists"), home=HOME, ids=uuid7)
            puller = await stack.enter_async_context(
                Puller(
                    lists,
                    session,
                    base_url=self.url,
                    trust_root=self.trust_root,
                    clock=self.clock,
                    pace=Pace(**{"poll_s": 1.0, "deadline_s": 60.0, **options}),
                )
            )
            await puller.restore()
            yield SimpleNamespace(store=store, lists=lists, puller=puller, session=session)


def _enrol(conn):
    if not conn.execute("SELECT count(*) FROM epoch").fetchone()[0]:
        begin_epoch(conn, epoch="e1", terminal="gate1", reason="enrolled")


class Forger:
    """Signs what it is told with the platform's own keys: a stolen key, or an office that makes mistakes.

    In `folder` if it is given, a copy of the platform's public one: what the thief serves, not what the platform has.
    """

    def __init__(self, platform, folder=None):
        self.platform = platform
        self.keys = RoleKeys(platform.state / "keys")
        self.files = MetadataFiles(folder or platform.public, self.keys)

    def write(self, role, change, *, signed_by=None):
        """Publish `role` after `change(signed)`, signed by another's key if told so."""
        state = self.files.load()
        signed = state.roles[role].signed
        signed.version += 1
        change(signed)
        metadata = Metadata(signed)
        metadata.sign(self.keys.signer(signed_by or role))
        data = metadata.to_bytes()
        (self.files.metadata / f"{signed.version}.{role}.json").write_bytes(data)
        self.top({f"{role}.json": MetaFile.from_data(signed.version, data, ["sha256"])})

    def top(self, changed):
        state = self.files.load()
        snapshot = state.snapshot.signed
        snapshot.version += 1
        snapshot.meta.update(changed)
        self.files.write_snapshot(snapshot, {}, now_ms=self.platform.later())
        self.files.put(
            "timestamp.json",
            self.files.timestamp(state.timestamp.signed.version + 1, snapshot, now_ms=self.platform.later()),
        )

    def document(self, path, data, *, role=None):
        """Let `role` (by default the right one) sign `data` as the document at `path`."""
        kind, city, name = path.split("/")
        target = TargetFile.from_data(path, data, ["sha256"])
        file = self.files.targets / kind / city / f"{target.hashes['sha256']}.{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        self.write(role or f"{kind}.{city}", lambda signed: signed.targets.update({path: target}))

    def old_lists(self, measures, *, city=HOME):
        """Let a city sign its lists in the form before key files, with `measures` as its measures.json."""
        documents = {**self.platform.old_lists(city), f"lists/{city}/measures.json": measures}
        self.write(f"lists.{city}", lambda signed: signed.targets.pop(f"lists/{city}/index.json", None))
        for path, data in documents.items():
            self.document(path, data)


@pytest.fixture
def forger(platform):
    return Forger(platform)


@pytest.fixture
def thief(platform, tmp_path):
    """A forger with a web server's folder of its own."""
    shutil.copytree(platform.public, tmp_path / "stolen")
    thief = Forger(platform, tmp_path / "stolen")
    thief.public = tmp_path / "stolen"
    return thief


@pytest.fixture(scope="session")
def founded(tmp_path_factory):
    """The folder that each test gets a copy of: to make its keys and sign its lists takes twenty times as long."""
    folder = tmp_path_factory.mktemp("founded") / "central"
    example_town.found(folder, now_ms=NOW_MS)
    return folder


@pytest.fixture
def platform(tmp_path, founded):
    shutil.copytree(founded, tmp_path / "central")
    return Platform(tmp_path / "central")


@pytest.fixture
async def site(platform):
    site = Site(platform.public)
    async with site.serving() as url:
        site.url = url
        yield site


@pytest.fixture
def terminal(tmp_path, platform, site):
    folder = tmp_path / "terminal"
    folder.mkdir()
    return Terminal(folder, platform.repository.trust_root(), site.url, platform.clock)


@pytest.fixture
def until():
    """Wait for a condition, without a fixed sleep; the test's own timeout is the bound."""

    async def wait(condition):
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


@pytest.fixture
def terminal_of(tmp_path):
    """Open a terminal of the platform in `state`, enrolled now; its clock is the machine's until it is told."""

    @asynccontextmanager
    async def opened(state):
        folder = tmp_path / "enrolled"
        folder.mkdir()
        async with Site(state / "public").serving() as url:
            clock = Clock(time.time_ns() // 1_000_000)
            async with Terminal(folder, Repository(state).trust_root(), url, clock).open() as t:
                t.clock = clock
                yield t

    return opened
