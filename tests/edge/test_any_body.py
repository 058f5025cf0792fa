"""Row 16 and the property about bodies: whatever a caller sends, no answer is a fault, and the next visitor is let in.

Lanes, decider and store are real; there is no controller. `XINGUAN_BODIES=1000` plays more by hand.
"""

import json
import logging
import os
import random
import re
import time
from types import SimpleNamespace

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from cache.journal.chain import begin_epoch, verify
from credit.inputs import Intent
from edge.api.access import Role, guard, load_tokens
from edge.api.app import MAX_BODY_BYTES, Api
from edge.api.messages import EmergencyBody, EntryBody, PresentBody
from edge.api.rates import Rates
from edge.api.steps import STEPS
from edge.events import Events
from edge.lanes.lane import Lane
from edge.lanes.second_check import Verifiers
from edge.metrics import Metrics
from edge.staff.sessions import Sessions
from edge.terms import Terms
from storage.sqlite import Store
from sync.shorts import ShortUnansweredError
from tests.edge.deciding import Town
from tests.tools.decodable import anything, decodable

CASES = int(os.environ.get("XINGUAN_BODIES", "40"))
SEED = 20261127
LANES = (("A", "gate", Intent.ENTER), ("S", "stand", Intent.LEND), ("T", "shop", Intent.BUY))


async def nobody(_short):
    raise ShortUnansweredError("nobody answers")


class Served:
    def __init__(self, town, client, tokens, lanes, decider):
        self.town, self.client, self.tokens, self.known = town, client, tokens, []
        self.lanes, self.decider = lanes, decider

    async def post(self, path, body, role=Role.SERVICE):
        headers = {"Authorization": f"Bearer {self.tokens[role]}"}
        async with self.client.post(path, data=body, headers=headers) as answer:
            text = await answer.text()
        if answer.status == 200 and path.endswith("/present") and (name := json.loads(text).get("redemption")):
            self.known.append(name)
        return answer.status, text

    async def enter(self, holder):
        _, text = await self.post("/v1/present", json.dumps({"code": self.town.phones.code(holder), "lane": "A"}))
        return json.loads(text)


@pytest.fixture
async def served(tmp_path):
    tokens = load_tokens(tmp_path)
    async with Store(tmp_path / "1.db") as store, Verifiers(()) as verifiers:
        await store.write(lambda conn: begin_epoch(conn, epoch="e1", terminal="gate1", reason="test"))
        town = Town(store)
        decider, events, metrics = town.decider(), Events(), Metrics()
        lanes = {
            name: Lane(
                Terms(id=name, scene=scene, intent=intent),
                decider=decider,
                store=store,
                gate=None,
                events=events,
                metrics=metrics,
                verifiers=verifiers,
            )
            for name, scene, intent in (
                ("A", "gate", Intent.ENTER),
                ("S", "stand", Intent.LEND),
                ("T", "shop", Intent.BUY),
            )
        }
        about = SimpleNamespace(site="park", now=decider.now, token_of=nobody)
        api = Api(lanes=lanes, store=store, events=events, metrics=metrics, about=about, rates=Rates(1e9))
        needs = {f"{method} {path}": may for method, path, may, _ in api.routes()}
        app = web.Application(
            middlewares=[guard(tokens, frozenset(), needs, Sessions())], client_max_size=MAX_BODY_BYTES
        )
        app.add_routes([web.route(method, path, handler) for method, path, _, handler in api.routes()])
        async with TestClient(TestServer(app)) as client:
            yield Served(town, client, tokens, lanes, decider)


def said(draw, kind, town):
    """Return a body: one that is of its kind, one that nearly is, or anything."""
    if draw.random() < 0.1:
        return draw.choice((b"", b"[", b"[" * 5_000, b"\xff", b"{}" * 2, json.dumps(anything(draw)).encode()))
    body = json.loads(decodable(draw, kind))
    if kind is PresentBody:
        body |= {
            "code": draw.choice((town.phones.code(draw.randrange(9)), body["code"])),
            "lane": draw.choice((*"AST", "nowhere")),
        }
        for name in ("ticket", "short", "override"):
            if draw.random() < 0.8:
                body.pop(name, None)
    if draw.random() < 0.2:
        body[draw.choice([*body, "surprise"])] = anything(draw)
    return json.dumps(body).encode()


async def test_whatever_is_sent_no_answer_is_a_fault_and_the_next_visitor_is_let_in(served, caplog):
    kinds = [*[("/v1/present", PresentBody)] * 4, ("/v1/entry", EntryBody), ("/v1/emergency", EmergencyBody)]
    for case in range(CASES):
        draw = random.Random(SEED + case)
        path, kind = draw.choice(kinds)
        if draw.random() < 0.4:
            step = draw.choice(sorted(STEPS))
            path, kind = f"/v1/redemptions/{draw.choice([*served.known[-3:], 'r-0'])}/{step}", STEPS[step].body
        body = said(draw, kind, served.town)

        status, text = await served.post(path, body, draw.choice((Role.SERVICE, Role.DESK, Role.INTEGRATOR)))

        assert status < 500, f"seed {SEED + case}: {path} {body[:300]} {text}"
    assert (await served.post("/v1/entry", b'{"stopped": false, "by": "x"}'))[0] == 200
    assert (await served.enter(holder=99))["outcome"] == "GRANT"
    await served.town.store.read(verify)
    assert [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("more", [{}, {"request_id": "till-1"}])
async def test_an_answer_says_for_how_many_milliseconds_the_code_was_with_us(served, more):
    body = {"code": served.town.phones.code(1), "lane": "A"} | more
    headers = {"Authorization": f"Bearer {served.tokens[Role.DESK]}"}

    began = time.monotonic()
    async with served.client.post("/v1/present", json=body, headers=headers) as answer:
        told = re.fullmatch(r"total;dur=([0-9]+\.[0-9])", answer.headers["Server-Timing"])
    took_ms = (time.monotonic() - began) * 1000

    assert 0 < float(told[1]) <= took_ms + 0.1
