"""The arm64 package, under qemu in an arm64 Debian's files: it loads, reads a code, and serves a visitor. No board.

Every program there is aarch64: the kernel hands each to `qemu-aarch64-static` (binfmt_misc of a user namespace of our
own, Linux 6.7), the Debian is unpacked and not configured, and nothing of this machine is mounted but /proc and four
devices. What a board has of its own (its kernel, its cameras, its speed, its card) is not looked at. To look again:
`DEBIAN_ARM64_ROOT` names what debootstrap left, `PACKAGES` the packages.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import aiohttp
import pytest
import segno

from central.demo.running.processes import free_ports
from central.demo.running.terminal_link import TerminalLink
from central.demo.street import town as street
from tests.e2e.installing import ROOT
from tests.processes.conftest import started_town, until

QEMU = "/usr/bin/qemu-aarch64-static"
ELF = r"\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"  # 64 bits, a program, aarch64
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
INSIDE = """
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
printf '%s' "$RULE" > /proc/sys/fs/binfmt_misc/register
mount --rbind /proc "$BOX/proc"
for name in null zero random urandom; do touch "$BOX/dev/$name"; mount --bind "/dev/$name" "$BOX/dev/$name"; done
exec chroot "$BOX" "$@"
"""
LOADED = """
import importlib, pathlib, sys
home = pathlib.Path(next(path for path in sys.path if path.endswith("site-packages")))
parts = [path.relative_to(home) for path in sorted(home.rglob("*.so"))]
names = [str(part).partition(".")[0].replace("/", ".") for part in parts if not part.parts[0].endswith(".libs")]
for name in names:
    importlib.import_module("cv2" if name == "cv2.cv2" else name)  # OpenCV's own loads by its package alone
importlib.import_module("pyzbar.pyzbar")
print(len(names), *sorted({name.partition(".")[0] for name in names}))
"""
SLOW_S = 300  # emulated, on a machine that does something else

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.geteuid() != 0 or not Path(QEMU).exists() or not shutil.which("debootstrap"),
        reason="needs root, debootstrap and Debian's qemu-user-static",
    ),
]


class Box:
    """An arm64 Debian's files with our package among them."""

    def __init__(self, root):
        self.root = root

    def words(self, *words):
        """Return the words that run a program of the box."""
        own = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-ec", INSIDE, "sh"]
        return [*own, *map(str, words)]

    @property
    def environment(self):
        rule = f":xinguan-aarch64:M::{ELF}:{MASK}:{QEMU}:F"
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "RULE": rule, "BOX": str(self.root)}

    def run(self, *words, **options):
        settings = {"text": True, "capture_output": True, "timeout": SLOW_S, "env": self.environment} | options
        return subprocess.run(self.words(*words), **settings)

    def must(self, *words, **options):
        done = self.run(*words, **options)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def start(self, log, *words):
        with log.open("wb") as file:
            return subprocess.Popen(self.words(*words), env=self.environment, stdout=file, stderr=file)


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    root = Path(tempfile.mkdtemp(prefix="xinguan-arm64-"))
    if not (out := os.environ.get("PACKAGES")):
        out = tmp_path_factory.mktemp("packages")
        words = ["deb", "--debian", "12", "--arch", "arm64", "--out", out]
        subprocess.run([sys.executable, ROOT / "systemd/packaging/build.py", *words], check=True)
    if given := os.environ.get("DEBIAN_ARM64_ROOT"):
        subprocess.run(["cp", "-a", f"{given}/.", root], check=True)
    else:
        foreign = ["--arch=arm64", "--foreign", "--variant=minbase", "--include=python3,libzbar0", "bookworm", root]
        subprocess.run(["debootstrap", *foreign], check=True, stdout=subprocess.DEVNULL)
    ours = [*Path(out).glob("xinguan_*_arm64.deb"), *Path(out).glob("xinguan-central_*_arm64.deb")]
    assert len(ours) == 2, ours
    for package in [*sorted(root.glob("var/cache/apt/archives/*.deb")), *ours]:
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
    (version,) = (root / "opt/xinguan/versions").iterdir()
    (root / "opt/xinguan/current").unlink(missing_ok=True)
    (root / "opt/xinguan/current").symlink_to(f"versions/{version.name}")  # what postinst does
    root.chmod(0o755)
    made = Box(root)
    made.must("ldconfig")  # what dpkg does when it configures a library
    yield made
    shutil.rmtree(root)


def test_every_compiled_part_of_the_package_loads_on_the_other_machine(box):
    assert box.must("uname", "-m").strip() == "aarch64"
    assert box.must("xinguan", "version").startswith("xinguan ")

    many, *names = box.must("/opt/xinguan/current/bin/python", "-I", "-c", LOADED).split()

    assert int(many) > 20
    assert {"_cffi_backend", "aiohttp", "cryptography", "cv2", "msgspec", "numpy", "zxingcpp"} <= set(names)


def test_it_reads_a_code_and_says_how_it_is(box):
    segno.make("XINGUAN ON ARM64", micro=False).save(str(box.root / "root/code.png"), scale=8, border=8)
    (box.root / "etc/xinguan").mkdir(exist_ok=True)
    shutil.copy(box.root / "usr/share/doc/xinguan/examples/terminal.toml", box.root / "etc/xinguan")

    read = json.loads(box.must("xinguan", "scan", "/root/code.png").splitlines()[0])
    health = box.run("xinguan", "doctor")

    assert read["text"] == "XINGUAN ON ARM64"
    assert "decoders are installed" in health.stdout
    assert "Traceback" not in health.stdout + health.stderr


async def test_it_serves_a_visitor_and_brings_the_fact_home(box, tmp_path):
    async with started_town(tmp_path) as town, aiohttp.ClientSession() as session:
        gate = TerminalLink(street.GATE, tmp_path, free_ports(1)[0], session)
        gate.data = Path("/var/lib/xinguan")
        text = gate.configuration(platform=town.network_url, source=None, actuator=None)
        (box.root / "etc/xinguan").mkdir(exist_ok=True)
        (box.root / "etc/xinguan/terminal.toml").write_text(text)
        code = await town.platform.code_for(street.GATE, platform=town.network_url)
        await asyncio.to_thread(box.must, "xinguan", "enrol", "-", input=f"{code}\n")

        running = box.start(tmp_path / "arm64.log", "xinguan", "run")
        try:
            await until(gate.ready, SLOW_S)
            gate.tokens = json.loads((box.root / "var/lib/xinguan/api-tokens.json").read_bytes())
            who = town.visitors.resident(town.now_s())
            answers = [await town.decided(lambda: gate.present(who.code(town.now_s()), intent="enter"), SLOW_S)]
            answers.append(await town.decided(lambda: gate.present(who.code(town.now_s()), intent="enter"), SLOW_S))

            async def home():
                return (await town.platform.ledger())["redemptions"]

            booked = await until(home, SLOW_S)
        finally:
            running.terminate()
            await asyncio.to_thread(running.wait, 60)
        assert "Traceback" not in (tmp_path / "arm64.log").read_text("utf-8", "replace")

    assert [answer["outcome"] for answer in answers] == ["GRANT", "GRANT"]
    assert answers[1]["repeat"]  # nobody passed yet: the same visit again, and no second one
    assert [one["redemption"] for one in booked] == [answers[0]["redemption"]] == [answers[1]["redemption"]]
