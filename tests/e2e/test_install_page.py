"""docs/install.md, followed word by word as root in an empty Debian 12 root: from nothing to a decided code, and away.

No systemd runs in the root: a small `systemctl` starts what the unit says, as the user it says. The rest is the page's.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "install.md").read_text("utf-8")
STEPS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
WITHIN_S = 60

SYSTEMCTL = """#!/usr/bin/python3
# enable --now UNIT: what systemd would do, as far as a root without it can: the unit's command as the unit's user, and
# it comes back when the unit said that it is ready.
import os, pathlib, pwd, re, shlex, socket, subprocess, sys

if sys.argv[1:3] != ["enable", "--now"]:
    sys.exit(0)
name = sys.argv[3].removesuffix(".service") + ".service"
folders = map(pathlib.Path, ("/lib/systemd/system", "/usr/lib/systemd/system"))
unit = next(folder / name for folder in folders if (folder / name).exists())
said = dict(re.findall(r"^(User|ExecStart|Type)=(.*)$", unit.read_text(), re.M))
owner = pwd.getpwnam(said["User"])
address = f"/run/notify-{name}"
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
    ready.bind(address)
    os.chmod(address, 0o777)
    ready.settimeout(60)
    command = [word for word in shlex.split(said["ExecStart"]) if not word.startswith("$")]
    running = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=open(f"/var/log/{name}.log", "wb"), stderr=subprocess.STDOUT,
        umask=0o077,
        user=owner.pw_uid, group=owner.pw_gid, extra_groups=os.getgrouplist(owner.pw_name, owner.pw_gid),
        start_new_session=True, env={"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": address},
    )
    with open("/run/started", "a") as started:
        started.write(f"{running.pid}\\n")
    while said["Type"] == "notify" and b"READY=1" not in ready.recv(1024):
        pass
"""

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("debootstrap"), reason="needs root and debootstrap"),
]


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    out = tmp_path_factory.mktemp("packages")
    subprocess.run([sys.executable, ROOT / "systemd/packaging/build.py", "deb", "--out", out], check=True)
    return out


@pytest.fixture(scope="module")
def debian(packages):
    """An empty Debian in a folder of its own, with device nodes of its own: nothing of this machine is mounted."""
    root = Path(tempfile.mkdtemp(prefix="xinguan-debian-"))
    root.chmod(0o755)
    words = ["debootstrap", "--variant=minbase", "--include=ca-certificates,sudo", "bookworm", root]
    subprocess.run([*words, *filter(None, [os.environ.get("DEBIAN_MIRROR")])], check=True)
    for package in packages.glob("*.deb"):
        shutil.copy(package, root / "root")
    shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
    (root / "usr/local/bin/systemctl").write_text(SYSTEMCTL)
    (root / "usr/local/bin/systemctl").chmod(0o755)
    subprocess.run(["mount", "-t", "proc", "proc", root / "proc"], check=True)
    yield root
    started = root / "run/started"
    for pid in started.read_text().split() if started.exists() else []:
        subprocess.run(["kill", "-9", "--", f"-{pid}"], capture_output=True)
    subprocess.run(["umount", "-l", root / "proc"], check=True)
    shutil.rmtree(root)


def inside(root, words, **options):
    environment = {
        "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "DEBIAN_FRONTEND": "noninteractive",
    }
    shell = ["chroot", str(root), "bash", "-euo", "pipefail", "-c", f"cd /root; {words}"]
    return subprocess.run(shell, env=environment, text=True, capture_output=True, **options)


def facts(root):
    said = inside(root, "xinguan journal export")
    return [json.loads(line) for line in said.stdout.splitlines() if line.startswith("{")]


def until(root, kinds, *, within_s=WITHIN_S):
    """Ask until a fact of one of these kinds stands in the journal; say what stood there instead."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        found = [fact for fact in facts(root) if fact["kind"] in kinds]
        if found:
            return found
    logs = "\n".join(path.read_text()[-2000:] for path in (root / "var/log").glob("xinguan*.log"))
    pytest.fail(f"waited {within_s} s for {kinds}; there were {[fact['kind'] for fact in facts(root)]}\n{logs}")


def test_from_nothing_to_a_decided_code_and_away(debian):
    *setup, removal = STEPS
    for number, step in enumerate(setup, 1):
        done = inside(debian, step)
        assert done.returncode == 0, f"step {number} of docs/install.md:\n{step}\n{done.stdout}\n{done.stderr}"
    assert until(debian, {"not_granted"})[0]["body"]["reasons"] == ["needs_bound_token", "not_eligible"]

    owners = {path.stat().st_uid for path in (debian / "var/lib/xinguan").rglob("*")}
    assert owners == {(debian / "var/lib/xinguan").stat().st_uid}, "a command that root typed left a file of its own"
    stranger = inside(debian, "sudo -u nobody xinguan journal status")
    assert (stranger.returncode, "sudo xinguan" in stranger.stderr, "Traceback" in stranger.stderr) == (77, True, False)

    assert inside(debian, removal).returncode == 0
    assert (debian / "var/lib/xinguan/terminal.db").exists()
    assert inside(debian, "sudo apt-get purge -y xinguan xinguan-central").returncode == 0
    assert not (debian / "var/lib/xinguan").exists()
    assert not (debian / "opt/xinguan").exists()
