"""A publisher of signed lists, from docs/lists.md and the specification of TUF 1.0 alone. It only writes files."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from .rows import Town, revocations

TWO_OF_THREE = 2
DOCUMENTS = {"issuers": ("keys.json",), "lists": ("index.json",)}
RULES = ("benefits.json", "calendars.json", "measure-codes.json", "sites.json")


def canonical(value):
    """Return canonical JSON (OLPC), which TUF's signatures are over: text holds no control characters here."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Signer:
    """A key of the repository."""

    def __init__(self):
        self.key = Ed25519PrivateKey.generate()
        public = self.key.public_key().public_bytes_raw().hex()
        self.public = {"keytype": "ed25519", "scheme": "ed25519", "keyval": {"public": public}}
        self.keyid = hashlib.sha256(canonical(self.public)).hexdigest()

    def sign(self, data):
        return {"keyid": self.keyid, "sig": self.key.sign(data).hex()}


class Publisher:
    """One repository of one city, in a folder: `metadata/` and `targets/`."""

    def __init__(self, folder: Path, city):
        self.folder, self.city = folder, city
        self.roots = [Signer() for _ in range(3)]
        self.roles = {name: Signer() for name in ("targets", "snapshot", "timestamp")}
        self.cities = {f"{kind}.{city}": Signer() for kind in ("issuers", "lists", "rules")}
        self.versions = {}
        self._base = self._sent = None
        self._sign("root", self._root(), by=self.roots, name="1.root.json")

    @property
    def trust_root(self):
        return (self.folder / "metadata" / "1.root.json").read_bytes()

    def _root(self):
        signers = [*self.roots, *self.roles.values()]
        roles = {name: {"keyids": [one.keyid], "threshold": 1} for name, one in self.roles.items()}
        roles["root"] = {"keyids": [one.keyid for one in self.roots], "threshold": TWO_OF_THREE}
        return {"consistent_snapshot": True, "keys": {one.keyid: one.public for one in signers}, "roles": roles}

    def _sign(self, role, signed, *, by, name=None):
        """Write a role's metadata and return what the role above says of it."""
        now = datetime.now(UTC).replace(microsecond=0)
        version = self.versions[role] = self.versions.get(role, 0) + 1
        expires = (now + timedelta(days=30)).isoformat().replace("+00:00", "Z")
        signed |= {"_type": role if role in ("root", "snapshot", "timestamp") else "targets", "spec_version": "1.0.31"}
        signed |= {"version": version, "expires": expires, "issued_ms": int(now.timestamp() * 1000)}
        data = canonical(signed)
        whole = json.dumps({"signatures": [one.sign(data) for one in by], "signed": signed}).encode()
        self._write(self.folder / "metadata" / (name or f"{version}.{role}.json"), whole)
        return {"version": version, "length": len(whole), "hashes": {"sha256": hashlib.sha256(whole).hexdigest()}}

    @staticmethod
    def _write(path, data):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def _target(self, path, data):
        """Write a target under the name with its hash; return {path: what its role says of it}."""
        told = hashlib.sha256(data).hexdigest()
        folder, _, name = path.rpartition("/")
        self._write(self.folder / "targets" / folder / f"{told}.{name}", data)
        return {path: {"length": len(data), "hashes": {"sha256": told}}}

    def publish(self, *, keys, rules, measures, authorities, revoked, indexes=16384, tokens=()):
        """Sign everything anew. `rules` are documents by name, `measures` {pseudonym: [payload]}."""
        index = self._index(measures, authorities, revocations(self.city, indexes, revoked, tokens), indexes)
        held = {
            f"issuers.{self.city}": {"keys.json": keys},
            f"lists.{self.city}": {"index.json": index},
            f"rules.{self.city}": {name: rules[name] for name in RULES},
        }
        meta = {}
        for role, documents in held.items():
            kind, _, city = role.partition(".")
            targets = {}
            for name, document in documents.items():
                targets |= self._target(f"{kind}/{city}/{name}", json.dumps(document, ensure_ascii=False).encode())
            meta[f"{role}.json"] = self._sign(role, {"targets": targets}, by=[self.cities[role]])
        meta["targets.json"] = self._sign("targets", self._delegations(), by=[self.roles["targets"]])
        snapshot = self._sign("snapshot", {"meta": meta}, by=[self.roles["snapshot"]])
        newest = {"meta": {"snapshot.json": snapshot}}
        self._sign("timestamp", newest, by=[self.roles["timestamp"]], name="timestamp.json")

    def _delegations(self):
        roles = [
            {
                "name": role,
                "keyids": [signer.keyid],
                "threshold": 1,
                "terminating": True,
                "paths": [f"{role.partition('.')[0]}/{self.city}/*"],
            }
            for role, signer in self.cities.items()
        ]
        keys = {one.keyid: one.public for one in self.cities.values()}
        return {"targets": {}, "delegations": {"keys": keys, "roles": roles}}

    def _beside(self, name, data):
        """Write a file beside the index; return how the index names it."""
        told = hashlib.sha256(data).hexdigest()
        self._write(self.folder / "targets" / "lists" / self.city / f"{told}.{name}", data)
        return {"sha256": told, "size": len(data)}

    def _index(self, measures, authorities, status, indexes):
        """Return the index: the first base stays, later states are deltas since it."""
        if self._base is None:
            self._base = Town(measures)
            self._named = self._beside("measures.base", self._base.base()) | {"root": self._base.root.hex()}
        town = Town(measures, bits=self._base.bits)
        told = {"root": town.root.hex(), "count": town.count, "base": self._named}
        if town.root != self._base.root:
            since = self._beside("measures.delta", town.delta_from(self._base))
            told["since"] = since | {"from": self._base.root.hex()}
        named = {"issuer": self.city, "complete": True, "authorities": authorities}
        revoked = self._beside("revocations.json", status) | {"indexes": indexes}
        return named | {"measures": told, "revocations": revoked}
