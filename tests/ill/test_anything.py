"""Whatever is said: any answer of a platform, any body, any scan. The process lives, the next visitor is decided."""

import asyncio
import base64
import contextlib
import json
import os
import random
import sqlite3
import string

import aiohttp
import pytest
from aiohttp import web

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 20261127
LYING_S = float(os.environ.get("XINGUAN_LYING_S", "6"))
BODIES = int(os.environ.get("XINGUAN_NONSENSE", "250"))
NAMES = [
    "terminal",
    "epoch",
    "last",
    "nonce",
    "body",
    "at_ms",
    "state",
    "receipt",
    "held",
    "conflicts",
    "set_aside",
    "orders",
    "lists_version",
    "command",
    "acked_through",
    "head_hash",
    "duplicates",
    "server_time",
    "code",
    "request_id",
    "lane",
    "intent",
    "amount_fen",
    "heads",
    "asset",
    "ticket",
    "redemption",
    "second",
    "confirmed",
    "override",
    "by",
    "why",
    "stopped",
    "seq",
    "kind",
    "key",
    "with",
    "status",
    "title",
    "detail",
]
TEXTS = ("", "x", "x" * 70_000, "\u202e", "\x00", "信用", "a.b.c", "-1", "NaN", "../../etc", "XG1:", "XG1:" + "A" * 500)
NUMBERS = (0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**60, 2**63, 10**25, -(10**25), 1.5, 1e308)


class Liar:
    """Says anything that can be said, reproducibly."""

    def __init__(self, seed):
        self.draw = random.Random(seed)

    def value(self, depth=0):
        kind = self.draw.random()
        if depth > 3 or kind < 0.3:
            return self.draw.choice(TEXTS)
        if kind < 0.5:
            return self.draw.choice(NUMBERS)
        if kind < 0.6:
            return self.draw.choice((None, True, False))
        if kind < 0.75:
            return [self.value(depth + 1) for _ in range(self.draw.randrange(4))]
        return {self.draw.choice(NAMES): self.value(depth + 1) for _ in range(self.draw.randrange(6))}

    def jws(self):
        parts = [json.dumps(one).encode() for one in ({"alg": "EdDSA", "typ": "xg-answer+jwt"}, self.value())]
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in [*parts, b"\0" * 64])

    def body(self):
        kind = self.draw.randrange(8)
        text = json.dumps(self.value()).encode()
        odd = {
            0: text[: len(text) // 2],
            1: b"<html>please log in</html>",
            2: b"[" * 5_000,
            3: self.jws(),
            4: json.dumps({"answer": self.jws().decode(), "receipt": self.jws().decode()}).encode(),
            5: "".join(self.draw.choices(string.printable, k=99)).encode(),
        }
        return odd.get(kind, text)

    async def answer(self, _request):
        status = self.draw.choice((200, 200, 200, 200, 202, 204, 302, 401, 404, 409, 413, 422, 429, 500, 503))
        headers = {"Retry-After": self.draw.choice(("0", "1", "600", "soon", "9" * 40)), "Location": "/elsewhere"}
        return web.Response(status=status, body=self.body(), headers=headers)


@contextlib.asynccontextmanager
async def lied_to(town, liar):
    """Let a liar stand in the platform's place."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", liar.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    before = town.network._upstream
    town.network._upstream = site._server.sockets[0].getsockname()[1]
    town.network.cut()
    town.network.restore()
    try:
        yield
    finally:
        town.network._upstream = before
        town.network.cut()
        town.network.restore()
        await runner.cleanup()


async def decided(town, ill, count=3):
    outcomes = {(await ill.enter(town, town.visitors.resident(town.now_s())))[0]["outcome"] for _ in range(count)}
    assert outcomes == {"GRANT"}


async def test_a_platform_that_says_anything_ends_nothing_and_moves_nothing(town, ill):
    pid, answered = town.gate.process.pid, 0
    liar = Liar(SEED)
    async with lied_to(town, liar):
        async with asyncio.timeout(LYING_S * 5):
            began = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - began < LYING_S:
                await decided(town, ill)
                answered += 1
        causes, _ready = await ill.readiness(town)

    assert answered > 3
    assert town.gate.process.pid == pid
    assert town.gate.process.alive
    assert causes["store"] == "store.well"
    assert causes["tasks"] in ("tasks.well", "tasks.alarm")
    figures = await town.all_arrived()
    assert (figures.lost, figures.duplicated) == (0, 0)
    assert "claim_conflict" not in town.kinds()
    await decided(town, ill)


CALLS = [
    ("POST", "/v1/present"),
    ("POST", "/v1/entry"),
    ("POST", "/v1/redemptions/nothing/annul"),
    ("POST", "/v1/redemptions/nothing/reverse"),
    ("POST", "/v1/lanes/A/again"),
    ("POST", "/v1/offers"),
    ("GET", "/v1/redemptions?recent=²"),
    ("GET", "/v1/redemptions?recent=" + "9" * 5_000),
]


async def test_no_body_and_no_query_is_answered_with_500_and_the_next_visitor_is_decided(town, ill):
    liar, pid = Liar(SEED + 1), town.gate.process.pid
    headers = {"Authorization": f"Bearer {town.gate.tokens['desk']}"}
    bad = []
    async with aiohttp.ClientSession(headers=headers) as session:
        for number in range(BODIES):
            method, path = CALLS[number % len(CALLS)]
            body = json.dumps({"code": liar.draw.choice(TEXTS), **_dict(liar)}).encode() if number % 3 else liar.body()
            more = {"Content-Encoding": "deflate"} if number % 17 == 0 else {}
            async with session.request(method, town.gate.url + path, data=body, headers=more) as answer:
                if answer.status >= 500:
                    bad.append((method, path[:40], body[:200], await answer.text()))
    await session.close()
    await ill_entry_goes_on(town)

    assert bad == []
    assert town.gate.process.pid == pid
    assert (await ill.readiness(town))[0]["faults"] == "faults.well"
    await decided(town, ill)


def _dict(liar):
    value = liar.value()
    return value if isinstance(value, dict) else {}


async def ill_entry_goes_on(town):
    """Whatever was said about entry to the site, it goes on."""
    headers = {"Authorization": f"Bearer {town.gate.tokens['desk']}"}
    body = {"stopped": False, "by": "test"}
    async with town.gate._session.post(f"{town.gate.url}/v1/entry", json=body, headers=headers) as answer:
        assert answer.status == 200


@pytest.mark.leaves("records.damaged")
async def test_one_flipped_bit_in_an_unsent_record_is_named_and_told_and_everything_else_arrives(town, ill):
    town.network.cut()
    people = [town.visitors.resident(town.now_s()) for _ in range(4)]
    for who in people[:3]:
        assert (await ill.let_in(town, who))["outcome"] == "GRANT"
    with contextlib.closing(sqlite3.connect(f"file:{town.gate.database}?mode=ro", uri=True)) as conn:
        grants = [row[0] for row in conn.execute("SELECT seq FROM journal WHERE kind = 'granted' ORDER BY seq DESC")]
    damaged = grants[1]  # two of these three stand behind a record that is still unsent, one of them before it
    ill.flip_bit(town.gate.database, damaged)

    town.network.restore()
    causes = await ill.line(town, "records", "records.damaged")
    entered = (await ill.let_in(town, people[3]))["outcome"]
    figures = await town.all_arrived()

    assert causes["push"] == "push.well"
    assert entered == "GRANT"
    assert (figures.lost, figures.duplicated) == (0, 0)
    with contextlib.closing(sqlite3.connect(f"file:{town.platform.state / 'central.db'}?mode=ro", uri=True)) as conn:
        assert conn.execute("SELECT seq, kind FROM findings").fetchall() == [(damaged, "corrupt_record")]
        assert conn.execute("SELECT seq FROM facts WHERE fault IS NOT NULL").fetchall() == [(damaged,)]
