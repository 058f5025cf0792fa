"""The first attempt to open is written with the grant itself, in one commit (ADR 0170)."""

import pytest
from msgspec.structs import replace

from cache.journal.chain import begin_epoch
from cache.ledger.attempts import attempt_id
from credit.inputs import Intent
from credit.reasons import Outcome, Reason
from edge.lanes.gates.unsent import Unsent
from storage.sqlite import Store
from tests.edge.deciding import SHORT_S, Hanging, Town


@pytest.fixture
async def town(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        yield Town(store)


def gated(shown, approached):
    """Return what is shown at a lane that has a gate."""
    return replace(shown, approach=lambda: approached.append("gate"))


async def test_a_grant_is_written_with_the_attempt_that_is_to_be_sent(town, tmp_path):
    written, decider = [], town.decider()
    decider.unsent = Unsent(tmp_path / "unsent")
    decider.reached = written.append

    answer = await decider.decide(gated(town.show(), []))

    assert [kind for kind, _ in await town.facts()] == ["granted", "actuating"]
    assert written == ["before-commit", "after-commit"]
    assert answer.attempt == 1
    assert decider.unsent.waits(attempt_id(answer.redemption, 1))


@pytest.mark.parametrize(
    ("shown", "outcome"),
    [
        ({"intent": Intent.CHECK}, Outcome.GRANT),
        ({"intent": Intent.EXIT}, Outcome.GRANT),
        ({"lane": "T", "intent": Intent.BUY, "amount_fen": 500}, Outcome.GRANT),
        ({"text": "XG1:NOTHING"}, Outcome.STANDARD),
    ],
)
async def test_what_opens_nothing_or_waits_for_no_store_bears_no_attempt(town, shown, outcome):
    answer = await town.decider().decide(gated(town.show(**shown), []))

    assert answer.decision.outcome is outcome
    assert answer.attempt is None
    assert "actuating" not in [kind for kind, _ in await town.facts()]


async def test_a_repeat_bears_none_and_a_lane_without_a_gate_bears_none(town):
    decider, code = town.decider(), town.phones.code()

    first = await decider.decide(gated(town.show(code), []))
    again = await decider.decide(gated(town.show(code), []))
    without = await decider.decide(town.show(town.phones.code(2)))

    assert (first.attempt, again.attempt, without.attempt) == (1, None, None)
    assert again.repeat
    assert [kind for kind, _ in await town.facts()] == ["granted", "actuating", "granted"]


async def test_a_grant_that_came_too_late_takes_its_attempt_back_with_it(town):
    town.bounds.answer_s, disk = SHORT_S, Hanging()
    decider = town.decider(reached=lambda point: disk() if point == "before-commit" else None)

    answer = await decider.decide(gated(town.show(), []))
    disk.let_go()

    assert answer.decision.reasons == (Reason.STORE_FAILED,)
    told = await town.until("annulled")
    assert [kind for kind, _ in told] == ["granted", "actuating", "not_actuated", "annulled"]
    assert told[2][1] == {"attempt": told[1][1]["attempt"], "why": "late", "sure": True}


@pytest.mark.parametrize(
    ("shown", "approached"),
    [({}, ["gate"]), ({"intent": Intent.CHECK}, []), ({"text": "XG1:NOTHING"}, []), ({"intent": Intent.EXIT}, [])],
)
async def test_the_gate_is_connected_to_while_its_grant_is_written_and_for_nobody_else(town, shown, approached):
    heard, before = [], []
    decider = town.decider(reached=lambda point: before.extend(heard) if point == "before-commit" else None)

    await decider.decide(gated(town.show(**shown), heard))

    assert heard == before == approached
