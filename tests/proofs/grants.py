"""Grants as honest terminals write them, with what a real phone showed; and the books that take them in."""

import gzip
import json
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.bounds import Bounds
from central.books.intake import take_in
from central.proofs.issued import Issued, registered
from central.proofs.judging import IssuerRow, judge
from central.proving.cases import doubts, orphans
from central.proving.settle import settle
from central.register.enrolment import make_code
from central.register.minting import Credential, issuer_key, mint_credential, present, public_entry
from credit.claims import TokenClass
from credit.records import Record, chain_next, chain_start, encode
from credit.rules.benefits import parse_benefits
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import open_batch, seal_batch

NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1000
DAY_MS = 86_400_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WULONG = issuer_key("wulong", b"w" * 32)
STRANGER = issuer_key("wulong", b"s" * 32)
PROFILE = decode(
    b'{"site": "park", "title": {"zh": "z"}, "issuer": "wulong", "lanes": [{"id": "A", "scene": "gate"}]}', Profile
)
BOUNDS = Bounds(
    parse_benefits(
        [{"id": "free", "code": 1, "issuer": "wulong", "offer": {"kind": "free"}, "limits": [{"max": 1}], "version": 1}]
    )
)


def row(key=WULONG, killed_ms=None, **changes):
    """The issuer's key as the register lists it."""
    entry = {"from_s": NOW_S - 1000, "until_s": NOW_S + 1000} | changes
    return IssuerRow(key.issuer, json.dumps(public_entry(key, **entry)), killed_ms)


class Phone:
    """A holder with a credential: draws a fresh presentation for each `shows`."""

    def __init__(self, number=1, key=WULONG):
        self.subject, self.token_id = number.to_bytes(16, "big"), number.to_bytes(8, "big")
        self.private = Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big"))
        said = Credential(
            subject=self.subject,
            tier=2,
            token_id=self.token_id,
            iat=NOW_S - 500,
            exp=NOW_S + 500,
            holder_key=self.private.public_key(),
        )
        self.credential = mint_credential(key, said)
        self.shown = 0

    def shows(self, iat=NOW_S, audience=None):
        self.shown += 1
        return present(self.credential, self.private, iat=iat, nonce=self.shown.to_bytes(8, "big"), audience=audience)

    def fact(self, shown, **changes):
        """The body of the fact that says so."""
        nonce = self.shown.to_bytes(8, "big").hex()
        key = f"u|wulong/free|subject:wulong:{self.subject.hex()}|ever"
        body = {
            "issuer": "wulong",
            "class": TokenClass.BOUND.value,
            "clock": "trusted",
            "token": self.token_id.hex(),
            "subject": self.subject.hex(),
            "nonce": nonce,
            "heads": 1,
            "uses": [{"key": key, "n": 1, "max": 1}],
            "given": [{"benefit": "free", "issuer": "wulong", "version": 1, "offer": {"off_fen": 3000}}],
        }
        if shown is not None:
            body["proof"] = sha256(shown).hexdigest()
        return body | changes


@dataclass
class Gate:
    """A terminal's journal as it comes to the platform."""

    name: str
    epoch: str = "e1"
    records: list = field(default_factory=list)
    heads: list = field(default_factory=list)

    def writes(self, kind, body, redemption=None, at_ms=NOW_MS):
        seq = len(self.records) + 1
        self.records.append(
            encode(Record(seq=seq, id=f"{seq:08d}", at_ms=at_ms, kind=kind, redemption=redemption, body=body))
        )
        before = self.heads[-1] if self.heads else chain_start(self.name, self.epoch)
        self.heads.append(chain_next(before, self.records[-1]))
        return seq

    def grants(self, phone, named, *, shown=None, at_ms=NOW_MS, **changes):
        """Write a grant; return (redemption, what was shown)."""
        shown = phone.shows() if shown is None else shown
        self.writes("granted", phone.fact(shown, **changes), named, at_ms)
        return named, shown

    def batch(self, first=1, proofs=None):
        """Return the sealed batch from `first` to the end; of no records where `first` is beyond it."""
        before = self.heads[first - 2] if first > 1 else chain_start(self.name, self.epoch)
        seal = Seal(
            terminal=self.name,
            epoch=self.epoch,
            first=first,
            last=len(self.records),
            count=len(self.records) - first + 1,
            prev_hash=before.hex(),
            head_hash=(self.heads[-1] if self.heads else before).hex(),
        )
        body = seal_batch(seal, self.records[first - 1 :], KEY, proofs=dict(proofs or {}))
        return open_batch(gzip.decompress(body), terminal=self.name, key=KEY.public_key())


class Platform:
    """The books of a platform, and its rounds of judging."""

    def __init__(self, books, keys=None, bounds=BOUNDS):
        self.books, self.keys, self.bounds, self.now_ms = books, tuple(keys or [row()]), bounds, NOW_MS

    async def enrols(self, *names):
        for name in names:
            await self.books.write(lambda tx, name=name: make_code(tx, terminal=name, profile=PROFILE, now_ms=1))

    async def takes(self, batch):
        return await self.books.write(lambda tx: take_in(tx, batch, now_ms=self.now_ms, bounds=self.bounds))

    async def judges(self, codes=None):
        """Judge until nothing is left to judge."""
        known = Issued(self.keys, frozenset({"wulong"}), codes or {})
        while found := await self.books.read(lambda tx: doubts(tx, now_ms=self.now_ms)):
            pairs = [
                (one, judge(replaced(one.case, registered(known, one.case.body, one.text)), self.keys)) for one in found
            ]
            await self.books.write(lambda tx, pairs=pairs: settle(tx, pairs, self.bounds, now_ms=self.now_ms))

    async def orphans(self):
        return await self.books.read(orphans)

    async def verdict(self, redemption, terminal):
        sql = "SELECT verdict, why, settles, apart FROM redemptions WHERE redemption = $1 AND terminal = $2"
        found = await self.books.read(lambda tx: tx.row(sql, redemption, terminal))
        return tuple(found)

    async def sums(self):
        sql = (
            "SELECT (SELECT CAST(sum(granted) AS BIGINT) FROM totals), CAST(coalesce(sum(settled), 0) AS BIGINT),"
            " CAST(coalesce(sum(settled_off_fen), 0) AS BIGINT) FROM verdicts"
        )
        return tuple(await self.books.read(lambda tx: tx.row(sql)))


def replaced(case, found):
    """The case with what the register says."""
    fields = {name: getattr(case, name) for name in case.__slots__}
    return type(case)(**(fields | {"registered": found}))
