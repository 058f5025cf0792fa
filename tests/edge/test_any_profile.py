"""Whatever profile the platform signs, lanes go on deciding, and by the next honest one all is as before.

Lanes, decider and store are real. `XINGUAN_PROFILES=500` plays more by hand.
"""

import json
import logging
import os
import random
from types import SimpleNamespace

import msgspec

from cache.journal.chain import verify
from edge.config import LaneTable
from edge.terminal import places
from edge.terms import differences, notices_of, terms_of
from edge.watch.status import Reading, lines
from sync.wire.profiles import Lane, Profile, TicketType
from tests.edge.test_any_body import served as served  # noqa: PLC0414 - a fixture
from tests.tools.decodable import decodable

CASES = int(os.environ.get("XINGUAN_PROFILES", "25"))
SEED = 20261127
TABLES = tuple(LaneTable(id=name, scene=scene) for name, scene in (("A", "gate"), ("S", "stand"), ("T", "shop")))
HONEST = Profile(
    site="park",
    title={},
    issuer="wulong",
    lanes=[Lane(id=one.id, scene=one.scene) for one in TABLES],
    ticket_types=[TicketType(id="adult", title={}, price_fen=6_000)],
)


def drawn(draw):
    """Return a profile that can be decoded; most name the lanes that are here, and may sell at any price."""
    profile = msgspec.json.decode(decodable(draw, Profile), type=Profile)
    if draw.random() < 0.8:
        odd = msgspec.json.decode(decodable(draw, Lane), type=Lane)
        lanes = [msgspec.structs.replace(odd, id=one.id) for one in TABLES]
        profile = msgspec.structs.replace(profile, lanes=[*lanes, *profile.lanes[:3]])
    return profile


def in_force(served, profile):
    """Put a profile in force as a terminal does, and say what readiness says of it."""
    identity = SimpleNamespace(profile=profile, site=profile.site, terminal="gate1")
    served.decider.adopt(profile, places(SimpleNamespace(lanes=TABLES), identity))
    for table in TABLES:
        served.lanes[table.id].terms = terms_of(table, profile)
    msgspec.json.encode((profile.title, profile.texts, notices_of(profile, "https://p.example")))
    differs = tuple(differences(TABLES, profile))
    (line,) = [one for one in lines(Reading(differs=differs)) if one.name == "profile"]
    assert (line.cause != "profile.well") is bool(differs)


async def test_whatever_profile_is_signed_lanes_decide_and_by_an_honest_one_somebody_new_is_let_in(served, caplog):
    for case in range(CASES):
        draw = random.Random(SEED + case)
        in_force(served, drawn(draw))
        for lane, more in (("A", {"intent": "enter", "heads": 3}), ("S", {"asset": "A7"}), ("T", {"amount_fen": 500})):
            body = {"code": served.town.phones.code(draw.randrange(9)), "lane": lane, **more}
            status, text = await served.post("/v1/present", json.dumps(body).encode())
            assert status < 500, f"seed {SEED + case}: {text}"

    in_force(served, HONEST)

    assert (await served.enter(holder=99))["outcome"] == "GRANT"
    await served.town.store.read(verify)
    assert {one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR} <= {"ticket_not_sold"}
