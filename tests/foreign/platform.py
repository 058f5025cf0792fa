"""A platform of another make, from docs/protocol.md alone: enrolment, time, facts, orders, claims, lists."""

import asyncio
import gzip
import hashlib
import json
import secrets
import time
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode

from aiohttp import web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SKEW_S = 30
MOST = 256 * 1024


def now_ms():
    return time.time_ns() // 1_000_000


def text_of(raw):
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def octets_of(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    """Return RFC 8785 JSON of what has integers and ASCII member names alone."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Key:
    """The platform's key."""

    def __init__(self):
        self._key = Ed25519PrivateKey.generate()
        self.public = self._key.public_key().public_bytes_raw()
        self.kid = hashlib.sha256(self.public).digest()[:8].hex()

    def jws(self, typ, payload):
        head = compact({"alg": "EdDSA", "kid": self.kid, "typ": typ})
        said = f"{text_of(head)}.{text_of(compact(payload))}"
        return f"{said}.{text_of(self._key.sign(said.encode()))}"


def opened(jws, public, **header):
    """Return the octets that somebody signed; refuse any other header."""
    head, payload, signature = jws.split(".")
    if json.loads(octets_of(head)) != {"alg": "EdDSA", **header}:
        raise InvalidSignature
    Ed25519PublicKey.from_public_bytes(public).verify(octets_of(signature), f"{head}.{payload}".encode())
    return octets_of(payload)


class Journal:
    """What is held of one terminal: records by number, and the ends of its epochs. Forks are not kept apart here."""

    def __init__(self, terminal):
        self.terminal, self.records, self.ends = terminal, [], []

    def chain(self, batch):
        """Return the hash to which a batch leads."""
        at = bytes.fromhex(batch["prev_hash"])
        for record in batch["records"]:
            at = hashlib.sha256(at + compact(record)).digest()
        return at.hex()

    def follows(self, batch):
        """Tell whether a batch hangs on to what is held: at an end, at an epoch's beginning, or within it."""
        epoch = batch["epoch"]
        first = hashlib.sha256(b"xinguan-journal-1\0" + f"{self.terminal}\0{epoch}".encode()).hexdigest()
        held = {one["hash"] for one in self.records if one["epoch"] == epoch}
        return batch["prev_hash"] in held | {first}

    def take(self, batch):
        at, known = bytes.fromhex(batch["prev_hash"]), {(one["epoch"], one["record"]["seq"]) for one in self.records}
        for record in batch["records"]:
            at = hashlib.sha256(at + compact(record)).digest()
            if (batch["epoch"], record["seq"]) not in known:
                self.records.append({"epoch": batch["epoch"], "record": record, "hash": at.hex()})
        end = {"epoch": batch["epoch"], "acked_through": batch["last"], "head_hash": at.hex()}
        older = [one for one in self.ends if one["epoch"] == batch["epoch"]]
        if not older or older[0]["acked_through"] < batch["last"]:
            self.ends = [end, *(one for one in self.ends if one["epoch"] != batch["epoch"])]
        return end


class Counts:
    """What was given under each key, and by which ask. `limits` are the bounds of the catalogue, by (code, place)."""

    def __init__(self, limits):
        self.limits, self.taken = limits, {}

    def bound(self, key):
        if key["key"].startswith("n|"):
            return 1
        return key["bound"] if "bound" in key else self.limits[key["by"]["code"], key["by"].get("at", 0)]

    def ask(self, ask):
        """Grant all keys or none."""
        for released in ask.get("release", []):
            for one in self.taken.values():
                one.pop(released, None)
        left = {}
        for key in ask.get("keys", []):
            others = {of: n for of, n in self.taken.get(key["key"], {}).items() if of != ask["redemption"]}
            room = self.bound(key) - sum(others.values())
            if key["n"] > room:
                return {"refused": {"key": key["key"], "state": "used", "left": max(0, room), "at_ms": now_ms()}}
            left[key["key"]] = room  # as it stood before this ask
        if not ask.get("dry"):
            for key in ask.get("keys", []):
                self.taken.setdefault(key["key"], {})[ask["redemption"]] = key["n"]
        return {"granted": True, "left": left}


class Platform:
    """One platform of one city. `profiles` are by terminal, `lists` a folder with metadata/ and targets/."""

    def __init__(self, lists, trust_root):
        self.key, self.trust_root, self.lists_version = Key(), trust_root, 0
        self.codes, self.terminals, self.journals, self.orders = {}, {}, {}, {}
        self.counts = Counts({})
        self._news = asyncio.Condition()
        self.app = web.Application()
        self.app.add_routes(
            [
                web.post("/v1/enrol", self.enrol),
                web.get("/v1/time", self.time),
                web.get("/v1/terminals/{terminal}/standing", self.standing),
                web.post("/v1/terminals/{terminal}/journal", self.journal),
                web.post("/v1/claims", self.claims),
                web.static("/lists", lists),
            ]
        )

    # ---- what its people do ----
    def code_for(self, url, terminal, profile):
        """Return the text of an enrolment code."""
        code = "-".join(secrets.token_hex(2).upper() for _ in range(4))
        self.codes[code] = (terminal, profile)
        return f"xinguan-enrol:{url}#code={code}&root={hashlib.sha256(self.trust_root).hexdigest()}"

    async def order(self, terminal, action, reason):
        """Order something; it is told until a fact says that it was obeyed."""
        number = now_ms()
        order = {"terminal": terminal, "number": number, "action": action, "reason": reason}
        self.orders.setdefault(terminal, {})[number] = self.key.jws("xg-command+jwt", order)
        await self.wake()
        return number

    async def published(self, snapshot):
        """Say that there is a newer snapshot."""
        self.lists_version = snapshot
        await self.wake()

    async def wake(self):
        async with self._news:
            self._news.notify_all()

    # ---- what terminals ask ----
    async def enrol(self, request):
        body = await request.json()
        if body["code"] not in self.codes:
            return problem(404, "unknown_code")
        terminal, profile = self.codes[body["code"]]
        public = bytes.fromhex(body["public_key"])
        if opened(body["proof"], public, typ="xg-enrol+jwt") != body["code"].encode():
            return problem(400, "bad_proof")
        if self.terminals.setdefault(terminal, public) != public:
            return problem(409, "code_used")
        self.journals[terminal] = Journal(terminal)
        signed = {"terminal": terminal, "number": now_ms(), "profile": profile}
        return web.json_response(
            {
                "terminal": terminal,
                "site": profile["site"],
                "profile": self.key.jws("xg-profile+jwt", signed),
                "trust_root": b64encode(self.trust_root).decode(),
                "platform_keys": [{"kid": self.key.kid, "key": self.key.public.hex()}],
                "known": False,
            }
        )

    def signed_time(self, nonce):
        return self.key.jws("xg-time+jwt", {"nonce": nonce, "time": now_ms()})

    async def time(self, request):
        return web.json_response({"server_time": self.signed_time(request.query["nonce"])})

    async def asked(self, request):
        """Return (terminal, the body as it travelled, the nonce); raise a problem for whoever proves nothing."""
        body = await request.read()
        try:
            token = request.headers["Authorization"].removeprefix("Bearer ")
            terminal = request.match_info.get("terminal") or json.loads(octets_of(token.split(".")[1]))["iss"]
            claims = json.loads(opened(token, self.terminals[terminal], typ="xg-auth+jwt", kid=terminal))
            sound = (claims["iss"], claims["aud"], claims["body"]) == (
                terminal,
                self.key.kid,
                hashlib.sha256(body).hexdigest(),
            )
        except (LookupError, ValueError, InvalidSignature) as error:
            raise Refused(problem(401, "bad_token")) from error
        if not sound:
            raise Refused(problem(401, "bad_token"))
        if abs(claims["iat"] - time.time()) > SKEW_S:
            raise Refused(problem(401, "clock", server_time=self.signed_time(claims["jti"])))
        return terminal, body, claims["jti"]

    def answer(self, terminal, body, nonce, **more):
        told = {
            "terminal": terminal,
            "epoch": None,
            "last": None,
            "receipt": None,
            "nonce": nonce,
            "body": hashlib.sha256(body).hexdigest(),
            "at_ms": now_ms(),
            "state": self.state_of(terminal),
            "held": [],
            "conflicts": [],
            "set_aside": [],
            "orders": [jws for _number, jws in sorted(self.orders.get(terminal, {}).items())],
            "lists_version": self.lists_version,
        }
        return web.Response(text=self.key.jws("xg-answer+jwt", told | more), content_type="application/jwt")

    def state_of(self, terminal):
        return f"{max(self.orders.get(terminal, {0: ''}), default=0)}.{self.lists_version}"

    async def standing(self, request):
        try:
            terminal, body, nonce = await self.asked(request)
        except Refused as error:
            return error.answer
        wait, state = float(request.query.get("wait", 0)), request.query.get("state")
        try:
            async with asyncio.timeout(wait), self._news:
                await self._news.wait_for(lambda: self.state_of(terminal) != state)
        except TimeoutError:
            pass  # nothing new: the answer says so
        held = [end | {"receipt": self.receipt(terminal, end)} for end in self.journals[terminal].ends[:8]]
        return self.answer(terminal, body, nonce, held=held)

    def receipt(self, terminal, end):
        return self.key.jws("xg-receipt+jwt", {"terminal": terminal, **end})

    async def journal(self, request):
        try:
            terminal, body, nonce = await self.asked(request)
        except Refused as error:
            return error.answer
        packed = request.headers.get("Content-Encoding") == "gzip"
        batch = json.loads(gzip.decompress(body) if packed and body[:2] == b"\x1f\x8b" else body)
        held = self.journals[terminal]
        said = {"terminal": terminal, "count": len(batch["records"]), "head_hash": held.chain(batch)}
        said |= {name: batch[name] for name in ("epoch", "first", "last", "prev_hash")}
        seal = json.loads(opened(batch["seal"], self.terminals[terminal], typ="xg-seal+jwt", kid=terminal))
        if seal != said:
            return problem(422, "bad_seal")
        if not batch["records"]:  # proofs alone
            return self.answer(terminal, body, nonce)
        if not held.follows(batch):
            return problem(409, "gap", held=held.ends)
        end = held.take(batch)
        for record in batch["records"]:
            self.orders.get(terminal, {}).pop(record["body"].get("order"), None)
        receipt = self.receipt(terminal, end)
        return self.answer(terminal, body, nonce, epoch=batch["epoch"], last=batch["last"], receipt=receipt)

    async def claims(self, request):
        try:
            _terminal, body, _nonce = await self.asked(request)
        except Refused as error:
            return error.answer
        return web.json_response(self.counts.ask(json.loads(body)))


class Refused(Exception):  # noqa: N818 - an answer on its way, not a fault
    """A request that is answered with a problem."""

    def __init__(self, answer):
        super().__init__(answer.status)
        self.answer = answer


def problem(status, code, **more):
    """Return application/problem+json."""
    told = {"title": code, "status": status, "code": code, "detail": "", "type": "about:blank", "held": []}
    told |= {"server_time": None} | more
    return web.json_response(told, status=status, content_type="application/problem+json")
