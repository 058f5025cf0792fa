"""What a package may hold: the parts of the builder that need no network. The whole: tests/e2e/test_install_page.py."""

import importlib.util
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("package_builder", ROOT / "systemd/packaging/build.py")
build = importlib.util.module_from_spec(_SPEC)
sys.modules["package_builder"] = build
_SPEC.loader.exec_module(build)

TARGET = build.Target(debian=12, arch="amd64", version="1.2.3", epoch=1_700_000_000)
ELF = {"amd64": 62, "arm64": 183}


def elf(machine):
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + bytes(8)


@pytest.mark.parametrize(("arch", "other"), [("amd64", "arm64"), ("arm64", "amd64")])
def test_a_compiled_file_for_another_machine_is_found(tmp_path, arch, other):
    (tmp_path / "right.so").write_bytes(elf(ELF[arch]))
    (tmp_path / "wrong.so").write_bytes(elf(ELF[other]))
    (tmp_path / "text.py").write_text("x = 1\n")

    assert list(build.foreign_binaries(tmp_path, arch)) == [Path("wrong.so")]


def test_a_package_carries_no_time_and_no_umask_of_the_builder(tmp_path):
    file = tmp_path / "tree" / "folder" / "file"
    file.parent.mkdir(parents=True)
    file.write_text("x")
    file.chmod(0o600)

    build.settle(tmp_path / "tree", TARGET.epoch)

    told = {(path.stat().st_mode & 0o777, int(path.stat().st_mtime)) for path in (file, file.parent)}
    assert told == {(0o644, TARGET.epoch), (0o755, TARGET.epoch)}


def test_the_same_tree_gives_the_same_package(tmp_path):
    made = []
    for name in ("one", "two"):
        tree = tmp_path / name / "xinguan"
        build.put(tree / "opt/xinguan/versions/1.2.3/bin/xinguan", "#!/bin/sh\n", 0o755)
        out = tmp_path / f"out-{name}"
        out.mkdir()
        made.append(build.deb(TARGET, tree, out).read_bytes())

    assert made[0] == made[1]


def test_the_scripts_of_a_package_are_right_for_sh(tmp_path):
    for script in (*ROOT.glob("systemd/packaging/*/p*"), *ROOT.glob("systemd/**/*.sh")):
        assert subprocess.run(["sh", "-n", script], capture_output=True).returncode == 0, script


@pytest.mark.parametrize("debian", [12, 13])
def test_a_package_depends_on_its_own_release(debian):
    target = build.Target(debian=debian, arch="arm64", version="1.2.3", epoch=0)

    control = build.control_of(target, "xinguan", 1)

    assert f"Version: 1.2.3~deb{debian}" in control
    assert f"python3 (>= 3.{ {12: 11, 13: 13}[debian] })" in control
    assert "Architecture: arm64" in control
    assert os.linesep * 2 not in control


def test_each_page_that_a_unit_names_is_in_the_package():
    named = set()
    for unit in ROOT.glob("systemd/*.service"):
        named |= set(re.findall(r"^Documentation=file:///usr/share/doc/xinguan/(\S+)$", unit.read_text(), re.MULTILINE))

    assert named
    assert named <= {Path(page).name for page in build.PAGES}
    assert all((ROOT / page).is_file() for page in build.PAGES)


@pytest.fixture
def configured(tmp_path):
    """Return what `current` names after dpkg configured version 1 (number 5) over another that served."""
    root, stubs = tmp_path / "opt", tmp_path / "stubs"
    for name in ("systemd-sysusers", "install"):
        build.put(stubs / name, "#!/bin/sh\n", 0o755)
    script = (ROOT / "systemd/packaging/xinguan/postinst").read_text("utf-8").replace("@VERSION@", "1")
    script = script.replace("/opt/xinguan", str(root)).replace("/run/systemd/system", str(tmp_path / "none"))
    build.put(tmp_path / "postinst", script, 0o755)

    def version(name, said, python):
        home = root / "versions" / name
        build.put(home / "update.json", said)
        if python:
            build.put(home / "bin/python", "#!/bin/sh\n", 0o755)

    def run(said=None, *, python=True):
        version("1", json.dumps({"version": "1", "number": 5}), python=True)
        if said is not None:
            version("2", said, python)
            (root / "current").symlink_to("versions/2")
        environment = os.environ | {"PATH": f"{stubs}:{os.environ['PATH']}"}
        subprocess.run([tmp_path / "postinst", "configure"], check=True, env=environment, capture_output=True)
        return (root / "current").readlink().name

    return run


@pytest.mark.parametrize(
    ("served", "then"),
    [
        (None, "1"),
        ('{"version": "2", "number": 4}', "1"),
        ('{"version":"2","number":6,"debian":12}', "2"),  # as an update's line is written
        ("torn", "1"),
    ],
    ids=["nothing", "older", "newer", "silent"],
)
def test_a_package_takes_the_place_of_what_serves_unless_an_update_is_newer(configured, served, then):
    assert configured(served) == then


def test_a_newer_update_whose_python_is_gone_gives_way_to_the_package(configured):
    """The machine went over to another Debian: what was for the one before cannot start any more."""
    assert configured('{"version": "2", "number": 6}', python=False) == "1"
