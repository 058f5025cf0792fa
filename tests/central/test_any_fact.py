"""Rows 3 and 7: whatever a stolen key seals, it is taken in, and nobody else's facts, asks or books suffer by it.

`XINGUAN_FACTS=500` plays more of them by hand; the seed stands in the message.
"""

import gzip
import os
import random
from collections import deque

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.bounds import Bounds
from central.books.intake import take_in
from central.hub.claims import Asker, answer_claim
from central.store import sqlite_books
from credit.records import Record, chain_next, chain_start, encode
from sync.wire.claims import About, ClaimKey, ClaimRequest
from sync.wire.messages import Seal
from sync.wire.records.kinds import KINDS
from sync.wire.seals import open_batch, seal_batch
from tests.tools.decodable import anything, decodable, kept

CASES = int(os.environ.get("XINGUAN_FACTS", "12"))
SEED = 20261127
NOW = 1_790_000_000_000
PROFILE = '{"site": "tiankeng", "title": {}, "issuer": "w", "lanes": []}'
TERMINAL = "INSERT INTO terminals (terminal, site, profile) VALUES ($1, 'tiankeng', $2)"
KEY = "u|w/first@site:tiankeng|subject:w:01|ever"
ODD = ("a\0b", "e1", "e2", "", "R", "x" * 64)


class Journal:
    """One terminal's chain, sealed batch by batch."""

    def __init__(self, terminal):
        self.terminal, self.key, self.epoch, self.seq = terminal, Ed25519PrivateKey.generate(), "e1", 0
        self.head = chain_start(terminal, self.epoch)

    def sealed(self, said):
        """Return a batch of (kind, redemption, body), as it comes out of the wire; what no record holds is left out."""
        first, before, raws = self.seq + 1, self.head, []
        for kind, redemption, body in said:
            record = Record(
                seq=self.seq + 1,
                id=f"{self.terminal}-{self.seq}",
                at_ms=NOW + self.seq,
                kind=kind,
                redemption=redemption,
                body=body,
            )
            try:
                raws.append(encode(record))
            except ValueError:
                continue
            self.seq, self.head = self.seq + 1, chain_next(self.head, raws[-1])
        seal = Seal(
            terminal=self.terminal,
            epoch=self.epoch,
            first=first,
            last=self.seq,
            count=len(raws),
            prev_hash=before.hex(),
            head_hash=self.head.hex(),
        )
        proofs = {"a\0b": b"x"} if self.seq % 2 else {}
        plain = gzip.decompress(seal_batch(seal, raws, self.key, proofs=proofs))
        return open_batch(plain, terminal=self.terminal, key=self.key.public_key())


@pytest.fixture
async def books(tmp_path):
    async with sqlite_books(tmp_path / "books.db") as jobs:
        for name in ("stolen", "honest"):
            await jobs.write(lambda tx, name=name: tx.execute(TERMINAL, name, PROFILE))
        yield jobs


async def taken(books, sealed):
    taken = await books.write(lambda tx: take_in(tx, sealed, now_ms=NOW, bounds=Bounds()))
    assert taken.receipt.acked_through == sealed.seal.last
    return taken


def grant(redemption):
    uses = [{"key": KEY, "n": 1, "max": 9}]
    return "granted", redemption, {"issuer": "w", "class": "bound", "token": "aa", "subject": "01", "uses": uses}


async def asked(books, terminal, number):
    about = About(subject="w:01")
    key = ClaimKey(key=KEY, n=1, bound=99, borne="grant")
    ask = ClaimRequest(run="r", hub_no=1, redemption=f"ask-{number}", at_ms=NOW, keys=[key], about=about, dry=True)
    return await books.write(lambda tx: answer_claim(tx, Asker(terminal), ask, Bounds(), now_ms=NOW))


def odd(draw):
    """Return one fact: nearly of its kind, or anything at all."""
    kind = draw.choice(sorted(KINDS))
    body = msgspec.json.decode(decodable(draw, draw.choice(KINDS[kind].bodies))) if draw.random() < 0.6 else {}
    if draw.random() < 0.4:
        body |= {"subject": "01", "issuer": "w", "site": "tiankeng", "reversal_until_ms": NOW}
    for _ in range(draw.randrange(3)):
        body[draw.choice([*body, "heads", "given", "uses", "declares", "heads", "key", "order", "run"])] = draw.choice(
            (anything(draw), *ODD)
        )
    if draw.random() < 0.2:
        heads = [{"epoch": draw.choice(ODD), "seq": 1, "hash": draw.choice(("0" * 64, " " * 64, "z" * 64))}]
        kind, body = "note", {"declares": draw.choice(ODD), "heads": heads}
    if draw.random() < 0.2:
        kind, body = "claim_conflict", {"seq": 1, "conflict": "limit", "key": draw.choice(ODD)}
    return kind, draw.choice((None, "R", "R2", "r\0x", f"r{draw.randrange(9)}")), body


@pytest.mark.parametrize("document", kept("facts"))
async def test_what_once_refused_a_batch_is_taken_in_and_the_neighbour_is_answered(books, document):
    stolen, honest = Journal("stolen"), Journal("honest")
    kind, redemption, body = msgspec.json.decode(document)
    await taken(books, stolen.sealed([(kind, redemption, body), grant("after")]))
    await taken(books, honest.sealed([grant("h")]))

    assert (await asked(books, "honest", 1)).granted
    booked = await books.read(lambda tx: tx.rows("SELECT redemption FROM uses WHERE key = $1", KEY))
    assert {row[0] for row in booked} >= {"after", "h"}


async def test_whatever_is_sealed_is_taken_in_and_what_others_did_is_booked(books):
    stolen, honest, mine = Journal("stolen"), Journal("honest"), deque()
    for case in range(CASES):
        draw = random.Random(SEED + case)
        said = [odd(draw) for _ in range(6)]
        try:
            await taken(books, stolen.sealed([*said, grant(f"stolen-{case}")]))
            mine.append(f"honest-{case}")
            await taken(books, honest.sealed([grant(mine[-1])]))
            answer = await asked(books, "honest", case)
        except Exception as error:
            raise AssertionError(f"seed {SEED + case}: {said}") from error
        assert answer.granted or answer.refused is not None

    booked = await books.read(lambda tx: tx.rows("SELECT redemption FROM uses WHERE terminal = 'honest'"))
    assert {row[0] for row in booked} == set(mine)
