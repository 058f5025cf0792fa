"""The platform's books on each engine, and terminals whose sealed batches are taken in without a network."""

import gzip
import importlib.util
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.intake import take_in
from central.register.enrolment import make_code
from central.store import SCHEMAS, sqlite_books
from credit.records import Record, chain_next, chain_start, encode
from storage.postgres import PostgresJobs
from sync.wire.messages import Seal, decode
from sync.wire.profiles import Profile
from sync.wire.seals import open_batch, seal_batch


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


_load("office_town")
_load("good_forms")
_load("odd_files")
_load("drawn_lives")
_load("at_the_console")
NOW = 1_790_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ENGINES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=ENGINES)
async def books(request, tmp_path):
    if request.param == "sqlite":
        opening = sqlite_books(tmp_path / "central.db")
    else:
        opening = PostgresJobs(request.getfixturevalue("postgres_url"), SCHEMAS["postgres"])
    async with opening as opened:
        yield opened


def profile(site):
    text = f'{{"site": "{site}", "title": {{"zh": "z"}}, "issuer": "w", "lanes": [{{"id": "A", "scene": "gate"}}]}}'
    return decode(text.encode(), Profile)


class Journal:
    """One terminal: facts in order, sealed and taken in batch by batch."""

    def __init__(self, books, terminal="t1"):
        self.books, self.terminal = books, terminal
        self.head, self.seq = chain_start(terminal, "e"), 0

    async def enrol(self, site="gate"):
        await self.books.write(lambda tx: make_code(tx, terminal=self.terminal, profile=profile(site), now_ms=NOW))
        return self

    async def bring(self, *facts, at_ms=NOW, now_ms=None):
        """Take in facts (kind, redemption, body) or (kind, redemption, body, at_ms) as one sealed batch."""
        prev, first, raw = self.head, self.seq + 1, []
        for kind, redemption, body, *when in facts:
            self.seq += 1
            at = when[0] if when else at_ms
            one = Record(
                seq=self.seq,
                id=f"{self.terminal}-{self.seq:08d}",
                at_ms=at,
                kind=kind,
                redemption=redemption,
                body=body,
            )
            raw.append(encode(one))
            self.head = chain_next(self.head, raw[-1])
        seal = Seal(
            terminal=self.terminal,
            epoch="e",
            first=first,
            last=self.seq,
            count=len(raw),
            prev_hash=prev.hex(),
            head_hash=self.head.hex(),
        )
        sealed = open_batch(gzip.decompress(seal_batch(seal, raw, KEY)), terminal=self.terminal, key=KEY.public_key())
        return await self.books.write(lambda tx: take_in(tx, sealed, now_ms=now_ms or at_ms))


@pytest.fixture
def placed():
    """Return how the profile of a terminal at a site is made."""
    return profile


@pytest.fixture
def journal(books):
    async def enrolled(terminal="t1", site="gate"):
        return await Journal(books, terminal).enrol(site)

    return enrolled


@pytest.fixture
def journals():
    """What makes a terminal's journal on any books: `journals(books, terminal)`."""
    return Journal
