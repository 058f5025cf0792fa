"""One good form for each call of the office, for either city: what it is about is made first, and it is accepted.

`GOOD` is held against the program's own table of calls (test_bad_input): a new call without a form here fails.
"""

import json
import secrets
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from office_town import AUTHORITY, CITY, OTHER, WHO, person

from central.lists.issuing import Wanted, issue
from central.office import entries
from central.office.approving import grants
from central.office.drafts.deciding import Asked
from central.office.importing import residents
from central.office.urgent import killing
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import Duty, Person, Role
from central.register.minting import present, to_text
from credit.codec import base45

PHONE = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
PEM = PHONE.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
AUTHORITIES = {CITY: AUTHORITY, OTHER: "临海市文化和旅游局"}
WHOM = {CITY: WHO, OTHER: "林小海"}
GUIDE = 900
MEASURES = {CITY: (302, 301), OTHER: (401, 401)}
ENTER = "INSERT INTO terminals (terminal, site, profile) VALUES ($1, 'x', $2)"
OVERRUN = "INSERT INTO overruns (key, kind, bound, noticed_ms) VALUES ($1, 'limit', 1, 1)"


class Good(NamedTuple):
    """Who makes the call, and with what."""

    who: Person
    form: dict


def guide(city):
    """A benefit by approval."""
    return {
        "id": f"{city}.guide",
        "code": GUIDE,
        "version": 1,
        "issuer": city,
        "title": {"zh": "专属导览", "en": "Guide"},
        "offer": {"kind": "service", "item": "guide"},
        "who": {"grant": True},
        "where": {"sites": ["yunling-shan"]},
        "when": {"from": "2026-01-01", "until": "2026-12-31"},
    }


class Town:
    """A city of an office, and what its people do before a form is good."""

    def __init__(self, office, city):
        self.office, self.city, self.whom = office, city, WHOM[city]

    def one(self, role, name=None):
        return person(role, name or f"{role}-of-{self.city}", self.city, AUTHORITIES[self.city])

    def all(self, name="all", via="page"):
        """Somebody with every duty of the city."""
        duties = tuple(Duty(self.city, role, AUTHORITIES[self.city]) for role in Role)
        return Person(operator=name, title=name, duties=duties, via=via)

    async def call(self, role, name, **form):
        return await self.office.call(self.one(role), name, **form)

    def measure(self, at=0):
        return {
            "city": self.city,
            "subject": self.whom,
            "code": MEASURES[self.city][at],
            "until": "2026-12-31",
            "authority": AUTHORITIES[self.city],
            "basis": "《条例》第二十三条",
        }

    async def drafted(self):
        return (await self.call("clerk", "measure", **self.measure()))["number"]

    async def in_force(self):
        number = await self.drafted()
        await self.call("checker", "approve", draft=number)
        return number

    async def entry(self):
        await self.in_force()
        return {"city": self.city, "entry": entries.newest(self.office.folder, self.city)[0].number}

    async def application(self, *, approved=False):
        path = self.office.folder / "cities" / self.city / "benefits.json"
        rules = json.loads(path.read_bytes())
        rules["benefits"] = [one for one in rules["benefits"] if one["code"] != GUIDE] + [guide(self.city)]
        path.write_text(json.dumps(rules))
        wish = {"city": self.city, "subject": self.whom, "code": GUIDE, "until": "2026-12-01"}
        made = await self.call("clerk", "apply", **wish)
        if approved:
            await self.call("checker", "decide", application=made["application"], approved=True)
        return wish, {"application": made["application"]}

    def files(self):
        path = self.office.folder / "cities" / self.city / "sites.json"
        held = json.loads(path.read_bytes())
        return json.dumps({"sites.json": held | {"site_sets": {"town": ["yunling-shan"]}}})


async def declared(town):
    act = Act(act="emergency.measure.take", city=town.city, why="只有一人")
    who = Person(operator="@root", title="root", duties=(), via="command")
    return await town.office.books.write(lambda tx: append(tx, who, act, now_ms=town.office.at.ms))


async def a_file(town):
    data = "姓名\n张三\n李四\n".encode()
    done = await residents.take(town.office.desk, town.one("clerk"), town.city, data, Asked(why="年度更新"))
    return {"city": town.city, "batch": done["import"]}


async def overrun(town):
    key = f"u|{town.city}/first@site:gate|subject:{town.city}:07|ever"
    await town.office.books.write(lambda tx: tx.execute(OVERRUN, key))
    return {"city": town.city, "key": key, "decision": "charged"}


async def terminal(town):
    lanes = [{"id": "A", "scene": "gate"}]
    profile = json.dumps({"site": "x", "title": {"zh": "门"}, "issuer": town.city, "lanes": lanes})
    await town.office.books.write(lambda tx: tx.execute(ENTER, f"gate-{town.city}", profile))
    return {"city": town.city, "terminal": f"gate-{town.city}", "action": "suspend"}


async def renewal(town):
    made = await town.call("clerk", "issue", city=town.city, subject=town.whom, holder_key=PEM.decode())
    nonce = (await town.call("clerk", "nonce", city=town.city))["c_nonce"]
    raw, now = base45.decode(made["token"].removeprefix("XG1:")), town.office.at.ms // 1000
    challenge = base64url(nonce)
    shown = present(raw, PHONE, iat=now, nonce=secrets.token_bytes(8), challenge=challenge)
    return {"city": town.city, "code": to_text(shown), "nonce": nonce, "days": 30}


def base64url(text):
    import base64

    return base64.urlsafe_b64decode(text)


async def booked(town):
    slot = {"order": "0a0b", "site": "yunling-shan", "from_s": 1_790_000_000, "until_s": 1_790_003_600, "heads": 2}
    return {"city": town.city, "subject": town.whom, "holder_key": PEM.decode(), "reservation": slot}


async def asked_for(town):
    _wish, about = await town.application()
    await town.call("checker", "ask", **about)
    return about


async def disputed(town):
    made = await town.call("clerk", "dispute", **await town.entry())
    return {"case": made["number"], "upheld": True}


async def granted(town):
    await town.application(approved=True)
    return {"grant": (await grants.listed(town.office.desk, town.city))[0].grant_id}


async def about_somebody(town):
    return {"city": town.city, "subject": town.whom}


async def about_rules(town):
    return {"city": town.city, "files": town.files(), "force": True}


async def about_a_draft(town):
    return {"draft": await town.drafted()}


GOOD = {
    "measure": ("clerk", lambda town: _now(town.measure(1))),
    "member": ("clerk", lambda town: _now({"city": town.city, "subject": town.whom, "tier": 5, "groups": "12, 13"})),
    "repair": ("clerk", lambda town: town.entry()),
    "rules": ("publisher", about_rules),
    "sites": ("merchant", about_rules),
    "approve": ("checker", about_a_draft),
    "reject": ("checker", about_a_draft),
    "withdraw": ("clerk", about_a_draft),
    "roll-back": ("checker", lambda town: _as("draft", town.in_force())),
    "dispute": ("clerk", lambda town: town.entry()),
    "settle": ("checker", disputed),
    "settle-conflict": ("finance", overrun),
    "kill": (
        "checker",
        lambda town: _now({"city": town.city, "kid": killing.keys_of(town.office.folder, town.city)[0].kid}),
    ),
    "look-over": ("checker", lambda town: _as("act", declared(town), city=town.city)),
    "export-person": ("clerk", about_somebody),
    "forget-person": ("checker", about_somebody),
    "undo-import": ("clerk", a_file),
    "terminal": ("merchant", terminal),
    "apply": ("clerk", lambda town: _first(town.application())),
    "decide": ("checker", lambda town: _second(town.application(), approved=True)),
    "ask": ("checker", lambda town: _second(town.application())),
    "complete": ("clerk", asked_for),
    "take-back": ("clerk", lambda town: _second(town.application())),
    "withdraw-grant": ("checker", granted),
    "nonce": ("clerk", lambda town: _now({"city": town.city})),
    "renew": ("clerk", renewal),
    "issue": ("clerk", booked),
}


async def _now(form):
    return form


async def _as(name, made, **more):
    return {name: await made, **more}


async def _first(made):
    return (await made)[0]


async def _second(made, **more):
    return (await made)[1] | more


async def good(office, name, city=CITY):
    """Return who makes this call and with what, after what it needs was done; it is accepted once."""
    town = Town(office, city)
    if city != CITY:
        issue(office.folder, city, Wanted(subject=town.whom, max_uses=1), now_s=office.at.ms // 1000)
    role, make = GOOD[name]
    return Good(town.one(role), await make(town))
