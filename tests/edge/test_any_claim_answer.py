"""Row 1: a hub, or a platform, answers a claim with anything that can be decoded. Nobody signed it: it is a word.

The visitor is decided, the next one too, and what comes of it is never more than a terminal gives alone.
`XINGUAN_ANSWERS=2000` plays more of them by hand; the number in the message is the seed.
"""

import logging
import os
import random

import pytest

from cache.ids import uuid7
from cache.journal.chain import begin_epoch, verify
from credit.inputs import Intent
from credit.reasons import Outcome
from storage.sqlite import Store
from sync.beyond.asking import Asking
from sync.beyond.rounds import Asker
from sync.wire.claims import ClaimAnswer
from sync.wire.messages import decode
from tests.edge.deciding import Town
from tests.tools.decodable import decodable, kept

CASES = int(os.environ.get("XINGUAN_ANSWERS", "40"))
SEED = 20261127
SHOWN = (
    ("A", Intent.ENTER, {}),
    ("A", Intent.EXIT, {}),
    ("S", Intent.OPEN, {"asset": "U1"}),
    ("S", Intent.GIVE_BACK, {"asset": "U1"}),
    ("T", Intent.BUY, {"amount_fen": 1_000}),
    ("T", Intent.RETURN, {"amount_fen": 500}),
)


class Liar:
    """Answers every ask with the next of its documents."""

    def __init__(self, documents):
        self.documents = documents

    async def claim(self, _request):
        return decode(next(self.documents), ClaimAnswer)


def endless(documents, draw):
    yield from documents
    while True:
        yield decodable(draw, ClaimAnswer)


def lied_to(store, documents):
    town = Town(store)
    asker = Asker(run="run-gate1", hub_no=3, terminal="gate1", ids=uuid7)
    return town, town.decider(beyond=Asking(Liar(documents), lambda: asker, town.clock.now))


@pytest.fixture
async def store(tmp_path):
    async with Store(tmp_path / "1.db") as opened:
        await opened.write(lambda conn: begin_epoch(conn, epoch="e1", terminal="gate1", reason="test"))
        yield opened


async def decided(town, decider, lane, intent, more, holder):
    shown = town.show(town.phones.code(holder), lane=lane, intent=intent, **more)
    return await decider.decide(shown)


@pytest.mark.parametrize("document", kept("claim_answers"))
async def test_what_once_ended_a_decision_ends_none(store, document):
    for lane, intent, more in SHOWN:
        town, decider = lied_to(store, iter([document] * 5))
        answer = await decided(town, decider, lane, intent, more, holder=1)
        assert answer.decision.outcome in Outcome


async def test_whatever_is_answered_to_a_claim_the_visitor_is_decided_and_the_journal_holds(store, caplog):
    for case in range(CASES):
        draw = random.Random(SEED + case)
        documents = endless((), draw)
        lane, intent, more = SHOWN[case % len(SHOWN)]
        town, decider = lied_to(store, documents)
        try:
            answer = await decided(town, decider, lane, intent, more, holder=case + 1)
        except Exception as error:
            raise AssertionError(f"seed {SEED + case}: {intent} at lane {lane}") from error
        assert answer.decision.outcome in Outcome
        assert (answer.decision.obligations.get("open_gate") is True) or intent is not Intent.EXIT
    await store.read(verify)
    assert await town.facts("not_granted", "granted", "opened", "exited")
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []
