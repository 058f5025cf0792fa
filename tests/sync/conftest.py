"""A real platform on a real loopback port, terminals enrolled through the real call, and a wire that can be cut."""

import asyncio
import contextlib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cache.ids import uuid7
from cache.journal.chain import NewFact, append, cursor, head
from central.books.reports import ledger
from central.http.app import serving
from central.platform_state import PlatformState, create_state
from central.register.enrolment import make_code, qr_text
from central.store import provisional_sql
from credit.inputs import Now
from storage.driven import driven
from storage.migrations import statements
from storage.sqlite import Store, connect, immediate
from sync.enrol.enrolling import DATABASE_FILE, enrol, read_ticket
from sync.enrol.identity import Identity
from sync.memory.rebuilder import Rebuilder
from sync.peer import Peer
from sync.push.line import Line
from sync.push.listener import Listener
from sync.push.pusher import Pusher
from sync.times import TimeSync
from sync.transport import open_session
from sync.wire.messages import decode
from sync.wire.profiles import Profile

NOON = 1_790_000_000_000
ROOT = b'{"signed": {"_type": "root", "version": 1}, "signatures": []}'
PROFILE = b"""{"site": "tiankeng", "title": {"zh": "\xe5\xa4\xa9\xe5\x9d\x91", "en": "Sinkhole"}, "issuer": "wulong",
  "test": true, "lanes": [{"id": "A", "scene": "gate"}],
  "ticket_types": [{"id": "adult", "title": {"zh": "\xe6\x88\x90\xe4\xba\xba"}, "price_fen": 6000}]}"""


class TestClock:
    """A clock that the test moves."""

    __test__ = False

    def __init__(self, at_ms=NOON):
        self.at_ms = at_ms
        self.running_ms = 0
        self.learned = []

    def now_ms(self):
        return self.at_ms

    def signed_ms(self):
        return self.at_ms

    def now(self):
        return Now(utc_ms=self.at_ms)

    def boot_ms(self):
        self.running_ms += 7
        return self.running_ms

    async def learn(self, signed_ms, error_ms):
        self.learned.append((signed_ms, error_ms))


class Relay:
    """TCP between terminal and platform.

    `cut` refuses and breaks; while `silent`, connections are taken and no byte comes through, and what was caught by
    it stays so; `lose_answers` swallows that many answers; `break_after()` gives the bytes after which a
    new connection dies (None: it lives); `on_upload` is called with the first bytes of a journal upload.
    """

    def __init__(self, port):
        self._target = port
        self._server = None
        self._open = set()
        self.lose_answers = 0
        self.silent = False
        self.port = 0
        self.on_upload = None
        self.break_after = lambda: None

    async def start(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self):
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._open |= {writer, far_writer}
        budget = Budget(self.break_after())
        try:
            await asyncio.gather(self._pipe(reader, far_writer, budget), self._answers(far_reader, writer, budget))
        except OSError:
            pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            for one in (writer, far_writer):
                self._open.discard(one)
                one.transport.abort()

    async def _pipe(self, reader, writer, budget):
        while data := await reader.read(4096):
            if self.silent:
                await asyncio.Event().wait()
            if self.on_upload and b"/journal?through=" in data:
                self.on_upload()
            writer.write(budget.take(data))
            await writer.drain()
            budget.check()
        writer.close()

    async def _answers(self, reader, writer, budget):
        while data := await reader.read(4096):
            if self.silent:
                await asyncio.Event().wait()
            if self.lose_answers:
                self.lose_answers -= 1
                raise OSError("the answer is lost")
            writer.write(budget.take(data))
            await writer.drain()
            budget.check()
        writer.close()


class Budget:
    """The bytes that a connection may carry before it dies."""

    def __init__(self, left):
        self._left = left

    def take(self, data):
        if self._left is None:
            return data
        data = data[: self._left]
        self._left -= len(data)
        return data

    def check(self):
        if self._left == 0:
            raise OSError("the network broke")


class Commits:
    """What the store's writer says after each commit, handed to the event loop (as edge.terminal does)."""

    def __init__(self):
        self._loop = asyncio.get_running_loop()
        self.told = None

    def reached(self, point):
        if point == "after-commit" and self.told:
            self._loop.call_soon_threadsafe(self.told)


@dataclass
class Terminal:
    folder: Path
    identity: Identity
    store: Store
    session: object
    clock: TestClock
    commits: object = None

    @asynccontextmanager
    async def running(self):
        """Send, listen and ask the time as the terminal does; gives pusher and listener."""
        line = self.line()
        pusher = Pusher(line)
        listener = Listener(line, pusher)
        times = TimeSync(line.peer, self.identity, self.clock)
        self.commits.told = pusher.nudge
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in (pusher, listener, times)]
            yield pusher, listener
            for task in tasks:
                task.cancel()

    def line(self):
        return Line(self.store, Peer(self.session, self.identity.platform), self.identity, self.clock)

    def pusher(self, line=None, **changes):
        return Pusher(line or self.line(), **changes)

    async def bring_home(self):
        """Send everything; where this store does not know what it gave, take its facts back first."""
        line = self.line()
        pusher = self.pusher(line)
        rebuilder = Rebuilder(line, self.clock.now, done=pusher.begin_again)
        sent = await pusher.drain()
        while line.lost:
            await rebuilder.once()
            sent += await pusher.drain()
        return sent

    @property
    def times(self):
        return TimeSync(Peer(self.session, self.identity.platform), self.identity, self.clock, poll_s=60.0)

    async def write(self, kind="granted", redemption=None, body=None, many=1):
        def job(conn):
            for _ in range(many):
                told = body if body is not None else {"benefit": "wulong.first-visit", "offer": {"kind": "free"}}
                named = redemption or f"r-{uuid7(self.clock.at_ms)}"
                append(conn, NewFact(kind, told, self.clock.at_ms, uuid7(self.clock.at_ms), named))

        await self.store.write(job)

    async def head(self):
        return await self.store.read(head)

    async def cursor(self):
        return await self.store.read(cursor)


@dataclass
class Town:
    """The platform and its terminals."""

    state: PlatformState
    url: str
    relay: Relay
    clock: TestClock
    stack: AsyncExitStack
    folder: Path
    open: list = field(default_factory=list)

    def code(self, terminal="gate-a", profile=PROFILE, **changes):
        asked = decode(profile, Profile)
        return self.change(lambda c: make_code(c, terminal=terminal, profile=asked, now_ms=self.clock.at_ms, **changes))

    def ticket(self, code):
        text = qr_text(code=code, platform=self.relay_url, trust_root=self.state.trust_root())
        return read_ticket(text)

    @property
    def relay_url(self):
        return f"http://127.0.0.1:{self.relay.port}"

    async def terminal(self, name="gate-a", profile=PROFILE):
        folder = self.folder / name
        clock = TestClock()
        session = await self.stack.enter_async_context(open_session())
        identity = await enrol(self.ticket(self.code(name, profile)), folder=folder, session=session, now_ms=NOON)
        commits = Commits()
        store = await self.stack.enter_async_context(Store(folder / DATABASE_FILE, reached=commits.reached))
        return Terminal(folder, identity, store, session, clock, commits)

    def ledger(self):
        return self.change(ledger)

    def change(self, job):
        with contextlib.closing(connect(self.state.database, writing=True)) as conn, immediate(conn):
            for statement in statements(provisional_sql()):
                conn.execute(statement)
            return driven(job)(conn)

    def lose(self, after):
        """Let the platform be one that never heard of the facts after `after`: restored from an older backup."""

        async def job(tx):
            await tx.execute("DELETE FROM facts WHERE seq > $1", after)
            await tx.execute("DELETE FROM epochs WHERE bottom > $1", after)
            await tx.execute("UPDATE epochs SET top = $1, many = $1 - bottom + 1", after)
            await tx.execute("UPDATE journals SET records = $1", after)

        self.change(job)

    def rows(self, sql, *values):
        with contextlib.closing(connect(self.state.database, writing=True)) as conn:
            return conn.execute(sql, values).fetchall()


@asynccontextmanager
async def build_town(folder):
    state = create_state(folder / "platform")
    metadata = state.public / "metadata"
    metadata.mkdir(parents=True)
    (metadata / "1.root.json").write_bytes(ROOT)
    clock = TestClock()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(state, host="127.0.0.1", port=0, now_ms=clock.now_ms))
        relay = Relay(int(url.rsplit(":", 1)[1]))
        await relay.start()
        stack.push_async_callback(relay.cut)
        yield Town(state, url, relay, clock, stack, folder)


@pytest.fixture
async def town(tmp_path):
    async with build_town(tmp_path) as built:
        yield built
