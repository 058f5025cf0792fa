"""An answer that the disk made something else of is an ill store: nobody is let in on it, and nobody is kept in."""

import hashlib

import pytest

from cache.journal.chain import begin_epoch
from cache.ledger.listing import open_redemptions
from cache.ledger.recall import Asking
from credit.inputs import Intent
from credit.reasons import Outcome, Reason
from edge.watch.store import DECIDE
from storage.jobs import StoreFailedError
from storage.sqlite import Store
from tests.edge.deciding import Town

DAMAGES = {
    "packed, another byte": "shown = CAST(substr(shown, 1, 9) || x'ff' || substr(shown, 11) AS BLOB)",
    "packed, cut short": "shown = substr(shown, 1, 20)",
    "packed, with an unknown dictionary": "shown = CAST(x'07' || substr(shown, 2) AS BLOB)",
    "packed, gone": "shown = NULL",
    "clear, no JSON": "answer = '{\"outcome\":'",
    "clear, no object": "answer = '[]'",
    "clear, no UTF-8": "answer = CAST(x'7b22ff223a317d' AS TEXT)",
}


@pytest.fixture
async def town(tmp_path):
    async with Store(tmp_path / "terminal.db") as store:
        await store.write(lambda conn: begin_epoch(conn, epoch="e", terminal="gate1", reason="test"))
        yield Town(store)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_who_holds_something_whose_answer_is_damaged_goes_out_and_gets_nothing(town, damage):
    decider, asking = town.decider(), Asking("till-1", hashlib.sha256(b"till-1").digest())
    lent = {"lane": "S", "intent": Intent.LEND, "asset": "u1"}
    assert (await decider.decide(town.show(asking=asking, **lent))).decision.outcome is Outcome.GRANT
    await town.store.write(lambda conn: conn.execute(f"UPDATE redemptions SET {damage}"))

    told = [
        (await decider.decide(one)).decision.reasons
        for one in (
            town.show(),
            town.show(asking=asking, **lent),
            town.show(lane="S", intent=Intent.GIVE_BACK, asset="u1"),
        )
    ]
    assert told == [(Reason.STORE_FAILED,)] * 3
    assert town.bounds.health.failing(DECIDE)
    with pytest.raises(StoreFailedError, match="an answer is damaged"):
        await town.store.read(open_redemptions)

    out = await decider.decide(town.show(intent=Intent.EXIT))
    assert (out.decision.outcome, out.open_gate) == (Outcome.GRANT, True)
    other = await decider.decide(town.show(town.phones.code(2)))
    assert (other.decision.outcome, town.bounds.health.failing(DECIDE)) == (Outcome.GRANT, False)
