"""Stolen keys: what a thief can do with each, what terminals answer, and how the alliance gets its gates back."""

import msgspec
import pytest

from central.example_town import FOREIGN, HOME
from sync.pull.puller import PullFailedError

COUNTED_UP = 2**52
ONLINE = ("snapshot", "timestamp")


def served_by(site, thief):
    """Let the thief's web server answer in the platform's place."""
    site.public = thief.public


async def test_a_snapshot_below_the_one_seen_is_refused_under_the_newest_timestamp(platform, terminal, forger):
    async with terminal.open() as t:
        platform.restrict("wang")
        await t.puller.once()
        snapshot = forger.files.load().snapshot.signed
        snapshot.version -= 1
        forger.files.write_snapshot(snapshot, {}, now_ms=platform.later())
        newest = forger.files.load().timestamp.signed.version
        forger.files.put("timestamp.json", forger.files.timestamp(newest + 1, snapshot, now_ms=platform.later()))

        with pytest.raises(PullFailedError, match=r"snapshot version must be >= \d+"):
            await t.puller.once()


async def test_targets_below_those_seen_are_refused_under_the_newest_snapshot(platform, terminal, forger):
    async with terminal.open() as t:
        platform.repository.publish({}, now_ms=platform.later())
        platform.repository.rotate("targets", now_ms=platform.later())
        await t.puller.once()
        state = forger.files.load()
        targets = state.roles["targets"].signed
        targets.version -= 1
        forger.files.write_role("targets", targets, now_ms=platform.later())
        snapshot = state.snapshot.signed
        snapshot.version += 1
        forger.files.write_snapshot(snapshot, {"targets": targets.version}, now_ms=platform.later())
        forger.files.put(
            "timestamp.json",
            forger.files.timestamp(state.timestamp.signed.version + 1, snapshot, now_ms=platform.later()),
        )

        with pytest.raises(PullFailedError, match=r"targets\S* version .*got version|[Ee]xpected targets"):
            await t.puller.once()


async def test_a_city_s_role_below_the_one_seen_is_refused_by_name(platform, terminal, forger):
    wang = platform.issue("wang").subject
    platform.restrict("wang")
    async with terminal.open() as t:
        await t.puller.once()

        def count_down(signed):
            signed.version -= 2

        forger.write(f"lists.{HOME}", count_down)
        with pytest.raises(PullFailedError, match=rf"lists\.{HOME}"):
            await t.puller.once()
        assert t.lists.current.measures(HOME, wang)


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", f"lists.{HOME}", f"rules.{HOME}"])
async def test_versions_counted_up_by_a_thief_bind_nobody_once_the_keys_are_new(platform, site, terminal, thief, role):
    """Fast-forward and recovery: docs/federation.md's way for a stolen key, from the platform's own folder."""
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
        _count_up(thief, role, platform)
        served_by(site, thief)
        await t.puller.once()

        site.public = platform.public
        platform.restrict("wang")
        with pytest.raises(PullFailedError, match="version"):
            await t.puller.once()

        if "." in role:
            platform.repository.rekey_city(HOME, role.partition(".")[0], now_ms=platform.later())
        for name in ("targets", *ONLINE) if role == "targets" else ONLINE:
            platform.repository.rotate(name, now_ms=platform.later())
        pulled = await t.puller.once()

        assert dict(pulled.problems) == {}
        assert t.lists.current.measures(HOME, wang)
        served_by(site, thief)
        with pytest.raises(PullFailedError):
            await t.puller.once()
        assert t.lists.current.measures(HOME, wang), "the thief's state is not taken again"


def _count_up(thief, role, platform):
    files = thief.files
    state = files.load()
    snapshot, stamp = state.snapshot.signed, state.timestamp.signed.version + 1
    versions = {}
    if role == "timestamp":
        stamp = COUNTED_UP
    elif role == "snapshot":
        snapshot.version = COUNTED_UP - 1
    else:
        signed = state.roles[role].signed
        signed.version = COUNTED_UP
        files.write_role(role, signed, now_ms=platform.later())
        versions = {role: COUNTED_UP}
    snapshot.version += 1
    files.write_snapshot(snapshot, versions, now_ms=platform.later())
    files.put("timestamp.json", files.timestamp(stamp, snapshot, now_ms=platform.later()))


async def test_whoever_has_a_city_s_online_key_has_its_lists_and_neither_its_keys_nor_its_rules(
    platform, terminal, forger
):
    """The online machine of a city is taken over: its list key signs, for itself and for all else of the city."""
    platform.issue("wang")
    async with terminal.open() as t:
        await t.puller.once()
        before = t.lists.current.versions
        for kind in ("issuers", "rules"):
            forger.write(f"{kind}.{HOME}", lambda signed: None, signed_by=f"lists.{HOME}")
        pulled = await t.puller.once()

        for kind in ("issuers", "rules"):
            assert "signed by 0/1" in pulled.problems[f"{kind}.{HOME}"]
            assert t.lists.current.versions[f"{kind}.{HOME}"] == before[f"{kind}.{HOME}"]


async def test_whoever_has_both_online_keys_of_the_platform_can_make_no_city_say_anything(platform, terminal, forger):
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
        forger.write(f"lists.{HOME}", lambda signed: signed.targets.clear(), signed_by="snapshot")
        forger.write(f"lists.{FOREIGN}", lambda signed: signed.targets.clear(), signed_by="timestamp")
        pulled = await t.puller.once()

        assert {role: text for role, text in pulled.problems.items() if "signed by 0/1" not in text} == {}
        assert len(pulled.problems) == 2
        assert t.lists.current.measures(HOME, wang) == ()


async def test_a_measure_that_a_thief_published_is_gone_once_the_city_has_a_new_key(platform, site, terminal, thief):
    """The thief's lists key made a false measure; the city is re-keyed and its own register is the truth again."""
    wang = platform.issue("wang").subject
    async with terminal.open() as t:
        await t.puller.once()
        measure = {"key": wang.hex(), "code": 302, "from": "2026-01-01", "until": "2027-12-31", "authority": "x"}
        documents = {
            f"lists/{HOME}/measures.json": {"issuer": HOME, "complete": True, "entries": [measure]},
            f"lists/{HOME}/revocations.json": {"issuer": HOME, "complete": True, "tokens": [], "status": "AAAA"},
        }
        thief.write(f"lists.{HOME}", lambda signed: signed.targets.pop(f"lists/{HOME}/index.json", None))
        for path, document in documents.items():
            thief.document(path, msgspec.json.encode(document))
        served_by(site, thief)
        await t.puller.once()
        assert [one.code for one in t.lists.current.measures(HOME, wang)] == [302]

        site.public = platform.public
        platform.repository.rekey_city(HOME, "lists", now_ms=platform.later())
        for name in ONLINE:
            platform.repository.rotate(name, now_ms=platform.later())
        pulled = await t.puller.once()

        assert dict(pulled.problems) == {}
        assert t.lists.current.measures(HOME, wang) == ()
        platform.restrict("wang")
        await t.puller.once()
        assert t.lists.current.measures(HOME, wang), "and the city's own word counts again"


YEAR_MS = 365 * 86_400_000


@pytest.mark.parametrize("same_snapshot", [True, False], ids=["renewal", "whole"])
async def test_a_time_that_a_thief_signs_ahead_stops_no_clock_and_makes_no_list_young(
    platform, site, terminal, thief, same_snapshot
):
    """Whoever stole the timestamp's key dates it years ahead: it would be the least of all later times."""
    terminal.clock.signed = True  # the platform has told this terminal the time
    async with terminal.open() as t:
        await t.puller.once()
        before = t.lists.current
        if not same_snapshot:
            thief.top({})
        state = thief.files.load()
        ahead_ms = platform.clock.ms + 10 * YEAR_MS
        version = state.timestamp.signed.version + 1
        thief.files.put("timestamp.json", thief.files.timestamp(version, state.snapshot.signed, now_ms=ahead_ms))
        served_by(site, thief)

        with pytest.raises(PullFailedError, match="s ahead of the platform's time"):
            await t.puller.once()
        assert t.lists.current is before
        assert (await t.lists.stored()).newest_ms == before.newest_ms

        site.public = platform.public
        platform.repository.rotate("timestamp", now_ms=platform.later())
        assert dict((await t.puller.once()).problems) == {}
        assert t.lists.current.newest_ms == platform.clock.ms


async def test_a_platform_whose_processes_differ_by_seconds_is_heard(platform, terminal):
    terminal.clock.signed = True
    async with terminal.open() as t:
        platform.repository.freshen(now_ms=platform.clock.ms + 20_000)

        assert dict((await t.puller.once()).problems) == {}
        assert t.lists.current.newest_ms == platform.clock.ms + 20_000


async def test_a_box_that_nobody_told_the_time_believes_a_list_dated_ahead_and_hears_nothing_until_then(
    platform, site, terminal, thief
):
    """Not held (THREAT_MODEL.md): the same thief before a terminal that has no time of the platform's to compare."""
    terminal.clock.signed = False
    async with terminal.open() as t:
        await t.puller.once()
        ahead_ms = platform.clock.ms + 10 * YEAR_MS
        state = thief.files.load()
        version = state.timestamp.signed.version + 1
        thief.files.put("timestamp.json", thief.files.timestamp(version, state.snapshot.signed, now_ms=ahead_ms))
        served_by(site, thief)
        await t.puller.once()
        assert t.lists.current.newest_ms == ahead_ms, "believed"

        site.public = platform.public
        platform.repository.rotate("timestamp", now_ms=platform.later())
        with pytest.raises(PullFailedError, match="is expired"):
            await t.puller.once()
        assert t.lists.current.versions, "what was in force before stays so"
