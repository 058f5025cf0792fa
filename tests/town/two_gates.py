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

from cache.texts import BODY, clear
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


def head_of(gate):
    """Return where a gate's journal ends."""
    with contextlib.closing(sqlite3.connect(f"file:{gate.database}?mode=ro", uri=True)) as conn:
        return conn.execute("SELECT max(seq) FROM journal").fetchone()[0]


def held_twice(site):
    """Return what the platform holds more than once."""
    twice = "SELECT terminal, epoch, seq FROM facts GROUP BY terminal, epoch, seq HAVING count(*) > 1"
    with contextlib.closing(sqlite3.connect(f"file:{site.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        return conn.execute(twice).fetchall()


def codes(answer):
    return [reason["code"] for reason in answer["reasons"]]


class Site:
    """`wan[gate]` is a gate's own cable to the platform, `hub_wan` the hub's; gates reach the hub directly."""

    def __init__(self, folder, session, scenes=None, platform=PlatformLink, wire=CuttableProxy):
        platform_port, hub_port, *ports = free_ports(5)
        self.folder, self.scenes, self._session, self._ports = folder, scenes, session, ports
        self.platform = platform(folder, platform_port, session)
        self.hub = HubLink("hub-1", folder, hub_port, session)
        self.hub_wan = wire(platform_port)
        self.gates = [TerminalLink(post, folder, port, session) for post, port in zip(GATES, ports, strict=False)]
        for gate in self.gates:
            gate.process = self._unhurried(gate.post.terminal, "edge.cli", "run", "--config", str(gate.config))
        self.hub.process = self._unhurried("hub-1", "central", "hub", "serve", "--config", str(self.hub.config))
        serve = self.platform.process._command[3:]
        self.platform.process = self._unhurried("platform", *serve)
        self.wan = [wire(platform_port) for _ in self.gates]
        self.visitors = Visitors(self.platform.state)
        self._platform_port, self.stack, self.more = platform_port, None, []

    def _unhurried(self, name, *arguments):
        return Child(name, [sys.executable, "-I", str(UNHURRIED), *arguments], self.folder / f"{name}.log")

    async def start(self, *, hub=True):
        await self.platform.start()
        if self.scenes is not None:
            await asyncio.to_thread(self.scenes.publish, self.platform.state)
        await asyncio.gather(*(self._gate(gate, wan) for gate, wan in zip(self.gates, self.wan, strict=True)))
        if hub:
            await self.add_hub()

    async def add_gate(self, name, site):
        """Let a gate of another site, which has no hub, join; its wire is the last of `wan`."""
        gate = TerminalLink(replace(town.GATE, terminal=name), self.folder, self._ports[2], self._session)
        gate.process = self._unhurried(name, "edge.cli", "run", "--config", str(gate.config))
        self.wan.append(await self.stack.enter_async_context(CuttableProxy(self._platform_port)))
        self.more.append(gate)
        await self._gate(gate, self.wan[-1], site)
        return gate

    async def _gate(self, gate, wan, site=None):
        address = f"http://127.0.0.1:{wan.port}"
        lanes = [] if self.scenes is None else [{"id": one, "scene": one} for one in self.scenes.names]
        text = gate.configuration(platform=address, source=None, actuator=None)
        text += "".join(f'[[lanes]]\nid = "{one["id"]}"\nscene = "{one["scene"]}"\n' for one in lanes)
        gate.config.write_text(text)
        profile = town.profile(gate.post, lanes) | ({} if site is None else {"site": site})
        await gate.enrol(await self.platform.code(gate.post.terminal, profile, platform=address))
        gate.config.write_text(text.replace("[terminal]\n", "[terminal]\nanswer_s = 20\n"))
        await gate.start()

    async def code_for_hub(self, name="hub-1"):
        body = {"terminal": name, "profile": HUB_PROFILE, "platform": f"http://127.0.0.1:{self.hub_wan.port}"}
        return (await self.platform._call("POST", "/v1/admin/codes", body))["qr"]

    async def add_hub(self, host="127.0.0.1"):
        self.hub.configure(f"http://127.0.0.1:{self.hub_wan.port}", poll_s=1.0, host=host)
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
            rows = conn.execute(f"SELECT kind, {BODY} FROM journal ORDER BY seq").fetchall()
        return [(kind, json.loads(clear(body))) for kind, body in rows if kind in kinds]

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
async def two_gates(folder, *, hub=True, scenes=None, platform=PlatformLink, wire=CuttableProxy):
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        site = Site(folder, session, scenes, platform, wire)
        site.stack = stack
        for one in (site.hub_wan, *site.wan):
            await stack.enter_async_context(one)
        try:
            await site.start(hub=hub)
            yield site
        finally:
            links = [*site.gates, *site.more, site.hub, site.platform]
            await asyncio.gather(*(link.process.stop() for link in links))
