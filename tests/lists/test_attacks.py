"""Attacks and accidents on the way from the platform to the terminal. The metadata is really signed."""

import asyncio
import gc
import hashlib
import json
import shutil

import pytest
from aiohttp import web

from central.example_town import FOREIGN, HOME
from central.lists.metadata_files import MetadataFiles
from central.lists.role_keys import RoleKeys
from sync.pull.puller import PullFailedError

INDEX = f"lists/{HOME}/index.json"
MEASURES = f"lists/{HOME}/measures.json"


class TestMetadata:
    async def test_rollback_to_an_older_state_is_refused(self, platform, terminal, tmp_path):
        shutil.copytree(platform.public, tmp_path / "old")
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            shutil.rmtree(platform.public)
            shutil.copytree(tmp_path / "old", platform.public)
            with pytest.raises(PullFailedError, match="version"):
                await t.puller.once()
            assert t.lists.current.measures(HOME, wang)

    async def test_rollback_is_refused_even_when_the_cached_chain_was_lost(self, platform, terminal, tmp_path):
        shutil.copytree(platform.public, tmp_path / "old")
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            await t.store.write(lambda conn: conn.execute("DELETE FROM list_chain").rowcount)
        shutil.rmtree(platform.public)
        shutil.copytree(tmp_path / "old", platform.public)
        async with terminal.open() as t:
            with pytest.raises(PullFailedError, match="rollback"):
                await t.puller.once()

    async def test_a_thief_who_counted_the_timestamp_up_cannot_lock_us_out_for_ever(self, platform, terminal, forger):
        async with terminal.open() as t:
            forger.files.put(
                "timestamp.json",
                forger.files.timestamp(2**52, forger.files.load().snapshot.signed, now_ms=platform.later()),
            )
            await t.puller.once()
            platform.restrict("wang")
            _count_down(platform, 7)
            with pytest.raises(PullFailedError, match="version"):
                await t.puller.once()

            platform.repository.rotate("timestamp", now_ms=platform.later())
            _count_down(platform, 7)
            await t.puller.once()
            assert t.lists.current.measures(HOME, platform.issue("wang").subject)

            _count_down(platform, 6)
            with pytest.raises(PullFailedError, match="version"):
                await t.puller.once()

    async def test_one_root_key_alone_cannot_make_a_new_root(self, platform, terminal, forger):
        async with terminal.open() as t:
            await t.puller.once()
            root = forger.files.load().root
            root.signed.version += 1
            root.signatures.clear()
            root.sign(forger.keys.signer("root-1"))
            platform.restrict("wang")
            (forger.files.metadata / "2.root.json").write_bytes(root.to_bytes())
            with pytest.raises(PullFailedError, match="signed by 1/2"):
                await t.puller.once()

    async def test_a_root_that_was_seen_cannot_be_hidden_again(self, platform, terminal, forger):
        async with terminal.open() as t:
            platform.repository.rotate("timestamp", now_ms=platform.later())
            await t.puller.once()
            await t.store.write(lambda conn: conn.execute("DELETE FROM list_chain").rowcount)
            (forger.files.metadata / "2.root.json").unlink()
            platform.repository.freshen(now_ms=platform.later())
            with pytest.raises(PullFailedError, match=r"root: version 1 after version 2 .* \(rollback\)"):
                await t.puller.once()

    async def test_freeze_an_expired_timestamp_is_a_failure_and_the_lists_stay(self, platform, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            platform.later(3 * 86_400_000)
            with pytest.raises(PullFailedError, match=r"expir"):
                await t.puller.once()
            assert t.lists.current.versions
            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 3 * 86_400

    async def test_a_clock_at_1970_does_not_make_expired_lists_fresh(self, platform, terminal, forger):
        async with terminal.open() as t:
            platform.repository.freshen(now_ms=platform.later(30 * 86_400_000))
            await t.puller.once()
            version = json.loads((platform.public / "metadata" / "timestamp.json").read_bytes())["signed"]["version"]
            expired_ms = platform.clock.ms - 20 * 86_400_000
            forger.files.put(
                "timestamp.json",
                forger.files.timestamp(version + 1, forger.files.load().snapshot.signed, now_ms=expired_ms),
            )
            terminal.clock.ms = 0
            with pytest.raises(PullFailedError, match="expired"):
                await t.puller.once()

    async def test_the_first_pull_of_a_box_at_1970_is_as_late_as_its_enrolment(self, platform, terminal, tmp_path):
        shutil.copytree(platform.public, tmp_path / "old")
        platform.repository.rotate("snapshot", now_ms=platform.later(30 * 86_400_000))
        terminal.trust_root = platform.repository.trust_root()
        for name in ("timestamp.json",):
            shutil.copy(tmp_path / "old" / "metadata" / name, platform.public / "metadata" / name)
        terminal.clock.ms = 0
        async with terminal.open() as t:
            with pytest.raises(PullFailedError, match="expired"):
                await t.puller.once()

    async def test_wrong_delegation_another_citys_key_cannot_sign_our_lists(self, platform, terminal, forger):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            forger.write(f"lists.{HOME}", lambda signed: None, signed_by=f"lists.{FOREIGN}")
            pulled = await t.puller.once()

            assert "signed by 0/1" in pulled.problems[f"lists.{HOME}"]
            assert t.lists.current.measures(HOME, wang)
        async with terminal.open() as t:  # and the version in force verifies again, by itself
            assert t.lists.current.measures(HOME, wang)

    async def test_a_wider_delegation_than_a_city_may_have_is_refused(self, terminal, forger):
        def widen(targets):
            targets.delegations.roles[f"lists.{FOREIGN}"].paths = ["lists/*/*"]

        async with terminal.open() as t:
            await t.puller.once()
            forger.write("targets", widen)
            pulled = await t.puller.once()

            assert "must be exactly" in pulled.problems[f"lists.{FOREIGN}"]

    async def test_mix_and_match_an_old_role_under_a_new_snapshot_is_refused(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            version = t.lists.current.versions[f"lists.{HOME}"]
            old = (platform.public / "metadata" / f"{version}.lists.{HOME}.json").read_bytes()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            newer = json.loads((platform.public / "metadata" / "timestamp.json").read_bytes())["signed"]["version"]
            assert newer > version  # versions are times: the role's newest is the publication's
            site.answers[f"metadata/{newer}.lists.{HOME}.json"] = old
            pulled = await t.puller.once()
            assert "does not match expected hash" in pulled.problems[f"lists.{HOME}"]

            site.answers.clear()
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang)

    async def test_one_citys_fault_does_not_hold_the_others(self, platform, terminal, forger):
        async with terminal.open() as t:
            await t.puller.once()
            forger.write(f"lists.{FOREIGN}", lambda signed: None, signed_by="timestamp")
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            pulled = await t.puller.once()

            assert list(pulled.problems) == [f"lists.{FOREIGN}"]
            assert t.lists.current.measures(HOME, wang)


class TestContent:
    async def test_a_city_cannot_publish_another_citys_file(self, platform, terminal, forger):
        async with terminal.open() as t:
            await t.puller.once()
            stolen = json.dumps({"issuer": FOREIGN, "complete": True, "entries": []}).encode()
            forger.document(INDEX, stolen, role=f"lists.{FOREIGN}")  # outside its paths: nobody looks there
            assert dict((await t.puller.once()).problems) == {}

            forger.document(f"lists/{FOREIGN}/index.json", (platform.public / _newest(platform)[0]).read_bytes())
            pulled = await t.puller.once()
            assert "a city publishes only its own" in pulled.problems[f"lists.{FOREIGN}"]

    @pytest.mark.parametrize(
        ("entry", "named"),
        [
            ({"key": "00", "code": 1}, "key '00'"),
            ({"key": "00" * 16, "code": "x"}, "entries[1].code"),
            ({"key": "00" * 16, "code": 1, "until": "2026-02-30"}, "entries[1].until"),
            (
                {"key": "00" * 16, "code": 1, "from": "2026-03-01", "until": "2026-02-01"},
                "with its last day before its first",
            ),
            ({"key": "00" * 16, "code": 1, "more": 1}, "more"),
            ({"key": "00" * 16, "code": 1, "state": "gone"}, "entries[1].state"),
        ],
    )
    async def test_one_bad_entry_is_set_aside_by_name_and_the_rest_is_in_force(self, terminal, forger, entry, named):
        async with terminal.open() as t:
            await t.puller.once()
            good = {"key": "11" * 16, "code": 301}
            forger.old_lists(json.dumps({"issuer": HOME, "complete": True, "entries": [good, entry]}).encode())
            pulled = await t.puller.once()

            (aside,) = t.lists.current.set_aside[f"lists.{HOME}"]
            assert named in aside
            assert pulled.problems == {}
            assert t.lists.current.measures(HOME, bytes.fromhex("11" * 16))

    @pytest.mark.parametrize("document", [{"entries": []}, {"complete": False, "entries": []}, {"complete": True}])
    async def test_a_list_that_does_not_say_it_is_complete_is_no_all_clear(self, platform, terminal, forger, document):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            forger.old_lists(json.dumps({"issuer": HOME, **document}).encode())
            pulled = await t.puller.once()

            assert MEASURES in pulled.problems[f"lists.{HOME}"]
            assert t.lists.current.measures(HOME, wang)

    async def test_a_missing_list_is_an_error(self, terminal, forger):
        async with terminal.open() as t:
            await t.puller.once()
            forger.write(f"lists.{HOME}", lambda signed: signed.targets.pop(INDEX))
            pulled = await t.puller.once()

            assert "missing" in pulled.problems[f"lists.{HOME}"]
            assert f"lists.{HOME}" in t.lists.current.states

    async def test_a_problem_is_journalled_once_and_clears(self, platform, terminal, forger):
        async with terminal.open() as t:
            await t.puller.once()
            forger.document(INDEX, b"[]")
            await t.puller.once()
            await t.puller.once()
            platform.restrict("wang")
            pulled = await t.puller.once()

            bodies = await t.store.read(
                lambda conn: [
                    json.loads(b) for (b,) in conn.execute("SELECT body FROM journal WHERE kind = 'lists_changed'")
                ]
            )
            assert [bool(body["problems"]) for body in bodies].count(True) == 1
            assert dict(pulled.problems) == {}


class TestDownload:
    async def test_a_truncated_document_is_refused_and_resumed(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            path, data = _newest(platform)
            site.answers[path] = data[:40]
            pulled = await t.puller.once()
            assert f"40 bytes of {len(data)}" in pulled.problems[f"lists.{HOME}"]
            assert t.lists.current.measures(HOME, wang) == ()

            site.answers.clear()
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang)

    async def test_a_download_cut_in_the_middle_goes_on_where_it_ended(self, platform, site, terminal):
        ranges = []

        async def cut(request):
            response = web.StreamResponse(headers={"Content-Length": str(len(data))})
            await response.prepare(request)
            await response.write(data[:40])
            request.transport.close()
            return response

        async def rest(request):
            ranges.append(request.headers.get("Range"))
            return web.FileResponse(platform.public / path)

        async with terminal.open() as t:
            await t.puller.once()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            path, data = _newest(platform)
            site.answers[path] = cut
            assert f"received 40 of {len(data)} bytes" in (await t.puller.once()).problems[f"lists.{HOME}"]
            site.answers[path] = rest
            await t.puller.once()

            assert ranges == ["bytes=40-"]
            assert t.lists.current.measures(HOME, wang)

    async def test_another_content_of_the_same_length_is_refused(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            platform.restrict("wang")
            path, data = _newest(platform)
            site.answers[path] = data[:-1] + b"]"
            pulled = await t.puller.once()

            assert "another content" in pulled.problems[f"lists.{HOME}"]

    async def test_a_server_that_drips_cannot_hold_a_refresh_beyond_its_deadline(self, site, terminal):
        async def drip(request):
            response = web.StreamResponse()
            await response.prepare(request)
            for _ in range(100_000):
                await response.write(b" ")
                await asyncio.sleep(0.01)
            return response

        async with terminal.open(deadline_s=0.5) as t:
            site.answers["metadata/timestamp.json"] = drip
            started = asyncio.get_running_loop().time()
            with pytest.raises(PullFailedError, match=r"not finished within 0\.5 s"):
                await t.puller.once()
            assert asyncio.get_running_loop().time() - started < 5

    async def test_an_endless_answer_is_cut_at_the_signed_size(self, platform, site, terminal):
        async with terminal.open() as t:
            await t.puller.once()
            platform.restrict("wang")
            path, data = _newest(platform)
            site.answers[path] = data + b"x" * 100
            pulled = await t.puller.once()

            assert "more than" in pulled.problems[f"lists.{HOME}"]

    async def test_cancelling_a_refresh_ends_its_download_and_its_thread(self, site, terminal, until):
        stuck = asyncio.Event()

        async def hang(request):
            await stuck.wait()
            return web.Response()

        async with terminal.open(deadline_s=3600.0) as t:
            site.answers["metadata/timestamp.json"] = hang
            pulling = asyncio.create_task(t.puller.once())
            await until(lambda: "metadata/timestamp.json" in site.asked)
            pulling.cancel()
            with pytest.raises(asyncio.CancelledError):
                await pulling
            stuck.set()

    async def test_a_stop_during_a_refresh_leaves_no_future_that_nobody_asked(self, site, terminal, until):
        never, told = asyncio.Event(), []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context["message"]))

        async def hang(request):
            await never.wait()
            return web.Response()

        async with terminal.open(deadline_s=3600.0) as t:
            site.answers["metadata/timestamp.json"] = hang
            pulling = asyncio.create_task(t.puller.once())
            await until(lambda: "metadata/timestamp.json" in site.asked)
            pulling.cancel()
            await asyncio.wait({pulling})
            del pulling
            never.set()
        gc.collect()

        assert told == []

    @pytest.mark.parametrize("name", ["timestamp.json", "2.root.json"])
    async def test_a_captive_portal_says_nothing_of_ours(self, platform, site, terminal, name):
        wang = platform.issue("wang").subject
        async with terminal.open() as t:
            await t.puller.once()
            platform.restrict("wang")
            t.puller._full_at = 0.0  # the next look verifies everything, roots too
            site.answers[f"metadata/{name}"] = b"<html>Welcome to our Wi-Fi</html>"
            with pytest.raises(PullFailedError, match="no signed metadata: a portal or a proxy may answer"):
                await t.puller.once()

            site.answers.clear()
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang)

    async def test_a_dead_platform_is_one_kind_of_error(self, terminal):
        terminal.url = "http://127.0.0.1:9/lists/"
        async with terminal.open() as t:
            with pytest.raises(PullFailedError, match=r"127\.0\.0\.1"):
                await t.puller.once()


def _count_down(platform, version):
    """Sign the state in force with a lower timestamp version, by the key in force."""
    files = MetadataFiles(platform.public, RoleKeys(platform.state / "keys"))
    files.put("timestamp.json", files.timestamp(version, files.load().snapshot.signed, now_ms=platform.later()))


def _newest(platform):
    """Return the URL path and bytes of the home city's newest index."""
    files = MetadataFiles(platform.public, RoleKeys(platform.state / "keys"))
    sha256 = files.load().roles[f"lists.{HOME}"].signed.targets[INDEX].hashes["sha256"]
    path = f"targets/lists/{HOME}/{sha256}.index.json"
    data = (platform.public / path).read_bytes()
    assert hashlib.sha256(data).hexdigest() == sha256
    return path, data
