"""Lists from a stick, and what `xinguan lists` says: the command as a shell calls it, on an enrolled folder."""

import asyncio
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile

import pytest

from central.example_town import HOME
from central.lists.bundles import bundle
from central.platform_state import create_state
from credit.rules.ages import USUAL, parse_ages
from edge.api.calls.lists_shown import FRESH, OLD, STALE, TOO_OLD, judged
from edge.commands.lists import MAX_BUNDLE_BYTES
from storage.only_one import only_one
from sync.enrol.identity import keep_enrolment, load_or_make_key
from sync.pull.handover import Handover
from sync.pull.puller import PullFailedError
from sync.wire.jws import public_hex
from sync.wire.messages import EnrolAnswer
from sync.wire.profiles import Lane, Profile, SignedProfile
from tests.tools.shell import xinguan


@pytest.fixture
def enrolled(terminal, platform, tmp_path):
    """Make the terminal's folder one that commands accept, and return its configuration file."""
    signer = create_state(tmp_path / "signer").signer
    profile = Profile(
        site="yunling-shan", title={"zh": "云岭"}, issuer=HOME, test=True, lanes=[Lane(id="A", scene="gate")]
    )
    answer = EnrolAnswer(
        terminal="gate1",
        site="yunling-shan",
        profile=signer.profile(SignedProfile(terminal="gate1", number=1, profile=profile)),
        trust_root=platform.repository.trust_root(),
        platform_keys=[signer.public],
    )
    ours = public_hex(load_or_make_key(terminal.folder))
    keep_enrolment(terminal.folder, platform="http://127.0.0.1:9", public_key=ours, answer=answer)
    config = tmp_path / "terminal.toml"
    config.write_text(
        f'[terminal]\ndata = "{terminal.folder}"\n[platform]\nurl = "http://127.0.0.1:9"\n'
        '[api]\nlisten = "127.0.0.1:59999"\n[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    return config


async def xinguan_lists(*words, code=None):
    """The command as a shell calls it; `code`: a program for a process of its own that does."""
    if code is None:
        done = await asyncio.to_thread(xinguan, "lists", *words)
    else:
        command = [sys.executable, "-I", "-c", code, "lists", *map(str, words)]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class TestBundle:
    async def test_a_bundle_brings_a_terminal_that_was_never_online_up_to_date(self, platform, terminal, tmp_path):
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        (tmp_path / "b.zip").write_bytes(bundle(platform.state))
        async with terminal.open() as t:
            pulled = await t.puller.take_bundle(tmp_path / "b.zip")

            assert dict(pulled.problems) == {}
            assert t.lists.current.measures(HOME, wang)

    async def test_a_bundle_that_travelled_a_week_is_taken_and_is_a_week_old(self, platform, terminal, tmp_path):
        (tmp_path / "b.zip").write_bytes(bundle(platform.state))
        platform.later(7 * 86_400_000)
        async with terminal.open() as t:
            await t.puller.take_bundle(tmp_path / "b.zip")

            assert t.lists.current.age_s(HOME, platform.clock.ms // 1000) == 7 * 86_400

    async def test_a_bundle_older_than_what_is_in_force_is_a_rollback(self, platform, terminal, tmp_path):
        (tmp_path / "b.zip").write_bytes(bundle(platform.state))
        wang = platform.issue("wang").subject
        platform.restrict("wang")
        async with terminal.open() as t:
            await t.puller.once()
            with pytest.raises(PullFailedError, match="version"):
                await t.puller.take_bundle(tmp_path / "b.zip")
            assert t.lists.current.measures(HOME, wang)

    @pytest.mark.parametrize(
        "damage",
        [
            lambda data: b"",
            lambda data: data[: len(data) // 2],
            lambda data: data.replace(b"PK\x03\x04", b"PK\x03\x05"),
            lambda data: _without(data, "metadata/timestamp.json"),
            lambda data: _without(data, ".snapshot.json"),
            lambda data: _changed(data, "metadata/timestamp.json", b'"version"', b'"versiom"'),
        ],
    )
    async def test_a_damaged_bundle_is_one_kind_of_error_and_changes_nothing(
        self, platform, terminal, tmp_path, damage
    ):
        (tmp_path / "b.zip").write_bytes(damage(bundle(platform.state)))
        async with terminal.open() as t:
            with pytest.raises(PullFailedError):
                await t.puller.take_bundle(tmp_path / "b.zip")
            assert dict(t.lists.current.versions) == {}

    @pytest.mark.parametrize("form", ["plain", "for files beyond 4 GiB"])
    async def test_a_table_of_contents_that_would_fill_the_memory_is_refused_unread(
        self, platform, terminal, tmp_path, form, monkeypatch
    ):
        """A bundle of 64 MiB may name more than a million members: each of them is an object to whoever reads it."""
        name = struct.Struct("<4s6H3L5H2L").pack(b"PK\x01\x02", *[0] * 9, 1, *[0] * 6) + b"a"
        contents, many = name * 60_000, 60_000
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, many, many, len(contents), 0, 0)
        if form != "plain":
            end = struct.pack("<4sLQL", b"PK\x06\x07", 0, len(contents), 1) + end[:12] + struct.pack("<LLH", 9, 0, 0)
        (tmp_path / "b.zip").write_bytes(contents + end)
        monkeypatch.setattr(zipfile, "ZipFile", lambda path: pytest.fail(f"{path} was read"))

        async with terminal.open() as t:
            with pytest.raises(PullFailedError, match="table of contents is longer than 2 MiB"):
                await t.puller.take_bundle(tmp_path / "b.zip")

    async def test_a_member_that_swells_is_refused_at_what_it_may_have(self, platform, terminal, tmp_path):
        swollen = io.BytesIO()
        with zipfile.ZipFile(swollen, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr("metadata/timestamp.json", bytes(50_000_000))
        (tmp_path / "b.zip").write_bytes(swollen.getvalue())

        async with terminal.open() as t:
            with pytest.raises(PullFailedError, match="more than 5000000 bytes"):
                await t.puller.take_bundle(tmp_path / "b.zip")

    async def test_a_damaged_document_names_its_role_and_the_others_go_on(self, platform, terminal, tmp_path):
        (tmp_path / "b.zip").write_bytes(_changed(bundle(platform.state), f"lists/{HOME}/", b"true", b"nope"))
        async with terminal.open() as t:
            pulled = await t.puller.take_bundle(tmp_path / "b.zip")

            assert list(pulled.problems) == [f"lists.{HOME}"]
            assert f"issuers.{HOME}" in t.lists.current.versions

    async def test_a_running_terminal_takes_a_handed_bundle_and_answers(self, platform, site, terminal, until):
        site.answers = {"metadata/timestamp.json": 503}
        async with terminal.open() as t:
            handover = Handover(terminal.folder / "lists")
            handover.offer(bundle(platform.state))
            running = asyncio.create_task(t.puller.run())
            await until(lambda: handover.answered() is not None)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

            assert handover.answered().error is None
            assert handover.answered().versions[f"rules.{HOME}"]
            assert handover.waiting() is None


class TestCommand:
    async def test_import_status_and_check_without_a_running_terminal(self, platform, terminal, enrolled, tmp_path):
        async with terminal.open():
            pass
        code, _out, error = await xinguan_lists("status", "--config", enrolled)
        assert (code, error) == (1, "")
        (tmp_path / "b.zip").write_bytes(bundle(platform.state))

        code, out, error = await xinguan_lists("import", tmp_path / "b.zip", "--config", enrolled)
        assert (code, error) == (0, "")
        assert f"lists.{HOME}" in out
        code, out, _error = await xinguan_lists("status", "--json", "--config", enrolled)
        assert code == 0
        assert {row["role"]: row["missing"] for row in json.loads(out)["lists"]}[f"rules.{HOME}"] == []
        code, out, _error = await xinguan_lists("status", "--config", enrolled)
        assert "名单 lists" in out
        code, out, _error = await xinguan_lists("check", "--config", enrolled)
        assert (code, "校验通过" in out) == (0, True)

        code, out, error = await xinguan_lists("import", tmp_path / "b.zip", "--config", enrolled)
        assert (code, "没有更新的内容" in out) == (0, True), error

    async def test_check_finds_a_damaged_document(self, platform, terminal, enrolled):
        async with terminal.open() as t:
            await t.puller.once()
            document = t.lists.current.states[f"rules.{HOME}"].documents[0]
        (terminal.folder / "lists" / "targets" / document.sha256).write_bytes(b"{}")

        code, out, _error = await xinguan_lists("check", "--config", enrolled)

        assert (code, document.path in out) == (1, True)

    async def test_import_of_something_else_says_so(self, terminal, enrolled, tmp_path):
        async with terminal.open():
            pass
        (tmp_path / "b.zip").write_bytes(b"no bundle")

        code, _out, error = await xinguan_lists("import", tmp_path / "b.zip", "--config", enrolled)
        assert (code, "未导入" in error) == (1, True)
        code, _out, error = await xinguan_lists("import", tmp_path / "gone.zip", "--config", enrolled)
        assert (code, "cannot be read" in error) == (69, True)

    async def test_what_lies_on_a_stick_is_a_plain_file_or_named(self, terminal, enrolled, tmp_path):
        stick = tmp_path / "stick"
        stick.mkdir()
        for name in ("monday.zip", "tuesday.zip"):
            (stick / name).write_bytes(b"PK")
        (tmp_path / "link.zip").symlink_to(stick / "monday.zip")
        os.mkfifo(tmp_path / "pipe.zip")
        with (tmp_path / "long.zip").open("wb") as file:
            file.truncate(MAX_BUNDLE_BYTES + 1)

        said = {}
        for name in ("stick", "link.zip", "pipe.zip", "long.zip"):
            code, _out, said[name] = await xinguan_lists("import", tmp_path / name, "--config", enrolled)
            assert code == 69, name
        assert "name one file of it ('monday.zip', 'tuesday.zip')" in said["stick"]
        assert "cannot be read" in said["link.zip"]
        assert "no plain file" in said["pipe.zip"]
        assert f"longer than {MAX_BUNDLE_BYTES} bytes" in said["long.zip"]

    async def test_of_two_bundles_on_a_stick_the_older_one_changes_nothing_after_the_newer(
        self, platform, terminal, enrolled, tmp_path
    ):
        async with terminal.open():
            pass
        (tmp_path / "monday.zip").write_bytes(bundle(platform.state))
        platform.issue("wang")
        platform.restrict("wang")
        (tmp_path / "tuesday.zip").write_bytes(bundle(platform.state))
        assert (await xinguan_lists("import", tmp_path / "tuesday.zip", "--config", enrolled))[0] == 0
        status = await xinguan_lists("status", "--config", enrolled)

        code, _out, error = await xinguan_lists("import", tmp_path / "monday.zip", "--config", enrolled)

        assert (code, "未导入" in error) == (1, True)
        assert (await xinguan_lists("status", "--config", enrolled))[1] == status[1]

    async def test_beside_a_running_terminal_the_bundle_is_handed_over(
        self, platform, terminal, enrolled, tmp_path, until
    ):
        (tmp_path / "b.zip").write_bytes(bundle(platform.state))
        shutil.copy(tmp_path / "b.zip", tmp_path / "c.zip")
        with only_one(terminal.folder):
            async with terminal.open() as t:
                handover = Handover(terminal.folder / "lists")
                asking = asyncio.create_task(xinguan_lists("import", tmp_path / "c.zip", "--config", enrolled))
                await until(lambda: handover.waiting() is not None)
                await t.puller.take_handed()
                code, out, _error = await asking

                assert (code, "keys" in out or f"issuers.{HOME}" in out) == (0, True)
                assert t.lists.current.versions


SERVICE = 61_002
AS_ROOT = """
import sys
from edge.cli import main
*words, warm, config = sys.argv[1:]
main([*words, "--config", warm])  # as root: this Python may lie where the service's user can load nothing
sys.exit(main([*words, "--config", config]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="changes users: runs as root")
@pytest.mark.root
async def test_roots_stick_is_taken_in_for_a_service_with_its_own_user(platform, terminal, enrolled, tmp_path):
    async with terminal.open():
        pass
    warm = tmp_path / "warm.toml"
    shutil.copytree(terminal.folder, tmp_path / "warm")
    warm.write_text(enrolled.read_text().replace(f'"{terminal.folder}"', f'"{tmp_path}/warm"'))
    for path in (terminal.folder, *terminal.folder.rglob("*")):
        os.chown(path, SERVICE, SERVICE)
    for folder in terminal.folder.parents:
        if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):  # noqa: S108 - pytest's own folder
            folder.chmod(0o755)
    terminal.folder.chmod(0o700)
    stick = tmp_path / "b.zip"
    stick.write_bytes(bundle(platform.state))
    stick.chmod(0o600)

    for action in (("import", stick), ("status",), ("check",)):
        code, _out, error = await xinguan_lists(*action, warm, enrolled, code=AS_ROOT)
        assert (code, error) == (0, ""), error
    assert {path.stat().st_uid for path in (terminal.folder, *terminal.folder.rglob("*"))} == {SERVICE}


def test_ages_are_judged_by_the_signed_policy():
    policy = parse_ages({"ages": {"72": {}, "336": {"offers": ["lane"]}}, "lists": {"rules": {"max_h": 200}}})
    hours = (0, 24, 25, 73, 336, 337)

    assert [judged(hour * 3600, "lists", policy) for hour in hours] == [FRESH, FRESH, OLD, STALE, STALE, TOO_OLD]
    assert [judged(hour * 3600, "rules", policy) for hour in (200, 201)] == [STALE, TOO_OLD]
    assert [judged(hour * 3600, "lists", USUAL) for hour in (336, 337)] == [OLD, TOO_OLD]


def _members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _packed(members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def _without(data, part):
    return _packed({name: body for name, body in _members(data).items() if part not in name})


def _changed(data, part, old, new):
    return _packed({name: body.replace(old, new) if part in name else body for name, body in _members(data).items()})
