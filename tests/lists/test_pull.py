"""The spine: publish, serve, pull, verify, switch, in force; and back from the cache without a network."""

import asyncio
import json

import pytest
from aiohttp import web

from cache.lists.trusted import NO_LIST_AGE_S
from central import example_town
from central.example_town import HOME
from central.lists import measure_calls
from central.lists.bundles import bundle
from central.register.warrants import Warrant
from credit.reasons import Reason
from credit.tokens import TokenError, open_token
from sync.pull.handover import ANSWER, Handover
from sync.pull.puller import PullFailedError

BY_TWO = Warrant.by_two("li", "han")


class TestInForce:
    async def test_a_fresh_terminal_has_every_city_in_force_after_one_pull(self, terminal):
        async with terminal.open() as t:
            pulled = await t.puller.once()

            assert dict(pulled.problems) == {}
            assert set(t.lists.current.versions) == {
                f"{kind}.{city}" for kind in ("issuers", "lists", "rules") for city in example_town.CITIES
            }

    async def test_a_token_of_the_city_opens_with_the_pulled_keys(self, platform, terminal):
        issued = platform.issue(max_uses=3)
        async with terminal.open() as t:
            await t.puller.once()

            token = open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)

            assert (token.issuer, token.subject, token.tier) == (HOME, issued.subject, 4)

    async def test_restrict_and_repair_come_and_go(self, platform, terminal):
        wang = platform.issue("wang").subject
        async with terminal.open() as t:
            platform.restrict("wang")
            await t.puller.once()
            (entry,) = t.lists.current.measures(HOME, wang)
            assert (entry.code, entry.authority) == (example_town.RESTRICT, "云岭文旅局")

            platform.repair("wang")
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang) == ()

    async def test_a_disputed_measure_says_so_and_counts_again_when_the_dispute_is_rejected(self, platform, terminal):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            for call, state in ((measure_calls.dispute, "disputed"), (measure_calls.undispute, "active")):
                call(platform.state, HOME, "wang", warrant=BY_TWO, now_ms=platform.later())
                await t.puller.once()
                assert [one.state.value for one in t.lists.current.measures(HOME, wang)] == [state]

    async def test_a_revoked_token_is_revoked_and_its_neighbour_is_not(self, platform, terminal):
        one, other = platform.issue("wang"), platform.issue("li")
        measure_calls.revoke(platform.state, HOME, one.token_id, now_ms=platform.later())
        async with terminal.open() as t:
            await t.puller.once()
            lists = t.lists.current

            assert lists.revoked(HOME, one.token_id, one.status_index)
            assert not lists.revoked(HOME, other.token_id, other.status_index)
            assert lists.revoked(HOME, other.token_id, 10**9)  # beyond the list: no all-clear

    async def test_a_killed_key_refuses_its_tokens_and_stays_killed(self, platform, terminal):
        issued = platform.issue(max_uses=3)
        async with terminal.open() as t:
            await t.puller.once()
            measure_calls.kill_key(platform.state, HOME, now_ms=platform.later())
            await t.puller.once()

            with pytest.raises(TokenError) as caught:
                open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)
            assert caught.value.reason is Reason.KEY_REVOKED

            platform.repository.publish({f"issuers/{HOME}/keys.json": b"[]"}, now_ms=platform.later())
            await t.puller.once()
            with pytest.raises(TokenError) as caught:
                open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)
            assert caught.value.reason is Reason.KEY_REVOKED

    async def test_a_killed_key_is_dead_while_the_lists_are_still_on_their_way(
        self, platform, site, terminal, forger, until
    ):
        issued = platform.issue(max_uses=3)
        hangs = asyncio.Event()

        async def hang(request):
            await hangs.wait()
            return web.Response(status=503)

        async with terminal.open(deadline_s=3600.0) as t:
            await t.puller.once()
            measure_calls.kill_key(platform.state, HOME, now_ms=platform.later())
            platform.restrict("wang")
            version = forger.files.load().roles[f"lists.{HOME}"].signed.version
            site.answers[path := f"metadata/{version}.lists.{HOME}.json"] = hang
            pulling = asyncio.create_task(t.puller.once())
            try:
                await until(lambda: path in site.asked)
                with pytest.raises(TokenError) as caught:
                    open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)
                assert caught.value.reason is Reason.KEY_REVOKED
                assert t.lists.current.measures(HOME, issued.subject) == ()
            finally:
                hangs.set()
            assert "HTTP 503" in (await pulling).problems[f"lists.{HOME}"]

    async def test_an_expelled_city_is_gone_with_keys_and_lists(self, platform, terminal):
        issued = platform.issue(city=example_town.FOREIGN, max_uses=3)
        async with terminal.open() as t:
            await t.puller.once()
            platform.repository.expel_city(example_town.FOREIGN, now_ms=platform.later())
            await t.puller.once()

            with pytest.raises(TokenError) as caught:
                open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)
            assert caught.value.reason is Reason.UNKNOWN_KEY
            assert t.lists.current.age_s(example_town.FOREIGN, platform.clock.ms // 1000) == NO_LIST_AGE_S
        async with terminal.open() as t:
            assert set(t.lists.current.states) == {f"{kind}.{HOME}" for kind in ("issuers", "lists", "rules")}

    async def test_a_switch_is_one_journal_record_with_versions(self, platform, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            before = await t.store.read(_changes)
            platform.restrict("wang")
            await t.puller.once()
            await t.puller.once()
            after = await t.store.read(_changes)

            assert [json.loads(body) for body in after[len(before) :]] == [
                {"problems": {}, "versions": {f"lists.{HOME}": platform.clock.ms}}
            ]

    async def test_an_idle_poll_asks_for_the_timestamp_alone(self, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            site.asked.clear()
            await t.puller.once()

            assert site.asked == ["metadata/timestamp.json"]

    async def test_run_polls_wakes_and_ends_when_it_is_cancelled(self, platform, terminal, until):
        wang = platform.issue("wang").subject
        async with terminal.open(poll_s=3600.0) as t:
            running = asyncio.create_task(t.puller.run())
            await until(lambda: t.lists.current.versions)
            platform.restrict("wang")
            t.puller.wake()
            await until(lambda: t.lists.current.measures(HOME, wang))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running


class TestAge:
    async def test_age_counts_from_the_newest_signed_timestamp(self, platform, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            platform.later(3_600_000)
            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 3600

            platform.repository.freshen(now_ms=platform.clock.ms)
            await t.puller.once()

            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 0
        async with terminal.open() as t:
            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 0


class TestOffline:
    async def test_a_terminal_starts_from_its_cache_with_the_platform_gone(self, platform, site, terminal):
        wang = platform.issue("wang", max_uses=3)
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
        site.answers = dict.fromkeys(site.asked, 503)
        async with terminal.open() as t:
            assert t.lists.current.measures(HOME, wang.subject)
            assert open_token(wang.text, t.lists.current.keyring, now=platform.clock.ms // 1000).issuer == HOME
            assert dict(t.lists.current.problems) == {}

    async def test_after_forty_days_offline_the_lists_are_verified_and_old(self, platform, site, terminal):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
        platform.later(40 * 86_400_000)
        async with terminal.open() as t:
            assert t.lists.current.measures(HOME, wang)
            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 40 * 86_400

    async def test_with_the_platform_down_the_old_lists_stay_in_force(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            versions = t.lists.current.versions
            site.answers = {"metadata/timestamp.json": 503}
            with pytest.raises(PullFailedError, match="503"):
                await t.puller.once()
            assert t.lists.current.versions == versions

    async def test_a_document_that_rotted_on_the_flash_is_found_and_fetched_again(self, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            (keys,) = [
                one for one in t.lists.current.states[f"issuers.{HOME}"].documents if one.path.endswith("keys.json")
            ]
        file = terminal.folder / "lists" / "targets" / keys.sha256
        file.write_bytes(file.read_bytes()[:-1])
        async with terminal.open() as t:
            assert "damaged" in t.lists.current.problems[f"issuers.{HOME}"]
            assert f"lists.{HOME}" in t.lists.current.states

            await t.puller.once()

            assert f"issuers.{HOME}" in t.lists.current.states
            assert dict(t.lists.current.problems) == {}


def _changes(conn):
    return [body for (body,) in conn.execute("SELECT body FROM journal WHERE kind = 'lists_changed' ORDER BY seq")]


async def test_a_change_of_measures_is_one_transaction(platform, terminal):
    async with terminal.open() as t:
        await t.puller.once()
        platform.restrict("wang")
        before = await t.store.read(_data_version)
        await t.puller.once()

        assert await t.store.read(_data_version) == before + 1


def _data_version(conn):
    return conn.execute("PRAGMA data_version").fetchone()[0]


class TestFullDisk:
    """A disk without room: no scratch folder can be made, no answer written."""

    @pytest.fixture
    def full_disk(self, monkeypatch, tmp_path):
        return lambda: monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no-room-here"))

    async def test_a_list_that_changes_while_the_disk_is_full_leaves_the_old_one_in_force(
        self, platform, terminal, full_disk
    ):
        platform.issue("wang")
        async with terminal.open() as t:
            await t.puller.once()
            before = t.lists.current
            platform.restrict("wang")
            full_disk()

            with pytest.raises(PullFailedError, match="disk") as failed:
                await t.puller.once()

            assert (t.lists.current, failed.value.unreachable) == (before, False)

    async def test_a_download_that_cannot_be_kept_is_a_failed_refresh(self, platform, terminal):
        async with terminal.open() as t:
            targets = terminal.folder / "lists" / "targets"
            targets.rmdir()
            targets.write_bytes(b"")

            with pytest.raises(PullFailedError, match="disk"):
                await t.puller.once()

    async def test_a_terminal_with_a_full_disk_starts_and_shows_the_problem(self, terminal, full_disk):
        async with terminal.open() as t:
            await t.puller.once()
        full_disk()

        async with terminal.open() as t:
            assert "disk" in t.lists.current.problems[""]

    async def test_a_bundle_that_finds_no_room_is_answered_for(self, platform, terminal, full_disk):
        async with terminal.open() as t:
            handover = Handover(t.lists.files.folder)
            handover.offer(bundle(platform.state))
            full_disk()

            await t.puller.take_handed()

            answer = handover.answered()
            assert answer is not None
            assert "disk" in (answer.error or "")

    async def test_an_answer_that_cannot_be_written_is_a_failed_refresh(self, platform, terminal):
        async with terminal.open() as t:
            handover = Handover(t.lists.files.folder)
            handover.offer(bundle(platform.state))
            (t.lists.files.folder / ANSWER).mkdir()

            with pytest.raises(PullFailedError, match="disk"):
                await t.puller.take_handed()
