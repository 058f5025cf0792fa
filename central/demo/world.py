"""Everything of the demo that runs, and what can be done to it (issue 2, "What a newcomer sees").

Rules of this file:

- platform and terminals are processes of their own; between them lies a network that can be cut;
- what happens at the gate is `central.demo.at_gate`'s;
- figures about loss and repetition come from `central.demo.audit`, never from counting what we did.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import aiohttp
from aiohttp import web

from central.clock import now_ms
from central.demo.at_gate import TRIES, UNWRITTEN, AtGate, Seen
from central.demo.audit import Audit, compare, read_platform, read_terminal
from central.demo.running.hub_link import HubLink
from central.demo.running.overlay import Overlay
from central.demo.running.pace import Pace
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.running.through import Through
from central.demo.street import town
from central.demo.street.visitors import Person, Visitors
from credit.rules.listing import LISTS, role_of

Json = dict[str, Any]

FLIP_S: Final = 30.0  # how long a change of lists may take before it is called a failure
DARK_S: Final = 1.5  # how long the plug stays out
POLL_S: Final = 0.02
AGAIN_S: Final = 0.3  # a fact is on its way to the hub: the visitor shows the code again


class World:
    """The running demo. `say` is told one line about each thing that happens."""

    def __init__(self, folder: Path, session: aiohttp.ClientSession, say: Callable[[str], None]) -> None:
        self.folder = folder
        self.say = say
        self._session = session
        platform_port, hub_port, *ports = free_ports(2 + len(town.POSTS))
        self.platform = PlatformLink(folder, platform_port, session)
        self.network = CuttableProxy(platform_port)
        self.terminals = {
            post.terminal: TerminalLink(post, folder, port, session)
            for post, port in zip(town.POSTS, ports, strict=True)
        }
        self.gate, self.desk, self.counter, self.west = self.terminals.values()
        self.hub = HubLink(town.HUB, folder, hub_port, session)
        self.overlay = Overlay(self.gate, session)
        self.pace = Pace()
        self.visitors = Visitors(self.platform.state)
        self.at_gate = AtGate(self.gate, self.visitors, self.pace, say)
        self.latency_ms: dict[str, int] = {}
        self.west_said: Json | None = None

    def routes(self) -> list[web.RouteDef]:
        """Return what the gate uses, its camera and its turnstile, and what its scanner makes of the picture."""
        return [
            web.get("/camera", self.at_gate.camera.serve),
            web.get("/overlay", self.overlay.serve),
            *Through(self.terminals, self._session).routes(),
            web.post("/turnstile", self.at_gate.turnstile.serve),
            web.get("/turnstile/{redemption}", self.at_gate.turnstile.asked),
        ]

    async def start(self, own_url: str) -> None:
        """Found the town and start its processes; `own_url` is where `routes` are served."""
        self.say("建立平台与两座城市 · founding the platform and two cities")
        await self.platform.start()
        network = f"http://127.0.0.1:{self.network.port}"
        self.say("登记并启动四台终端和景区枢纽 · enrolling and starting four terminals and the hub of the site")
        async with asyncio.TaskGroup() as group:
            group.create_task(self._bar_somebody())
            group.create_task(self._bring_up_hub(network))
            for link in self.terminals.values():
                group.create_task(self._bring_up(link, network, own_url))

    async def _bar_somebody(self) -> None:
        self.visitors.restricted = await asyncio.to_thread(self.visitors.resident, now_ms() // 1000)
        await self.platform.restrict(self.visitors.restricted)

    async def _bring_up_hub(self, network: str) -> None:
        self.hub.configure(network)
        await self.hub.enrol(await self.platform.code(town.HUB, town.HUB_PROFILE, platform=network))
        await self.hub.start()

    async def _bring_up(self, link: TerminalLink, network: str, own_url: str) -> None:
        at_gate = link is self.gate
        link.config.write_text(
            link.configuration(
                platform=network,
                source=f"{own_url}/camera" if at_gate else None,
                actuator=f"{own_url}/turnstile" if at_gate else None,
            ),
            encoding="utf-8",
        )
        await link.enrol(await self.platform.code_for(link.post, platform=network))
        await link.start()

    async def stop(self) -> None:
        """End every process in good order."""
        await asyncio.gather(*(link.process.stop() for link in self.terminals.values()))
        await self.hub.process.stop()
        await self.platform.process.stop()

    async def listen(self) -> None:
        """Hear what the gate says, for ever."""
        await self.gate.follow(self.at_gate.hearing.heard)

    async def visit(self, kind: str) -> Seen:
        """Let the next visitor of this kind come to the gate; return what the gate said."""
        return await self.at_gate.visit(kind)

    async def visit_through_power_cut(self) -> tuple[Seen, Seen]:
        """Pull the plug as soon as a visitor is let in; return what the gate said before and after."""
        return await self.at_gate.visit_through_power_cut(lambda: self.pull_the_plug(dark_s=0.0))

    async def at_desk(self) -> Json:
        """Let a guest check in at the hotel desk: the phone answers the desk's challenge, a hand scanner shoots it."""
        who = await asyncio.to_thread(self.visitors.resident, now_ms() // 1000)
        challenge = await self.desk.challenge()
        return await self._shot(
            self.desk, who, challenge=challenge, intent="open", ticket="room", amount_fen=town.ROOM_FEN, asset=_room()
        )

    async def at_counter(self, amount_fen: int = 12_880) -> Json:
        """Let a customer pay at the shop counter."""
        who = await asyncio.to_thread(self.visitors.resident, now_ms() // 1000)
        return await self._shot(self.counter, who, intent="buy", amount_fen=amount_fen)

    async def at_west(self) -> Json:
        """Let the visitor who was let in at the east gate come to the west gate; return what it said.

        Between two gates stands the hub of the site: it knows, whether the platform can be reached or not.
        """
        who = self.visitors.last_granted
        if who is None:
            raise LookupError("nobody was let in yet")
        answer = await self._shot(self.west, who)
        if told := used_elsewhere(answer, now_ms=now_ms()):
            self.say(f"{told['zh']} · {told['en']}")
        self.west_said = answer
        return answer

    async def _shot(self, link: TerminalLink, who: Person, *, challenge: bytes | None = None, **more: Any) -> Json:
        for _ in range(TRIES):
            answer = await link.present(who.code(now_ms() // 1000, challenge=challenge), **more)
            codes = tuple(reason["code"] for reason in answer["reasons"])
            if codes != UNWRITTEN and "in_use" not in codes:
                break
            await asyncio.sleep(AGAIN_S)
        self.at_gate.outcomes[str(answer["outcome"])] += 1
        self.say(f"{link.post.zh} · {link.post.en}: {answer['outcome']} {answer.get('offer') or ''}")
        return answer

    def cut(self) -> None:
        """Cut the network between terminals and platform."""
        self.network.cut()
        self.say("断网 · the network is cut")

    def restore(self) -> None:
        """Restore the network."""
        self.network.restore()
        self.say("恢复网络 · the network is back")

    async def pull_the_plug(self, *, dark_s: float = DARK_S) -> None:
        """Kill the gate terminal as a power cut does, then start it again."""
        self.at_gate.turnstile.lose_power()
        await self.gate.process.pull_the_plug()
        self.say("闸机断电（kill -9）· the gate's plug is pulled")
        await asyncio.sleep(dark_s)
        await self.gate.start()
        for redemption in self.at_gate.turnstile.regain_power():
            await self.gate.step(redemption, "annul")
        self.say("闸机恢复供电 · the gate is up again")

    async def restrict(self) -> int:
        """Restrict the current visitor; return ms until the gate answers otherwise."""
        return await self._turn("restrict", self.platform.restrict, "REFUSE")

    async def repair(self) -> int:
        """Repair the current visitor (信用修复); return ms until the gate answers otherwise."""
        return await self._turn("repair", self.platform.repair, None)

    async def _turn(self, name: str, change: Callable[[Person], Any], wanted: str | None) -> int:
        who = self.at_gate.current
        if who is None:
            raise LookupError("nobody has been at the gate yet")
        before = await self._lists_version(who.issuer)
        await change(who)
        begun = time.monotonic()  # published: from here on it is the terminal's time
        async with asyncio.timeout(FLIP_S):
            while await self._lists_version(who.issuer) == before:  # noqa: ASYNC110 - another process: nothing to wait on
                await asyncio.sleep(POLL_S)
        answer = await self.gate.present(who.code(now_ms() // 1000), intent="check")
        took = round((time.monotonic() - begun) * 1000)
        flipped = (answer["outcome"] == "REFUSE") == (wanted == "REFUSE")
        self.latency_ms[name] = took
        self.say(f"{name}: {answer['outcome']} after {took} ms")
        if not flipped:
            raise RuntimeError(f"{name}: the gate says {answer['outcome']} on the new list")
        return took

    async def _lists_version(self, city: str) -> int | None:
        """Return which version of the city's measures is in force at the gate."""
        status = await self.gate.status() or {}
        return next((one["version"] for one in status.get("lists", []) if one["name"] == role_of(LISTS, city)), None)

    async def audit(self) -> Audit:
        """Lay the ledgers side by side."""
        return await asyncio.to_thread(self._audit)

    def _audit(self) -> Audit:
        paths = [*(link.database for link in self.terminals.values()), self.hub.database]
        books = [read_terminal(path) for path in paths]
        return compare(books, read_platform(self.platform.state / "central.db"), self.at_gate.turnstile.passages)


def used_elsewhere(answer: Json, *, now_ms: int) -> Json | None:
    """Return in both languages where and how long ago a benefit was used, None when the answer does not say so."""
    reason = next((one for one in answer["reasons"] if one["code"] == "limit_used"), None)
    facts = (reason or {}).get("facts", {})
    if "where" not in facts or "at" not in facts:
        return None
    terminal = str(facts["where"]).rpartition("/")[2]
    post = next((one for one in town.POSTS if one.terminal == terminal), None)
    if post is None:
        return None
    ago_s = max(0, round((now_ms - datetime.fromisoformat(facts["at"]).timestamp() * 1000) / 1000))
    return {
        "zh": f"已在{post.zh}使用，{ago_s} 秒前",
        "en": f"used at the {post.en.lower()}, {ago_s} s ago",
        "ago_s": ago_s,
    }


def _room() -> str:
    return str(200 + time.monotonic_ns() % 200)


@asynccontextmanager
async def running(world: World, own_url: str) -> AsyncIterator[World]:
    """Run the world's network, camera and processes until the context ends; nothing is left behind."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(world.network)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(world.at_gate.camera.run(), name="camera")]
            tasks.append(group.create_task(world.pace.run(), name="pace"))
            try:
                await world.start(own_url)
                tasks.append(group.create_task(world.listen(), name="gate events"))
                yield world
            finally:
                await world.stop()
                for task in tasks:
                    task.cancel()
