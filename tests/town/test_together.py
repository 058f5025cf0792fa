"""Batches that are taken in together make the books that they make one after the other."""

import random

import pytest

from central.books.arriving.chains import GapError
from central.books.booking import unmixed
from central.books.bounds import Bounds
from central.books.elsewhere.telling import INSIDE
from central.books.intake import Batch, take_all, take_in
from central.books.planned import Entry, Incoming
from central.store import SCHEMAS, sqlite_books
from credit.records import Record, chain_next, encode
from storage.postgres import PostgresJobs
from tests.town.test_two_platforms import granting, registered, sealed

GATES = [f"g{number}" for number in range(5)]
SUBJECTS = [f"{number:032x}" for number in range(6)]
ROUNDS = 7
NOW = 10_000_000
EVERY = {
    "facts": "*",
    "batches": "*",
    "epochs": "*",
    "journals": "terminal, records, set_aside, duplicates, epoch, seq, head",
    "uses": "*",
    "tallies": "*",
    "redemptions": "*",
    "named": "*",
    "endings": "*",
    "early": "*",
    "totals": "*",
    "daily": "*",
    "verdicts": "*",
    "doubts": "*",
    "kinds": "*",
    "refusals": "*",
    "proofs": "*",
    "overruns": "*",
    "conflicts": "terminal, epoch, seq, kind, key, redemption, heard",  # of several others any may be named first
    "findings": "*",
    "lives": "*",
}


class Story:
    """Journals of five gates whose visitors are each other's, drawn: what one gate gives another takes back."""

    def __init__(self, seed):
        self.bounds = [1, 2, 9] if seed % 2 else [999]  # now and then overrun, or never
        self.drawn = random.Random(seed)
        self.ends = dict.fromkeys(GATES, (0, None))
        self.given = []
        self.at_ms = 1_000

    def record(self, gate, seq):
        self.at_ms += self.drawn.randrange(5_000)
        kind = self.drawn.choice(["granted"] * 5 + ["passed", "annulled", "reversed", "exited", "not_granted", "paid"])
        subject = self.drawn.choice(SUBJECTS)
        body = {"issuer": "w", "subject": subject, "heads": 1}
        redemption = self.drawn.choice(self.given) if self.given and self.drawn.random() < 0.9 else f"{gate}-{seq}"
        if kind == "granted":
            redemption = redemption if self.drawn.random() < 0.1 else f"{gate}-{seq}"
            body["uses"] = [
                {"key": f"u|w/x|subject:w:{subject}|ever", "n": 1, "max": self.drawn.choice(self.bounds[:2])},
                {"key": "u|w/x|day:1970-01-01", "n": 1, "max": self.bounds[-1]},
            ]
            if self.drawn.random() < 0.4:
                body["uses"].append({"key": f"{INSIDE}w/x|s", "n": 1, "max": self.bounds[-1]})
            body["given"] = [{"benefit": "w/x", "offer": {"off_fen": 7}}]
            self.given.append(redemption)
        elif kind in ("exited", "not_granted"):
            redemption, body["reasons"] = None, ["expired"]
        return Record(seq=seq, id=f"{gate}-{seq:06d}", at_ms=self.at_ms, kind=kind, redemption=redemption, body=body)

    def batch(self, gate):
        last, head = self.ends[gate]
        if last and self.drawn.random() < 0.1:
            return sealed(gate, [self.record(gate, last + 2)], prev=bytes(32))  # it hangs on to nothing
        records = [self.record(gate, last + number) for number in range(1, self.drawn.randrange(2, 7))]
        found = sealed(gate, records, prev=head)
        for one in records:
            head = chain_next(head, encode(one)) if head else None
        self.ends[gate] = records[-1].seq, found.links[-1].hash
        return found

    def rounds(self):
        """Return rounds of batches: each of some gates, now and then one that was sent before."""
        found, before = [], {}
        for _ in range(ROUNDS):
            some = []
            for gate in self.drawn.sample(GATES, self.drawn.randrange(2, 6)):
                again = gate in before and self.drawn.random() < 0.15
                some.append(before[gate] if again else self.batch(gate))
                before[gate] = some[-1]
            found.append(some)
        return found


async def one_by_one(jobs, batches, now_ms):
    told = []
    for one in batches:
        try:
            told.append(await jobs.write(lambda tx, one=one: take_in(tx, one, now_ms=now_ms, bounds=Bounds())))
        except GapError as error:
            told.append(error)
    return told


async def together(jobs, batches, now_ms):
    return await jobs.write(lambda tx: take_all(tx, [Batch(one, now_ms) for one in batches], Bounds()))


async def books(jobs):
    async def job(tx):
        return {
            table: sorted(
                ({tuple(row) for row in await tx.rows(f"SELECT {columns} FROM {table}")}),
                key=repr,
            )
            for table, columns in EVERY.items()
        }

    found = await jobs.read(job)
    found["journals"] = [row for row in found["journals"] if row[1]]  # one that only failed has a turn there
    return found


async def play(jobs, seed, way):
    await registered(jobs, *GATES)
    told = []
    for number, batches in enumerate(Story(seed).rounds()):
        told += [repr(one) for one in await way(jobs, batches, NOW + number)]
    return told, await books(jobs)


@pytest.mark.parametrize("seed", range(6))
async def test_what_is_taken_in_together_is_booked_as_one_after_the_other(tmp_path, seed):
    async with sqlite_books(tmp_path / "a.db") as jobs:
        alone = await play(jobs, seed, one_by_one)
    async with sqlite_books(tmp_path / "b.db") as jobs:
        both = await play(jobs, seed, together)

    assert both[0] == alone[0]
    for table, rows in alone[1].items():
        assert both[1][table] == rows, table
    assert any(row[3] == "limit" for row in alone[1]["conflicts"]) == bool(seed % 2)


@pytest.mark.postgres
async def test_what_is_taken_in_together_is_booked_alike_on_postgresql(postgres_url, tmp_path):
    async with sqlite_books(tmp_path / "a.db") as jobs:
        alone = await play(jobs, 5, one_by_one)
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        both = await play(jobs, 5, together)

    assert both[0] == alone[0]
    for table, rows in alone[1].items():
        assert both[1][table] == rows, table


def said(gate, kind, at_ms, redemption=None, seq=1, **body):
    return Record(seq=seq, id=f"{gate}-{seq:06d}", at_ms=at_ms, kind=kind, redemption=redemption, body=body)


def wider(gate, most, at_ms):
    found = granting(gate, 1, SCARCE, at_ms=at_ms)
    found.body["uses"][0]["max"] = most
    return sealed(gate, [found])


SCARCE = f"u|w/x|subject:w:{SUBJECTS[0]}|ever"
GIVEN = sealed("g0", [granting("g0", 1, SCARCE, at_ms=1_000)])
OVERRUN = sealed("g1", [granting("g1", 1, SCARCE, at_ms=3_000)])


def taken_back(at_ms):
    return sealed("g2", [said("g2", "annulled", at_ms, "g0-r1")])


async def books_after(path, first, then, way):
    async with sqlite_books(path) as jobs:
        await registered(jobs, *GATES)
        await one_by_one(jobs, first, NOW)
        await way(jobs, then, NOW + 1)
        return await books(jobs)


@pytest.mark.parametrize("then", [[OVERRUN, taken_back(4_000)], [OVERRUN, wider("g2", 9, 4_000)]])
async def test_an_overrun_is_found_that_another_batch_gives_back_or_has_a_wider_bound_for(tmp_path, then):
    alone = await books_after(tmp_path / "a.db", [GIVEN], then, one_by_one)
    both = await books_after(tmp_path / "b.db", [GIVEN], then, together)

    assert [row[0] for row in alone["conflicts"]] == ["g0", "g1"]
    assert both == alone


async def test_of_batches_that_overrun_together_those_uses_are_told_of_that_stood_when_it_was_overrun(tmp_path):
    """Two uses of one gate fit; what a second gate adds is an excess beside its newest, and never beside its first."""
    uses = [granting("g0", seq, SCARCE, at_ms=1_000 * seq) for seq in (1, 2)] + [granting("g1", 1, SCARCE, at_ms=3_000)]
    for one in uses:
        one.body["uses"][0]["max"] = 2
    then = [sealed("g0", uses[:2]), sealed("g1", uses[2:])]
    alone = await books_after(tmp_path / "a.db", [], then, one_by_one)
    both = await books_after(tmp_path / "b.db", [], then, together)

    assert [(row[0], row[2]) for row in alone["conflicts"]] == [("g0", 2), ("g1", 1)]
    assert both == alone


async def test_who_knows_of_a_conflict_is_told_that_it_is_over_by_a_batch_that_came_with_his(tmp_path):
    known = said("g1", "claim_conflict", 3_500, seq=2)
    known.body.update(conflict="limit", seq=1, key=SCARCE)
    known.body["with"] = [{"terminal": "g0", "redemption": "g0-r1", "at_ms": 1_000}]
    knowing = sealed("g1", [known], prev=OVERRUN.links[-1].hash)
    for number, then in enumerate(([knowing, taken_back(2_000)], [taken_back(2_000), knowing])):
        both = await books_after(tmp_path / f"{number}.db", [GIVEN, OVERRUN], then, together)

        assert [(row[0], row[3], row[6]) for row in both["conflicts"]] == [("g1", "dissolved", 0)]


def test_batches_that_speak_of_one_grant_are_booked_one_after_the_other():
    def said(gate, redemption, kind="passed", **body):
        incoming = Incoming(terminal=gate, epoch="e", site="s", received_ms=1)
        return Entry(incoming, Record(seq=1, id=gate, at_ms=1, kind=kind, redemption=redemption, body=body))

    apart = [said("a", "R1"), said("b", "R2"), said("c", None), said("d", None)]
    mixed = [said("a", "R1"), said("b", "R2"), said("c", "R1"), said("d", "R2")]
    exits = [said("a", None, "exited", issuer="w", subject="x"), said("b", None, "exited", issuer="w", subject="x")]

    assert [len(part.entries) for part in unmixed(apart)] == [4]
    assert [len(part.entries) for part in unmixed(mixed)] == [2, 2]
    assert [len(part.entries) for part in unmixed(exits)] == [1, 1]
