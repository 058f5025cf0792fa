# ruff: noqa: E501 - the catalogue of the scenes reads across
"""One town for all scenes: the platform, a network that can be cut, one terminal with a lane for each scene.

Every code is a really signed token, drawn as a phone's QR picture. At the gate a camera streams it (HTTP MJPEG) to the
scanner process; at the other lanes the picture is read by the scanner's decoder, as a hand scanner would, and handed
to the local API.
"""

import asyncio
import json
import os
import pty
import sqlite3
import sys
import time
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from story import Story

from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import Child, free_ports
from central.demo.running.proxy import CuttableProxy
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import drawing, town
from central.demo.street.camera import Camera
from central.demo.street.visitors import Person
from central.lists.cities import publish, put_rules
from central.lists.issuing import Wanted, issue, make_keys
from central.lists.measure_calls import Measure, kill_key, restrict
from central.register.warrants import Warrant
from scanner.decode import read_codes

HOME, FOREIGN = town.CITY, town.PARTNER
BY_TWO = Warrant.by_two("li", "han")
DAY = (datetime.now(UTC) + timedelta(hours=8)).date()
TOMORROW = DAY + timedelta(days=1)
DAY_S = 86_400
TAKEN = "SELECT coalesce(sum(off_fen), 0), coalesce(sum(paid_fen), 0) FROM totals WHERE benefit = ?"
PATIENCE_S = 30.0
OTHER_CLOCK = Path(__file__).parent.parent / "tools" / "other_clock.py"


def now_s():
    return int(time.time())


def now_ms():
    return int(time.time() * 1000)


def midnight_s(day):
    """Return when a civil day begins in the town, in seconds UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) - 8 * 3600


NAMES = {
    "s1": "守信人群首次免票 first visit free",
    "s2-today": "非节假日免费 free but on holidays",
    "s2-made-up": "调休工作日免费 free on a made-up day",
    "s2-eve": "节前免费 free until the holiday",
    "s3": "住宿免押金 no deposit",
    "s4": "免押金借伞 umbrella without deposit",
    "s5-items": "可借册数 books at once",
    "s5-days": "借期 days",
    "s6": "两码通行 two codes",
    "s6-ticket": "票证复核 ticket check",
    "s6-police": "公安复核 police check",
    "s6-camera": "两码通行 two codes",
    "s7": "预约入园 booked entry",
    "s7-room": "限流展厅 a room for two",
    "s8": "守信通行 entry",
    "s10": "互认城市免票 mutual recognition",
    "s11": "免票一次 free once",
    "s12": "购物九折 ten percent off",
    "s12-late": "当场退货 returns at once only",
    "s13": "团队免票 a tour",
    "s14": "纸质码免票 paper",
    "s15": "先用后付 pay later",
    "s17": "守信通行 entry",
    "s19": "半价通行 half price",
}


def benefit(name, code, scene, offer=None, lanes=None, **more):
    where = {"sites": [town.SITE], "scenes": [scene], "lanes": lanes}
    return {
        "id": name,
        "code": code,
        "version": 1,
        "issuer": HOME,
        "title": {"zh": NAMES[name]},
        "offer": offer or {"kind": "free"},
        "where": where,
        **more,
    }


def deposit(cap):
    return {"kind": "deposit_waiver", "cap_fen": cap}


def one(**more):
    return [{"count": "uses", "per": "subject", "max": 1, **more}]


BENEFITS = [
    benefit(
        "s1",
        1,
        "gate",
        who={"groups_any": list(range(12, 19))},
        limits=one(scope="site", period="window"),
        needs=["bound-token"],
    ),
    benefit("s2-today", 2, "s2", who={"groups_any": [1]}, when={"except": ["today"]}),
    benefit("s2-made-up", 3, "s2", who={"groups_any": [2]}, when={"except": ["today-made-up"]}),
    benefit("s2-eve", 20, "s2-eve", when={"except": ["tomorrow"]}),
    benefit("s3", 4, "hotel", deposit(50_000), lifecycle={"open_close": {"due": "12:00"}}),
    benefit(
        "s4",
        5,
        "umbrella",
        deposit(3_000),
        needs=["asset"],
        lifecycle={"open_close": {"due": "PT2S", "on_overdue": "withhold"}},
    ),
    benefit(
        "s5-items", 6, "library", {"kind": "raise_limit", "by_tier": {"3": 3, "4": 4, "6": 9}, "cap": 5}, stacks="items"
    ),
    benefit("s5-days", 7, "library", {"kind": "extend_time", "by_tier": {"3": 30, "4": 60}}, stacks="days"),
    benefit("s6", 8, "s6", needs=["second-check:health"]),
    benefit("s6-ticket", 21, "s6-ticket", needs=["second-check:ticket"]),
    benefit("s6-police", 22, "s6-police", needs=["second-check:police"]),
    benefit("s6-camera", 23, "gate", lanes=["A"], who={"groups_any": [60]}, needs=["second-check:health"]),
    benefit("s7", 9, "s7", needs=["reservation"], slot={"early_min": 0, "late_min": 0}),
    benefit("s7-room", 10, "s7-room", capacity=[{"per": "occupancy", "scope": "site", "max": 2}]),
    benefit("s8", 11, "s8"),
    benefit("s10", 12, "s10", who={"issuers": [HOME, FOREIGN], "min_tier": 3}),
    benefit("s11", 13, "s11", limits=one()),
    benefit(
        "s12", 14, "shop", {"kind": "percent", "percent_off": 10}, limits=one(period="day"), reversal={"within_h": 168}
    ),
    benefit("s12-late", 15, "s12-late", {"kind": "percent", "percent_off": 10}, reversal={"within_h": 0}),
    benefit("s13", 16, "s13", who={"subject": "group"}, needs=["reservation"]),
    benefit("s14", 17, "s14"),
    benefit(
        "s15",
        18,
        "s15",
        {"kind": "pay_later", "cap_fen": 20_000},
        offline={"max_amount_fen": 40_000, "max_amount_fen_per_subject": 20_000, "on_limit": "standard"},
    ),
    benefit("s17", 19, "s17"),
    benefit("s19", 24, "s19", {"kind": "percent", "percent_off": 50}, limits=one(period="day")),
]
SCENES = tuple(dict.fromkeys(row["where"]["scenes"][0] for row in BENEFITS))
READERS = {  # lanes with a serial scanner of their own: where they stand, and what a code means there
    "stand": {"scene": "umbrella", "intent": "give_back"},
    "s7-out": {"scene": "s7-room", "intent": "exit"},
    "s13-out": {"scene": "s13", "intent": "exit"},
    "s14-voice": {"scene": "s14"},
    "s19": {"scene": "s19", "pay_within_s": 3},
}
CUES = ("grant", "standard")
CALENDARS = {
    "today": [DAY.isoformat()],
    "tomorrow": [TOMORROW.isoformat()],
    "today-made-up": {"dates": [DAY.isoformat()], "make_up_days": [DAY.isoformat()]},
}
CODES = {
    "302": {
        "title": {"zh": "限制进入", "en": "barred"},
        "effect": "restrict",
        "scenes": ["s8", "s15"],
        "remedy": {"zh": "向认定机关申请信用修复", "en": "ask for repair"},
    }
}


WHEN_DOWN = {"health": "refer", "ticket": "pass", "police": "refuse"}
CRASHING = OTHER_CLOCK.with_name("crashing_terminal.py")


class Health:
    """Somebody else's second verifier, under three names; it can be told to be down."""

    def __init__(self):
        self.down = False

    async def check(self, request):
        if self.down:
            return web.Response(status=503)
        return web.json_response({"passed": (await request.json())["code"] == "HEALTH-GREEN"})


class SceneTown:
    """What a scene plays with. `clock_s` is how much later it is for phones than for the platform."""

    def __init__(self, folder, session):
        platform_port, terminal_port, self.side_port = free_ports(3)
        self.folder = folder
        self.platform = PlatformLink(folder, platform_port, session)
        self.network = CuttableProxy(platform_port)
        self.terminal = TerminalLink(town.GATE, folder, terminal_port, session)
        self.camera, self.health = Camera(), Health()
        self.openings = folder / "openings"
        self.readers = {lane: pty.openpty() for lane in READERS}
        self.people, self.clock_s = 0, 0
        self.story, self.called = Story(), {}
        self.begin = self.story.begin

    @property
    def state(self):
        return self.platform.state

    def configuration(self):
        camera = f"http://127.0.0.1:{self.side_port}/camera"
        whole = self.terminal.configuration(
            platform=f"http://127.0.0.1:{self.network.port}", source=camera, actuator=None
        )
        own = ("gate", "s11", *READERS)
        lanes = [f'[[lanes]]\nid = "{scene}"\nscene = "{scene}"\n' for scene in SCENES if scene not in own]
        more = {"s19": f'actuator = "file:{self.folder}/openings-s19"\n', "s14-voice": self._voice()}
        for lane, (_, slave) in self.readers.items():
            source = f'source = "serial:{os.ttyname(slave)}"\n'
            lanes += [f'[[lanes]]\nid = "{lane}"\nscene = "{READERS[lane]["scene"]}"\n{source}{more.get(lane, "")}']
        lanes += ['[[lanes]]\nid = "B"\nscene = "gate"\n']
        lanes += [f'[[lanes]]\nid = "s11"\nscene = "s11"\nactuator = "file:{self.openings}"\n']
        checks = [
            f'[[verifiers]]\nname = "{name}"\nurl = "http://127.0.0.1:{self.side_port}/health"\nwhen_down = "{policy}"\n'
            for name, policy in WHEN_DOWN.items()
        ]
        return whole + "".join(lanes + checks)

    async def start(self):
        await self.platform.start()
        rules = {
            "benefits.json": {"issuer": HOME, "version": 1, "benefits": BENEFITS},
            "calendars.json": {"issuer": HOME, "calendars": CALENDARS},
            "measure-codes.json": {"issuer": HOME, "codes": CODES},
        }
        files = {name: json.dumps(body).encode() for name, body in rules.items()}
        await asyncio.to_thread(lambda: put_rules(self.state, HOME, files, warrant=BY_TWO, now_ms=now_ms()))
        await asyncio.to_thread(lambda: publish(self.state, now_ms=now_ms()))
        self.terminal.config.write_text(self.configuration(), encoding="utf-8")
        address = f"http://127.0.0.1:{self.network.port}"
        plain = [scene for scene in SCENES if scene != "gate" and scene not in READERS]
        lanes = [{"id": scene, "scene": scene} for scene in plain] + [{"id": "B", "scene": "gate"}]
        lanes += [{"id": lane, **more} for lane, more in READERS.items()]
        await self.terminal.enrol(await self.platform.code_for(town.GATE, platform=address, lanes=lanes))
        await self.terminal.start()
        await self.until(lambda: self._is_offline(wanted=False))

    def _voice(self):
        """Give the lane of scene 14 spoken lines, and a player that writes down what it is given."""
        player = self.folder / "player.sh"
        player.write_text(f"#!/bin/sh\ncat >> {self.folder}/heard\n")
        player.chmod(0o755)
        for cue in CUES:
            for lang in ("zh", "en"):
                (self.folder / f"{cue}.{lang}.wav").write_text(f"{cue}.{lang};")
        return f'sound = {{folder = "{self.folder}", command = ["{player}"]}}\n'

    # People and their codes

    def holder(self, *, city=HOME, tier=3, groups=(), iat_s=-3600, **more):
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
        issued = issue(self.state, city, wanted, now_s=now_s(), iat=now_s() + iat_s)
        who = Person(issuer=city, subject=issued.subject, credential=issued.raw, phone=phone)
        facts = [f"{tier} 级 tier {tier}", *([f"群组 groups {list(groups)}"] if groups else [])]
        facts += [f"{city} 签发 issued by {city}"] if city != HOME else []
        self.called[issued.subject] = f"持码人 holder {self.people} ({', '.join(facts)})"
        return who

    def paper(self, uses, **more):
        """Return the text of a printed code."""
        self.people += 1
        wanted = Wanted(subject=f"{self.folder.name}-{self.people}", tier=3, max_uses=uses, test=True, **more)
        text = issue(self.state, HOME, wanted, now_s=now_s()).text
        self.called[text] = f"纸质码 printed code {self.people} (可用 {uses} 次 uses)"
        return text

    # At the lanes

    async def scan(self, who, scene, *, clock_s=0, **request):
        """Shoot the code's picture with the hand scanner of a lane; return the terminal's answer.

        `clock_s` is how wrong the phone's clock is.
        """
        text = who if isinstance(who, str) else who.code(now_s() + self.clock_s + clock_s)
        read = read_codes(drawing.phone_picture(text))
        assert read == (text,)
        try:
            answer = await self.terminal.present(read[0], lane=scene, **request)
        except aiohttp.ClientError:
            self.story.happens(f"{self._showing(who)}：没有回答", "no answer: the terminal is gone")
            raise
        wrong = f"，手机时钟差 phone's clock {clock_s:+d} s" if clock_s else ""
        self.tell(self._showing(who) + wrong, scene, request, answer)
        return answer

    async def without_code(self, scene, **request):
        """Bring something back by its asset alone."""
        answer = await self.terminal.present("", lane=scene, **request)
        self.tell("不出示码 no code", scene, request, answer)
        return answer

    async def at_gate(self, who):
        """Hold a phone, or any text as a QR code, before the gate's camera; return what the gate's screen is sent."""
        listening = asyncio.ensure_future(self._next_decision("A"))
        await asyncio.sleep(0)
        await self.camera.show(who if isinstance(who, str) else who.code(now_s()))
        try:
            answer = await asyncio.wait_for(listening, PATIENCE_S)
        finally:
            await self.camera.take_away()
        self.tell(self._showing(who), "A 摄像头 camera", {}, answer)
        return answer

    async def shown(self, who, lane):
        """Hold a code before the serial scanner of a lane; return what its screen is sent."""
        await self.until(lambda: self._reads(lane))
        answer = await asyncio.wait_for(self._scanned(who, lane), PATIENCE_S)
        self.tell(self._showing(who), f"{lane} 扫码器 scanner", {}, answer)
        return answer

    async def _scanned(self, who, lane):
        async for name, data in self.terminal.events():
            if name == "hello":  # the screen listens: now the visitor comes
                text = who if isinstance(who, str) else who.code(now_s())
                os.write(self.readers[lane][0], f"]Q1{text}\r\n".encode())
            elif name == "decision" and data["lane"] == lane:
                return data
        raise AssertionError("the terminal closed its events")

    async def _reads(self, lane):
        status = await self.terminal.status() or {}
        return any(one["id"] == lane and one["camera"] for one in status.get("lanes", []))

    async def heard(self, cue):
        """Return whether the lane's loudspeaker said this in both languages."""
        path = self.folder / "heard"
        return path.exists() and f"{cue}.zh;{cue}.en;" in path.read_text()

    def opened(self, lane):
        """Return for which redemptions the gate of a lane opened."""
        path = self.folder / f"openings-{lane}"
        return [json.loads(line)["open"] for line in path.read_text().splitlines()] if path.exists() else []

    async def refused_step(self, redemption, name, **more):
        """Try to take a redemption a step that cannot be; return the problem."""
        link = self.terminal
        url = f"{link.url}/v1/redemptions/{redemption}/{name}"
        async with link._session.post(url, json=more, headers=link._headers()) as answer:
            assert answer.status == 409
            return await answer.json()

    async def taken(self, benefit_id):
        """Return what the platform's books count for a benefit, once it has all facts: fen given, fen taken at gates."""
        await self.until(self._all_sent)
        with closing(sqlite3.connect(f"file:{self.state / 'central.db'}?mode=ro", uri=True)) as conn:
            return conn.execute(TAKEN, (benefit_id,)).fetchone()

    async def _all_sent(self):
        status = await self.terminal.status()
        return status is not None and status["unsent"] == 0

    async def _next_decision(self, lane):
        async for name, data in self.terminal.events():
            if name == "decision" and data["lane"] == lane:
                return data
        raise AssertionError("the terminal closed its events")

    async def step(self, redemption, name, **more):
        """Take a redemption one step, as staff do."""
        done = await self.terminal.step(redemption, name, **more)
        self.story.happens(f"工作人员 {name} {more or ''}".strip(), f"staff: {name} {more or ''} → {done['state']}")
        return done

    async def stop_entry(self, *, stopped):
        await self.terminal._call("POST", "/v1/entry", {"stopped": stopped, "by": "guard-7"})
        self.story.happens(*(("停止入园", "entry is stopped") if stopped else ("恢复入园", "entry goes on")))

    def _showing(self, who):
        if isinstance(who, str):
            return self.called.get(who, f"另一个码 another code {who!r}")
        return f"{self.called[who.subject]} 的动态码 shows a fresh code"

    def tell(self, what, scene, request, answer):
        self.story.shown(what, scene, " ".join(f"{name}={value}" for name, value in request.items()), answer)

    # The platform

    async def measure(self, call, who, *more):
        """Restrict, repair, dispute … as the office does; returns once it is published."""
        subject = who.subject.hex()
        await asyncio.to_thread(lambda: call(self.state, who.issuer, subject, *more, warrant=BY_TWO, now_ms=now_ms()))
        self.story.happens(f"平台 {call.__name__}", f"platform: {call.__name__} {self.called[who.subject]}")

    async def restrict(self, who, until=TOMORROW):
        await self.measure(restrict, who, Measure(code=302, until=until, authority="云溪市文旅局"))

    async def signed(self, rules):
        """Let two people put these rule files (name → document) in force."""
        files = {name: json.dumps(document).encode() for name, document in rules.items()}
        await asyncio.to_thread(lambda: put_rules(self.state, HOME, files, warrant=BY_TWO, now_ms=now_ms()))
        await asyncio.to_thread(lambda: publish(self.state, now_ms=now_ms()))

    async def told(self, path):
        """Return what the terminal says there, asked as its service page does."""
        return await self.terminal._call("GET", path)

    async def kill(self, city):
        await asyncio.to_thread(lambda: kill_key(self.state, city, now_ms=now_ms()))
        self.story.happens(f"平台停用 {city} 的密钥", f"platform: the key of {city} is killed")

    async def new_keys(self, city):
        """As `central city --new-key`, which docs/federation.md gives for a stolen key that signs tokens."""

        def made():
            make_keys(self.state, city, now_s=now_s())
            publish(self.state, now_ms=now_ms(), cities=(city,))

        await asyncio.to_thread(made)
        self.story.happens(f"{city} 换了新密钥", f"{city} has new keys")

    async def until(self, true, within_s=PATIENCE_S):
        """Ask `true()` until it holds, and return what it gave."""
        async with asyncio.timeout(within_s):
            while not (found := await true()):
                await asyncio.sleep(0.05)
            return found

    async def offline(self):
        await self.until(lambda: self._is_offline(wanted=False))  # a terminal that has just started is, for a moment
        self.network.cut()
        await self.until(lambda: self._is_offline(wanted=True))
        self.story.happens("网络断开", "the network is cut")

    async def online(self):
        self.network.restore()
        await self.until(lambda: self._is_offline(wanted=False))
        self.story.happens("网络恢复", "the network is back")

    async def clock_is(self, state):
        """Wait until the terminal says this of its clock."""
        await self.until(lambda: self._clock_is(state))

    async def _clock_is(self, state):
        status = await self.terminal.status()
        return status is not None and status["clock"] == state

    # The plug

    async def rigged(self, point):
        """Start the terminal so that its plug is pulled as soon as it reaches `point` (tests/tools/crashing_terminal.py)."""
        link = self.terminal
        await link.process.stop()
        self.normal = link.process
        command = [sys.executable, "-I", str(CRASHING), str(link.config), point]
        link.process = Child(link.post.terminal, command, self.folder / "rigged.log")
        await link.start()
        (self.folder / "armed").touch()

    async def unrigged(self):
        """Wait until the plug was pulled, and start the terminal again."""
        await self.until(self._is_down)
        self.story.happens("断电，重新启动", "the plug is pulled; the terminal starts again")
        self.terminal.process = self.normal
        await self.terminal.start()

    async def _is_down(self):
        return not self.terminal.process.alive

    async def arrived(self, redemption):
        """Return what the platform knows of a redemption, once it is there: every row that names it."""

        async def there():
            ledger = await self.platform.ledger()
            return [one for one in ledger["redemptions"] if one["redemption"] == redemption]

        return await self.until(there)

    # Another clock for the terminal

    async def later(self, at_s):
        """Pull the terminal's plug and start it so that it is `at_s` for it, and for the phones; the network is cut."""
        assert self.network.is_cut, "a platform that answers would put the terminal's clock right"
        self.clock_s = at_s - now_s()
        when = datetime.fromtimestamp(at_s, UTC) + timedelta(hours=8)
        self.story.happens(f"时间到了 {when:%m-%d %H:%M:%S}", f"it is {when:%m-%d %H:%M:%S} by now")
        await self.restart("--boot", str(self.clock_s))

    async def restart(self, *other):
        """Pull the terminal's plug and start it under another clock (tests/tools/other_clock.py)."""
        link = self.terminal
        await link.process.pull_the_plug()
        command = [sys.executable, "-I", str(OTHER_CLOCK), *other, "--", "run", "--config", str(link.config)]
        link.process = Child(link.post.terminal, command, self.folder / "other-clock.log")
        await link.process.start()
        await link.process.until(self._answers, within_s=PATIENCE_S)

    async def _answers(self):
        return await self.terminal.status() is not None

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
                for ends in built.readers.values():
                    for end in ends:
                        os.close(end)
                await runner.cleanup()
