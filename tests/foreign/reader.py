"""A reader of signed lists, from docs/lists.md and the specification of TUF 1.0 alone.

`Reader(folder, root).read()` believes nothing but the root it was given: every later root is signed by the one before
and by itself, and everything else leads down from the newest. Rows are held and moved on by deltas, as a terminal does.
"""

import hashlib
import json
import struct
import zlib
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .publisher import DOCUMENTS, RULES, canonical

HEADER, DELTA, CHANGE = ">8sBBB5xQ32s8x", ">8sBBBxIQ32s32s8x", ">H6sB"
KINDS = {"measures": (1, 6), "members": (2, 5)}
OPTIONAL = {"issuers": ("mapping.json",)}


class NotBelievedError(Exception):
    """Something is not what was signed."""


def believe(true, what):
    if not true:
        raise NotBelievedError(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def signed_by(whole, keys, role):
    """Return what a role's metadata says, once enough of its keys signed that."""
    good = set()
    for one in whole["signatures"]:
        if one["keyid"] in role["keyids"] and one["keyid"] in keys:
            public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(keys[one["keyid"]]["keyval"]["public"]))
            try:
                public.verify(bytes.fromhex(one["sig"]), canonical(whole["signed"]))
            except InvalidSignature:
                continue
            good.add(one["keyid"])
    believe(len(good) >= role["threshold"], f"{len(good)} of {role['threshold']} keys signed")
    return whole["signed"]


def root_of(kind, payload, bits, buckets):
    """Return the root of rows in their buckets."""
    level = [sha256(b"\0" + b"".join(bucket)) for bucket in buckets]
    while len(level) > 1:
        level = [sha256(b"\1" + left + right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return sha256(struct.pack(">BBBBQ", 2, kind, payload, bits, sum(map(len, buckets))) + level[0])


@dataclass
class Rows:
    """One list: (bucket, suffix) → payloads. `steps` is how many files led to it since it was last empty."""

    bits: int
    rows: dict
    steps: list = field(default_factory=list)

    def of(self, subject):
        """Return the payloads of a pseudonym."""
        key = int.from_bytes(subject[:8], "big")
        return self.rows.get((key >> (64 - self.bits), (key >> (16 - self.bits) & (2**48 - 1)).to_bytes(6, "big")), [])

    @property
    def count(self):
        return sum(map(len, self.rows.values()))

    def root(self, kind, payload):
        buckets = [[] for _ in range(2**self.bits)]
        for (bucket, suffix), payloads in sorted(self.rows.items()):
            buckets[bucket] += [suffix + one for one in payloads]
        return root_of(kind, payload, self.bits, buckets)


def base_of(data, kind, payload):
    """Return the rows of a base file."""
    magic, *told, count, _root = struct.unpack_from(HEADER, data)
    bits = told[2]
    believe((magic, told[:2]) == (b"xgkeys1\n", [kind, payload]), "the head of a base")
    begins = struct.unpack_from(f">{2**bits + 1}I", data, 64)
    at, width, rows = 64 + 4 * len(begins), 6 + payload, {}
    believe(begins[-1] == count and len(data) == at + count * width, "the length of a base")
    for bucket in range(2**bits):
        for number in range(begins[bucket], begins[bucket + 1]):
            row = data[at + number * width :][:width]
            rows.setdefault((bucket, row[:6]), []).append(row[6:])
    return Rows(bits, rows)


def moved(rows, data, kind, payload):
    """Return rows with a delta laid on: its changes ascend, each key once, and lead to the root that it names."""
    magic, *told, changes, count, before, after = struct.unpack_from(DELTA, data)
    believe((magic, told) == (b"xgdelta1", [kind, payload, rows.bits]), "the head of a delta")
    believe(before == rows.root(kind, payload), "a delta from here")
    found, at, last = dict(rows.rows), 96, (-1, b"")
    for _ in range(changes):
        bucket, suffix, many = struct.unpack_from(CHANGE, data, at)
        at += 9
        payloads = [data[at + one * payload :][:payload] for one in range(many)]
        at += many * payload
        believe(last < (bucket, suffix) and at <= len(data) and payloads == sorted(set(payloads)), "changes ascend")
        last = bucket, suffix
        found.pop(last, None)
        if payloads:
            found[last] = payloads
    believe(at == len(data), "the length of a delta")
    led = Rows(rows.bits, found, list(rows.steps))
    believe((led.root(kind, payload), led.count) == (after, count), "where a delta leads")
    return led


def status_of(document, city, indexes):
    """Return (bits, token ids) of a document of revocations."""
    believe(document["issuer"] == city and document["complete"] is True, "a whole list of revocations of this city")
    told = document["status_list"]
    believe(told["bits"] == 1, "one bit an index")
    unfolded = zlib.decompressobj()
    bits = unfolded.decompress(urlsafe_b64decode(told["lst"] + "=" * (-len(told["lst"]) % 4)), indexes // 8 + 1)
    believe(8 * len(bits) == indexes and unfolded.eof, "as many indexes as were signed")
    tokens = frozenset(map(bytes.fromhex, document["tokens"]))
    believe(all(len(one) == 8 for one in tokens), "token ids of eight octets")
    return bits, tokens


def index_of(document, city):
    """Return an index, judged: members that are not named here are refused, `null` is as good as left out."""
    believe(document["issuer"] == city and document["complete"] is True, "a whole index of this city")
    believe(len(document["authorities"]) <= 255, "at most 255 authorities")
    believe(document.keys() <= {"issuer", "complete", "authorities", "measures", "members", "revocations"}, "members")
    believe(document["revocations"].keys() == {"sha256", "size", "indexes"}, "members of revocations")
    for kind in (one for one in KINDS if document.get(one)):
        told = document[kind]
        believe(told.keys() <= {"root", "count", "base", "since", "recent", "before"}, "members of a list")
        believe(told["base"].keys() == {"sha256", "size", "root"} and len(told.get("recent") or []) <= 16, "its base")
        for delta in (*(told.get("recent") or []), *filter(None, (told.get("since"), told.get("before")))):
            believe(delta.keys() == {"sha256", "size", "from"} and 1 <= delta["size"] <= 32 << 20, "a delta's members")
    believe(bool(document["measures"]), "measures")
    return document


@dataclass
class City:
    """What a city says: its documents by name, its lists, its revocations."""

    documents: dict
    lists: dict = field(default_factory=dict)
    tokens: frozenset = frozenset()
    bits: bytes = b""

    def revoked(self, token, index):
        """Tell whether a token is: by its id, by its bit; an index beyond the list counts as revoked."""
        if token in self.tokens or (index is not None and index >= 8 * len(self.bits)):
            return True
        return index is not None and bool(self.bits[index // 8] >> index % 8 & 1)

    def measures_of(self, name, subject):
        """Return what stands against somebody, and the id of each entry."""
        authorities, found = self.documents["index.json"]["authorities"], []
        for one in self.lists["measures"].of(subject):
            code, last, authority, state = struct.unpack(">HHBB", one)
            until = None if last == 0xFFFF else date(2000, 1, 1) + timedelta(days=last)
            by = None if authority == 0xFF else authorities[authority]
            entry = sha256(name.encode() + subject + one)[:8]
            found.append({"code": code, "until": until, "authority": by, "disputed": state == 1, "id": entry.hex()})
        return found

    def member(self, subject):
        """Return (tier, groups) that the list gives somebody, None where it does not name them."""
        pairs = [struct.unpack(">BI", one) for one in self.lists["members"].of(subject)]
        return (pairs[0][0], {group for _tier, group in pairs if group}) if pairs else None


class Reader:
    """Reads what lies in a folder, or behind an address: `get(path)` returns the octets."""

    def __init__(self, get, root):
        self._get, self._root = get, json.loads(root)["signed"]
        self._held = {}

    def read(self):
        """Return {city: City} of the newest state."""
        root = self._newest_root()
        keys, roles = root["keys"], root["roles"]
        timestamp = self._meta("timestamp.json", keys, roles["timestamp"])
        snapshot = self._meta("snapshot.json", keys, roles["snapshot"], timestamp["meta"]["snapshot.json"])
        targets = self._meta("targets.json", keys, roles["targets"], snapshot["meta"]["targets.json"])
        found, delegated = {}, targets["delegations"]
        for role in delegated["roles"]:
            kind, _, city = role["name"].partition(".")
            believe((role["paths"], role["terminating"]) == ([f"{kind}/{city}/*"], True), "a city's own paths")
            meta = self._meta(f"{role['name']}.json", delegated["keys"], role, snapshot["meta"][f"{role['name']}.json"])
            wanted = DOCUMENTS.get(kind, RULES) + tuple(
                name for name in OPTIONAL.get(kind, ()) if f"{kind}/{city}/{name}" in meta["targets"]
            )
            for name in wanted:
                document = self._target(f"{kind}/{city}/{name}", meta["targets"])
                found.setdefault(city, City({})).documents[name] = document
                issuers = {one["issuer"] for one in (document if isinstance(document, list) else [document])}
                believe(issuers <= {city}, "a city's own name")
        for name, city in found.items():
            self._lists(name, city)
        return found

    def _newest_root(self):
        while True:
            try:
                data = self._get(f"metadata/{self._root['version'] + 1}.root.json")
            except FileNotFoundError:
                return self._root
            whole = json.loads(data)
            for judge in (self._root, whole["signed"]):
                signed_by(whole, judge["keys"], judge["roles"]["root"])
            believe(whole["signed"]["version"] == self._root["version"] + 1, "the next root")
            self._root = whole["signed"]

    def _meta(self, name, keys, role, told=None):
        path = f"metadata/{name}" if told is None else f"metadata/{told['version']}.{name}"
        signed = signed_by(json.loads(self._get(path)), keys, role)
        believe(told is None or signed["version"] == told["version"], f"{name} is the version that was named")
        believe(
            datetime.fromisoformat(signed["expires"]) > datetime.fromtimestamp(signed["issued_ms"] / 1000, UTC), name
        )
        return signed

    def _target(self, path, targets):
        told = targets[path]
        folder, _, name = path.rpartition("/")
        data = self._get(f"targets/{folder}/{told['hashes']['sha256']}.{name}")
        believe((len(data), sha256(data).hex()) == (told["length"], told["hashes"]["sha256"]), path)
        return json.loads(data)

    def _beside(self, city, name, told):
        data = self._get(f"targets/lists/{city}/{told['sha256']}.{name}")
        believe((len(data), sha256(data).hex()) == (told["size"], told["sha256"]), name)
        return data

    def _lists(self, name, city):
        index = index_of(city.documents["index.json"], name)
        revoked = json.loads(self._beside(name, "revocations.json", index["revocations"]))
        city.bits, city.tokens = status_of(revoked, name, index["revocations"]["indexes"])
        for kind in (one for one in KINDS if index.get(one)):
            held = self._held.get((name, kind))
            city.lists[kind] = self._held[name, kind] = self._rows(name, kind, index[kind], held)

    def _rows(self, city, kind, told, held):
        """Take the shortest way to the signed root: nothing, `recent`, `since`, `before` and `since`, or the base."""
        form, here = KINDS[kind], held and held.root(*KINDS[kind]).hex()
        steps = [one for one in (told.get("since"),) if one]
        starts = [one["from"] for one in told.get("recent") or []]
        if here == told["root"]:
            return held
        if here in starts:
            rows, steps = held, told["recent"][starts.index(here) :]
        elif here == told["base"]["root"]:
            rows = held
        elif told.get("before") and here == told["before"]["from"]:
            rows, steps = held, [told["before"], *steps]
        else:
            rows = base_of(self._beside(city, f"{kind}.base", told["base"]), *form)
            rows.steps = ["base"]
        for step in steps:
            rows = moved(rows, self._beside(city, f"{kind}.delta", step), *form)
            rows.steps.append("delta")
        believe(rows.root(*form).hex() == told["root"], "the rows lead to the signed root")
        believe(rows.count == told["count"], "as many rows as were signed")
        return rows
