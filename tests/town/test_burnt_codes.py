"""A code that was good at one gate is good at no other of the site: while it is decided, and once its fact has come."""

import pytest

from cache.journal.chain import records
from cache.ledger.entries import read_back
from credit.reasons import Outcome, Reason
from tests.edge.deciding import Phones
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
    code = Phones().minted(at_s=at_s) if kind == "minted" else Phones().code(at_s=at_s)

    async def shown(gate):
        decision = (await gate.made.decide(gate.show(code, asking=None))).decision
        return decision.outcome, decision.reasons[0]

    assert await shown(one) == (Outcome.GRANT, Reason.OK)
    assert await shown(two) == (Outcome.REFER, Reason.IN_USE)
    await authority.hear(one)
    assert await shown(two) == (Outcome.REFUSE, Reason.REPLAYED)


@pytest.mark.parametrize("kind", ["bound", "minted"])
async def test_a_fact_that_names_no_nonce_is_read_back_as_burning_its_token_s_id(site, kind):
    """The first bound code here has a nonce that equals its token's id; a box that lost its store reads it so."""
    _authority, one, _two = site
    at_s = one.clock.at_ms // 1000
    code = Phones().minted(at_s=at_s) if kind == "minted" else Phones().code(at_s=at_s)
    await one.made.decide(one.show(code, asking=None))

    [record] = [each for each in await one.store.read(lambda conn: list(records(conn, after=0))) if each.redemption]

    assert "nonce" not in record.body
    assert read_back(record, "one").nonce.hex() == record.body["token"]
