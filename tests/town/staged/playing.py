"""A vector's steps, one after the other, each at its own second; what it comes to is compared as the simulator does."""

import json
import secrets
from datetime import datetime
from hashlib import sha256
from types import SimpleNamespace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.demo.street.visitors import Person
from central.lists.issuing import Wanted, issue
from central.register.minting import present, to_text
from credit.claims import Reservation, TokenClass
from credit.tokens import MINTED_LIFETIME_S
from edge.simulator.expectation import unmet
from tests.town.staged.stage import MILLISECOND_NS, SECOND_NS, rows
from tests.town.two_gates import until

KINDS = {"limit": "limit_used", "open": "already_open"}  # what the platform calls a conflict, and the simulator
HELD = "SELECT key, kind, redemption FROM conflicts WHERE kind NOT IN ('dissolved', 'said')"


def second(text):
    return int(datetime.fromisoformat(text).timestamp())


def short(text):
    return sha256(text.encode()).digest()[:8]


class Playing:
    """`made`: the redemption of each step, and at which seat; `inside`: who was let in and has not left, and where."""

    def __init__(self, stage, cast):
        self.stage, self.cast = stage, cast
        self.people, self.minted, self.made, self.inside, self.last = {}, {}, {}, {}, None

    async def play(self):
        """Return what did not come as expected, a line each."""
        wrong = []
        first_ns = second(self.cast.steps[0]["at"]) * SECOND_NS
        self.stage.clock.stand(first_ns - MILLISECOND_NS)  # what is published then is of the first second
        sites = {"site_sets": {}} if not self.cast.graded else {"site_sets": {}, "sites": self._grades()}
        lists = {"sites": sites, **self.cast.lists}
        if self.cast.measures is not None:
            lists["measure_codes"] = {"codes": self.cast.measures}
        await self.stage.publish(self.cast.catalogue, **lists)
        for number, step in enumerate(self.cast.steps, 1):
            await self.stage.goes_on(second(step["at"]))
            await self.stage.rest()
            line = await (self._happens(step) if "event" in step else self._shows(number, step))
            expect = self.cast.renamed(step.get("expect", {}))
            wrong += [f"step {number}: {one}" for one in unmet(expect, self.cast.in_its_words(line))]
        if self.cast.counts_inside:
            await self._everybody_leaves()
        return wrong

    async def _everybody_leaves(self):
        """A place counts who is inside for ever: nobody stays for the next vector."""
        for seat, terminal, spec in self.inside.values():
            await self.stage.seats[seat].present(
                self._code({"token": spec, "at": self.cast.steps[-1]["at"]}),
                lane=self.cast.lane(terminal),
                intent="exit",
            )

    def _grades(self):
        return {site: {"merchant_tier": tier} for site, tier in self.cast.graded.items()}

    # -- presentations

    async def _shows(self, number, step):
        seat = self.cast.seats[step["terminal"]]
        request = step.get("request", {})
        code = "" if "token" not in step else self._code(step)
        body = {"lane": self.cast.lane(step["terminal"]), **request}
        answer = await self.stage.seats[seat].present(code, **body)
        if answer.get("redemption"):
            self.made[number] = self.last = SimpleNamespace(step=number, seat=seat, id=answer["redemption"])
        if answer["outcome"] == "GRANT" and "token" in step:
            self.inside[step["token"]["subject"]] = (seat, step["terminal"], step["token"])
            if request.get("intent") == "exit":
                del self.inside[step["token"]["subject"]]
        return answer

    def _code(self, step):
        spec, now_s = step["token"], second(step["at"])
        if spec.get("class") == TokenClass.MINTED:
            return self._minted(spec, now_s)
        who = self._person(spec, now_s)
        nonce = short(self.cast.subject(step["nonce"])) if "nonce" in step else secrets.token_bytes(8)
        return to_text(present(who.credential, who.phone, iat=now_s, nonce=nonce))

    def _minted(self, spec, now_s):
        drawn_s, text = self.minted.get(spec["subject"], (0, ""))
        if not drawn_s <= now_s < drawn_s + MINTED_LIFETIME_S:
            wanted = self._wanted(spec, valid_s=MINTED_LIFETIME_S)
            text = issue(self.stage.platform.state, spec["issuer"], wanted, now_s=now_s).text
            self.minted[spec["subject"]] = (now_s, text)
        return text

    def _person(self, spec, now_s):
        """Return who shows a token: a subject has one credential for each thing that is said of it."""
        said = json.dumps(spec, sort_keys=True)
        if said not in self.people:
            phone = Ed25519PrivateKey.generate()
            wanted = self._wanted(spec, holder_key=phone.public_key())
            issued = issue(self.stage.platform.state, spec["issuer"], wanted, now_s=now_s, iat=now_s - 3_600)
            self.people[said] = Person(
                issuer=spec["issuer"], subject=issued.subject, credential=issued.raw, phone=phone
            )
        return self.people[said]

    def _wanted(self, spec, **more):
        booked = spec.get("reservation")
        if booked is not None:
            more["reservation"] = Reservation(
                order=short(self.cast.subject(booked["order"])),
                site=booked["site"],
                from_s=second(booked["from"]),
                until_s=second(booked["until"]),
                heads=booked["heads"],
            )
        subject, groups = self.cast.subject(spec["subject"]), tuple(spec.get("groups", ()))
        return Wanted(subject=subject, tier=spec["tier"], groups=groups, test=True, **more)

    # -- events

    async def _happens(self, step):
        done = await getattr(self, f"_{step['event']}")(step)
        return {"error": None, **(done or {})}

    async def _cut_network(self, step):
        if step.get("from") == "platform":
            for name in self.cast.everywhere(step["terminal"]):
                self.stage.wires(name)[0].cut()
            self.stage.hub_wan.cut()
            return
        for name in self.cast.everywhere(step["terminal"]):
            self.stage.cut(name)

    async def _restore_network(self, step):
        self.stage.hub_wan.restore()
        for name in self.cast.everywhere(step["terminal"]):
            self.stage.restore(name)
        await self.stage.rest()
        wanted = step["expect"].get("conflicts", [])
        for one in wanted:
            for made in (self.made[number] for number in one["steps"]):
                await until(lambda made=made: self._was_told(made))
        return {"conflicts": self._conflicts()}

    def _was_told(self, made):
        """Return whether the gate of a redemption has written down that it was told of a conflict."""
        told = self.stage.facts(self.stage.seats[made.seat], ("claim_conflict",))
        return any(self.cast.subject("") in body["key"] for _kind, body in told)

    def _conflicts(self):
        steps = {made.id: made.step for made in reversed(self.made.values())}
        found = {}
        for key, kind, redemption in rows(self.stage.platform.state / "central.db", HELD):
            if redemption in steps:
                found.setdefault((key, kind), set()).add(steps[redemption])
        return [
            {"steps": sorted(those), "benefit": key.split("|")[1].split("/")[1].split("@")[0], "kind": KINDS.get(kind)}
            for (key, kind), those in found.items()
        ]

    async def _not_turned(self, step):
        made = self.made[step["of"]] if "of" in step else self.last
        await self.stage.seats[made.seat].step(made.id, "not_turned")

    async def _stop_entry(self, step):
        await self.stage.stop_entry(stopped=step["on"])

    async def _restrict(self, step):
        spec = {"issuer": step["entry"]["issuer"], "subject": step["entry"]["subject"], "tier": 3}
        who = self._person(spec, second(step["at"]))
        await self.stage.restrict(who)

    async def _publish(self, step):
        """Whom it does not reach is out of reach for that moment, and stays so."""
        for seat in set(self.stage.seats) - set(self.cast.everywhere(step["reach"])):
            self.stage.cut(seat)
        await self.stage.publish(self.cast.benefits(step["catalogue"]))
