"""A site of real processes: platform, WAN, hub, LAN, two gates; every wire can be cut."""

import asyncio
import contextlib
import json
import secrets
import sqlite3
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp

from central.demo.running.hub_link import HubLink
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import Child, free_ports
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors

PATIENCE_S = 60.0  # for what comes by itself, on a machine that has ten times too much to do
UNHURRIED = Path(__file__).with_name("unhurried.py")
GATES = (replace(town.GATE, terminal="gate-1"), replace(town.GATE, terminal="gate-2", lane="B"))
HUB_PROFILE = {"site": town.SITE, "title": {"zh": "云溪枢纽"}, "issuer": town.CITY, "lanes": [], "role": "hub"}


async def until(true, within_s=PATIENCE_S):
    """Wait until `true()` (plain or awaitable) holds, and return what it gave."""
    async with asyncio.timeout(within_s):
        while True:
            found = true()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.05)


def codes(answer):
    return [reason["code"] for reason in answer["reasons"]]


class Site:
    """`wan[gate]` is a gate's own cable to the platform, `hub_wan` the hub's; gates reach the hub directly."""

    def __init__(self, folder, session):
        platform_port, hub_port, *ports = free_ports(4)
        self.folder = folder
        self.platform = PlatformLink(folder, platform_port, session)
        self.hub = HubLink("hub-1", folder, hub_port, session)
        self.hub_wan = CuttableProxy(platform_port)
        self.gates = [TerminalLink(post, folder, port, session) for post, port in zip(GATES, ports, strict=True)]
        for gate in self.gates:
            gate.process = self._unhurried(gate.post.terminal, "edge.cli", "run", "--config", str(gate.config))
        self.hub.process = self._unhurried("hub-1", "central", "hub", "serve", "--config", str(self.hub.config))
        serve = self.platform.process._command[3:]
        self.platform.process = self._unhurried("platform", *serve)
        self.wan = [CuttableProxy(platform_port) for _ in self.gates]
        self.visitors = Visitors(self.platform.state)

    def _unhurried(self, name, *arguments):
        return Child(name, [sys.executable, "-I", str(UNHURRIED), *arguments], self.folder / f"{name}.log")

    async def start(self, *, hub=True):
        await self.platform.start()
        await asyncio.gather(*(self._gate(gate, wan) for gate, wan in zip(self.gates, self.wan, strict=True)))
        if hub:
            await self.add_hub()

    async def _gate(self, gate, wan):
        address = f"http://127.0.0.1:{wan.port}"
        text = gate.configuration(platform=address, source=None, actuator=None)
        gate.config.write_text(text)
        await gate.enrol(await self.platform.code_for(gate.post, platform=address))
        gate.config.write_text(text.replace("[terminal]\n", "[terminal]\nanswer_s = 20\n"))
        await gate.start()

    async def code_for_hub(self, name="hub-1"):
        body = {"terminal": name, "profile": HUB_PROFILE, "platform": f"http://127.0.0.1:{self.hub_wan.port}"}
        return (await self.platform._call("POST", "/v1/admin/codes", body))["qr"]

    async def add_hub(self):
        self.hub.configure(f"http://127.0.0.1:{self.hub_wan.port}", poll_s=1.0)
        await self.hub.enrol(await self.code_for_hub())
        await self.hub.start()
        for gate in self.gates:
            await until(lambda gate=gate: self.speaks_with_hub(gate))

    async def speaks_with_hub(self, gate):
        """Return whether a gate has its hub's profile, by a claim that the hub answered."""
        answer = await self.present(gate, self.resident())
        facts = await asyncio.to_thread(self.facts, gate)
        return answer["outcome"] == "GRANT" and facts[-1][1].get("claim") == "held" and facts[-1][1]["hub_no"] > 0

    def facts(self, gate, kinds=("granted", "opened", "not_granted")):
        with contextlib.closing(sqlite3.connect(f"file:{gate.database}?mode=ro", uri=True)) as conn:
            rows = conn.execute("SELECT kind, body FROM journal ORDER BY seq").fetchall()
        return [(kind, json.loads(body)) for kind, body in rows if kind in kinds]

    def resident(self):
        return self.visitors.resident(int(time.time()))

    async def present(self, gate, who, **more):
        code = who.code(int(time.time())) if hasattr(who, "code") else who
        return await gate.present(code, request_id=secrets.token_hex(8), **more)

    def cut_wan(self):
        for wire in (self.hub_wan, *self.wan):
            wire.cut()

    def restore_wan(self):
        for wire in (self.hub_wan, *self.wan):
            wire.restore()

    async def unsent(self, gate):
        return ((await gate.status()) or {}).get("journal", {}).get("unsent")


@asynccontextmanager
async def two_gates(folder, *, hub=True):
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        site = Site(folder, session)
        for wire in (site.hub_wan, *site.wan):
            await stack.enter_async_context(wire)
        try:
            await site.start(hub=hub)
            yield site
        finally:
            links = [*site.gates, site.hub, site.platform]
            await asyncio.gather(*(link.process.stop() for link in links))
