"""Sentences of claims.md that no other test holds alone (docs/claims.md names the test of each)."""

from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web

from cache.ids import uuid7
from central.books import pledges
from central.books.booking import book_all
from central.books.bounds import Bounds
from central.books.planned import Incoming, entries_of
from central.store import sqlite_books
from credit.records import Record
from credit.rules.benefits import parse_benefits
from credit.rules.reading import CatalogueError
from sync.beyond.asking import AuthorityError
from sync.beyond.authority import NetworkAuthority
from sync.beyond.leases import Leases
from sync.beyond.rounds import Asker
from sync.wire.claims import ClaimRequest
from sync.wire.profiles import HubAt
from tests.town.test_claims import BENEFITS, KEY, NOW, QUOTA, TERMINAL, Authority
from tests.town.test_leases import Lessor

HASH = "ab" * 32


@pytest.fixture
async def authority(tmp_path):
    async with sqlite_books(tmp_path / "c.db") as jobs:
        for name in ("g1", "g2"):
            await jobs.write(lambda tx, name=name: tx.execute(TERMINAL, name))
        yield Authority(jobs)


async def booked(authority, gate, *records):
    """Book facts of a gate as they come in with its journal."""
    written = [
        Record(seq=seq, id=f"{gate}-{seq}", at_ms=NOW + seq, kind=kind, redemption=redemption, body=body)
        for seq, (kind, redemption, body) in enumerate(records, authority.asked + 1)
    ]
    authority.asked += len(written)
    incoming = Incoming(terminal=gate, epoch="e", site="tiankeng", received_ms=authority.now)
    await authority.jobs.write(lambda tx: book_all(tx, entries_of(incoming, written), Bounds()))


def granted(redemption):
    return "granted", redemption, {"issuer": "w", "uses": [{"key": KEY, "n": 1, "max": 1}]}


class TestAnAuthority:
    async def test_a_release_is_heard_before_the_claim_that_brings_it(self, authority):
        await authority.ask("g1", "A")

        assert (await authority.ask("g1", "B", release=["A"])).granted

    async def test_a_released_id_is_gone_for_ten_minutes_at_least_and_forgotten_then(self, authority):
        await authority.ask("g1", "A")
        await authority.ask("g1", "B", key="u|other|all", release=["A"])

        authority.now += 599_999
        assert (await authority.ask("g1", "A")).gone
        authority.now += 1
        assert (await authority.ask("g1", "A")).granted

    async def test_a_fact_revives_what_was_released(self, authority):
        await authority.ask("g1", "A")
        await authority.ask("g1", "B", key="u|other|all", release=["A"])

        await booked(authority, "g1", granted("A"))

        assert (await authority.ask("g2", "C")).refused.state == "used"

    async def test_a_fact_beyond_the_bound_is_kept_and_counts(self, authority):
        await booked(authority, "g1", granted("A"))
        await booked(authority, "g2", granted("B"), ("annulled", "B", {}))
        await booked(authority, "g2", granted("C"))
        assert (await authority.ask("g2")).refused.state == "used"

        await booked(authority, "g1", ("annulled", "A", {}))

        assert (await authority.ask("g1")).refused.state == "used"  # the one beyond stands

    async def test_a_release_ends_the_doubt(self, authority):
        await authority.ask("g1", "A")
        authority.now += pledges.LAPSE_MS
        assert (await authority.ask("g2", "B")).doubtful == [KEY]

        await authority.ask("g1", "X", key="u|other|all", release=["A"])

        assert (await authority.ask("g2", "C")).granted

    async def test_a_lowered_quota_calls_back_and_lets_nothing_grow_until_it_is_answered(self, authority):
        await authority.lease("g1", number=0, total=6)
        authority.bounds = SimpleNamespace(of=lambda key: 4 if key == QUOTA else Bounds(BENEFITS).of(key))

        called = await authority.lease("g1", number=0, total=8)
        other = await authority.lease("g2", number=0, total=1)
        assert (called.total, called.call_back, other.total) == (6, True, 0)
        await authority.lease("g1", number=1, used=1)

        assert (await authority.lease("g2", number=0, total=9)).total == 3


class TestATerminal:
    async def test_it_asks_for_twice_the_use_of_the_last_ten_minutes_and_for_one_at_least(self):
        lessor, clock = Lessor(), {"s": 0.0, "own": 0}

        async def own(_quota):
            return clock["own"]

        asker = Asker(run="r", hub_no=1, terminal="one", ids=uuid7)
        leases = Leases(lessor, lambda: asker, own, lambda: clock["s"])
        for _ in range(3):
            leases.settled([await leases.take("q", 1)])
            clock["own"] += 1
        lessor.asked.clear()

        assert leases._wanted("q") == 6
        clock["s"] = 601.0
        assert leases._wanted("q") == 1


class Line:
    """A terminal's line to whoever counts, with a platform that listens and a hub that does not."""

    def __init__(self, session, platform, hub):
        profile = SimpleNamespace(hub=hub)
        self.identity = SimpleNamespace(profile=profile, platform=platform, instance="r", terminal="g1")
        auth = SimpleNamespace(bearer=lambda _body: SimpleNamespace(header={}, jti="j"))
        self.authority = NetworkAuthority(session, self.identity, auth, versions=dict, ids=uuid7)

    async def asks(self):
        return await self.authority.claim(ClaimRequest(run="r", hub_no=1, redemption="R", at_ms=1))


@pytest.fixture
async def line():
    heard = []

    async def claims(request):
        heard.append(await request.json())
        return web.json_response({"granted": True})

    app = web.Application()
    app.add_routes([web.post("/v1/claims", claims)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        made = Line(session, f"http://127.0.0.1:{runner.addresses[0][1]}", hub_at(3))
        made.heard = heard
        yield made
    await runner.cleanup()


def hub_at(no):
    return HubAt(url="https://127.0.0.1:1", cert_sha256=HASH, public_key=HASH, no=no)


async def test_a_terminal_whose_hub_is_silent_asks_nobody_else_for_a_key_of_its_site(line):
    with pytest.raises(AuthorityError):
        await line.asks()
    assert line.heard == []

    line.identity.profile.hub = None  # a profile that names none: the platform is the authority
    assert (await line.asks()).granted
    assert len(line.heard) == 1


async def test_a_terminal_never_goes_back_to_a_hub_that_was_replaced(line):
    assert line.authority.hub.no == 3
    line.identity.profile.hub = hub_at(2)

    with pytest.raises(AuthorityError, match="replaced by hub 3"):
        line.authority.hub  # noqa: B018 - it is looked at


@pytest.mark.parametrize(
    ("capacity", "may"),
    [
        ({"per": "day"}, True),
        ({"per": "slot"}, True),
        ({"per": "occupancy"}, False),
        ({"per": "day", "scope": "site"}, False),  # of all benefits of a site together
    ],
)
def test_a_day_s_or_a_slot_s_capacity_is_leased_and_never_an_occupancy(capacity, may):
    entry = {"id": "b", "code": 1, "version": 1, "issuer": "w", "offer": {"kind": "free"}}
    entry["capacity"] = [capacity | {"max": 9, "leased": True}]

    if may:
        assert parse_benefits([entry])[0].capacity[0].leased
        return
    with pytest.raises(CatalogueError, match="a day's or a slot's"):
        parse_benefits([entry])
    entry["capacity"][0]["leased"] = False
    assert parse_benefits([entry])
