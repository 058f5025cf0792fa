"""What a site's profiles say of the site: its lanes, its hub, and for the hub whom it serves."""

import json

import msgspec
import pytest

from central.register.standing import profile_of, set_profile, set_state
from sync.enrol.enrolling import enrol
from sync.transport import RefusedError, open_session
from sync.wire.messages import HubOffer, decode
from sync.wire.profiles import Profile
from tests.central.conftest import _BUILDER

PROFILE, NOON = _BUILDER.PROFILE, _BUILDER.NOON
HUB = json.dumps({"site": "tiankeng", "title": {}, "issuer": "wulong", "lanes": [], "role": "hub"}).encode()
OFFER = HubOffer(url="https://192.168.7.2:8490", cert_sha256="ab" * 32)


async def make_hub(town, name="hub-1", offer=OFFER):
    async with open_session() as session:
        ticket = town.ticket(town.code(name, HUB))
        return await enrol(ticket, folder=town.folder / name, session=session, now_ms=NOON, hub=offer)


def told(town, terminal):
    return town.change(lambda tx: profile_of(tx, terminal))


def orders(town, terminal):
    return town.rows("SELECT action FROM commands WHERE terminal = ? ORDER BY number", terminal)


async def test_the_only_lane_of_a_site_knows_it_and_hears_of_the_second(town):
    first = await town.terminal("gate-a")
    assert [lane.id for lane in first.identity.profile.site_lanes] == ["A"]
    assert orders(town, "gate-a") == []

    second = await town.terminal("gate-b")
    await town.terminal("gate-c")

    assert [lane.id for lane in second.identity.profile.site_lanes] == ["A", "A"]
    assert orders(town, "gate-a") == [("profile",)]  # of the third it need not hear
    assert len(told(town, "gate-a").site_lanes) == 3


async def test_a_terminal_that_names_no_lane_leaves_it_unknown_how_many_a_site_has(town):
    await town.terminal("gate-a")
    silent = decode(PROFILE, Profile)
    await town.terminal("gate-b", msgspec.json.encode(msgspec.structs.replace(silent, lanes=[])))

    assert told(town, "gate-a").site_lanes == []


async def test_a_hub_stands_in_the_profile_of_each_terminal_of_its_site_and_knows_them(town):
    gate = await town.terminal("gate-a")
    hub = await make_hub(town)

    at = told(town, "gate-a").hub
    assert (at.url, at.cert_sha256, at.no) == (OFFER.url, OFFER.cert_sha256, NOON // 1000)
    assert orders(town, "gate-a") == [("profile",)]
    assert [one.terminal for one in hub.profile.terminals] == ["gate-a"]
    assert hub.profile.terminals[0].public_key == told(town, "hub-1").terminals[0].public_key
    assert hub.profile.no == at.no
    assert gate.identity.profile.hub is None  # until it obeys the order

    await town.terminal("gate-b")
    assert orders(town, "hub-1") == [("profile",)]
    assert [one.terminal for one in told(town, "hub-1").terminals] == ["gate-a", "gate-b"]


async def test_a_suspended_terminal_stands_as_such_in_its_hubs_profile(town):
    await town.terminal("gate-a")
    await make_hub(town)

    town.change(lambda tx: set_state(tx, "gate-a", "suspend", reason="", now_ms=NOON))

    assert [one.state for one in told(town, "hub-1").terminals] == ["suspended"]
    assert orders(town, "hub-1") == [("profile",)]


async def test_the_next_hub_of_a_site_has_a_higher_number_and_the_former_one_none(town):
    await town.terminal("gate-a")
    await make_hub(town)
    before = told(town, "gate-a").hub

    await make_hub(town, "hub-2", HubOffer(url="https://192.168.7.3:8490", cert_sha256="cd" * 32))

    after = told(town, "gate-a").hub
    assert (after.no, after.url) == (before.no + 1, "https://192.168.7.3:8490")
    assert (told(town, "hub-1").no, told(town, "hub-1").terminals) == (None, [])


async def test_a_revoked_hub_is_nobodys_hub(town):
    await town.terminal("gate-a")
    await make_hub(town)

    town.change(lambda tx: set_state(tx, "hub-1", "revoke", reason="", now_ms=NOON))

    assert told(town, "gate-a").hub is None
    assert orders(town, "gate-a") == [("profile",), ("profile",)]


async def test_who_enrols_with_the_wrong_command_is_told(town):
    async with open_session() as session:
        for name, profile, offer in (("hub-1", HUB, None), ("gate-a", PROFILE, OFFER)):
            ticket = town.ticket(town.code(name, profile))
            with pytest.raises(RefusedError, match="this code is for a"):
                await enrol(ticket, folder=town.folder / name, session=session, now_ms=NOON, hub=offer)


async def test_a_terminal_that_moves_to_another_site_leaves_its_hubs_list(town):
    await town.terminal("gate-a")
    await make_hub(town)
    moved = msgspec.structs.replace(decode(PROFILE, Profile), site="furong")

    town.change(lambda tx: set_profile(tx, "gate-a", moved, now_ms=NOON))

    assert told(town, "hub-1").terminals == []
    assert told(town, "gate-a").hub is None
