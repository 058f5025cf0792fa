"""Ready means: somebody with a right would be let in now (illness.md 8). Readiness and a gate are both asked."""

from types import SimpleNamespace

import pytest

from cache.journal.chain import begin_epoch
from cache.ledger import facts, upkeep
from cache.ledger.facts import switched_on
from cache.lists.trusted import TrustedLists
from cache.pen import Pen
from credit.inputs import ClockState, Intent
from credit.keys import Keyring
from credit.policy import Policy
from credit.reasons import Outcome
from credit.rules.benefits import parse_benefits
from edge.watch.board import Level
from edge.watch.readings import lists_reading
from edge.watch.status import LaneReading, Reading, lines
from storage.sqlite import Store
from tests.edge.deciding import BENEFITS, GATE, NOW_S, Town

KINDS = ("issuers", "lists", "rules")


@pytest.fixture
async def town(tmp_path):
    async with Store(tmp_path / "1.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e1", terminal="gate1", reason="test"))
        yield Town(store)


def trusted(town, killed=frozenset()):
    """Return the lists as a terminal has them in force: the town's keys and rules, every role there and young."""
    states = {
        f"{kind}.wulong": SimpleNamespace(version=1, confirmed_ms=NOW_S * 1000, role=f"{kind}.wulong") for kind in KINDS
    }
    keyring = Keyring.merged([town.phones.keyring], killed=killed)
    return TrustedLists(keyring=keyring, policy=town.lists.policy, states=states)


def ready(town, lists, now, switches, intent=Intent.ENTER):
    barred = lists.policy.barred(
        GATE, intent, offline=now.offline, at_site=False, age_s=lists.age_s("wulong", now.utc_s)
    )
    lane = LaneReading(id="A", scene="gate", intent=intent.value, barred=barred)
    reading = Reading(
        lanes=(lane,),
        lists=lists_reading(lists, home="wulong", now_ms=now.utc_ms),
        clock=now.clock,
        entry_stopped=facts.entry_stopped(switches, "park"),
    )
    return {line.name: line.cause for line in lines(reading) if line.level is Level.BAD}


async def agree(town, lists=None, *, intent=Intent.ENTER):
    """Return the causes that are red and the gate's outcome, and that one says what the other does."""
    lists = lists or trusted(town)
    town.lists.keyring, town.lists.policy = lists.keyring, lists.policy
    decider = town.decider()
    now, switches = decider.now(), await town.store.read(switched_on)
    causes = ready(town, lists, now, switches, intent)
    outcome = (await decider.decide(town.show(intent=intent))).decision.outcome
    assert (not causes) is (outcome is Outcome.GRANT), (causes, outcome)
    return set(causes.values()), outcome


async def test_a_terminal_that_is_well_is_ready_and_lets_in(town):
    assert await agree(town) == (set(), Outcome.GRANT)


async def test_with_every_key_of_the_city_killed_it_is_not_ready(town):
    (kid,) = town.phones.keyring.by_kid

    assert (await agree(town, trusted(town, frozenset({("wulong", kid)}))))[0] == {"keys.over"}


async def test_past_the_end_of_its_last_key_it_is_not_ready(town):
    lists = trusted(town)
    town.clock.at_ms = 3 * NOW_S * 1000

    assert "keys.over" in (await agree(town, lists))[0]


async def test_while_entry_is_stopped_it_is_not_ready_and_says_so_at_lanes_where_people_enter(town):
    now = town.decider().now()
    name = facts.STOP_ENTRY + "park"
    await town.store.write(lambda conn: upkeep.switch(Pen(conn, now, lambda _ms: "id-1"), name, on=True, by="wang"))

    assert await agree(town) == ({"entry.stopped"}, Outcome.REFER)


@pytest.mark.parametrize("allow", [False, True])
async def test_offline_it_is_ready_only_where_something_may_be_given_offline(town, allow):
    town.lists.policy = Policy.compile(benefits=parse_benefits([BENEFITS[0] | {"offline": {"allow": allow}}]))
    town.bounds.outage.since_ms = NOW_S * 1000 - 60_000

    assert (await agree(town))[0] == (set() if allow else {"offers.barred"})


async def test_on_lists_older_than_every_benefit_takes_it_is_not_ready(town):
    town.lists.policy = Policy.compile(benefits=parse_benefits([BENEFITS[0] | {"offline": {"max_list_age_h": 1}}]))
    lists = trusted(town)
    town.clock.at_ms += 2 * 3_600_000
    town.lists.age_s = lists.age_s

    assert "offers.barred" in (await agree(town, lists))[0]


async def test_a_clock_that_is_wrong_is_not_ready(town):
    town.clock.state = ClockState.WRONG

    assert (await agree(town))[0] == {"clock.untrusted"}
