"""The town that the clients play in: a platform, its office, and one terminal with four lanes.

All of them are real processes or real servers on loopback. `told` is what a client's program is given: addresses,
tokens, and a phone that draws codes, as a scanner would read them.
"""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.clock import now_ms
from central.demo.running.platform_link import PlatformLink
from central.demo.running.processes import free_ports, python, run_once
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town
from central.demo.street.visitors import Visitors
from central.lists.cities import publish, put_rules
from central.register.warrants import Warrant

PAY_WITHIN_S = 3
AUTHORITY = town.AUTHORITIES[town.CITY]
CHECKED = {
    "id": "yunxi.checked",
    "code": 20,
    "version": 1,
    "issuer": town.CITY,
    "title": {"zh": "核验后免票", "en": "Free after a second check"},
    "offer": {"kind": "free"},
    "where": {"sites": [town.SITE], "scenes": ["checked"]},
    "needs": ["second-check:health"],
}
LEASED = {
    "id": "yunxi.shared",
    "code": 21,
    "version": 1,
    "issuer": town.CITY,
    "title": {"zh": "每日名额", "en": "So many a day"},
    "offer": {"kind": "free"},
    "where": {"scenes": ["bus"]},
    "capacity": [{"per": "day", "scope": "benefit", "max": 50, "leased": True}],
}
GUIDE = {
    "id": "yunxi.guide",
    "code": 22,
    "version": 1,
    "issuer": town.CITY,
    "title": {"zh": "专属导览", "en": "A guide"},
    "offer": {"kind": "service", "item": "guide"},
    "who": {"grant": True},
    "where": {"sites": [town.SITE], "scenes": ["guide"]},
    "when": {"from": "2026-01-01", "until": "2099-12-31"},
}
IDENTITY = "one-code"
POST = replace(town.GATE, ticket_types=(*town.GATE.ticket_types, *town.DESK.ticket_types))
LANES = (
    {"id": "D", "scene": "hotel"},
    {"id": "C", "scene": "shop"},
    {"id": "H", "scene": "checked", "intent": "enter"},
)
SCOPES = {
    "clerk": ("read", "measure.propose", "repair.propose", "dispute.open"),
    "checker": ("read", "measure.approve", "repair.approve", "dispute.settle"),
}


class Phone:
    """Draws codes for people it makes up: `GET /new/KIND` → {who, subject}, `GET /code/WHO?challenge=` → {code}.

    It is the city's identity service as well: `GET /hand-over/WHO` → {code}.
    """

    def __init__(self, state, identity):
        self._visitors, self._identity = Visitors(state), identity
        self._people = []
        self._turn = asyncio.Lock()

    async def new(self, request):
        at, kind = now_ms() // 1000, request.match_info["kind"]
        async with self._turn:  # the register is one file
            if kind == "partner":
                who = await asyncio.to_thread(self._visitors.person, at, city=town.PARTNER, tier=town.PARTNER_TIER)
            else:
                who = await asyncio.to_thread(self._visitors.resident, at)
        self._people.append(who)
        return web.json_response({"who": len(self._people) - 1, "subject": who.subject.hex()})

    async def code(self, request):
        challenge = request.query.get("challenge")
        answered = None if challenge is None else bytes.fromhex(challenge)
        who = self._people[int(request.match_info["who"])]
        return web.json_response({"code": who.code(now_ms() // 1000, challenge=answered)})

    async def hand_over(self, request):
        who, at = self._people[int(request.match_info["who"])], now_ms() // 1000
        said = {"iss": IDENTITY, "aud": f"xinguan:{town.CITY}", "sub": who.subject.hex(), "iat": at, "exp": at + 120}
        head = {"typ": "xg-handover+jwt", "kid": IDENTITY}
        code = jwt.encode(said | {"jti": secrets.token_urlsafe()}, self._identity, algorithm="EdDSA", headers=head)
        return web.json_response({"code": code})

    def routes(self):
        return [
            web.get("/hand-over/{who}", self.hand_over),
            web.get("/new/{kind}", self.new),
            web.get("/code/{who}", self.code),
        ]


@asynccontextmanager
async def phone_of(state, identity):
    """Serve a phone; gives its address."""
    app = web.Application()
    app.add_routes(Phone(state, identity).routes())
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    (port,) = free_ports(1)
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def office_token(platform, folder, role):
    """Return an API token of a new account of the office, made as an administrator makes it."""
    log, duty = folder / "office.log", f"{town.CITY}:{role}:{AUTHORITY}"
    operator = python("central", "operator", "--state", str(platform.state))
    await run_once(role, [*operator, "add", role, "--duty", duty], log, given="长河落日圆 2026 yuan\n")
    scopes = [word for one in SCOPES[role] for word in ("--scope", one)]
    told = await run_once(role, [*operator, "token", role, *scopes], log)
    return told.split()[0]


async def trusted(platform, folder, identity):
    """Enter the city's identity service, as an administrator does."""
    key, log = folder / "identity.pem", folder / "office.log"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    key.write_bytes(identity.public_key().public_bytes(serialization.Encoding.PEM, form))
    entering = python("central", "identity", "--state", str(platform.state))
    await run_once("identity", [*entering, "add", IDENTITY, "--city", town.CITY, "--key", str(key)], log)


def more_rules(state):
    """Publish the home city's rules with more benefits: one needs a second check, one is shared out, one approved."""
    rules = {"issuer": town.CITY, "version": 2, "benefits": [*town.BENEFITS, CHECKED, LEASED, GUIDE]}
    files = {"benefits.json": json.dumps(rules).encode()}
    put_rules(state, town.CITY, files, warrant=Warrant.by_two("li", "han"), now_ms=now_ms())
    publish(state, now_ms=now_ms(), cities=(town.CITY,))


@asynccontextmanager
async def playing(folder: Path):
    """Run the town; gives what a client's program is told."""
    platform_port, gate_port, verifier_port = free_ports(3)
    identity = Ed25519PrivateKey.generate()
    async with aiohttp.ClientSession() as session:
        platform = PlatformLink(folder, platform_port, session)
        gate = TerminalLink(POST, folder, gate_port, session)
        async with phone_of(platform.state, identity) as phone:
            try:
                await platform.start()
                await trusted(platform, folder, identity)
                await asyncio.to_thread(more_rules, platform.state)
                opened = f"file:{folder / 'openings'}"
                text = gate.configuration(platform=platform.url, source=None, actuator=opened)
                text = text.replace("[[lanes]]\n", f"[[lanes]]\npay_within_s = {PAY_WITHIN_S}\n")
                text += "".join(f'[[lanes]]\nid = "{one["id"]}"\nscene = "{one["scene"]}"\n' for one in LANES)
                text = text.replace(
                    'scene = "shop"\n', f'scene = "shop"\nprinter = {{port = "file:{folder / "slips"}"}}\n'
                )
                text += f'[[verifiers]]\nname = "health"\nurl = "http://127.0.0.1:{verifier_port}/"\ntimeout_s = 5.0\n'
                gate.config.write_text(text)
                await gate.enrol(await platform.code_for(POST, platform=platform.url, lanes=LANES))
                await gate.start()
                yield {
                    "terminal": gate.url,
                    "tokens": gate.tokens,
                    "platform": platform.url,
                    "operator": platform.operator_token,
                    "office": platform.office_url,
                    "clerk": await office_token(platform, folder, "clerk"),
                    "checker": await office_token(platform, folder, "checker"),
                    "phone": phone,
                    "city": town.CITY,
                    "leased": LEASED["id"],
                    "by_approval": GUIDE["code"],
                    "authority": AUTHORITY,
                    "restricting": town.RESTRICTING,
                    "pay_within_s": PAY_WITHIN_S,
                    "verifier_port": verifier_port,
                }
            finally:
                await gate.process.stop()
                await platform.process.stop()
