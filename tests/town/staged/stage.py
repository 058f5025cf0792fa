"""A site with its hub and two gates, a gate at another site, and their platform: processes in a world of their own.

`wan` and `lan` are each gate's cables to the platform and to the hub. Time stands still once everything is up.
"""

import asyncio
import contextlib
import json
import secrets
import sqlite3
import sys
import time
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp

from central.demo.running.processes import Child
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.lists.cities import publish, put_rules
from central.register.warrants import Warrant
from central.site.serving import BOOKS
from tests.town import two_gates
from tests.town.staged import world
from tests.town.two_gates import head_of, until

LAKE = "yunxi-lake"
SECOND_NS, MILLISECOND_NS = 1_000_000_000, 1_000_000
BY_TWO = Warrant.by_two("li", "han")
POLL_S = 1.0  # how often a gate asks for the time and looks at lists where nobody tells it that there is news
SIGNED = "SELECT signed_ms FROM clock"
TOP = "SELECT coalesce(max(top), 0) FROM epochs WHERE terminal = ?"
HOUR_MS = 3_600_000
LOOK = {  # somebody whom a gate lets in while whoever counts for its site answers
    "id": "lake.look",
    "code": 9,
    "version": 1,
    "issuer": town.CITY,
    "title": {"zh": "看看", "en": "look"},
    "offer": {"kind": "free"},
    "who": {"groups_any": [town.TRUSTED_GROUP]},
    "where": {"sites": [LAKE], "scenes": ["gate"]},
    "limits": [{"count": "uses", "per": "subject", "scope": "site", "period": "day", "max": 1}],
}


def rows(path, sql, *values):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as conn:
        return conn.execute(sql, values).fetchall()


class Stage(two_gates.Site):
    """`seats`: gate-1 and gate-2 at the hub's site, lake-1 elsewhere. `lanes`: what stands at each, by seat."""

    def __init__(self, folder, session, lanes):
        self._lanes, self._number, self._rules, self.stopped = lanes, 1, {}, False
        self.clock = world.Time.begin(folder / "clock", time.time_ns())
        super().__init__(folder, session)
        self.lan = [CuttableProxy(self.hub.port) for _ in self.gates]

    def _unhurried(self, name, *arguments):
        wires = self.folder / f"{name}.wires"
        wires.touch()
        command = [sys.executable, "-I", world.__file__, str(self.folder / "clock"), str(wires), *arguments]
        return Child(name, command, self.folder / f"{name}.log")

    async def start(self, *, hub=True):
        for gate, lan in zip(self.gates, self.lan, strict=True):
            wires = self.folder / f"{gate.post.terminal}.wires"
            wires.write_text(f"{self.hub.port} {lan.port}\n")
        await super().start(hub=hub)
        await self.add_gate("lake-1", LAKE)
        self.seats = {gate.post.terminal: gate for gate in (*self.gates, *self.more)}
        self.clock.stand()

    async def _gate(self, gate: TerminalLink, wan, site=None):
        address, lanes = f"http://127.0.0.1:{wan.port}", self._lanes[gate.post.terminal]
        text = gate.configuration(platform=address, source=None, actuator=None)
        text += "".join(f'[[lanes]]\nid = "{one["id"]}"\nscene = "{one["scene"]}"\n' for one in lanes)
        text = text.replace("[platform]\n", f"[platform]\npoll_s = {POLL_S}\n")
        gate.config.write_text(text)
        profile = town.profile(gate.post, lanes) | ({} if site is None else {"site": site})
        await gate.enrol(await self.platform.code(gate.post.terminal, profile, platform=address))
        gate.config.write_text(text.replace("[terminal]\n", "[terminal]\nanswer_s = 20\n"))
        await gate.start()

    # -- time

    @property
    def now_s(self):
        return self.clock.wall_ns() // SECOND_NS

    async def goes_on(self, now_s):
        """Let it be that second; after hours in which nobody was there the lists are signed anew."""
        hours = (now_s - self.now_s) // 3_600
        self.clock.stand(max(now_s * SECOND_NS, self.clock.wall_ns()))
        if hours and any(self.hears(name) for name in self.seats):
            await self.publish(**self._rules)

    def resident(self):
        return self.visitors.resident(self.now_s)

    async def present(self, gate, who, **more):
        return await gate.present(who.code(self.now_s), request_id=secrets.token_hex(8), **more)

    # -- wires

    def wires(self, name):
        """Return a gate's cables: to the platform, and to the hub where it has one."""
        number = list(self.seats).index(name)
        return [self.wan[number], *self.lan[number : number + 1]]

    def is_cut(self, name):
        return self.wires(name)[-1].is_cut

    def hears(self, name):
        """Return whether the platform's lists come to a gate, by itself or through the hub."""
        own, *lan = self.wires(name)
        return not own.is_cut or any(not wire.is_cut and not self.hub_wan.is_cut for wire in lan)

    def cut(self, name):
        for wire in self.wires(name):
            wire.cut()

    def restore(self, name):
        for wire in self.wires(name):
            wire.restore()

    # -- lists

    async def publish(self, benefits=(), **more):
        """Let the city's offices put a catalogue in force, and wait until it is at every gate in reach."""
        reached = {name: await self.version(name) for name in self.seats if self.hears(name)}
        self._number, self._rules = self._number + 1, {"benefits": benefits, **more}
        self.clock.stand(self.clock.wall_ns() + MILLISECOND_NS)  # no two publications are of one moment
        rules = {
            "benefits.json": {"version": self._number, "benefits": [*town.BENEFITS, LOOK, *benefits]},
            **{f"{name.replace('_', '-')}.json": body for name, body in more.items()},
        }
        files = {name: json.dumps({"issuer": town.CITY, **body}).encode() for name, body in rules.items()}
        now_ms = self.clock.wall_ns() // MILLISECOND_NS

        def job():
            put_rules(self.platform.state, town.CITY, files, warrant=BY_TWO, now_ms=now_ms)
            publish(self.platform.state, now_ms=now_ms)

        await asyncio.to_thread(job)
        for name, before in reached.items():
            await until(lambda name=name, before=before: self._is_newer(name, before))

    async def version(self, name, kind="rules"):
        """Return which of the city's lists a gate has in force."""
        lists = (await self.seats[name].status())["lists"]
        return next(one["version"] for one in lists if one["name"] == f"{kind}.{town.CITY}")

    async def _is_newer(self, name, before, kind="rules"):
        return await self.version(name, kind) > before

    async def restrict(self, who):
        """Bar somebody, and wait until every gate in reach knows."""
        reached = {name: await self.version(name, "lists") for name in self.seats if self.hears(name)}
        await self.platform.restrict(who)
        for name, before in reached.items():
            await until(lambda name=name, before=before: self._is_newer(name, before, "lists"))

    async def stop_entry(self, *, stopped):
        """Stop entry at the site, or let it go on, and wait until both its gates have heard."""
        self.stopped = stopped
        await self.gates[0]._call("POST", "/v1/entry", {"stopped": stopped, "by": "guard-1"})
        for gate in self.gates:
            await until(lambda gate=gate: self._is_stopped(gate, stopped=stopped))

    async def _is_stopped(self, gate, *, stopped):
        return (await gate.status())["entry_stopped"] is stopped

    # -- rest

    async def rest(self):
        """Wait until everybody in reach answers and knows the time, and every fact that can be told is told."""
        for name in self.seats:
            if not self.is_cut(name):
                await until(lambda name=name: self._knows_the_time(name))
            if not self.is_cut(name) and not self.stopped:
                await until(lambda name=name: self._is_counted(name))
        for name, gate in self.seats.items():
            end = head_of(gate)
            await until(lambda name=name, end=end: self._is_told(name, end))

    def _knows_the_time(self, name):
        """Return whether a gate has heard the time of this hour; who hears nobody knows it as it did."""
        [(signed_ms,)] = rows(self.seats[name].database, SIGNED)
        return not self.hears(name) or signed_ms > self.now_s * 1000 - HOUR_MS

    async def _is_counted(self, name):
        gate = self.seats[name]
        if (await self.present(gate, self.resident()))["outcome"] != "GRANT":
            return False
        return self.facts(gate)[-1][1].get("claim") == "held"

    def _is_told(self, name, end):
        if self.is_cut(name):
            return True
        hub, platform = name != "lake-1", not self.hub_wan.is_cut or name == "lake-1"
        books = [self.hub.data / BOOKS] * hub + [self.platform.state / "central.db"] * platform
        return all(rows(path, TOP, name)[0][0] >= end for path in books)


@asynccontextmanager
async def open_stage(folder, lanes):
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        stage = Stage(folder, session, lanes)
        stage.stack = stack
        for wire in (stage.hub_wan, *stage.wan, *stage.lan):
            await stack.enter_async_context(wire)
        try:
            await stage.start()
            yield stage
        finally:
            links = [*stage.gates, *stage.more, stage.hub, stage.platform]
            await asyncio.gather(*(link.process.stop() for link in links))
