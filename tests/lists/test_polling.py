"""A poll that finds nothing is one request, whatever the platform re-signed meanwhile; and age stays true."""

import json
import os
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from tuf.api.metadata import Metadata

from cache.lists.values import Stored
from central.example_town import HOME
from central.lists import cities
from central.register.warrants import Warrant
from sync.pull import polling
from sync.pull.polling import renewal_of
from sync.pull.puller import PullFailedError
from sync.transport import open_session

TIMESTAMP = "metadata/timestamp.json"
N = 8


class Counted:
    """Stands before the site's answers to the timestamp and keeps statuses and connections."""

    def __init__(self, site):
        self.statuses = []
        self.connections = set()
        self.file = site.public / TIMESTAMP
        site.answers[TIMESTAMP] = self.answer

    async def answer(self, _request):
        return Told(self.file, self)


class Told(web.FileResponse):
    def __init__(self, file, counted):
        super().__init__(file)
        self.counted = counted

    async def prepare(self, request):
        writer = await super().prepare(request)
        self.counted.statuses.append(self.status)
        self.counted.connections.add(request.transport.get_extra_info("peername"))
        return writer


def _still_for_a_while(path):
    """Let the file be as old as one that nobody has touched for a minute."""
    was = path.stat().st_mtime
    os.utime(path, (was - 60, was - 60))


def _age_s(t, platform):
    return t.lists.current.age_s(HOME, platform.clock.ms // 1000)


async def test_n_polls_without_a_change_are_n_requests_on_one_connection_and_304_from_the_second_on(
    platform, site, terminal
):
    async with AsyncExitStack() as stack:
        t = await stack.enter_async_context(terminal.open())
        t.puller._session = await stack.enter_async_context(open_session())
        await t.puller.once()
        _still_for_a_while(platform.public / TIMESTAMP)
        counted = Counted(site)
        site.asked.clear()

        for _ in range(N):
            await t.puller.once()

        assert site.asked == [TIMESTAMP] * N
        assert counted.statuses == [200] + [304] * (N - 1)
        assert len(counted.connections) == 1


async def test_a_timestamp_signed_anew_over_the_same_snapshot_is_one_request_and_makes_the_lists_young(
    platform, site, terminal
):
    async with terminal.open() as t:
        await t.puller.once()
        versions = dict(t.lists.current.versions)
        platform.later(3_600_000)
        assert _age_s(t, platform) == 3600
        platform.repository.freshen(now_ms=platform.clock.ms)
        site.asked.clear()

        await t.puller.once()

        assert site.asked == [TIMESTAMP]
        assert _age_s(t, platform) == 0
        assert t.lists.current.versions == versions
        site.asked.clear()
        await t.puller.once()
        assert site.asked == [TIMESTAMP]
    async with terminal.open() as t:  # it verifies again from the cache, and is as young
        assert dict(t.lists.current.problems) == {}
        assert _age_s(t, platform) == 0


async def test_two_publications_in_one_second_are_two_whatever_the_servers_tags_say(platform, site, terminal):
    """nginx makes its tag of second and length; both are equal here."""

    async def nginx(request):
        if request.headers.get("If-None-Match") == '"same"':
            return web.Response(status=304)
        body = (platform.public / TIMESTAMP).read_bytes()
        now = "Wed, 18 Nov 2026 10:00:01 GMT"
        return web.Response(body=body, headers={"ETag": '"same"', "Date": now, "Last-Modified": now})

    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
        site.answers[TIMESTAMP] = nginx
        await t.puller.once()

        platform.restrict("wang")
        await t.puller.once()

        assert t.lists.current.measures(HOME, wang)


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": '"x"', "Last-Modified": "Wed, 18 Nov 2026 10:00:01 GMT"},
        {"ETag": '"x"', "Last-Modified": "yesterday"},
        {"ETag": '"x"'},
    ],
)
async def test_a_tag_that_might_name_two_contents_is_not_asked_with(platform, site, terminal, headers):
    told = []

    async def answer(request):
        told.append(request.headers.get("If-None-Match"))
        return web.Response(
            body=(platform.public / TIMESTAMP).read_bytes(),
            headers={"Date": "Wed, 18 Nov 2026 10:00:02 GMT", **headers},
        )

    async with terminal.open() as t:
        await t.puller.once()
        site.answers[TIMESTAMP] = answer
        await t.puller.once()
        await t.puller.once()

    assert told == [None, None]


async def test_a_304_over_a_timestamp_past_its_expiry_is_a_failure(platform, site, terminal):
    async with terminal.open() as t:
        await t.puller.once()
        _still_for_a_while(platform.public / TIMESTAMP)
        counted = Counted(site)
        await t.puller.once()
        platform.later(3 * 86_400_000)

        with pytest.raises(PullFailedError, match="holds back news"):
            await t.puller.once()

        assert counted.statuses == [200, 304]


async def test_a_304_that_nobody_asked_for_is_a_failure(site, terminal):
    async with terminal.open() as t:
        await t.puller.once()
        site.answers[TIMESTAMP] = 304

        with pytest.raises(PullFailedError, match="304"):
            await t.puller.once()


class TestRenewal:
    """What one file can settle, and what only the whole verification can."""

    @pytest.fixture
    async def held(self, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            yield await t.lists.stored()

    @pytest.fixture
    def renewed(self, platform, held):
        platform.repository.freshen(now_ms=platform.later(3_600_000))
        return (platform.public / TIMESTAMP).read_bytes()

    def test_one_signed_anew_is_one(self, platform, held, renewed):
        chain = renewal_of(held, renewed, trust_root=platform.repository.trust_root())

        assert (chain.timestamp, chain.issued_ms, chain.snapshot) == (renewed, platform.clock.ms, held.snapshot)

    def test_one_that_somebody_changed_is_none(self, platform, held, renewed):
        document = json.loads(renewed)
        document["signed"]["issued_ms"] += 1
        assert renewal_of(held, json.dumps(document).encode(), trust_root=platform.repository.trust_root()) is None

    def test_an_older_one_is_none(self, platform, held, renewed):
        newer = Stored(timestamp=renewed, snapshot=held.snapshot, targets=held.targets, roots=held.roots)
        assert renewal_of(newer, held.timestamp, trust_root=platform.repository.trust_root()) is None

    def test_one_below_the_floor_is_none(self, platform, held, renewed):
        root = Metadata.from_bytes(platform.repository.trust_root()).signed
        keys = " ".join(sorted(root.roles["timestamp"].keyids))
        higher = {("timestamp", keys): Metadata.from_bytes(renewed).signed.version}
        floored = Stored(
            timestamp=held.timestamp, snapshot=held.snapshot, targets=held.targets, roots=held.roots, floors=higher
        )
        assert renewal_of(floored, renewed, trust_root=platform.repository.trust_root()) is None

    def test_one_over_another_snapshot_is_none(self, platform, held):
        platform.restrict("wang")
        changed = (platform.public / TIMESTAMP).read_bytes()
        assert renewal_of(held, changed, trust_root=platform.repository.trust_root()) is None

    @pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff" * 40])
    def test_what_is_no_timestamp_is_none(self, platform, held, body):
        assert renewal_of(held, body, trust_root=platform.repository.trust_root()) is None


class TestPlatform:
    """A look that finds nothing signs nothing, until the lists would look old."""

    def test_a_look_within_half_an_hour_leaves_every_file_as_it_is(self, platform):
        before = _files(platform)
        cities.publish(platform.state, now_ms=platform.later(29 * 60_000), only_due=True)
        assert _files(platform) == before

    def test_after_half_an_hour_the_timestamp_alone_is_signed_anew(self, platform):
        before = _files(platform)
        cities.publish(platform.state, now_ms=platform.later(30 * 60_000), only_due=True)
        after = _files(platform)
        assert [name for name in after if after[name] != before.get(name)] == [TIMESTAMP]

    def test_a_change_is_published_at_once(self, platform):
        before = _files(platform)
        document = json.loads((platform.state / "cities" / HOME / "benefits.json").read_bytes())
        document["benefits"][0]["title"]["en"] = "Changed"
        files, by = {"benefits.json": json.dumps(document).encode()}, Warrant.by_two("li", "han")
        cities.put_rules(platform.state, HOME, files, warrant=by, now_ms=platform.later())

        published = cities.publish(platform.state, now_ms=platform.later(), only_due=True)

        assert published.changed == (f"rules/{HOME}/benefits.json",)
        assert _files(platform)[TIMESTAMP] != before[TIMESTAMP]


def _files(platform):
    folder = platform.public
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_publication_that_was_named_is_looked_for_until_it_is_here_but_not_for_ever():
    chase = polling.Chase()
    chase.name(None)
    assert not chase.on
    chase.name(9)

    looks = [chase.behind(8) for _ in range(polling.MOST + 1)]

    assert looks == [True] * polling.MOST + [False]
    chase.name(10)
    assert (chase.behind(9), chase.behind(10), chase.on) == (True, False, False)
