"""A list that can be read no more under a lane that serves: nobody is refused for it, let in on it, or kept in."""

from dataclasses import replace

import pytest

from cache.journal.chain import begin_epoch
from cache.ledger.visit import ListUnreadableError
from credit.inputs import Intent
from credit.policy import Policy
from credit.reasons import Outcome, Reason
from credit.rules.benefits import parse_benefits
from storage.sqlite import Store
from tests.edge.deciding import BENEFITS, Town


@pytest.fixture
async def town(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        town = Town(store)
        town.bounds.answer_s = 30.0  # what is tested here is no matter of this machine's speed
        town.hurt = {}
        town.lists.unreadable = town.hurt.__setitem__
        yield town


def damaged(*_asked):
    raise ListUnreadableError("lists.wulong", "the file was cut short")


@pytest.mark.parametrize("look_up", ["measures", "seen"])
async def test_damage_is_list_too_old_for_staff_and_told_to_the_watch(town, look_up):
    setattr(town.lists, look_up, damaged)

    decision = (await town.decider().decide(town.show())).decision

    assert (decision.outcome, decision.reasons) == (Outcome.REFER, (Reason.LIST_TOO_OLD,))
    assert town.hurt == {"lists.wulong": "the file was cut short"}
    assert await town.facts("granted") == []


async def test_whoever_leaves_is_let_out(town):
    town.lists.measures = town.lists.seen = damaged

    decision = (await town.decider().decide(town.show(intent=Intent.EXIT))).decision

    assert decision.outcome is Outcome.GRANT


async def test_a_member_list_that_takes_the_tier_away_counts_at_the_lane(town):
    town.lists.policy = Policy.compile(benefits=parse_benefits([{**BENEFITS[0], "who": {"min_tier": 2}}]))
    town.lists.seen = lambda token: replace(token, tier=0, groups=frozenset())
    taken = (await town.decider().decide(town.show())).decision
    town.lists.seen = lambda token: replace(token, tier=3)
    granted = (await town.decider().decide(town.show())).decision

    assert (taken.outcome, Reason.REVOKED in taken.reasons) == (Outcome.STANDARD, False)
    assert granted.outcome is Outcome.GRANT
