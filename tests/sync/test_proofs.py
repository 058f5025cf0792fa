"""Proofs of presence on their way: never a live code, never in the way of a fact, kept until they have arrived."""

import pytest

from cache.ids import uuid7
from cache.journal import proofs
from cache.journal.chain import NewFact, append
from sync.push.carrying import ALONE_S, LEAST, RIPE_S, Carrier
from sync.push.pusher import Pusher
from sync.transport import UnreachableError
from sync.wire.messages import MAX_BATCH_BYTES

HELD = "SELECT redemption, shown FROM proofs ORDER BY redemption"
SHOWN = bytes(range(256)) + bytes(58)


class Running:
    """Time that only runs forward, moved by the test."""

    def __init__(self):
        self.s = 1000.0

    def __call__(self):
        return self.s


class Sender:
    """A terminal's way out whose proofs ripen by the test's clock; counts what each batch carried."""

    def __init__(self, terminal):
        self.terminal, self.running = terminal, Running()
        self.line = terminal.line()
        self.pusher = self.anew()
        self.bodies = []
        call = self.line.call

        async def counted(method, path, body=b"", **rest):
            self.bodies.append(body)
            return await call(method, path, body, **rest)

        self.line.call = counted

    def anew(self):
        return Pusher(self.line, carrier=Carrier(self.terminal.store, now=self.running))

    async def grants(self, *named, shown=SHOWN, body=None):
        clock = self.terminal.clock

        def job(conn):
            for one in named:
                fact = append(conn, NewFact("granted", body or {}, clock.at_ms, uuid7(clock.at_ms), one))
                proofs.keep(conn, one, fact.seq, shown)

        await self.terminal.store.write(job)

    async def waiting(self):
        everything = proofs.Aboard(2**62, 2**62, 2**30)
        return set(await self.terminal.store.read(lambda conn: proofs.waiting(conn, everything)))


@pytest.fixture
async def sender(town):
    return Sender(await town.terminal())


async def test_a_proof_waits_until_its_code_has_long_been_dead_and_goes_with_the_next_facts(town, sender):
    await sender.grants("r1")
    await sender.pusher.drain()
    sender.running.s += RIPE_S - 1
    await sender.grants("r2")
    await sender.pusher.drain()
    assert town.rows(HELD) == []

    sender.running.s += 1
    await sender.grants("r3")
    await sender.pusher.drain()

    assert town.rows(HELD) == [("r1", SHOWN)]
    assert await sender.waiting() == {"r2", "r3"}


async def test_a_wall_clock_that_is_set_sends_no_live_code(town, sender):
    await sender.grants("r1")
    await sender.pusher.drain()
    sender.terminal.clock.at_ms += 10**9
    await sender.grants("r2")
    await sender.pusher.drain()

    assert town.rows(HELD) == []


async def test_after_five_minutes_without_a_fact_proofs_go_alone_with_whatever_is_ripe(town, sender):
    await sender.grants("r1")
    await sender.pusher.drain()
    sender.running.s += RIPE_S - 1
    await sender.grants("r2")
    await sender.pusher.drain()
    sent = len(sender.bodies)
    sender.running.s += ALONE_S - RIPE_S
    await sender.pusher.once()
    assert len(sender.bodies) == sent
    assert await sender.pusher._carrier.rest_s() == 1

    sender.running.s += 1
    await sender.pusher.once()
    await sender.pusher.once()

    assert len(sender.bodies) == sent + 1
    assert town.rows(HELD) == [("r1", SHOWN), ("r2", SHOWN)]
    assert await sender.waiting() == set()
    assert town.ledger()["records"] == 2


async def test_a_restart_lets_everything_ripen_once_more(town, sender):
    await sender.grants("r1")
    await sender.pusher.drain()
    sender.running.s += 10 * ALONE_S
    sender.pusher = sender.anew()
    await sender.pusher.drain()
    assert town.rows(HELD) == []

    sender.running.s += ALONE_S
    await sender.pusher.once()

    assert town.rows(HELD) == [("r1", SHOWN)]


async def test_a_lost_answer_keeps_the_proof_and_it_counts_once(town, sender):
    await sender.grants("r1")
    await sender.pusher.drain()
    sender.running.s += ALONE_S
    town.relay.lose_answers = 1
    with pytest.raises(UnreachableError):
        await sender.pusher.once()
    assert await sender.waiting() == {"r1"}
    assert town.rows(HELD) == [("r1", SHOWN)]

    await sender.pusher.once()

    assert await sender.waiting() == set()
    assert town.rows(HELD) == [("r1", SHOWN)]


async def test_no_proof_travels_before_the_batch_that_its_fact_is_in(town, sender):
    await sender.grants(*[f"r{number:03}" for number in range(600)])
    sender.running.s += 1
    await sender.pusher._carrier.aboard(taken=0, last=0)  # seen
    sender.running.s += RIPE_S

    await sender.pusher.once()

    facts = {row[0] for row in town.rows("SELECT redemption FROM facts")}
    assert len(facts) == 500
    assert {row[0] for row in town.rows(HELD)} <= facts


async def test_proofs_take_no_room_from_facts_and_a_batch_stays_within_its_bound(town, sender):
    await sender.grants(*[f"r{number:03}" for number in range(300)], body={"text": "x" * 2000})
    await sender.pusher._carrier.aboard(taken=0, last=0)
    sender.running.s += RIPE_S
    first = await sender.pusher.once()
    assert first * 2000 > MAX_BATCH_BYTES * 9 // 10

    sender.running.s += ALONE_S
    await sender.pusher.drain()
    while await sender.waiting():
        await sender.pusher.once()

    assert len(town.rows(HELD)) == 300


def test_a_narrow_way_gets_half_as_much_at_once_and_more_after_a_success():
    carrier = Carrier(store=None)
    for _ in range(20):
        carrier.narrow()
    assert carrier._room == LEAST
    carrier.widen()
    assert carrier._room == 2 * LEAST


async def test_what_a_hub_only_holds_stays_here_and_goes_again_after_five_minutes(sender):
    await sender.grants("r1")
    carrier = sender.pusher._carrier
    await carrier.rest_s()
    sender.running.s += ALONE_S
    assert set(await carrier.alone()) == {"r1"}

    await carrier.lent(["r1"])
    assert await carrier.alone() == {}
    assert await carrier.rest_s() == ALONE_S
    sender.running.s += ALONE_S

    assert set(await carrier.alone()) == {"r1"}
    assert await sender.waiting() == {"r1"}
