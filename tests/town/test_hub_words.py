"""A hub that lies "used" is found a day later: by the denial that its word caused, and the use that nobody told of."""

import pytest

from central.books.settling import hub_words
from central.books.settling.hub_words import DAY_MS
from central.store import sqlite_books
from tests.proofs.grants import NOW_MS, Gate, Phone, Platform

KEY = "u|wulong/free@site:park|subject:wulong:01|ever"
HUB = "INSERT INTO hubs (site, terminal, no, url, cert_sha256, public_key) VALUES ('park', 'hub-1', 7, 'u', 'c', 'k')"
DENIAL = {"key": KEY, "with": {"site": "park", "terminal": "gate-b", "at_ms": NOW_MS}, "hub_no": 7, "claim": "held"}


@pytest.fixture
async def platform(tmp_path):
    async with sqlite_books(tmp_path / "c.db") as books:
        made = Platform(books)
        await made.enrols("gate-a", "gate-b")
        await books.write(lambda tx: tx.execute(HUB))
        yield made


async def denied(platform, **changes):
    gate = Gate("gate-a")
    gate.writes("not_granted", {"reasons": ["limit_used"]} | DENIAL | changes)
    await platform.takes(gate.batch())


async def looked(platform, later_ms=DAY_MS):
    now_ms = NOW_MS + later_ms
    if await platform.books.read(lambda tx: hub_words.is_due(tx, now_ms=now_ms)):
        await platform.books.write(lambda tx: hub_words.look(tx, now_ms=now_ms))
    sql = "SELECT terminal, epoch, detail FROM findings WHERE kind = 'hub_word'"
    return await platform.books.read(lambda tx: tx.rows(sql))


async def used(platform, at_ms=NOW_MS, **changes):
    gate = Gate("gate-b")
    gate.grants(Phone(), "R", at_ms=at_ms, uses=[{"key": KEY, "n": 1, "max": 1}])
    for kind, body in changes.items():
        gate.writes(kind, body, "R", at_ms=at_ms)
    await platform.takes(gate.batch())


async def test_a_denial_on_a_hub_s_word_without_any_such_use_is_a_finding_against_the_hub_after_a_day(platform):
    await denied(platform)
    assert await looked(platform, DAY_MS - 1) == []

    [(hub, gate, detail)] = await looked(platform)

    assert (hub, gate) == ("hub-1", "gate-a")
    assert "used by gate-b" in detail
    assert await looked(platform, 2 * DAY_MS) == [(hub, gate, detail)]


async def test_a_use_that_came_within_the_day_bears_the_hub_out_also_when_it_was_given_back(platform):
    await denied(platform)
    await used(platform, annulled={})

    assert await looked(platform) == []


async def test_a_use_that_happened_after_the_denial_does_not(platform):
    await denied(platform)
    await used(platform, at_ms=NOW_MS + hub_words.SLACK_MS + 1)

    assert len(await looked(platform)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"with": {"site": None, "terminal": None, "at_ms": None}},  # somebody was being decided: no use is claimed
        {"key": "n|wulong:01:02"},  # a code that was burnt: counted at hubs alone
        {"hub_no": 0},  # the platform's own word
        {"hub_no": None},
        {"hub_no": True},
        {"key": 5},
        {"with": "gate-b"},
    ],
)
async def test_a_denial_that_claims_no_use_of_the_site_is_not_kept(platform, changes):
    await denied(platform, **changes)

    assert await platform.books.read(lambda tx: tx.rows("SELECT * FROM hub_words")) == []
