"""A person says that nobody waits for a silent terminal any longer: lifted, or written off (claims.md 3 and 9)."""

import asyncio

import pytest

from central.books import pledges
from central.commands import terminals as command
from central.hub import lifting
from central.platform_state import StateError
from central.store import sqlite_books
from sync.wire.messages import WireError
from tests.town.test_claim_calls import answered, ask, call
from tests.town.test_claims import KEY, QUOTA
from tests.town.test_claims import authority as authority  # noqa: PLC0414 - a fixture

LATER_MS = pledges.LAPSE_MS + 1


async def lapsed(authority, gate="g1", redemption="A"):
    await authority.ask(gate, redemption)
    authority.now += LATER_MS
    assert (await authority.ask("g2")).doubtful == [KEY]


async def doubts(authority):
    rows = await authority.jobs.read(lambda tx: tx.rows(lifting.DOUBTS, ""))
    return [(row[1], row[2], row[3]) for row in rows]


def decided(authority, action, terminal="g1"):
    return authority.jobs.write(lambda tx: lifting.decide(tx, terminal, action, why="box burnt", now_ms=authority.now))


@pytest.mark.parametrize("action", ["lift", "write_off"])
async def test_what_a_silent_gate_may_have_given_is_in_doubt_until_a_person_lifts_it(authority, action):
    await lapsed(authority)

    await decided(authority, action)

    assert (await authority.ask("g2")).granted
    assert (await authority.ask("g1", "A")).gone
    assert await doubts(authority) == []


async def test_a_lifted_claim_s_fact_counts_when_it_comes_after_all(authority):
    await lapsed(authority)
    await decided(authority, "lift")

    await authority.used("g1", "A")

    assert (await authority.ask("g2")).refused.state == "used"


async def test_a_claim_that_is_in_hand_is_not_lifted(authority):
    await authority.ask("g1", "A")

    await decided(authority, "lift")

    assert (await authority.ask("g2")).refused.state == "held"


async def test_a_lift_leaves_leases_and_a_write_off_ends_them_under_the_next_number(authority):
    await authority.lease("g1", number=0, total=8)
    await authority.used("g1", "A", key=QUOTA, n=3)
    await decided(authority, "lift")
    assert (await authority.lease("g2", number=0, total=9)).total == 2

    await decided(authority, "write_off")

    assert (await authority.lease("g2", number=0, total=9)).total == 7
    back = await authority.lease("g1", number=0, total=8)  # the box was only lost for a while: it learns the number
    assert (back.number, back.total) == (1, 3)


async def test_lapsed_claims_are_a_list_that_ends_with_a_fact_a_release_or_a_later_start(authority):
    for number, ends in enumerate(("fact", "release", "start")):
        key = f"{KEY}{number}"
        await authority.jobs.write(lambda tx, run=f"r{number}": pledges.begin_run(tx, "g1", run, now_ms=1))
        await authority.ask("g1", f"A{number}", key=key, run=f"r{number}")
        authority.now += LATER_MS
        await authority.ask("g2", f"B{number}", key=key)
        assert await doubts(authority) == [("g1", f"A{number}", key)]
        if ends == "fact":
            await authority.used("g1", f"A{number}", key=key)
        elif ends == "release":
            await authority.ask("g1", key="u|other|all", run=f"r{number}", release=[f"A{number}"])
        else:
            await authority.jobs.write(lambda tx: pledges.begin_run(tx, "g1", "last", now_ms=2))

        assert await doubts(authority) == []


async def test_the_list_outlives_a_restart_of_the_authority_and_still_ends_with_the_fact(tmp_path):
    path = tmp_path / "c.db"
    claim = pledges.Claim("A", "g1", "r")
    async with sqlite_books(path) as books:
        await books.write(lambda tx: pledges.hold(tx, claim, [(KEY, 1)], now_ms=0))
        await books.write(lambda tx: pledges.lapse(tx, now_ms=LATER_MS))
    async with sqlite_books(path) as books:
        assert [one.redemption for one in await books.read(lifting.own_doubts)] == ["A"]
        await books.write(lambda tx: pledges.confirm(tx, "g1", ["A"]))
        assert await books.read(lifting.own_doubts) == []


async def test_nobody_lifts_whom_nobody_knows(authority):
    with pytest.raises(WireError, match="not_found|registered"):
        await decided(authority, "lift", terminal="nobody")


async def test_a_command_beside_the_platform_that_serves_lifts_what_is_in_its_memory(town, monkeypatch, capsys):
    a, b = await town.terminal("gate-a"), await town.terminal("gate-b")
    monkeypatch.setattr(pledges, "LAPSE_MS", 1)
    assert (await answered(town, a, ask("A")))["granted"]
    async with asyncio.timeout(10):
        while (await call(town, b, ask("B")))["doubtful"] != [ask("B")["keys"][0]["key"]]:
            await asyncio.sleep(0)

    def said(*more):
        args = ["--state", str(town.state.folder), *more]
        parser = __import__("argparse").ArgumentParser()
        command.add_arguments(parser)
        assert command.run(parser.parse_args(args)) == 0
        return capsys.readouterr().out

    assert "gate-a" in await asyncio.to_thread(said, "lapsed", "gate-a")
    with pytest.raises(StateError, match="--why"):
        await asyncio.to_thread(said, "lift", "gate-a")
    told = await asyncio.to_thread(said, "lift", "gate-a", "--why", "its box was stolen")

    assert "its site has no hub" in told
    assert (await call(town, b, ask("B2")))["granted"]
    assert await asyncio.to_thread(said, "lapsed") == ""
