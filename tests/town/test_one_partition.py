"""Every statement of intake, claims and standing looks into one partition of a table for each value it is asked about.

So the same schema can be spread over machines by declaring it (docs/scale.md), and one that looks into all sixteen is
as slow as sixteen.
"""

import re

import pytest

from central.books.bounds import Bounds
from central.books.conflicts import NOTE
from central.books.intake import Batch, take_all
from central.http.answers import to_tell_each
from central.hub.claims import Asker, answer_claim
from central.store import SCHEMAS
from credit.records import Record
from storage.postgres import PostgresJobs
from storage.postgres_tx import PostgresTx
from sync.wire.claims import ClaimKey, ClaimRequest
from tests.town.test_two_platforms import NOW_MS, granting, registered, sealed

pytestmark = pytest.mark.postgres
PARTITION = re.compile(r" on ([a-z_]+_[0-9]+)\b")
NEVER = "never executed"
GATES = ["a", "b"]


class Watched(PostgresTx):
    """A transaction that asks of each statement which partitions it would look into."""

    seen: dict[str, int]

    async def rows(self, sql, *values):
        await self._look(sql, values)
        return await super().rows(sql, *values)

    async def row(self, sql, *values):
        await self._look(sql, values)
        return await super().row(sql, *values)

    async def execute(self, sql, *values):
        await self._look(sql, values)
        return await super().execute(sql, *values)

    async def rows_each(self, sql, many):
        if len(many) > 1:
            text = await self._for_each(sql)
            plan = await self._conn.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {text}", *map(list, zip(*many, strict=True)))
            self._count(sql, plan, len(many))
        return await super().rows_each(sql, many)

    async def _look(self, sql, values):
        if not sql.startswith("EXPLAIN"):
            analyze = " (ANALYZE, TIMING OFF)" if sql.startswith("SELECT") else ""  # others would write
            self._count(sql, await self._conn.fetch(f"EXPLAIN{analyze} {sql}", *values), 1)

    def _count(self, sql, plan, asked):
        looked = {PARTITION.search(line)[1] for (line,) in plan if PARTITION.search(line) and NEVER not in line}
        tables = {name.rpartition("_")[0] for name in looked}
        most = max((sum(name.startswith(f"{table}_") for name in looked) for table in tables), default=0)
        self.seen[sql] = max(self.seen.get(sql, 0), most - asked)


def story(gate):
    def said(seq, kind, redemption=None, **body):
        return Record(seq=seq, id=f"{gate}-{seq:06d}", at_ms=1000, kind=kind, redemption=redemption, body=body)

    given = [granting(gate, seq, "u|w/x|ever") for seq in (1, 2)]
    steps = [said(3, "passed", f"{gate}-r1"), said(4, "annulled", f"{gate}-r2"), said(5, "annulled", f"{gate}-r9")]
    return given, [*steps, said(6, "not_granted", reasons=["expired"])]


async def test_what_is_asked_while_batches_claims_and_standings_come_looks_into_one(postgres_url, monkeypatch):
    seen = {}
    monkeypatch.setattr(Watched, "seen", seen, raising=False)
    async with PostgresJobs(postgres_url, SCHEMAS["postgres"]) as jobs:
        await registered(jobs, *GATES)
        monkeypatch.setattr("storage.postgres.PostgresTx", Watched)
        for part in (0, 1):
            batches = []
            for gate in GATES:
                given, steps = story(gate)
                head = sealed(gate, given).links[-1].hash
                batches.append(sealed(gate, steps, prev=head) if part else sealed(gate, given))
            for some in (batches, batches[:1]):  # new ones together, then one that was sent before
                told = [Batch(one, NOW_MS) for one in some]
                await jobs.write(lambda tx, told=told: take_all(tx, told, Bounds()))
        for gate in GATES:
            key = ClaimKey(key="u|w/y|ever", n=1, bound=1, borne="grant")
            ask = ClaimRequest(run="r", hub_no=1, redemption=f"{gate}-c", at_ms=NOW_MS, keys=[key])
            await jobs.write(lambda tx, ask=ask, gate=gate: answer_claim(tx, Asker(gate), ask, Bounds(), now_ms=NOW_MS))
        await jobs.write(lambda tx: to_tell_each(tx, GATES, 1))
        await jobs.write(lambda tx: to_tell_each(tx, GATES[:1], 1))

    several = {sql for sql, more in seen.items() if more > 0}

    assert len(seen) > 40
    assert several == {NOTE}  # what is news is numbered across all terminals; an overrun is rare
