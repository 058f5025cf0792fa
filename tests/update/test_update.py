"""Signed updates of a real terminal: tried on a copy, and back by itself when they are not well."""

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import platform
import random
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cache.journal import chain
from edge.commands.update import command
from edge.commands.update.bundle import Update, UpdateError, signed, suits
from edge.commands.update.unpack import unpack
from storage.sqlite import connect
from sync.wire.jws import public_hex
from tests.tools.packing import packed

DEBIAN = command._debian()
ARCH = command.ARCH_OF.get(platform.machine(), platform.machine())
KILLS = int(os.environ.get("XINGUAN_KILLS", "100"))
SEED = int(os.environ.get("XINGUAN_SEED", "20261127"))
REAL = f'exec {sys.executable} -I -m edge.cli "$@"'
WELL = f"#!/bin/sh\n{REAL}\n"
DEAD = "#!/bin/sh\nexit 3\n"
WELL_ON_THE_COPY = f'#!/bin/sh\ncase "$3" in *trial.toml) {REAL};; esac\nexit 3\n'
SILENT = f'#!/bin/sh\ncase "$3" in *trial.toml) {REAL};; esac\nexec sleep 600\n'
SYSTEMCTL = """#!/bin/sh
# restart UNIT, as far as a machine without systemd can
[ -s {folder}/pid ] && kill -9 "-$(cat {folder}/pid)" 2>/dev/null
setsid {root}/current/bin/xinguan run --config {config} >>{folder}/service.log 2>&1 </dev/null &
echo $! > {folder}/pid
"""


def link(target):
    info = tarfile.TarInfo()
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


class Box:
    """A machine with versions, release keys, and a terminal of the town on it."""

    def __init__(self, town, folder):
        self.town, self.folder = town, folder
        self.root, self.keys = folder / "opt", folder / "release-keys"
        self.key = Ed25519PrivateKey.generate()
        self.keys.write_text(f"# keys\n{public_hex(self.key)}\n")
        home = self.root / "versions" / "0.1.0" / "bin"
        home.mkdir(parents=True)
        (home / "xinguan").write_text(WELL)
        (home / "xinguan").chmod(0o755)
        (self.root / "current").symlink_to("versions/0.1.0")
        self.systemctl = folder / "systemctl"
        self.systemctl.write_text(SYSTEMCTL.format(folder=folder, root=self.root, config=town.gate.config))
        self.systemctl.chmod(0o755)

    def update(self, number, script=WELL, *, version=None, key=None, **changes):
        """Return a signed update file."""
        payload = packed([("bin/xinguan", script.encode()), ("lib/filler", os.urandom(200_000))])
        facts = {
            "version": version or f"0.2.{number}",
            "number": number,
            "debian": DEBIAN,
            "arch": ARCH,
            "size": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
        }
        path = self.folder / f"{number}.xgu"
        path.write_bytes(signed(Update(**facts | changes), key or self.key) + payload)
        return path

    def words(self, *more, ready_s=30):
        words = [sys.executable, "-I", "-m", "edge.cli", "update", "--root", self.root, "--keys", self.keys]
        words += ["--systemctl", self.systemctl, "--config", self.town.gate.config, "--ready-s", ready_s, *more]
        return list(map(str, words))

    async def take(self, *more, **options):
        done = await asyncio.to_thread(
            subprocess.run, self.words(*more, **options), capture_output=True, text=True, timeout=200
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    @property
    def current(self):
        return (self.root / "current").readlink().name

    def unsent(self):
        conn = connect(self.town.gate.database, writing=False)
        try:
            return conn.execute("SELECT id FROM journal WHERE redemption IS NOT NULL ORDER BY seq").fetchall()
        finally:
            conn.close()

    async def start(self):
        await asyncio.to_thread(subprocess.run, [self.systemctl, "restart", "xinguan-terminal"], check=True)
        await self.town.until(self.town.gate.ready, 60)
        self.town.gate.tokens = json.loads((self.town.gate.data / "api-tokens.json").read_bytes())

    def stop(self):
        pid = self.folder / "pid"
        if pid.exists():
            subprocess.run(["kill", "-9", "--", f"-{pid.read_text().strip()}"], capture_output=True)


@pytest.fixture
async def box(xinguan_town, tmp_path):
    """A terminal that serves, cut off, with a fact that nobody signed for."""
    made = Box(xinguan_town, tmp_path)
    await made.start()
    await xinguan_town.all_arrived()
    xinguan_town.network.cut()
    who = xinguan_town.visitors.resident(xinguan_town.now_s())
    assert (await xinguan_town.gate.present(who.code(xinguan_town.now_s()), ticket="adult"))["outcome"] == "GRANT"
    yield made
    made.stop()


async def test_a_good_update_serves_and_keeps_what_was_not_sent(box):
    before, next_key = box.unsent(), Ed25519PrivateKey.generate()

    done = await box.take(box.update(2, keys=(public_hex(next_key),)))

    assert done.returncode == 0, done.stderr
    assert box.current == "0.2.2"
    assert before
    assert box.unsent()[: len(before)] == before
    assert not list(box.town.gate.data.glob(".trial-*"))
    for update, said in {
        box.update(3): "not signed by a release key",  # this one named who signs after it
        box.update(2, key=next_key): "not newer",  # than itself
        box.update(1, key=next_key): "not newer",
        box.update(4, key=next_key, version="0.2.2"): "the name of what runs",
    }.items():
        refused = await box.take(update)
        assert refused.returncode == 2
        assert said in refused.stderr
    assert (box.root / "current/bin/xinguan").read_text() == WELL


@pytest.mark.parametrize(
    ("script", "code"), [(DEAD, 2), (WELL_ON_THE_COPY, 1), (SILENT, 1)], ids=["dead", "later", "silent"]
)
async def test_a_broken_version_does_not_stay(box, script, code):
    before = box.unsent()

    nobody = (public_hex(Ed25519PrivateKey.generate()),)  # whom a version that goes back cannot name

    done = await box.take(box.update(2, script, keys=nobody), ready_s=12)

    assert done.returncode == code, done.stderr
    assert box.current == "0.1.0"
    await box.town.until(box.town.gate.ready, 60)
    assert box.unsent()[: len(before)] == before
    good = await box.take(box.update(3))
    assert (good.returncode, box.current) == (0, "0.2.3"), good.stderr


async def test_a_power_cut_between_the_switch_and_the_verdict_is_settled_at_the_next_start(box):
    await box.take(box.update(2))
    (box.root / "trial.json").write_text(json.dumps({"before": "0.1.0", "after": "0.2.2", "red": []}))
    (box.root / "versions/0.2.2/bin/xinguan").write_text(DEAD)

    done = await box.take("--settle", ready_s=5)

    assert (done.returncode, box.current) == (1, "0.1.0"), done.stderr
    assert not (box.root / "trial.json").exists()


async def test_what_is_not_for_this_box_is_refused_before_anything_is_unpacked(box):
    good = box.update(9).read_bytes()
    files = {
        "foreign signature": box.update(2, key=Ed25519PrivateKey.generate()),
        "other machine": box.update(3, arch="arm64" if ARCH == "amd64" else "amd64"),
        "other Debian": box.update(4, debian=11),
        "no update": box.folder / "none.xgu",
    }
    for name, raw in {
        "half": good[: len(good) // 2],
        "changed": good[:-1] + bytes([good[-1] ^ 1]),
        "longer": good + b"x",
        "text": b"hello\n",
        "empty": b"",
        "two in one": good + good,
    }.items():
        files[name] = box.folder / f"{name}.xgu"
        files[name].write_bytes(raw)
    (box.folder / "stick").mkdir()
    for number in (10, 11):
        box.update(number).rename(box.folder / f"stick/{number}.xgu")
    files["two on a stick"] = box.folder / "stick"
    files["a link"] = box.folder / "link.xgu"
    files["a link"].symlink_to(box.folder / "9.xgu")
    os.mkfifo(box.folder / "pipe.xgu")
    files["a pipe"] = box.folder / "pipe.xgu"

    for name, path in files.items():
        done = await box.take(path)
        assert done.returncode == 2, (name, done.stdout, done.stderr)
        assert re.search(r"[\u4e00-\u9fff]", done.stderr), name
        assert name != "two on a stick" or "name one file of it ('10.xgu', '11.xgu')" in done.stderr
    assert [path.name for path in (box.root / "versions").iterdir()] == ["0.1.0"]
    assert box.current == "0.1.0"


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([("../out", b"x")], "leads elsewhere"),
        ([("/etc/out", b"x")], "leads elsewhere"),
        ([("lib", link("/etc")), ("lib/out", b"x")], "leads out of the tree"),
        ([("lib", link("../../..")), ("lib/out", b"x")], "leads out of the tree"),
        ([("deep", link("bin")), ("bin/a", b"x"), ("deep/out", b"x")], "through a link"),
        ([("a", b"x"), ("a", b"y")], "twice"),
        ([("a", link("b")), ("a", b"y")], "twice"),
    ],
)
def test_a_tree_that_was_built_wrong_writes_nowhere_else(tmp_path, members, said):
    payload = tmp_path / "payload"
    payload.write_bytes(packed(members))

    with pytest.raises(UpdateError, match=said):
        unpack(payload, tmp_path / "versions-1")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["payload"]


def test_devices_and_bombs_are_refused(tmp_path):
    device = tarfile.TarInfo("null")
    device.type, device.devmajor, device.devminor = tarfile.CHRTYPE, 1, 3
    (tmp_path / "device").write_bytes(packed([("null", device)]))
    (tmp_path / "bomb").write_bytes(packed([("a", b"\0" * 1_000_000)]))

    with pytest.raises(UpdateError, match="no file"):
        unpack(tmp_path / "device", tmp_path / "v1")
    unpacker = sys.modules["edge.commands.update.unpack"]
    most, unpacker.MAX_TREE = unpacker.MAX_TREE, 999_999
    try:
        with pytest.raises(UpdateError, match="no end"):
            unpack(tmp_path / "bomb", tmp_path / "v2")
    finally:
        unpacker.MAX_TREE = most
    assert not (tmp_path / "v1").exists()
    assert not (tmp_path / "v2").exists()


def test_a_good_tree_is_whole_and_nobody_gets_a_set_uid_bit(tmp_path):
    suid = tarfile.TarInfo()
    payload = tmp_path / "payload"
    payload.write_bytes(
        packed([("bin/xinguan", b"#!"), ("bin/python", link("/usr/bin/python3.11")), ("l", link("bin"))])
    )
    assert suid.mode == 0o644

    unpack(payload, tmp_path / "v")

    assert (tmp_path / "v/bin/xinguan").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "v/bin/python").readlink() == Path("/usr/bin/python3.11")
    assert (tmp_path / "v/l/xinguan").read_bytes() == b"#!"


def test_an_update_is_for_one_debian_and_one_machine():
    update = Update(version="1", number=5, debian=12, arch="amd64", size=1, sha256="0" * 64)

    suits(update, debian=12, arch="amd64", number=4)
    for wrong in ({"debian": 13}, {"arch": "arm64"}, {"number": 5}, {"number": 6}):
        with pytest.raises(UpdateError):
            suits(update, **{"debian": 12, "arch": "amd64", "number": 4} | wrong)


@pytest.mark.e2e
@pytest.mark.timeout(3600)
async def test_a_box_that_loses_power_at_any_moment_of_an_update_serves_a_whole_version(box):
    """SIGKILL at KILLS random moments; after each, what the unit at boot does: start `current`, settle."""
    before, chance = box.unsent(), random.Random(SEED)
    began = asyncio.get_running_loop().time()
    await box.take(box.update(2))
    whole_s = asyncio.get_running_loop().time() - began
    seen, done = set(), 0
    for number in itertools.count(3):
        if done == KILLS:
            break
        path = box.update(number)
        process = await asyncio.create_subprocess_exec(
            *box.words(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        try:
            await asyncio.wait_for(process.wait(), chance.uniform(0, whole_s * 1.1))
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            done += await process.wait() == -9  # one that was done before its moment is no kill
        path.unlink()

        home = box.root / "current"
        assert (home / "bin/xinguan").read_text() == WELL, number
        assert (home / "lib").exists() or box.current == "0.1.0"
        settled = await box.take("--settle", ready_s=60)
        assert settled.returncode == 0, (number, settled.stderr)
        assert not (box.root / "trial.json").exists()
        seen.add(box.current)
    await box.start()
    assert box.unsent()[: len(before)] == before
    conn = connect(box.town.gate.database, writing=False)
    chain.verify(conn)
    conn.close()
    box.town.network.restore()
    figures = await box.town.all_arrived()
    assert (figures.lost, figures.duplicated, figures.unsent) == (0, 0, 0)
    early = number - 3 - done
    print(f"seed {SEED}: killed {done}, {early} were done before; {len(seen)} versions, {whole_s:.1f} s whole")
    assert len(seen) > KILLS // 10  # some came to their end, and were killed after
