"""Booking a batch costs in proportion to its facts, whatever they do to each other.

Counted are the lines that `central.books` runs, so that no busy machine has a say: in a batch of four times as many
facts each fact may run hardly more of them.
"""

import gzip
import sys
from contextlib import contextmanager

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.books.bounds import Bounds
from central.books.intake import take_in
from central.store import SCHEMA, provisional_sql
from credit.records import Record, chain_next, chain_start, encode
from storage.driven import SqliteTx, drive
from storage.sqlite import immediate, memory
from sync.wire.messages import Seal
from sync.wire.seals import open_batch, seal_batch

NOW = 1_790_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
TERMINAL = "INSERT INTO terminals (terminal, site, profile) VALUES ('gate', 'park', '{}')"
FEW, MANY = 25, 100
DAY = "u|w/first|day:2026-09-21"


class Platform:
    """A platform's books in memory, and a gate that sends it its journal."""

    def __init__(self):
        self.conn = memory(SCHEMA)
        self.conn.executescript(provisional_sql())
        self.conn.execute(TERMINAL)
        self.seq, self.head = 0, chain_start("gate", "e")

    def hear(self, facts):
        """Take a batch of (kind, redemption, body) in; return how many lines of `central.books` that ran."""
        first, before, raws = self.seq + 1, self.head, []
        for kind, redemption, body in facts:
            self.seq += 1
            raws.append(
                encode(
                    Record(
                        seq=self.seq,
                        id=f"id-{self.seq:08}",
                        at_ms=NOW + self.seq,
                        kind=kind,
                        redemption=redemption,
                        body=body,
                    )
                )
            )
            self.head = chain_next(self.head, raws[-1])
        seal = Seal(
            terminal="gate",
            epoch="e",
            first=first,
            last=self.seq,
            count=len(raws),
            prev_hash=before.hex(),
            head_hash=self.head.hex(),
        )
        sealed = open_batch(gzip.decompress(seal_batch(seal, raws, KEY)), terminal="gate", key=KEY.public_key())
        with immediate(self.conn), lines_of("central/books/") as ran:
            drive(take_in(SqliteTx(self.conn), sealed, now_ms=NOW, bounds=Bounds()))
        return ran[0]

    def living(self):
        [(uses, spent)] = self.conn.execute(
            "SELECT (SELECT coalesce(sum(n - back), 0) FROM uses WHERE key = ?1),"
            " (SELECT spent FROM tallies WHERE key = ?1)",
            (DAY,),
        )
        return uses, spent

    def findings(self):
        return self.conn.execute("SELECT kind, detail FROM findings").fetchall()


@contextmanager
def lines_of(folder):
    """Count the lines that run in modules of a folder."""
    ran, before = [0], sys.gettrace()

    def line(_frame, event, _arg):
        ran[0] += event == "line"
        return line

    def call(frame, _event, _arg):
        return line if folder in frame.f_code.co_filename else None

    sys.settrace(call)
    try:
        yield ran
    finally:
        sys.settrace(before)


def granted(number, *, inside=False):
    uses = [{"key": f"u|w/first|subject:w:{number}|ever", "n": 1, "max": 1}, {"key": DAY, "n": 1, "max": 10**6}]
    uses += [{"key": f"i|w/first@site:park|{number}", "n": 1, "max": 1}] if inside else []
    body = {"issuer": "w", "class": "bound", "subject": f"{number:032x}", "heads": 1, "site": "park", "uses": uses}
    return "granted", f"R{number:06}", body


def grants(many, **more):
    return [granted(number, **more) for number in range(many)]


def ended(many, kind="annulled"):
    return [(kind, f"R{number:06}", {"step": kind}) for number in range(many)]


def left(many):
    return [
        ("exited", None, {"issuer": "w", "subject": f"{number:032x}", "site": "park", "heads": 1})
        for number in range(many)
    ]


BATCHES = {  # what was heard before, what is heard now, and how much of all that stands in the end
    "given and taken back in one batch": (lambda many: [], lambda many: grants(many) + ended(many), 0),
    "taken back later": (grants, ended, 0),
    "passed later": (grants, lambda many: ended(many, "passed"), 1),
    "gone in and out in one batch": (lambda many: [], lambda many: grants(many, inside=True) + left(many), 1),
    "gone out later": (lambda many: grants(many, inside=True), left, 1),
}


@pytest.mark.parametrize("name", BATCHES)
def test_a_fact_costs_as_much_in_a_long_batch_as_in_a_short_one(name):
    before, now, stands = BATCHES[name]
    ran = {}
    for many in (FEW, MANY):
        platform = Platform()
        if facts := before(many):
            platform.hear(facts)
        ran[many] = platform.hear(now(many))
        assert platform.living() == (stands * many,) * 2
        assert platform.findings() == []
    assert ran[MANY] <= 1.1 * ran[FEW] * MANY / FEW, ran
