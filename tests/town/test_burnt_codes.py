"""A code that was good at one gate is good at no other of the site: while it is decided, and once its fact has come."""

import pytest

from credit.reasons import Outcome, Reason
from tests.town.two_deciders import benefit, two_gates

BENEFITS = [benefit(9, "cave", "free", where={"scenes": ["gate"]})]  # nothing but the code itself is bounded


@pytest.fixture
async def site(tmp_path, monkeypatch):
    async with two_gates(tmp_path, BENEFITS, monkeypatch) as made:
        yield made


@pytest.mark.parametrize("kind", ["bound", "minted"])
async def test_a_code_that_was_granted_at_one_gate_is_a_replay_at_the_next(site, kind):
    authority, one, two = site
    at_s = one.clock.at_ms // 1000
    code = one.phones.minted(at_s=at_s) if kind == "minted" else one.phones.code(at_s=at_s)

    async def shown(gate):
        decision = (await gate.made.decide(gate.show(code, asking=None))).decision
        return decision.outcome, decision.reasons[0]

    assert await shown(one) == (Outcome.GRANT, Reason.OK)
    assert await shown(two) == (Outcome.REFER, Reason.IN_USE)
    await authority.hear(one)
    assert await shown(two) == (Outcome.REFUSE, Reason.REPLAYED)
