"""What stands in a record's place and is none is kept, set aside and answered for; what follows it counts."""

import base64
import gzip
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.intake import take_in
from credit.records import Record, chain_next, encode
from sync.wire.messages import Seal
from sync.wire.seals import open_batch, seal_batch

FILE = Path(__file__).parents[1] / "vectors" / "records" / "set-aside.json"
NOW = 1_790_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VECTORS = json.loads(FILE.read_text("utf-8"))


def passed(seq):
    return encode(Record(seq=seq, id=f"f-{seq}", at_ms=NOW, kind="passed", redemption="r", body={"step": "passed"}))


async def taken(one, raw):
    """Take in a batch of these records' octets; return the answer to it."""
    head = one.head
    for octets in raw:
        head = chain_next(head, octets)
    said = {"terminal": one.terminal, "epoch": "e", "first": 1, "last": len(raw), "count": len(raw)}
    seal = Seal(**said, prev_hash=one.head.hex(), head_hash=head.hex())
    sealed = open_batch(gzip.decompress(seal_batch(seal, raw, KEY)), terminal=one.terminal, key=KEY.public_key())
    return await one.books.write(lambda tx: take_in(tx, sealed, now_ms=NOW))


async def test_whatever_stands_in_a_record_s_place_the_batch_is_answered_for(journal):
    found = {}
    for number, vector in enumerate(VECTORS):
        raw = [passed(1), base64.b64decode(vector["raw"]), passed(3)]
        answer = await taken(await journal(f"t{number}"), raw)
        found[vector["name"]] = [one.seq for one in answer.set_aside]
        assert answer.receipt.acked_through == 3

    assert found == {one["name"]: [2] * one["set_aside"] for one in VECTORS}
    assert {one["set_aside"] for one in VECTORS} == {True, False}
