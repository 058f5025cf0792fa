"""Our terminal at a platform of another make, whose city, phones, lists and accounts were written from docs/ alone.

Nothing between is ours: tests/foreign/ has the programs, tests/tools/settle.py settles the journals that arrived.
"""

import asyncio
import json
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from central.demo.running.processes import Child, free_ports, python, run_once
from tests.foreign import rows
from tests.foreign.codes import Issuer, Phone
from tests.foreign.platform import Counts, Platform
from tests.foreign.publisher import Publisher

CITY, SITE, TERMINAL = "fangcheng", "east-gate", "gate-1"
SETTLE = Path(__file__).parents[1] / "tools" / "settle.py"
PATIENCE_S = 20
PROFILE = {
    "site": SITE,
    "title": {"zh": "东门", "en": "East gate"},
    "issuer": CITY,
    "lanes": [{"id": "A", "scene": "gate"}, {"id": "C", "scene": "shop"}],
    "ticket_types": [{"id": "adult", "title": {"zh": "成人票", "en": "Adult"}, "price_fen": 6000}],
}
BENEFITS = [
    {
        "id": "fangcheng.free",
        "code": 1,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "守信免票", "en": "Free for the trustworthy"},
        "offer": {"kind": "free"},
        "who": {"min_tier": 3},
        "where": {"sites": [SITE], "scenes": ["gate"]},
        "limits": [{"max": 1}],
    },
    {
        "id": "fangcheng.ten",
        "code": 2,
        "version": 1,
        "issuer": CITY,
        "title": {"zh": "九折", "en": "Ten per cent off"},
        "offer": {"kind": "percent", "percent_off": 10},
        "where": {"scenes": ["shop"]},
        "reversal": {"within_h": 168, "gives_back": True},
    },
]
CODES = {
    "302": {
        "title": {"zh": "限制进入景区", "en": "Entry restricted"},
        "effect": "restrict",
        "scenes": ["gate"],
        "authority": "方城文化和旅游局",
        "remedy": {"zh": "可申请信用修复", "en": "You may ask for credit repair"},
    }
}
RULES = {
    "benefits.json": {"issuer": CITY, "version": 1, "benefits": BENEFITS},
    "calendars.json": {"issuer": CITY, "calendars": {}},
    "measure-codes.json": {"issuer": CITY, "codes": CODES},
    "sites.json": {"issuer": CITY, "site_sets": {}},
}
LAST_DAY = datetime.now(UTC).date() + timedelta(days=90)
RESTRICTED = rows.measure(302, LAST_DAY)
DISPUTED = rows.measure(302, LAST_DAY, state=rows.DISPUTED)


def now():
    return int(time.time())


class Controller:
    """A gate that opens for whoever asks in the documented form."""

    def __init__(self):
        self.opened = []

    async def open(self, request):
        self.opened.append(await request.json())
        return web.json_response({})


@asynccontextmanager
async def serving(app):
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    (port,) = free_ports(1)
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


class City:
    """The other make's city: what is public, and the people who hold its codes."""

    def __init__(self, folder):
        self.issuer = Issuer(CITY)
        self.publisher = Publisher(folder, CITY)
        self.people = [Phone(self.issuer, index) for index in range(200)]
        self.measures, self.revoked, self.tokens = {}, [], []

    def publish(self, **key):
        told = {"rules": RULES, "authorities": [CODES["302"]["authority"]], "revoked": self.revoked}
        keys = [self.issuer.entry(now(), **key)]
        self.publisher.publish(keys=keys, measures=self.measures, tokens=self.tokens, **told)
        return self.publisher.versions["snapshot"]


class Till:
    """A program at the terminal's local API."""

    def __init__(self, url, token, session):
        self.url, self.session, self.headers = url, session, {"Authorization": f"Bearer {token}"}

    async def get(self, path):
        async with self.session.get(self.url + path, headers=self.headers) as answer:
            assert answer.status == 200
            return await answer.json()

    async def post(self, path, **body):
        async with self.session.post(self.url + path, json=body, headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def show(self, who, lane="A", **more):
        return await self.post("/v1/present", code=who.code(now(), audience=SITE), lane=lane, **more)


@pytest.fixture
async def elsewhere(tmp_path):
    """A terminal of ours, enrolled at the platform of another make."""
    city, gate = City(tmp_path / "public"), Controller()
    restricted = {one.subject: [RESTRICTED] for one in city.people[100:]}
    city.measures = dict(restricted)
    platform = Platform(tmp_path / "public", city.publisher.trust_root)
    platform.lists_version = city.publish()
    platform.counts = Counts({(1, 0): 1})
    controller = web.Application()
    controller.router.add_post("/open", gate.open)
    async with aiohttp.ClientSession() as session, serving(platform.app) as url, serving(controller) as opens:
        (port,) = free_ports(1)
        config = tmp_path / "terminal.toml"
        config.write_text(
            f'[terminal]\ndata = "{tmp_path / "data"}"\n[platform]\nurl = "{url}"\n'
            f'[api]\nlisten = "127.0.0.1:{port}"\n'
            f'[[lanes]]\nid = "A"\nscene = "gate"\nactuator = "{opens}/open"\n[[lanes]]\nid = "C"\nscene = "shop"\n'
        )
        code = platform.code_for(url, TERMINAL, PROFILE)
        await run_once("enrol", python("edge.cli", "enrol", "-", "--config", str(config)), tmp_path / "log", given=code)
        box = Child("terminal", python("edge.cli", "run", "--config", str(config)), tmp_path / "log")
        await box.start()
        try:

            async def ready():
                try:
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await box.until(ready, within_s=60)
            token = json.loads((tmp_path / "data" / "api-tokens.json").read_bytes())["integrator"]
            yield city, platform, Till(f"http://127.0.0.1:{port}", token, session), gate
        finally:
            await box.stop()


async def until(what, true):
    """Wait until `true()` holds; say what was waited for."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await true():
                await asyncio.sleep(0.05)
    except TimeoutError:
        pytest.fail(f"waited {PATIENCE_S} s for {what}")


def kinds(platform):
    return [one["record"]["kind"] for one in platform.journals[TERMINAL].records]


async def test_a_terminal_of_ours_serves_a_city_whose_programs_know_our_pages_alone(elsewhere):
    city, platform, till, gate = elsewhere
    visitor, guest, other, last, buyer, *_ = city.people
    barred = city.people[150]

    async def has_heard(number, kind):
        return any(
            one["record"]["kind"] == kind and one["record"]["body"].get("order") == number
            for one in platform.journals[TERMINAL].records
        )

    async def published(**key):
        snapshot = city.publish(**key)
        await platform.published(snapshot)

        async def taken():
            lists = await till.get("/v1/lists")
            return {one["version"] for one in lists["lists"]} == {snapshot}

        await until(f"snapshot {snapshot} in force", taken)

    # a gate, opened, with feedback
    entered = await till.show(visitor, intent="enter")
    assert (entered["outcome"], entered["benefit"]) == ("GRANT", "fangcheng.free")

    async def opened():
        return any(one["redemption"] == entered["redemption"] for one in gate.opened)

    await until("the gate", opened)
    passed = await till.post(f"/v1/redemptions/{entered['redemption']}/passed", request_id="p-1")
    assert passed["state"] == "passed"

    # what was given elsewhere is not given here
    (key,) = (one for one, by in platform.counts.taken.items() if entered["redemption"] in by and one[0] == "u")
    elsewhere = city.people[12]
    platform.counts.taken[key.replace(visitor.subject.hex(), elsewhere.subject.hex())] = {"another gate's": 1}
    assert (await till.show(elsewhere))["reasons"][0]["code"] == "limit_used"

    # a sale, and a part of it back
    sale = await till.show(buyer, "C", intent="buy", amount_fen=28_000, request_id="s-1")
    assert (sale["offer"]["off_fen"], sale["offer"]["to_pay_fen"]) == (2800, 25_200)
    part = {"amount_fen": 10_000, "request_id": "r-1"}
    assert (await till.post(f"/v1/redemptions/{sale['redemption']}/reverse", **part))["refund_fen"] == 9000

    # measures: from the first list, by a delta, under dispute, lifted
    assert (await till.show(barred))["outcome"] == "REFUSE"
    city.measures[guest.subject] = [RESTRICTED]
    await published()
    refused = await till.show(guest)
    assert (refused["outcome"], refused["reasons"][0]["code"]) == ("REFUSE", "restricted")
    city.measures[guest.subject] = [DISPUTED]
    del city.measures[barred.subject]
    await published()
    assert [(await till.show(one))["outcome"] for one in (guest, barred)] == ["GRANT", "GRANT"]

    # revocations: by status index, by token, the whole key
    city.revoked, city.tokens = [other.index], [last.token]
    await published()
    for who in (other, last):
        assert (await till.show(who))["reasons"][0]["code"] == "revoked"

    # orders
    number = await platform.order(TERMINAL, "suspend", "盘点")
    await until("obedience", lambda: has_heard(number, "suspended"))
    assert (await till.show(city.people[10]))["reasons"][0]["code"] == "terminal_suspended"
    number = await platform.order(TERMINAL, "resume", "盘点完成")
    await until("obedience", lambda: has_heard(number, "suspended"))
    assert (await till.show(city.people[10]))["outcome"] == "GRANT"

    await published(killed=True)
    assert (await till.show(city.people[11]))["reasons"][0]["code"] == "key_revoked"

    # a settled month
    async def there():
        return "reversed" in kinds(platform) and kinds(platform).count("granted") == 5

    await until("every fact", there)
    assert settled(platform) == {
        "fangcheng.free": {"granted": 4, "heads": 4, "off_fen": 24_000},
        "fangcheng.ten": {
            "granted": 1,
            "heads": 1,
            "off_fen": 1800,
            "back_fen": 1000,
            "returns": 1,
            "refund_fen": 9000,
        },
    }


def settled(platform):
    """Return what the program of docs/records.md makes of the journals that arrived."""
    lines = [
        json.dumps({"terminal": TERMINAL, "epoch": one["epoch"], "record": one["record"]})
        for one in platform.journals[TERMINAL].records
    ]
    done = subprocess.run(
        [sys.executable, "-I", SETTLE], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    names = ("day", "site", "issuer", "benefit")
    assert {(one["site"], one["issuer"]) for one in found} == {(SITE, CITY)}
    return {one["benefit"]: {name: fen for name, fen in one.items() if name not in names} for one in found}
