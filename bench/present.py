"""What a whole presentation costs: code → token → decision → commit, against one raw fdatasync in the same run.

One JSON object a line. A round takes the floor and one presentation in turn, so that a busy disk slows both. The second
part shows how group commit carries a crowd: presentations a second with 16 waiting at once.

    python bench/present.py [--rounds 200] [--folder DIR]     DIR decides which disk is measured
"""

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.ids import uuid7
from cache.journal import chain
from cache.ledger import settle
from cache.ledger.visit import Settled, Visit
from cache.pen import Pen
from central.register import minting
from credit.inputs import Now, Place, Request
from credit.keys import Keyring
from credit.policy import Policy
from credit.rules.benefits import parse_benefits
from credit.rules.measures import MeasureEntry
from credit.tokens import open_token
from edge.terminal import LOG_BYTES
from storage.sqlite import Store

NOW = 1_790_000_000
PAGE = b"x" * 4096
CROWD = 16
PLACE = Place(site="park", scene="gate", lane="A", terminal="gate1")
BENEFIT = {
    "id": "free",
    "code": 1,
    "issuer": "wulong",
    "offer": {"kind": "free"},
    "who": {"groups_any": [12]},
    "where": {"sites": ["park"], "scenes": ["gate"]},
    "limits": [{"count": "uses", "per": "subject", "scope": "site", "period": "ever", "max": 1}],
}


class FreshLists:
    """Lists of this minute in which nobody stands."""

    def measures(self, _issuer: str, _subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return no entry."""
        return ()

    def revoked(self, _issuer: str, _token_id: bytes, _status_index: int | None) -> bool:
        """Return that nothing is revoked."""
        return False

    def age_s(self, _issuer: str, _now_s: int) -> int:
        """Return the age of a list just fetched."""
        return 0


class Visitors:
    """Really signed codes, one visitor each; their pseudonyms in a row, or `drawn`, as those of a city are."""

    def __init__(self, *, drawn: bool = False) -> None:
        self._drawn = drawn
        self._issuer = minting.issuer_key("wulong", b"\x01" * 32)
        self._phone = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
        row = minting.public_entry(self._issuer, from_s=0, until_s=2 * NOW)
        self.keyring = Keyring.from_json(json.dumps([row]).encode())
        self._number = 0

    def code(self) -> str:
        """Return the next visitor's fresh code."""
        self._number += 1
        number = self._number
        named = number.to_bytes(16, "big")
        named = hashlib.sha256(named).digest()[:16] if self._drawn else named
        said = minting.Credential(
            subject=named,
            tier=3,
            groups=[12],
            token_id=named[8:],
            iat=NOW - 3600,
            exp=NOW + 30 * 86_400,
            status_index=number,
            holder_key=self._phone.public_key(),
        )
        raw = minting.mint_credential(self._issuer, said)
        return minting.to_text(minting.present(raw, self._phone, iat=NOW, nonce=number.to_bytes(8, "big")))


async def present(store: Store, visitors: Visitors, policy: Policy, code: str) -> Settled:
    """Do what a lane does with a code, up to the commit."""
    token = open_token(code, visitors.keyring, now=NOW)
    visit, now, lists = Visit(token, Request(), PLACE), Now(utc_ms=NOW * 1000), FreshLists()
    settled = await store.write(lambda conn: settle.settle(Pen(conn, now, uuid7), visit, lists, policy))
    if settled.redemption is None:
        raise AssertionError(f"not granted: {settled.decision.reasons}")
    return settled


def sync_once(descriptor: int) -> float:
    """Append one page, make it durable, and return the seconds that took."""
    start = time.perf_counter()
    os.write(descriptor, PAGE)
    os.fdatasync(descriptor)
    return time.perf_counter() - start


async def measure(folder: Path, rounds: int) -> None:
    """Measure and print."""
    visitors, policy = Visitors(), Policy.compile(benefits=parse_benefits([BENEFIT]))
    codes = [visitors.code() for _ in range(rounds * 2)]
    floors, costs = [], []
    descriptor = os.open(folder / "floor", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    async with Store(folder / "terminal.db", log_bytes=LOG_BYTES) as store:
        await store.write(lambda conn: chain.begin_epoch(conn, epoch="e", terminal="gate1", reason="bench"))
        for code in codes[:rounds]:
            floors.append(sync_once(descriptor))
            start = time.perf_counter()
            await present(store, visitors, policy, code)
            costs.append(time.perf_counter() - start)
        start = time.perf_counter()
        for first in range(rounds, rounds * 2, CROWD):
            crowd = codes[first : first + CROWD]
            await asyncio.gather(*(present(store, visitors, policy, code) for code in crowd))
        rate = rounds / (time.perf_counter() - start)
    os.close(descriptor)
    floor, cost = statistics.median(floors) * 1e3, statistics.median(costs) * 1e3
    print(json.dumps({"bench": "present", "what": "floor: one page and fdatasync", "ms": round(floor, 3)}))
    ratio = statistics.median(c / f for c, f in zip(costs, floors, strict=True))
    print(json.dumps({"bench": "present", "what": "code to commit", "ms": round(cost, 3), "floors": round(ratio, 2)}))
    share = round(rate * floor / 1e3, 2)
    print(json.dumps({"bench": "present", "what": f"{CROWD} at once", "per_s": round(rate), "per_floor": share}))


def main() -> None:
    """Read the arguments and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        asyncio.run(measure(Path(folder), args.rounds))


if __name__ == "__main__":
    main()
