"""An update on a box whose disk has no room for it: said in words, nothing half made stays, what runs goes on."""

import argparse
import hashlib
import os
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.commands.update import command
from edge.commands.update.bundle import Update, signed
from sync.wire.jws import public_hex
from tests.tools.packing import packed

pytestmark = [pytest.mark.root, pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk: runs as root")]


@pytest.fixture
def box(tmp_path):
    """A box whose /opt is 2 MiB, and the words that give it an update of these bytes."""
    root = tmp_path / "opt"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "xinguan-test", root], check=True)
    (root / "versions/0.1.0").mkdir(parents=True)
    (root / "current").symlink_to("versions/0.1.0")
    config, keys, key = tmp_path / "terminal.toml", tmp_path / "keys", Ed25519PrivateKey.generate()
    config.write_text(
        f'[terminal]\ndata = "{tmp_path}/data"\n[platform]\nurl = "http://127.0.0.1:9"\n'
        '[[lanes]]\nid = "A"\nscene = "gate"\n'
    )
    keys.write_text(f"{public_hex(key)}\n")

    def take(payload):
        here = {"debian": command._debian(), "arch": command.ARCH_OF[os.uname().machine]}
        line = Update(version="9", number=5, size=len(payload), sha256=hashlib.sha256(payload).hexdigest(), **here)
        (tmp_path / "u.xgu").write_bytes(signed(line, key) + payload)
        parser = argparse.ArgumentParser()
        command.add_arguments(parser)
        words = [tmp_path / "u.xgu", "--root", root, "--keys", keys, "--config", config]
        return command.run(parser.parse_args(list(map(str, words))))

    yield root, take
    subprocess.run(["umount", root], check=True)


def test_an_update_for_which_there_is_no_room_is_refused_before_it_is_copied(box, capsys):
    root, take = box

    assert take(packed([("lib/a", os.urandom(800_000))])) == 2

    assert "磁盘空间不足" in (said := capsys.readouterr().err)
    assert "there is no room: 3 MiB are needed" in said
    assert sorted(path.name for path in root.rglob("*")) == ["0.1.0", "current", "versions"]


def test_an_update_that_fills_the_disk_while_it_unpacks_leaves_nothing(box, capsys):
    root, take = box

    assert take(packed([("lib/a", bytes(10_000_000))])) == 2

    assert "No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in root.rglob("*")) == ["0.1.0", "current", "versions"]
    assert (root / "current").readlink().name == "0.1.0"
