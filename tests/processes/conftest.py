"""A town of real processes for the tests: the platform, a network that can be cut, and one gate."""

import asyncio
import json
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from central.demo import audit
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import Child, free_ports
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors
from sync.wire.records.kinds import problem
from tests.tools.secrets_written import secrets_of, written

CRASHING = Path(__file__).parent.parent / "tools" / "crashing_terminal.py"
PATIENCE_S = 20.0


def now_s():
    return int(time.time())


async def until(true, within_s=PATIENCE_S):
    """Wait until `true()` (plain or awaitable) holds, and return what it gave."""
    async with asyncio.timeout(within_s):
        while True:
            found = true()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.02)


async def decided(shown, within_s=PATIENCE_S):
    """Return what is answered to `shown()`, asked again where a busy machine's store was not done in its 800 ms.

    An answer is a decision's JSON, or a status and that.
    """

    async def answer():
        found = await shown()
        told = found[1] if isinstance(found, tuple) else found
        return None if any(one["code"] == "store_failed" for one in told.get("reasons", ())) else found

    return await until(answer, within_s)


class PatientGate(TerminalLink):
    """A gate for tests of something else than an ill store: it is asked again where a stalled machine gave nothing."""

    async def present(self, code, **more):
        return await decided(lambda: self.at_once(code, **more))

    async def at_once(self, code, **more):
        return await super().present(code, **more)


class Town:
    """Platform, network, gate. `openings` are the lines of the gate's actuator: who was let through."""

    def __init__(self, folder, session, lanes=(), platform=PlatformLink, gate=TerminalLink):
        self.folder, self.lanes = folder, lanes
        platform_port, gate_port = free_ports(2)
        self.platform = platform(folder, platform_port, session)
        self.network = CuttableProxy(platform_port)
        self.gate = gate(town.GATE, folder, gate_port, session)
        self.visitors = Visitors(self.platform.state)

    now_s = staticmethod(now_s)
    until = staticmethod(until)
    decided = staticmethod(decided)

    @property
    def network_url(self):
        return f"http://127.0.0.1:{self.network.port}"

    @property
    def openings(self):
        path = self.folder / "openings"
        return [json.loads(line)["open"] for line in path.read_text().splitlines()] if path.exists() else []

    async def start(self):
        await self.platform.start()
        text = self.gate.configuration(
            platform=self.network_url, source=None, actuator=f"file:{self.folder / 'openings'}"
        )
        more = "".join(f'[[lanes]]\nid = "{one["id"]}"\nscene = "{one["scene"]}"\n' for one in self.lanes)
        self.gate.config.write_text(text + more)
        code = await self.platform.code_for(town.GATE, platform=self.network_url, lanes=self.lanes)
        await self.gate.enrol(code)

    async def platform_returns(self):
        await self.platform.process.start()
        await self.platform.process.until(self.platform._answers, within_s=PATIENCE_S)

    def rig(self, point):
        """Let the gate's plug be pulled when it reaches `point`, once armed."""
        command = [sys.executable, "-I", str(CRASHING), str(self.gate.config), point]
        self.gate.process = Child("gate, rigged", command, self.folder / "rigged.log")

    def unrig(self):
        self.gate.process = TerminalLink(town.GATE, self.folder, self.gate.port, self.gate._session).process

    def arm(self):
        (self.folder / "armed").touch()

    def kinds(self):
        return [fact.kind for fact in audit.read_terminal(self.gate.database).facts]

    def unnamed(self):
        """What the gate's records say that sync/wire/records does not name."""
        facts = audit.read_terminal(self.gate.database).facts if self.gate.database.exists() else ()
        return {said for said in (problem(json.loads(one.raw)) for one in facts) if said}

    def written(self):
        """What stands in the logs of its processes that must never be written down."""
        tokens = self.gate.data / "api-tokens.json", self.platform.state / "operator-token"
        return written(self.folder, secrets_of(self.gate.database, *tokens))

    def audit(self):
        books = [audit.read_terminal(self.gate.database)]
        return audit.compare(books, audit.read_platform(self.platform.state / "central.db"), {})

    async def all_arrived(self):
        return await until(lambda: (found := self.audit()).unsent == 0 and found, 40.0)


@asynccontextmanager
async def started_town(folder, *, lanes=(), platform=PlatformLink, gate=PatientGate):
    """Run a town; `lanes` are further ones of the gate's terminal, {id, scene}, in its profile and its file.

    `platform` makes the platform, where it is founded in another way, and `gate` is how its gate is asked.
    """
    async with aiohttp.ClientSession() as session:
        built = Town(folder, session, lanes, platform, gate)
        async with built.network:
            await built.start()
            try:
                yield built
            finally:
                await built.gate.process.stop()
                await built.platform.process.stop()
            assert built.unnamed() == set()
            assert built.written() == []


@pytest.fixture
async def xinguan_town(tmp_path):
    async with started_town(tmp_path) as built:
        yield built


@pytest.fixture(scope="session")
def running_town():
    """The town as an async context manager over a folder, for fixtures of other scopes."""
    return started_town
