"""One terminal's work that the platform cannot do stops nobody else's."""

import functools

from central.http import claim_calls
from central.http.journals import arrivals
from storage.jobs import StoreFailedError
from tests.town.test_hub_between import through, until
from tests.town.test_hub_calls import WIDE_KEY, ask
from tests.town.test_hub_calls import site as site  # noqa: PLC0414 - a fixture

HERE = "SELECT count(*) FROM facts WHERE terminal = ? AND redemption IS NOT NULL"


def indigestible(module, name, monkeypatch, whose):
    """Let the platform fail with what bears `whose` name; every other caller finds it well."""
    usual = getattr(module, name)

    @functools.wraps(usual)
    async def fails(*given, **more):
        if whose in repr(given):
            raise StoreFailedError("that cannot be digested")
        return await usual(*given, **more)

    monkeypatch.setattr(module, name, fails)


async def test_a_batch_that_the_platform_cannot_take_stops_no_other_terminals_facts(site, monkeypatch):
    (ill, well), town = site.gates, site.town
    with monkeypatch.context() as broken:
        indigestible(arrivals, "take_all", broken, "terminal='gate-a'")
        await ill.write(many=2)
        await ill.pusher(through(site, ill)).drain()  # 202: the hub keeps it
        for many in (1, 2, 3):
            await well.write()
            await well.pusher(through(site, well)).drain()
            await until(lambda many=many: town.rows(HERE, "gate-b") == [(many,)])
        kept = town.rows(HERE, "gate-a")

    await until(lambda: town.rows(HERE, "gate-a") == [(2,)])

    assert kept == [(0,)]


async def test_a_claim_that_the_platform_cannot_answer_leaves_the_other_gates_their_word(site, monkeypatch):
    one, two = site.gates
    indigestible(claim_calls, "answer_claim", monkeypatch, "'gate-a'")

    first = await site.call(one, ask("A", WIDE_KEY))
    second = [await site.call(two, ask(f"B{number}", "u|w/first|subject:w:2|ever")) for number in range(2)]

    assert first["reach"] == "site"
    assert [answer.get("reach", "all") for answer in second] == ["all", "all"]
