"""Measures and members in key files, from the register to the gate: the shortest way, and every wrong one."""

import asyncio
import hashlib
import json
import os
import random
import sqlite3
import stat
import zlib
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from tuf.api.metadata import Metadata, MetaFile, TargetFile

from cache.ledger.visit import ListUnreadableError
from cache.lists.index import read_index
from cache.lists.keyfile import base, compacting
from cache.lists.keyfile.delta import Delta
from cache.lists.payloads import entry_id, pack_measure
from cache.lists.refusals import ContentRefusedError
from cache.lists.rows import stored
from cache.lists.status import packed_status, read_revocations
from central.example_town import HOME, RESTRICT
from central.lists import keyed
from central.lists.metadata_files import MetadataFiles
from central.lists.role_keys import RoleKeys
from central.register.members import forget_ended
from central.register.registry import RegistryError, register
from credit.tokens import open_token
from sync.pull import examine, mending

NIGHT_MS = 1_795_028_400_000  # 2026-11-19 03:00 in Shanghai
DAY_MS = 86_400_000
LISTED = (f"lists.{HOME}", "measures")
FOLDER = f"targets/lists/{HOME}/"
ROW = (
    "INSERT INTO entry (city, subject, code, from_day, until_day, authority, recorded_ms)"
    " VALUES (?, ?, ?, '2026-01-01', '2027-12-31', 'office', 0)"
)


def fill(platform, entries, *, seed=1):
    """Record many measures at once, and publish them."""
    drawn = random.Random(seed)
    with register(platform.state) as conn:
        rows = [(HOME, drawn.randbytes(16), RESTRICT) for _ in range(entries)]
        conn.executemany(ROW, rows)
    publish(platform)
    return [subject for _city, subject, _code in rows]


def publish(platform):
    from central.lists.cities import publish as published

    return published(platform.state, now_ms=platform.later())


def index_of(platform):
    files = MetadataFiles(platform.public, RoleKeys(platform.state / "keys"))
    return files.index(files.load(), HOME)


def fetched(site, *, ending):
    return [path for path in site.asked if path.endswith(ending)]


class TestTheShortestWay:
    async def test_one_more_of_many_is_one_small_step(self, platform, site, terminal):
        fill(platform, 3_000)
        async with terminal.open() as t:
            await t.puller.once()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            site.asked.clear()
            await t.puller.once()

            assert t.lists.current.measures(HOME, wang)
            assert fetched(site, ending=".base") == []
            (step,) = fetched(site, ending=".delta")
            assert (platform.public / step).stat().st_size < 200

    def test_a_short_list_that_grows_at_once_is_not_laid_out_as_a_short_one(self, platform):
        """Six octets tell the people of a short list apart, and no longer those of one that was imported since."""
        fill(platform, 100)
        close = (bytes(6) + b"\x00" + bytes(9), bytes(6) + b"\xf0" + bytes(9))
        with register(platform.state) as conn:
            conn.executemany(ROW, [(HOME, subject, RESTRICT) for subject in close])
        fill(platform, 3_000, seed=2)

        assert index_of(platform).measures.count == 3_102

    def test_one_more_of_many_copies_no_base_and_looks_at_no_row_of_it_again(self, platform, monkeypatch):
        fill(platform, 3_000)
        copied, ordered = [], []

        class Folder(TemporaryDirectory):
            def cleanup(self):
                every = [one.lstat() for one in Path(self.name).rglob("*")]
                copied.append(sum(one.st_size for one in every if stat.S_ISREG(one.st_mode)))
                super().cleanup()

            def __exit__(self, *exc):
                self.cleanup()

        monkeypatch.setattr(examine, "TemporaryDirectory", Folder)
        monkeypatch.setattr(base, "check_order", lambda *_args, **_more: ordered.append(1))
        platform.restrict("wang")

        assert 0 < copied[0] < index_of(platform).measures.base.size
        assert ordered == []

    async def test_a_terminal_that_slept_takes_everything_since_in_one_file(self, platform, site, terminal):
        first = fill(platform, 3_000)[0]
        async with terminal.open() as t:
            await t.puller.once()
            for number in range(keyed.RECENT + 3):
                platform.restrict(f"visitor {number}")
            site.asked.clear()
            await t.puller.once()

            assert (len(fetched(site, ending=".base")), len(fetched(site, ending=".delta"))) == (0, 1)
            assert t.lists.current.measures(HOME, first)
            assert t.lists.current.contents[f"lists.{HOME}"].measures.view.count == 3_000 + keyed.RECENT + 3

    async def test_a_new_base_is_led_to_by_one_delta_and_a_new_terminal_takes_it(
        self, platform, site, terminal, monkeypatch, tmp_path
    ):
        fill(platform, 3_000)
        async with terminal.open() as t:
            await t.puller.once()
            before = index_of(platform).measures.base
            monkeypatch.setattr(keyed, "REBASE_LEAST", 100)
            fill(platform, 500, seed=2)
            monkeypatch.setattr(keyed, "REBASE_LEAST", 64 << 10)
            for number in range(keyed.RECENT + 1):
                platform.restrict(f"visitor {number}")
            wanted = index_of(platform).measures
            site.asked.clear()
            await t.puller.once()

            assert wanted.base != before
            assert fetched(site, ending=".base") == []
            in_force = t.lists.current.contents[f"lists.{HOME}"].measures
            assert (in_force.view.root.hex(), in_force.pile[0].sha256) == (wanted.root, before.sha256)
        terminal.folder = tmp_path / "another"
        terminal.folder.mkdir()
        async with terminal.open() as t:
            await t.puller.once()
            assert t.lists.current.contents[f"lists.{HOME}"].measures.pile[0].sha256 == wanted.base.sha256

    async def test_after_a_restart_base_and_steps_stand_where_they_stood(self, platform, terminal):
        fill(platform, 500)
        async with terminal.open() as t:
            await t.puller.once()
            wang = platform.issue("wang").subject
            platform.restrict("wang")
            await t.puller.once()
            root = t.lists.current.contents[f"lists.{HOME}"].measures.view.root
        terminal.url = "http://127.0.0.1:9/"
        async with terminal.open() as t:
            assert t.lists.current.contents[f"lists.{HOME}"].measures.view.root == root
            assert t.lists.current.measures(HOME, wang)
            assert dict(t.lists.current.problems) == {}

    async def test_an_unchanged_list_is_not_signed_anew(self, platform):
        fill(platform, 200)

        assert publish(platform).changed == ()

    async def test_a_call_brings_its_own_subject_and_looking_through_brings_what_was_left(self, platform, terminal):
        with register(platform.state) as conn:
            conn.execute(ROW, (HOME, b"\xaa" * 16, RESTRICT))
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            assert not t.lists.current.measures(HOME, b"\xaa" * 16)
            publish(platform)
            await t.puller.once()
            assert t.lists.current.measures(HOME, b"\xaa" * 16)

    def test_two_measures_that_say_the_same_are_one_row(self, platform):
        platform.restrict("wang")
        platform.restrict("wang")

        assert index_of(platform).measures.count == 1


class TestFormsBefore:
    async def test_a_platform_from_before_is_read_and_its_first_index_takes_over(self, platform, terminal):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        platform.repository.publish(platform.old_lists(), now_ms=platform.later())
        async with terminal.open() as t:
            await t.puller.once()
            assert [one.path for one in t.lists.current.states[f"lists.{HOME}"].documents] == list(platform.old_lists())
            assert t.lists.current.measures(HOME, wang)
        async with terminal.open() as t:
            assert t.lists.current.measures(HOME, wang), "and after a restart"
            publish(platform)
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang)
            assert t.lists.current.states[f"lists.{HOME}"].documents[0].path.endswith("index.json")

    def test_a_stored_terminal_of_the_form_before_is_brought_on(self, tmp_path):
        conn = sqlite3.connect(tmp_path / "terminal.db", isolation_level=None)
        scripts = sorted((resources.files("cache") / "schema").iterdir(), key=lambda one: one.name)
        names = [one.name for one in scripts]
        ours = next(at for at, name in enumerate(names) if name.endswith("_list_files.sql"))
        for one in scripts[:ours]:
            conn.executescript(one.read_text("utf-8"))
        conn.execute("INSERT INTO list_role VALUES ('lists.yunling', 5, x'00', 1, 2)")
        for name in ("revocations", "measures"):
            path = f"lists/yunling/{name}.json"
            conn.execute("INSERT INTO list_document VALUES (?, 'lists.yunling', ?, 7)", (path, name[0] * 64))
        conn.executescript(scripts[ours].read_text("utf-8"))

        (state,) = stored(conn).roles.values()
        assert [(one.path, one.sha256[0]) for one in state.documents] == [
            ("lists/yunling/measures.json", "m"),
            ("lists/yunling/revocations.json", "r"),
        ]


class Forger:
    """Signs an index that no office could make, with the city's own stolen key."""

    def __init__(self, platform):
        self.platform = platform

    def sign(self, change):
        files = MetadataFiles(self.platform.public, RoleKeys(self.platform.state / "keys"))
        state = files.load()
        index = change(files.index(state, HOME))
        data = msgspec.json.encode(index)
        path = f"lists/{HOME}/index.json"
        target = TargetFile.from_data(path, data, ["sha256"])
        files.write_target(path, target.hashes["sha256"], data)
        signed = state.roles[f"lists.{HOME}"].signed
        signed.targets[path] = target
        signed.version += 1
        metadata = Metadata(signed)
        metadata.sign(files.keys.signer(f"lists.{HOME}"))
        role = metadata.to_bytes()
        (files.metadata / f"{signed.version}.lists.{HOME}.json").write_bytes(role)
        snapshot = state.snapshot.signed
        snapshot.version += 1
        snapshot.meta[f"lists.{HOME}.json"] = MetaFile.from_data(signed.version, role, ["sha256"])
        files.write_snapshot(snapshot, {}, now_ms=self.platform.later())
        stamp = files.timestamp(state.timestamp.signed.version + 1, snapshot, now_ms=self.platform.later())
        files.put("timestamp.json", stamp)

    def put(self, name, data):
        sha256 = hashlib.sha256(data).hexdigest()
        (self.platform.public / FOLDER / f"{sha256}.{name}").write_bytes(data)
        return {"sha256": sha256, "size": len(data)}


@pytest.fixture
def forger(platform):
    return Forger(platform)


def replaced(struct, **changes):
    return msgspec.structs.replace(struct, **changes)


class TestHostileFiles:
    @pytest.fixture
    async def listed(self, platform, terminal):
        fill(platform, 400)
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            t.wang = wang
            yield t

    async def problem(self, t):
        return (await t.puller.once()).problems.get(f"lists.{HOME}", "")

    async def test_a_step_that_leads_elsewhere_costs_the_base_and_harms_nothing(self, platform, site, listed, forger):
        """A step with the right `from`, but rows of its own: its root is not the signed one."""
        li = platform.issue("li").subject
        platform.restrict("li")
        index = index_of(platform)
        step = index.measures.recent[-1]
        real = Delta.read((platform.public / FOLDER / f"{step.sha256}.measures.delta").read_bytes())
        false = Delta(
            layout=real.layout, before=real.before, after=real.after, count=real.count, changes={(0, b"sneaky"): b""}
        ).written()
        odd = replaced(step, **forger.put("measures.delta", false))
        forger.sign(lambda one: replaced(one, measures=replaced(one.measures, recent=(*one.measures.recent[:-1], odd))))
        site.asked.clear()

        assert await self.problem(listed) == ""
        assert len(fetched(site, ending=".base")) == 0, "the base is here already"
        assert len(fetched(site, ending=".delta")) == 2, "the odd step, then everything since the base"
        assert listed.lists.current.measures(HOME, li)

    async def test_a_root_that_no_file_leads_to_is_refused_by_name(self, listed, forger):
        forger.sign(lambda one: replaced(one, measures=replaced(one.measures, root="ab" * 32)))

        assert "leads to" in await self.problem(listed)
        assert listed.lists.current.measures(HOME, listed.wang)

    async def test_a_count_that_is_not_so_is_refused(self, listed, forger):
        forger.sign(lambda one: replaced(one, measures=replaced(one.measures, count=7)))

        assert "leads to" in await self.problem(listed)

    async def test_an_index_of_another_city_is_refused(self, listed, forger):
        forger.sign(lambda one: replaced(one, issuer="linhai"))

        assert "a city publishes only its own" in await self.problem(listed)

    async def test_a_base_of_another_kind_of_list_is_refused(self, platform, listed, forger):
        platform.member(2, ())
        members = index_of(platform).members
        name = f"{members.base.sha256}.measures.base"
        (platform.public / FOLDER / name).write_bytes(
            (platform.public / FOLDER / name.replace("measures", "members")).read_bytes()
        )
        forger.sign(lambda one: replaced(one, measures=members))

        assert "another kind" in await self.problem(listed)

    async def test_a_base_cut_on_the_way_goes_on_and_one_swapped_is_refused(self, platform, site, terminal, tmp_path):
        fill(platform, 400)
        base = f"{FOLDER}{index_of(platform).measures.base.sha256}.measures.base"
        whole = (platform.public / base).read_bytes()
        async with terminal.open() as t:
            site.answers[base] = whole[:-1] + bytes([whole[-1] ^ 1])
            assert "another content" in await self.problem(t)
            site.answers[base] = whole + b"x"
            assert "more than" in await self.problem(t)
            site.answers[base] = 503
            assert "503" in await self.problem(t)
            site.answers.clear()
            assert await self.problem(t) == ""

    async def test_a_captive_portal_is_no_list(self, platform, site, terminal):
        fill(platform, 400)
        portal = b"<html>Welcome to our Wi-Fi</html>"
        async with terminal.open() as t:
            await t.puller.once()
            platform.restrict("wang")
            index = index_of(platform)
            step = index.measures.recent[-1]
            site.answers[f"{FOLDER}{step.sha256}.measures.delta"] = portal
            assert f"{len(portal)} bytes of {step.size}, or another content" in await self.problem(t)

    @pytest.mark.parametrize("part", ["base", "delta"])
    async def test_an_older_file_in_the_place_of_the_newest_is_refused(
        self, platform, site, terminal, monkeypatch, part
    ):
        """Rollback of what no signature stands on: the index names the files, and each by its own octets."""
        fill(platform, 400)
        wang, li = platform.issue("wang").subject, platform.issue("li").subject
        platform.restrict("wang")
        older = index_of(platform).measures
        if part == "base":
            monkeypatch.setattr(keyed, "REBASE_LEAST", 1)
            fill(platform, 100, seed=2)
        platform.restrict("li")
        newest = index_of(platform).measures
        old, new = (older.base, newest.base) if part == "base" else (older.since, newest.since)
        assert old.sha256 != new.sha256
        async with terminal.open() as t:
            replayed = (platform.public / f"{FOLDER}{old.sha256}.measures.{part}").read_bytes()
            site.answers[f"{FOLDER}{new.sha256}.measures.{part}"] = replayed
            assert f"{old.size} bytes of {new.size}, or another content than was signed" in await self.problem(t)
            assert f"lists.{HOME}" in t.lists.current.missing(HOME), "and without a list there is no all-clear"

            site.answers.clear()
            await t.puller.once()
            assert t.lists.current.measures(HOME, wang)
            assert t.lists.current.measures(HOME, li)

    async def test_a_status_bomb_is_not_unfolded(self):
        bomb = {"issuer": HOME, "complete": True, "tokens": [], "status_list": packed_status(bytes(50_000_000))}

        with pytest.raises(ContentRefusedError, match="does not unfold to the 16 signed indexes"):
            read_revocations(HOME, "p", json.dumps(bomb).encode(), indexes=16)

    @pytest.mark.parametrize(
        "lst", ["!!", "AAAA", "eNrbuRgAAhcBXQAA", zlib.compress(b"ab").hex()], ids=["alphabet", "zlib", "tail", "hex"]
    )
    async def test_a_status_list_that_is_none_is_refused(self, lst):
        odd = {"issuer": HOME, "complete": True, "tokens": [], "status_list": {"bits": 1, "lst": lst}}

        with pytest.raises(ContentRefusedError):
            read_revocations(HOME, "p", json.dumps(odd).encode(), indexes=16)

    async def test_an_index_beyond_the_status_list_is_refused(self):
        plain = {"issuer": HOME, "complete": True, "tokens": [], "status_list": packed_status(bytes(2))}
        found = read_revocations(HOME, "p", json.dumps(plain).encode(), indexes=16)

        assert (found.revoked(b"", 15), found.revoked(b"", 16)) == (False, True)


class TestDamage:
    async def test_a_base_damaged_while_off_is_said_to_be_damaged_and_fetched_again(self, platform, terminal):
        first = fill(platform, 400)[0]
        async with terminal.open() as t:
            await t.puller.once()
        path = terminal.folder / "lists" / "targets" / index_of(platform).measures.base.sha256
        data = bytearray(path.read_bytes())
        data[-3] ^= 4
        path.write_bytes(data)
        async with terminal.open() as t:
            assert "damaged on disk" in t.lists.current.problems[f"lists.{HOME}"]
            assert f"lists.{HOME}" in t.lists.current.missing(HOME)
            await t.puller.once()
            assert t.lists.current.measures(HOME, first)
            assert dict(t.lists.current.problems) == {}

    async def test_a_base_cut_while_open_is_an_error_and_no_all_clear(self, platform, terminal):
        first = fill(platform, 400)[0]
        async with terminal.open() as t:
            await t.puller.once()
            os.truncate(terminal.folder / "lists" / "targets" / index_of(platform).measures.base.sha256, 100)

            with pytest.raises(ListUnreadableError, match="cut short"):
                t.lists.current.measures(HOME, first)

    def test_a_public_base_that_is_gone_is_made_anew(self, platform):
        fill(platform, 400)
        before = index_of(platform).measures
        (platform.public / FOLDER / f"{before.base.sha256}.measures.base").unlink()
        platform.restrict("wang")

        after = index_of(platform).measures
        assert (after.since, after.count) == (None, before.count + 1)


class TestMembers:
    async def test_where_the_list_names_somebody_it_wins_over_the_claim(self, platform, terminal):
        issued = platform.issue("wang", tier=4, groups=(12,), max_uses=9)
        async with terminal.open() as t:
            await t.puller.once()
            token = open_token(issued.text, t.lists.current.keyring, now=platform.clock.ms // 1000)
            assert t.lists.current.seen(token) is token

            platform.member(2, (21, 22))
            await t.puller.once()
            seen = t.lists.current.seen(token)
            assert (seen.tier, seen.groups) == (2, {21, 22})

            platform.member(0, ())
            await t.puller.once()
            seen = t.lists.current.seen(token)
            assert (seen.tier, seen.groups) == (0, frozenset())
            assert not t.lists.current.revoked(HOME, token.token_id, token.status_index)

    def test_a_row_that_takes_away_stays_until_the_last_credential_has_ended(self, platform):
        issued = platform.issue("wang")
        platform.member(0, ())
        with register(platform.state) as conn:
            assert forget_ended(conn, HOME, now_s=issued.expires_s) == 0
            assert forget_ended(conn, HOME, now_s=issued.expires_s + 1) == 1

    @pytest.mark.parametrize(("tier", "groups"), [(-1, ()), (256, ()), (1, range(1, 18)), (1, (2**32,)), (1, (-5,))])
    def test_what_no_row_can_say_is_refused_before_it_is_recorded(self, platform, tier, groups):
        with pytest.raises(RegistryError):
            platform.member(tier, groups)


async def test_a_terminal_knows_the_id_of_the_entry_that_it_finds(platform, terminal):
    wang = platform.issue("wang").subject
    platform.restrict("wang")
    async with terminal.open() as t:
        await t.puller.once()
        trusted = t.lists.current

        (entry,) = trusted.measures(HOME, wang)
        payload = trusted.contents[f"lists.{HOME}"].measures.payloads(wang)

    assert entry.entry == entry_id(HOME, wang, payload)
    assert trusted.versions_about(HOME) == {role: trusted.versions[role] for role in trusted.versions if HOME in role}
    assert trusted.versions_about("nowhere") == {}


def test_a_changed_entry_has_another_id():
    one = pack_measure(302, None, authority=0, disputed=False)
    other = pack_measure(302, None, authority=0, disputed=True)

    ids = {entry_id(HOME, b"k" * 16, one), entry_id(HOME, b"k" * 16, other), entry_id("linhai", b"k" * 16, one)}
    assert len(ids) == 3
    assert all(len(one) == 16 for one in ids)


def test_the_index_says_how_a_vendor_finds_the_files(platform):
    platform.restrict("wang")
    index = index_of(platform)

    assert read_index(HOME, msgspec.json.encode(index)) == index
    assert (platform.public / FOLDER / f"{index.measures.base.sha256}.measures.base").stat().st_size == (
        index.measures.base.size
    )


class TestMending:
    @pytest.fixture
    async def listed(self, platform, terminal):
        self.first = fill(platform, 400)[0]
        async with terminal.open() as t:
            await t.puller.once()
            t.base = terminal.folder / "lists" / "targets" / index_of(platform).measures.base.sha256
            yield t

    def flip(self, path, at):
        with path.open("r+b") as file:
            file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
            octet = file.read(1)
            file.seek(-1, os.SEEK_CUR)
            file.write(bytes([octet[0] ^ 1]))

    async def test_a_bad_bucket_is_found_at_night_and_its_octets_alone_are_fetched(self, platform, site, listed):
        whole = listed.base.read_bytes()
        self.flip(listed.base, -3)
        site.asked.clear()
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        await listed.puller.once()

        (asked,) = fetched(site, ending=".base")
        assert (
            site.ranges[asked]
            == f"bytes={len(whole) - listed.lists.listed[LISTED].view.base.span(3)[1]}-{len(whole) - 1}"
        )
        assert listed.base.read_bytes() == whole
        assert dict(listed.lists.current.problems) == {}

    async def test_while_nobody_answers_it_stays_a_problem_that_shows(self, platform, site, listed):
        self.flip(listed.base, -3)
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        site.answers[f"{FOLDER}{listed.base.name}.measures.base"] = 503
        await listed.puller.once()
        assert "damaged on disk" in listed.lists.current.problems[LISTED[0]]

        site.answers[f"{FOLDER}{listed.base.name}.measures.base"] = b"x" * listed.base.stat().st_size
        await listed.puller.once()
        assert "damaged on disk" in listed.lists.current.problems[LISTED[0]]

        site.answers.clear()
        await listed.puller.once()
        assert dict(listed.lists.current.problems) == {}

    async def test_a_file_cut_short_is_fetched_whole(self, site, listed):
        os.truncate(listed.base, 100)
        with pytest.raises(ListUnreadableError) as failed:
            listed.lists.current.measures(HOME, self.first)
        listed.lists.unreadable(failed.value.role, str(failed.value))
        await listed.puller.once()

        assert listed.lists.current.measures(HOME, self.first)
        assert dict(listed.lists.current.problems) == {}

    async def test_one_night_is_one_look(self, platform, site, listed):
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        await listed.puller.once()
        self.flip(listed.base, -3)
        await listed.puller.once()
        assert dict(listed.lists.current.problems) == {}, "seen the next night"
        platform.clock.ms = NIGHT_MS + DAY_MS
        platform.repository.freshen(now_ms=platform.clock.ms)
        site.answers[f"{FOLDER}{listed.base.name}.measures.base"] = 503
        await listed.puller.once()
        assert LISTED[0] in listed.lists.current.problems


class TestCompacting:
    @pytest.fixture
    async def behind(self, platform, terminal, monkeypatch):
        """A terminal on the old base, told of a new one."""
        fill(platform, 3_000)
        async with terminal.open() as t:
            await t.puller.once()
            monkeypatch.setattr(keyed, "REBASE_LEAST", 100)
            fill(platform, 500, seed=2)
            monkeypatch.setattr(keyed, "REBASE_LEAST", 64 << 10)
            await t.puller.once()
            t.wanted = index_of(platform).measures
            assert t.lists.listed[LISTED].pile[0].sha256 != t.wanted.base.sha256
            yield t

    async def test_at_night_the_very_file_of_the_platform_is_made_here(self, platform, site, terminal, behind):
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        site.asked.clear()
        await behind.puller.once()

        listed = behind.lists.listed[LISTED]
        assert (listed.pile[0].sha256, listed.view.pending) == (behind.wanted.base.sha256, 0)
        assert fetched(site, ending=".base") == []
        async with terminal.open() as t:
            assert t.lists.listed[LISTED].view.root.hex() == behind.wanted.root

    async def test_a_child_that_fails_leaves_all_as_it_is(self, platform, behind, monkeypatch):
        monkeypatch.setattr(mending, "COMPACTING", "cache.lists.keyfile.no_such_module")
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        await behind.puller.once()

        listed = behind.lists.listed[LISTED]
        assert (listed.view.root.hex(), listed.view.pending > 0) == (behind.wanted.root, True)

    async def test_another_content_is_not_accepted(self, platform, behind, monkeypatch, tmp_path):
        (tmp_path / "liar.py").write_text("import sys\nopen(sys.argv[3], 'wb').write(b'something else')\n")

        async def lie(*command):
            child = await asyncio.create_subprocess_exec(command[0], str(tmp_path / "liar.py"), *command[4:])
            await child.wait()
            return ""

        monkeypatch.setattr(mending, "_run", lie)
        platform.clock.ms = NIGHT_MS
        platform.repository.freshen(now_ms=NIGHT_MS)
        await behind.puller.once()

        assert behind.lists.listed[LISTED].view.pending > 0
        assert dict(behind.lists.current.problems) == {}

    def test_a_full_disk_is_one_line_and_no_file(self, tmp_path, capsys):
        code = compacting.main([str(tmp_path / "none"), str(tmp_path / "none"), str(tmp_path / "out")])

        assert (code, (tmp_path / "out").exists()) == (1, False)
        assert "No such file" in capsys.readouterr().err
