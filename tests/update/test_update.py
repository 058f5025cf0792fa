"""Signed updates of a real terminal: tried on a copy, and back by itself when they are not well."""

import asyncio
import json
import os
import re
import sys
import tarfile
from functools import partial
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.commands.update.bundle import Update, UpdateError, suits
from edge.commands.update.keys import release_keys
from edge.commands.update.unpack import unpack
from sync.wire.jws import public_hex
from tests.tools.packing import packed
from tests.update.box import ARCH, DEAD, SILENT, WELL, WELL_ON_THE_COPY, serving


def link(target):
    info = tarfile.TarInfo()
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


@pytest.fixture
async def box(xinguan_town, tmp_path):
    async with serving(xinguan_town, tmp_path) as made:
        yield made


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


async def test_an_update_that_was_cut_off_before_it_served_names_nobody_and_is_not_said_to_serve(box):
    """Between the note that a verdict is pending and the switch; its line says who signs the next one."""
    next_key = public_hex(Ed25519PrivateKey.generate())
    await box.take(box.update(2))
    late = Update(version="0.2.3", number=3, debian=12, arch=ARCH, size=1, sha256="0" * 64, keys=(next_key,))
    (box.root / "versions/0.2.3").mkdir()
    (box.root / "versions/0.2.3/update.json").write_bytes(msgspec.json.encode(late))
    (box.root / "trial.json").write_text(json.dumps({"before": "0.2.2", "after": "0.2.3", "red": []}))

    done = await box.take("--settle")

    assert (done.returncode, box.current) == (0, "0.2.2"), done.stderr
    assert "cut off before it served: 0.2.2 goes on" in done.stderr
    assert not (box.root / "trial.json").exists()
    assert release_keys(box.root, box.keys) == (public_hex(box.key),)


async def test_a_rehearsal_ends_with_the_update_that_is_killed_and_its_copy_with_the_next(box):
    slow = f'#!/bin/sh\nexec {sys.executable} -c "import time; time.sleep(600)" "$@"\n'
    words = [sys.executable, "-I", "-m", "edge.cli", *box.arguments(box.update(2, slow))]
    copies = partial(box.town.gate.data.glob, ".trial-*")

    update = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.DEVNULL)
    await box.town.until(box.rehearsing)
    update.kill()
    await update.wait()

    await box.town.until(lambda: not box.rehearsing())
    assert list(copies())
    refused = await box.take(box.update(3, DEAD))
    assert (refused.returncode, box.current) == (2, "0.1.0"), refused.stderr
    assert not list(copies())


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
