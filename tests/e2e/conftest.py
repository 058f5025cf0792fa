# ruff: noqa: E501 - the catalogue of the scenes reads across
"""One town for all scenes: the platform, a network that can be cut, one terminal with a lane for each scene.

Every code is a really signed token, drawn as a phone's QR picture. At the gate a camera streams it (HTTP MJPEG) to the
scanner process; at the other lanes the picture is read by the scanner's decoder, as a hand scanner would, and handed
to the local API.
"""

import asyncio
import json
import secrets
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.city_lists import publish, put_rules
from central.demo import drawing, town
from central.demo.camera import Camera
from central.demo.platform_link import PlatformLink
from central.demo.processes import free_ports
from central.demo.proxy import CuttableProxy
from central.demo.terminal_link import TerminalLink
from central.demo.visitors import Person
from central.issuing import Wanted, issue
from central.measure_calls import Measure, kill_key, restrict
from scanner.decode import read_codes

HOME, FOREIGN = town.CITY, town.PARTNER
DAY = (datetime.now(UTC) + timedelta(hours=8)).date()
TOMORROW = DAY + timedelta(days=1)
PATIENCE_S = 30.0


def now_s():
    return int(time.time())


def now_ms():
    return int(time.time() * 1000)


def benefit(name, code, scene, offer=None, **more):
    where = {"sites": [town.SITE], "scenes": [scene]}
    return {"id": name, "code": code, "version": 1, "issuer": HOME, "title": {"zh": name, "en": name},
            "offer": offer or {"kind": "free"}, "where": where, **more}  # fmt: skip


def deposit(cap):
    return {"kind": "deposit_waiver", "cap_fen": cap}


def one(**more):
    return [{"count": "uses", "per": "subject", "max": 1, **more}]


LIBRARY = {"lifecycle": "once"}
BENEFITS = [
    benefit("s1", 1, "gate", who={"groups_any": list(range(12, 19))}, limits=one(scope="site", period="window"), needs=["bound-token"]),
    benefit("s2-today", 2, "s2", who={"groups_any": [1]}, when={"except": ["today"]}),
    benefit("s2-made-up", 3, "s2", who={"groups_any": [2]}, when={"except": ["today-made-up"]}),
    benefit("s3", 4, "hotel", deposit(50_000), lifecycle={"open_close": {"due": "12:00"}}),
    benefit("s4", 5, "umbrella", deposit(3_000), needs=["asset"], lifecycle={"open_close": {"due": "PT2S", "on_overdue": "withhold"}}),
    benefit("s5-items", 6, "library", {"kind": "raise_limit", "by_tier": {"3": 3, "4": 4, "6": 9}, "cap": 5}, stacks="items"),
    benefit("s5-days", 7, "library", {"kind": "extend_time", "by_tier": {"3": 30, "4": 60}}, stacks="days"),
    benefit("s6", 8, "s6", needs=["second-check:health"]),
    benefit("s7", 9, "s7", needs=["reservation"], slot={"early_min": 0, "late_min": 0}),
    benefit("s7-room", 10, "s7-room", capacity=[{"per": "occupancy", "scope": "site", "max": 2}]),
    benefit("s8", 11, "s8"), benefit("s10", 12, "s10", who={"issuers": [HOME, FOREIGN], "min_tier": 3}),
    benefit("s11", 13, "s11", limits=one()),
    benefit("s12", 14, "shop", {"kind": "percent", "percent_off": 10}, limits=one(period="day"), reversal={"within_h": 168}),
    benefit("s12-late", 15, "s12-late", {"kind": "percent", "percent_off": 10}, reversal={"within_h": 0}),
    benefit("s13", 16, "s13", who={"subject": "group"}, needs=["reservation"]), benefit("s14", 17, "s14"),
    benefit("s15", 18, "s15", {"kind": "pay_later", "cap_fen": 20_000},
            offline={"max_amount_fen": 40_000, "max_amount_fen_per_subject": 20_000, "on_limit": "standard"}),
    benefit("s17", 19, "s17"),
]  # fmt: skip
SCENES = tuple(dict.fromkeys(row["where"]["scenes"][0] for row in BENEFITS))
CALENDARS = {
    "today": [DAY.isoformat()],
    "today-made-up": {"dates": [DAY.isoformat()], "make_up_days": [DAY.isoformat()]},
}
CODES = {"302": {"title": {"zh": "限制进入", "en": "barred"}, "effect": "restrict", "scenes": ["s8", "s15"],
                 "remedy": {"zh": "向认定机关申请信用修复", "en": "ask for repair"}}}  # fmt: skip


class Health:
    """Somebody else's second verifier; it can be told to be down."""

    def __init__(self):
        self.down = False

    async def check(self, request):
        if self.down:
            return web.Response(status=503)
        return web.json_response({"passed": (await request.json())["code"] == "HEALTH-GREEN"})


class SceneTown:
    """What a scene plays with. `tell` prints what happens when a scene is run alone."""

    def __init__(self, folder, session):
        platform_port, terminal_port, self.side_port = free_ports(3)
        self.folder = folder
        self.platform = PlatformLink(folder, platform_port, session)
        self.network = CuttableProxy(platform_port)
        self.terminal = TerminalLink(town.GATE, folder, terminal_port, session)
        self.camera, self.health = Camera(), Health()
        self.people = 0

    @property
    def state(self):
        return self.platform.state

    def configuration(self):
        camera = f"http://127.0.0.1:{self.side_port}/camera"
        whole = self.terminal.configuration(
            platform=f"http://127.0.0.1:{self.network.port}", source=camera, actuator=None
        )
        lanes = [f'[[lanes]]\nid = "{scene}"\nscene = "{scene}"\n' for scene in SCENES if scene != "gate"]
        check = (
            f'[[verifiers]]\nname = "health"\nurl = "http://127.0.0.1:{self.side_port}/health"\nwhen_down = "refer"\n'
        )
        return whole + "".join(lanes) + check

    async def start(self):
        await self.platform.start()
        rules = {
            "benefits.json": {"issuer": HOME, "version": 1, "benefits": BENEFITS},
            "calendars.json": {"issuer": HOME, "calendars": CALENDARS},
            "measure-codes.json": {"issuer": HOME, "codes": CODES},
        }
        files = {name: json.dumps(body).encode() for name, body in rules.items()}
        await asyncio.to_thread(put_rules, self.state, HOME, files)
        await asyncio.to_thread(lambda: publish(self.state, now_ms=now_ms()))
        self.terminal.config.write_text(self.configuration(), encoding="utf-8")
        address = f"http://127.0.0.1:{self.network.port}"
        await self.terminal.enrol(await self.platform.code_for(town.GATE, platform=address))
        await self.terminal.start()

    # People and their codes

    def holder(self, *, city=HOME, tier=3, groups=(), **more):
        """Return somebody with a credential on a phone."""
        self.people += 1
        phone = Ed25519PrivateKey.generate()
        wanted = Wanted(
            subject=f"{self.folder.name}-{self.people}",
            tier=tier,
            groups=groups,
            holder_key=phone.public_key(),
            test=True,
            **more,
        )
        issued = issue(self.state, city, wanted, now_s=now_s(), iat=now_s() - 3600)
        return Person(issuer=city, subject=issued.subject, credential=issued.raw, phone=phone)

    def paper(self, uses, **more):
        """Return the text of a printed code."""
        self.people += 1
        wanted = Wanted(subject=f"{self.folder.name}-{self.people}", tier=3, max_uses=uses, test=True, **more)
        return issue(self.state, HOME, wanted, now_s=now_s()).text

    # At the lanes

    async def scan(self, who, scene, *, clock_s=0, **request):
        """Shoot the code's picture with the hand scanner of a lane; return the terminal's answer."""
        text = who if isinstance(who, str) else who.code(now_s() + clock_s)
        read = read_codes(drawing.phone_picture(text))
        assert read == (text,)
        answer = await self.terminal.present(read[0], lane=scene, **request)
        self.tell(scene, request, answer)
        return answer

    async def at_gate(self, who):
        """Hold a phone before the gate's camera; return the decision that the gate's screen is sent."""
        listening = asyncio.ensure_future(self._next_decision("A"))
        await asyncio.sleep(0)
        await self.camera.show(who.code(now_s()))
        try:
            answer = await asyncio.wait_for(listening, PATIENCE_S)
        finally:
            await self.camera.take_away()
        self.tell("gate (camera)", {}, answer)
        return answer

    async def _next_decision(self, lane):
        async for name, data in self.terminal.events():
            if name == "decision" and data["lane"] == lane:
                return data
        raise AssertionError("the terminal closed its events")

    def tell(self, scene, request, answer):
        asked = " ".join(f"{name}={value}" for name, value in request.items())
        first = answer["reasons"][0]
        print(
            f"  {scene:<14} {asked:<34} → {answer['outcome']:<8} {answer['benefit'] or '-':<10} {first['zh']} · {first['en']} {answer['obligations']}"
        )

    # The platform

    async def measure(self, call, who, *more):
        """Restrict, repair, dispute … as the office does; returns once it is published."""
        subject = who.subject.hex()
        await asyncio.to_thread(lambda: call(self.state, who.issuer, subject, *more, now_ms=now_ms()))

    async def restrict(self, who, until=TOMORROW):
        await self.measure(restrict, who, Measure(code=302, until=until, authority="云溪市文旅局"))

    async def kill(self, city):
        await asyncio.to_thread(lambda: kill_key(self.state, city, now_ms=now_ms()))

    async def until(self, true, within_s=PATIENCE_S):
        """Ask `true()` until it holds, and return what it gave."""
        async with asyncio.timeout(within_s):
            while not (found := await true()):
                await asyncio.sleep(0.05)
            return found

    async def offline(self):
        self.network.cut()
        await self.until(lambda: self._is_offline(wanted=True))

    async def online(self):
        self.network.restore()
        await self.until(lambda: self._is_offline(wanted=False))

    async def _is_offline(self, *, wanted):
        status = await self.terminal.status()
        return status is not None and status["offline"] is wanted


@asynccontextmanager
async def scene_town(folder):
    async with aiohttp.ClientSession() as session:
        built = SceneTown(folder, session)
        side = web.Application()
        side.router.add_post("/health", built.health.check)
        side.router.add_get("/camera", built.camera.serve)
        runner = web.AppRunner(side, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", built.side_port).start()
        drawing_task = asyncio.ensure_future(built.camera.run())
        async with built.network:
            try:
                await built.start()
                yield built
            finally:
                await built.terminal.process.stop()
                await built.platform.process.stop()
                drawing_task.cancel()
                await runner.cleanup()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(tmp_path_factory):
    async with scene_town(tmp_path_factory.mktemp("scenes")) as built:
        yield built


@pytest.fixture
def order():
    """A fresh order number of a reservation."""
    return secrets.token_bytes(8)
