"""Each wire of a site fails in turn, under load: cut, silent, or dying after any byte, between each pair.

    XINGUAN_FAULTS=150 python -m pytest -m e2e tests/town/test_network_faults.py -s      (`make town`: two of each kind)

Pairs: each gate and the hub, each gate and the platform, the hub and the platform; PostgreSQL: `test_ill_postgres.py`.
While a wire is ill, each gate goes on answering; in the end all of `under_load.py` holds.
"""

import asyncio
import contextlib
import json
import os
import random
import time
from contextlib import AsyncExitStack

import pytest

from central.demo.running.proxy import CuttableProxy
from tests.town.two_gates import two_gates, until
from tests.town.under_load import SqliteBooks, all_holds, goes_on, let_in, under_load

SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
HOW = ("cut", "silent", "dying")
WIRES = ("hub and gates", "gate-1 and platform", "gate-2 and platform", "hub and platform", "all and platform")
FAULTS = int(os.environ.get("XINGUAN_FAULTS", str(2 * len(HOW))))
LONGEST_S = 4.0  # somewhat more than the three seconds after which whoever is silent is given up
CLOSING = [pytest.mark.e2e] if "XINGUAN_FAULTS" in os.environ else []
MOST_BYTES = 4_000
LAN = "127.0.0.2"  # where the hub says it is; itself it listens beside
pytestmark = [*CLOSING, pytest.mark.timeout(600 + FAULTS * 60.0)]


class IllProxy(CuttableProxy):
    """A wire that can also fall silent, or break each connection after some bytes. `address`: where it listens."""

    def __init__(self, upstream, *, address="127.0.0.1", port=0):
        super().__init__(upstream)
        self.address, self.port, self.ill, self.chance = address, port, "", random.Random(SEED)

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, self.address, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def begin(self, how):
        self.ill = how
        if how == "cut":
            self.cut()

    def end(self):
        """Be well again. What was silent stays so until its ends give it up, or it is broken now."""
        self.ill = ""
        self.restore()
        self._reset_all()

    async def _pipe(self, reader, writer):
        left = self.chance.randrange(MOST_BYTES)
        with contextlib.suppress(OSError):
            while chunk := await reader.read(64 * 1024):
                while self.ill == "silent":
                    await asyncio.sleep(0.02)
                if self.ill == "dying":
                    writer.write(chunk[:left])
                    left -= len(chunk)
                    if left <= 0:
                        return writer.transport.abort()
                else:
                    writer.write(chunk)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
        return None


@contextlib.asynccontextmanager
async def with_wires(folder):
    """A site whose gates reach their hub by a wire as well; yields it and {name: wires}."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(two_gates(folder, hub=False, wire=IllProxy))
        lan = await stack.enter_async_context(IllProxy(site.hub.port, address=LAN, port=site.hub.port))
        await site.add_hub(host=LAN)
        one, two = site.wan
        ends = [lan], [one], [two], [site.hub_wan], [one, two, site.hub_wan]
        yield site, dict(zip(WIRES, ends, strict=True))


async def test_whichever_wire_fails_in_whatever_way_gates_answer_and_nothing_is_lost_or_counts_twice(tmp_path):
    chance = random.Random(SEED)
    async with with_wires(tmp_path) as (site, wires):
        async with under_load(site) as (_line, loads):
            for number in range(FAULTS):
                name, how = WIRES[number % len(WIRES)], HOW[number % len(HOW)]
                for wire in wires[name]:
                    wire.begin(how)
                began, lasts_s = time.monotonic(), chance.random() * LONGEST_S
                await goes_on(loads)
                await until(lambda end=began + lasts_s: time.monotonic() > end)
                for wire in wires[name]:
                    wire.end()
                print(json.dumps({"fault": number + 1, "of": name, "how": how, "granted": let_in(loads)}), flush=True)
        await all_holds(site, SqliteBooks(site.platform.state / "central.db"), loads)
        assert let_in(loads) >= FAULTS
