"""A hub in this process on a real port, before a real platform: what it refuses, and what becomes of wider keys."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
import pytest

from central.demo.running.processes import free_ports
from central.site import serving as hub_serving
from central.site.certificate import fingerprint, make_certificate
from central.site.config import HubConfig
from sync.auth import Authenticator
from sync.enrol.enrolling import enrol
from sync.transport import RefusedError, UnreachableError, exchange, open_session
from sync.wire.messages import HubOffer
from tests.central.test_sites import HUB, NOON, PROFILE

SITE_KEY = "u|w/first@site:tiankeng|subject:w:1|ever"
WIDE_KEY = "u|w/first|subject:w:1|ever"
WAIT_S = 30


def ask(redemption, key=SITE_KEY, hub_no=NOON // 1000, **more):
    keys = [{"key": key, "n": 1, "bound": 1, "borne": "grant"}]
    return {"run": "r", "hub_no": hub_no, "redemption": redemption, "at_ms": 1, "keys": keys} | more


class Site:
    def __init__(self, town, url, data):
        self.town, self.url, self.data = town, url, data
        self.pin = bytes.fromhex(fingerprint(data))

    async def call(self, terminal, body, *, url=None, path="/v1/claims"):
        raw = json.dumps(body).encode()
        bearer = Authenticator(terminal.identity, terminal.clock).bearer(raw)
        pin = self.pin if url is None else None
        answer = await exchange(
            terminal.session, "POST", (url or self.url) + path, headers=bearer.header, body=raw, pin=pin
        )
        return json.loads(answer)

    async def answered(self, terminal, body, **more):
        """Ask until whoever is asked has learned."""
        async with asyncio.timeout(WAIT_S):
            while True:
                try:
                    answer = await self.call(terminal, body, **more)
                except RefusedError as error:
                    if error.problem.code != "withdrawn":  # a busy machine: nothing was taken
                        raise
                else:
                    if not answer.get("learning"):
                        return answer
                await asyncio.sleep(0.1)


@asynccontextmanager
async def enrolled(town, monkeypatch):
    """Give a hub's configuration: it is enrolled, and does not serve yet."""
    monkeypatch.setattr(hub_serving, "FIRST_LISTS_S", 0.1)  # this platform publishes no lists
    data, (port,) = town.folder / "hub-1", free_ports(1)
    config = msgspec.convert(
        {
            "hub": {"data": str(data), "hosts": ["127.0.0.1"], "listen": f"127.0.0.1:{port}"},
            "platform": {"url": town.relay_url},
        },
        HubConfig,
    )
    offer = HubOffer(url=config.url, cert_sha256=make_certificate(data, ["127.0.0.1"]))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        await enrol(town.ticket(town.code("hub-1", HUB)), folder=data, session=session, now_ms=NOON, hub=offer)
        yield config


@pytest.fixture
async def site(town, monkeypatch):
    gates = [await town.terminal("gate-a"), await town.terminal("gate-b")]
    async with enrolled(town, monkeypatch) as config, hub_serving.serving(config) as url:
        made = Site(town, url, config.data)
        made.gates = gates
        await made.answered(gates[0], {**ask("warm"), "keys": []})
        yield made


async def test_a_hub_tells_the_platform_of_its_starts_and_of_entry_that_somebody_stopped_there(town, monkeypatch):
    wanted = [("started", None), ("note", True), ("stopped", None), ("started", None)]

    def told():
        return town.rows("SELECT kind, raw FROM facts WHERE terminal = 'hub-1' ORDER BY seq")

    async with enrolled(town, monkeypatch) as config:
        async with hub_serving.serving(config):
            (config.data / hub_serving.STOPPED).touch()
            await until(lambda: len(told()) == 2)
        async with hub_serving.serving(config):
            await until(lambda: len(told()) == 4)

    assert [(kind, json.loads(raw)["body"].get("on")) for kind, raw in told()] == wanted
    assert json.loads(told()[1][1])["body"]["by"] == hub_serving.HERE


async def until(true):
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.05)


async def test_a_terminal_of_another_site_is_not_served(site):
    elsewhere = PROFILE.replace(b'"tiankeng"', b'"furong"')
    stranger = await site.town.terminal("gate-z", elsewhere)

    with pytest.raises(RefusedError) as refused:
        await site.call(stranger, ask("A"))

    assert refused.value.problem.code == "unknown_terminal"


async def test_no_terminal_asks_for_another_as_a_hub_does(site):
    one, _ = site.gates
    for url, code in ((None, "bad_message"), (site.town.url, "not_active")):
        with pytest.raises(RefusedError) as refused:
            await site.call(one, ask("A", terminal="gate-b"), url=url)
        assert refused.value.problem.code == code


@pytest.mark.parametrize("years", [-10, 10])
async def test_whatever_a_hub_s_clock_says_it_bars_nobody(site, years):
    gate = site.gates[0]
    gate.clock.at_ms += years * 365 * 86_400_000  # by the gate's clock the hub's is wrong by as much

    assert (await site.answered(gate, ask("A")))["granted"]


async def test_a_hub_with_another_certificate_than_the_profile_says_is_nobody_s_hub(site):
    gate = site.gates[0]
    site.pin = bytes(32)

    with pytest.raises(UnreachableError):
        await site.call(gate, ask("A"))


async def test_a_hub_that_hears_of_a_newer_one_stops_for_good(site):
    one, two = site.gates
    assert (await site.call(one, ask("A")))["granted"]

    for who, number in ((two, NOON // 1000 + 1), (one, NOON // 1000)):
        with pytest.raises(RefusedError) as refused:
            await site.call(who, ask("B", hub_no=number))
        assert refused.value.problem.code == "not_active"
    assert (site.data / "retired").read_text() == f"{NOON // 1000 + 1}\n"


async def test_what_the_platform_refuses_under_a_wider_key_leaves_no_place_taken_at_the_hub(site):
    one, two = site.gates
    elsewhere = await site.town.terminal("gate-z", PROFILE.replace(b'"tiankeng"', b'"furong"'))
    assert (await site.answered(elsewhere, ask("Z", WIDE_KEY, 0), url=site.town.url))["granted"]

    refused = await site.call(one, ask("A", WIDE_KEY))
    await site.call(elsewhere, {**ask("Y", WIDE_KEY, 0), "keys": [], "release": ["Z"]}, url=site.town.url)
    granted = await site.call(two, ask("B", WIDE_KEY))

    assert refused["refused"]["state"] == "held"
    assert granted["granted"]
    assert granted.get("reach", "all") == "all"


async def test_a_wider_key_is_counted_by_the_hub_alone_while_the_platform_is_silent(site):
    one, two = site.gates
    await site.town.relay.cut()

    first = await site.call(one, ask("A", WIDE_KEY))
    second = await site.call(two, ask("B", WIDE_KEY))

    assert (first["granted"], first["reach"]) == (True, "site")
    assert second["refused"]["state"] == "held"


async def test_a_gate_that_gives_an_id_up_is_released_at_the_platform_as_well(site):
    one, _ = site.gates
    elsewhere = await site.town.terminal("gate-z", PROFILE.replace(b'"tiankeng"', b'"furong"'))
    await site.answered(elsewhere, {**ask("W", WIDE_KEY, 0), "keys": []}, url=site.town.url)
    assert (await site.call(one, ask("A", WIDE_KEY))).get("reach", "all") == "all"
    assert (await site.call(elsewhere, ask("Y", WIDE_KEY, 0), url=site.town.url))["refused"]["state"] == "held"

    await site.call(one, {**ask("R"), "keys": [], "release": ["A"]})

    async with asyncio.timeout(WAIT_S):
        for number in range(1000):
            answer = await site.call(elsewhere, ask(f"X{number}", WIDE_KEY, 0), url=site.town.url)
            if answer.get("granted"):
                break
            await asyncio.sleep(0.2)
    assert answer["granted"]
