"""Odd clocks, odd names, endless answers, many at once: nothing of it makes a list young, lost, or half."""

import asyncio
import json
import random
import subprocess
import sys
import textwrap
import time

import aiohttp
import pytest
from aiohttp import web
from tuf.api.exceptions import DownloadError
from tuf.api.metadata import DelegatedRole

from cache.lists.index import read_index
from cache.lists.refusals import ContentRefusedError
from central.example_town import FOREIGN, HOME
from central.lists.cities import publish
from central.lists.metadata_files import PublishingError
from central.register.registry import register
from credit.rules.listing import city_of, is_city
from sync.backoff import Backoff
from sync.pull.fetcher import MAX_METADATA_BYTES, ListFetcher
from sync.pull.polling import Poll
from sync.pull.puller import PullFailedError

DAY_MS = 86_400_000
TIMESTAMP = "metadata/timestamp.json"


class TestClocks:
    async def test_a_clock_400_days_ahead_refuses_news_as_expired_and_keeps_what_is_in_force(self, platform, terminal):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            right_ms = platform.clock.ms
            terminal.clock.ms += 400 * DAY_MS

            with pytest.raises(PullFailedError, match="past its expiry|is expired"):
                await t.puller.once()
            assert t.lists.current.age_s(HOME, terminal.clock.ms // 1000) == 400 * 86_400
            assert t.lists.current.measures(HOME, wang)

            terminal.clock.ms = right_ms
            assert dict((await t.puller.once()).problems) == {}
            assert t.lists.current.age_s(HOME, right_ms // 1000) == 0, "a wrong clock left no floor behind"

    async def test_a_clock_set_back_between_refresh_and_look_up_makes_no_list_younger_than_new(
        self, platform, terminal
    ):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            terminal.clock.ms -= 10 * DAY_MS

            assert t.lists.current.age_s(HOME, terminal.clock.ms // 1000) == 0
            assert t.lists.current.measures(HOME, wang)
            platform.repository.freshen(now_ms=platform.clock.ms + 10 * DAY_MS)
            assert dict((await t.puller.once()).problems) == {}

    async def test_a_clock_set_back_brings_no_expired_timestamp_back(self, platform, site, terminal):
        async with terminal.open() as t:
            old = (platform.public / TIMESTAMP).read_bytes()
            await t.puller.once()
            platform.repository.freshen(now_ms=platform.later(5 * DAY_MS))
            await t.puller.once()
            terminal.clock.ms -= 5 * DAY_MS
            site.answers[TIMESTAMP] = old

            with pytest.raises(PullFailedError, match=r"expired|version \d+ must be >="):
                await t.puller.once()


class TestNames:
    @pytest.mark.parametrize(
        "name", ["云溪", "a%2Fb", "a/b", "..", "a.b", "A", "ａ", "", "x" * 33, "yunxi\n", "yunxi\0"]
    )
    def test_a_city_is_a_path_and_a_role_and_nothing_that_reads_in_two_ways(self, name):
        assert not is_city(name)
        assert city_of(f"lists.{name}") is None

    @pytest.mark.parametrize("name", ["云溪", "a%2Fb", f"..%2F{HOME}", "a/../b"])
    async def test_a_platform_that_delegates_to_such_a_city_is_heard_about_the_others(
        self, platform, terminal, forger, name
    ):
        """The alliance's own targets name it, well signed: the role is none of ours, and nobody else is touched."""

        def delegate(targets):
            known = targets.delegations.roles[f"lists.{FOREIGN}"]
            role = f"lists.{name}"
            paths = [f"lists/{name}/*"]
            targets.delegations.roles[role] = DelegatedRole(role, known.keyids, 1, terminating=True, paths=paths)

        async with terminal.open() as t:
            await t.puller.once()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            forger.write("targets", delegate)
            pulled = await t.puller.once()

            assert dict(pulled.problems) == {}
            assert {role.partition(".")[2] for role in t.lists.current.versions} == {HOME, FOREIGN}
            assert t.lists.current.measures(HOME, wang)


class TestWithoutEnd:
    @pytest.mark.parametrize("path", [TIMESTAMP, "metadata/2.root.json"])
    async def test_an_endless_answer_is_given_up_at_its_bound(self, platform, site, terminal, path):
        sent = 0

        async def endless(request):
            nonlocal sent
            response = web.StreamResponse()
            await response.prepare(request)
            with pytest.raises((ConnectionError, asyncio.CancelledError)):  # until they hang up
                while sent < 64 * MAX_METADATA_BYTES:
                    await response.write(bytes(100_000))
                    sent += 100_000
            return response

        async with terminal.open() as t:
            await t.puller.once()
            t.puller._full_at = 0.0  # the next look verifies everything, roots too
            site.answers[path] = endless
            with pytest.raises(PullFailedError, match=r"more than \d+ bytes"):
                await t.puller.once()

        assert sent < 4 * MAX_METADATA_BYTES

    async def test_a_platform_that_is_ill_says_so_by_its_number(self, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            site.answers[TIMESTAMP] = 503
            with pytest.raises(PullFailedError, match="HTTP 503"):
                await t.puller.once()
            assert t.lists.current.versions


class TestRows:
    async def test_a_measure_lifted_and_taken_again_stands_and_one_taken_and_lifted_does_not(self, platform, terminal):
        wang, li = platform.issue("wang").subject, platform.issue("li").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            platform.repair("wang")
            platform.restrict("li")
            platform.restrict("wang")
            platform.repair("li")
            await t.puller.once()

            assert len(t.lists.current.measures(HOME, wang)) == 1
            assert t.lists.current.measures(HOME, li) == ()

    def test_two_pseudonyms_that_a_terminal_would_take_for_one_are_refused_when_published(self, platform):
        """Their first eight octets are equal: nobody is restricted for somebody else, the office is told which two."""
        wang, twin = bytes(16), bytes(15) + b"\x01"
        before = (platform.public / TIMESTAMP).read_bytes()
        with register(platform.state) as conn:
            rows = [(HOME, key, 302, "2026-01-01", "2027-12-31", "x", 0) for key in (wang, twin)]
            conn.executemany(
                "INSERT INTO entry (city, subject, code, from_day, until_day, authority, recorded_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                rows,
            )

        with pytest.raises(PublishingError, match=f"{wang.hex()} and {twin.hex()} are one to a terminal"):
            publish(platform.state, now_ms=platform.later())
        assert (platform.public / TIMESTAMP).read_bytes() == before


PUBLISHING = textwrap.dedent("""
    import sys, time
    from datetime import date
    from pathlib import Path
    from central.lists.measure_calls import Measure, restrict
    from central.register.registry import pseudonym, register
    from central.register.warrants import Warrant

    state, name, many = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    measure = Measure(code=302, until=date(2099, 12, 31), authority=name)
    for number in range(many):
        with register(state) as conn:
            pseudonym(conn, "yunling", f"{name}-{number}")
        restrict(state, "yunling", f"{name}-{number}", measure,
                 warrant=Warrant.by_two("li", "han"), now_ms=time.time_ns() // 1_000_000)
""")


class TestManyAtOnce:
    async def test_two_processes_that_publish_at_once_undo_nothing_of_each_other(self, platform, terminal, tmp_path):
        script = tmp_path / "publishing.py"
        script.write_text(PUBLISHING)

        async def run(name):
            words = (sys.executable, str(script), str(platform.state), name, "4")
            return await asyncio.to_thread(subprocess.run, words, capture_output=True, check=False, timeout=100)

        for done in await asyncio.gather(run("first"), run("second")):
            assert (done.returncode, done.stderr) == (0, b"")

        terminal.clock.ms = time.time_ns() // 1_000_000
        async with terminal.open() as t:
            assert dict((await t.puller.once()).problems) == {}
            listed = t.lists.listed[f"lists.{HOME}", "measures"]
            assert listed.view.count == 8

    @pytest.mark.e2e
    async def test_a_thousand_terminals_that_wake_at_once_all_hear_the_news(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            stored = await t.lists.stored()
            platform.restrict("wang")
            root = platform.repository.trust_root()
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
                fetcher = ListFetcher(session, deadline_s=100.0)

                async def heard():
                    poll, backoff = Poll(site.url, root), Backoff(random.uniform)
                    while True:
                        try:
                            return await poll.ask(stored, fetcher, reference_ms=platform.clock.ms), backoff.failures
                        except DownloadError:
                            await asyncio.sleep(backoff.unreachable_s())

                began = time.monotonic()
                found = await asyncio.gather(*(heard() for _ in range(1000)))
                again = sum(failures for _polled, failures in found)
                print(f"1 000 at once: {time.monotonic() - began:.2f} s, {again} asked again")

        assert [polled.unchanged for polled, _failures in found] == [False] * 1000


def test_nothing_of_an_index_is_read_that_names_another_city_in_another_script():
    with pytest.raises(ContentRefusedError, match="a city publishes only its own"):
        read_index(HOME, json.dumps(_index("уunling")).encode())  # the first letter is Cyrillic


def _index(issuer):
    nothing = {"sha256": "0" * 64, "size": 1, "root": "0" * 64}
    measures = {"root": "0" * 64, "count": 0, "base": nothing}
    revoked = {"sha256": "0" * 64, "size": 1, "indexes": 0}
    return {"issuer": issuer, "complete": True, "authorities": [], "measures": measures, "revocations": revoked}
