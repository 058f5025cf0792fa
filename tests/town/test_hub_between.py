"""A hub between its gates and the platform: what it sends on, what it tells, and what it hears about silent gates."""

import asyncio
from pathlib import Path

from cache.journal.chain import unsent
from central.books import pledges
from central.books.bounds import Bounds
from central.hub import lifting
from central.platform_state import open_state
from central.site import serving as hub_serving
from central.site.counting import Counting, Lists
from central.site.journals import Journals
from central.store import looked
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import load_identity
from sync.peer import Peer
from sync.push.line import Line
from sync.transport import RefusedError, UnreachableError
from sync.way import Way
from sync.wire.jws import public_hex
from sync.wire.profiles import HubAt
from tests.sync.test_platform_keys import exchange_key
from tests.sync.test_replaced import swapped
from tests.town.test_hub_calls import SITE_KEY, WAIT_S, WIDE_KEY, Site, ask, enrolled
from tests.town.test_hub_calls import site as site  # noqa: PLC0414 - a fixture

FACTS = "SELECT count(*) FROM facts WHERE terminal = 'gate-a' AND redemption IS NOT NULL"


def through(site, terminal):
    """Return a line of a terminal that goes through the hub, as its profile would have it."""
    at = HubAt(url=site.url, cert_sha256=site.pin.hex(), public_key=public_hex(terminal.identity.key), no=1)
    return Line(
        terminal.store,
        Way(Peer(terminal.session, terminal.identity.platform), lambda: at),
        terminal.identity,
        terminal.clock,
    )


async def until(true):
    async with asyncio.timeout(WAIT_S):
        while True:
            found = true()
            found = await found if asyncio.iscoroutine(found) else found
            if found:
                return found
            await asyncio.sleep(0.05)


async def test_what_a_hub_keeps_of_a_box_that_is_replaced_meanwhile_arrives_under_its_former_key(site):
    town, old = site.town, site.gates[0]
    await town.relay.cut()
    await old.write(many=3)
    await old.pusher(through(site, old)).drain()
    await town.relay.start()
    new = await swapped(town, old)

    await until(lambda: town.rows(FACTS) == [(3,)])

    await new.write(many=2)
    await new.bring_home()
    assert town.rows(FACTS) == [(5,)]


KEY_OF = "UPDATE terminals SET public_key = (SELECT public_key FROM terminals WHERE terminal = $1) WHERE terminal = $2"


async def test_a_hub_whose_key_the_platform_does_not_know_counts_for_its_site_alone_and_loses_no_fact(site):
    """What gates send now goes up under their own names; what the hub kept goes up once its key is right again."""
    town, gate = site.town, site.gates[0]
    known = town.rows("SELECT public_key FROM terminals WHERE terminal = 'hub-1'")[0][0]
    town.change(lambda tx: tx.execute(KEY_OF, "gate-b", "hub-1"))
    await gate.write(many=3)
    await gate.pusher(through(site, gate)).drain()
    await until(lambda: town.rows(FACTS) == [(3,)])

    counted, wider = await site.answered(gate, ask("A")), await site.answered(gate, ask("B", WIDE_KEY))

    assert (counted["granted"], wider["granted"], wider["reach"]) == (True, True, "site")
    await town.relay.cut()
    await gate.write(many=2)
    await gate.pusher(through(site, gate)).drain()
    await town.relay.start()
    town.change(lambda tx: tx.execute("UPDATE terminals SET public_key = $1 WHERE terminal = 'hub-1'", known))
    await until(lambda: town.rows(FACTS) == [(5,)])


async def test_a_replaced_box_brings_its_facts_through_the_hub_and_is_told_to_stop(site):
    town, old = site.town, site.gates[0]
    await old.write(many=2)
    await swapped(town, old)
    line = through(site, old)

    async def home():
        """The hub hears of the new key with its next profile; until then the old one is the one it knows."""
        await old.pusher(line).drain()
        await line.ask()
        return (await old.store.read(unsent)).count == 0

    await until(home)

    assert town.rows(FACTS) == [(2,)]
    assert await old.store.read(lambda c: c.execute("SELECT state FROM switches WHERE name = 'suspended'").fetchone())


async def test_the_memory_of_a_lost_store_comes_when_what_the_hub_holds_of_it_has_gone_up(site, monkeypatch):
    """Nothing else sends on here but the question itself."""
    town, gate = site.town, site.gates[0]

    async def rests(_self):
        return None

    monkeypatch.setattr(Journals, "send_on", rests)
    await town.relay.cut()
    await gate.write(redemption="R-1", body={"issuer": "w", "uses": [{"key": SITE_KEY, "n": 1, "max": 1}]})
    await gate.pusher(through(site, gate)).drain()
    async with Store(town.folder / f"fresh-{DATABASE_FILE}") as fresh:
        anew = type(gate)(gate.folder, gate.identity, fresh, gate.session, gate.clock)
        line = through(site, anew)

        async def told():
            try:
                return (await line.call("GET", "/memory")).raw
            except UnreachableError:
                return b""  # a machine with too much to do: asked again
            except RefusedError as error:
                return error.problem.detail

        assert "still held" in await until(told)
        await town.relay.start()

        async def page():
            return isinstance(await told(), bytes)

        await until(page)

    assert town.rows(FACTS) == [(1,)]


async def test_a_person_s_word_about_a_silent_gate_reaches_the_hub_and_the_list_of_what_it_may_have_given_the_platform(
    site, monkeypatch
):
    town, (one, two) = site.town, site.gates
    monkeypatch.setattr(pledges, "LAPSE_MS", 1)
    assert (await site.call(one, ask("A")))["granted"]
    await until(lambda: _doubtful(site, two))

    def told():
        return [(row[0], row[1], row[2]) for row in looked(town.state, lambda tx: tx.rows(lifting.DOUBTS, "gate-a"))]

    await until(lambda: asyncio.to_thread(told))
    assert await asyncio.to_thread(told) == [("hub-1", "gate-a", "A")]
    now_ms = town.clock.at_ms
    town.change(lambda tx: lifting.decide(tx, "gate-a", "lift", why="its cable was cut", now_ms=now_ms))

    await until(lambda: _granted(site, two))
    await until(lambda: asyncio.to_thread(lambda: told() == []))


async def _doubtful(site, gate):
    return bool((await site.call(gate, ask("B", dry=True))).get("doubtful"))


async def _granted(site, gate):
    return bool((await site.call(gate, ask("C", dry=True))).get("granted"))


def test_a_hub_that_hears_of_newer_lists_than_its_own_looks_for_them_and_names_those_that_are_older():
    looked = []
    lists = Lists(Bounds, lambda: {"w-rules": 4, "w-lists": 9}, lambda: looked.append(1))
    counting = Counting(None, None, None, lists=lists, now_ms=lambda: 0, folder=Path())

    assert counting._behind({"w-rules": 3, "w-lists": 9}) == ["w-rules"]
    assert looked == []
    assert counting._behind({"w-rules": 4, "w-lists": 10}) == []
    assert looked == [1]


async def test_behind_a_hub_the_platform_s_next_key_is_followed_and_the_hub_itself_knows_it(site):
    """The gate was enrolled with the first key, as was the hub; the batch that waited is signed for by the third."""
    town, gate = site.town, site.gates[0]
    hears = through(site, gate)
    await town.relay.cut()
    await gate.write(many=3)
    await gate.pusher(hears).drain()
    await town.relay.start()
    await exchange_key(town, times=2)
    kid = open_state(town.state.folder).signer.public.kid

    await until(lambda: town.rows(FACTS) == [(3,)])
    await until(lambda: list(load_identity(site.data).keys_in_force) == [kid])

    async def heard():
        await hears.ask()
        return not hears.status.site_only and list(gate.identity.keys_in_force) == [kid]

    await until(heard)
    assert list(load_identity(gate.folder).keys_in_force) == [kid]


async def test_a_hub_that_is_enrolled_after_an_exchange_hears_gates_that_were_enrolled_before_it(town, monkeypatch):
    gate = await town.terminal("gate-a")
    await exchange_key(town)
    async with enrolled(town, monkeypatch) as config, hub_serving.serving(config) as url:
        at = Site(town, url, config.data)
        assert gate.identity.audience == town.state.signer.public.kid

        async def heard():
            try:
                return await at.call(gate, ask("A"))
            except RefusedError as error:
                if error.problem.code != "withdrawn":  # a machine with too much to do: asked again
                    raise
                return None

        assert await until(heard)
