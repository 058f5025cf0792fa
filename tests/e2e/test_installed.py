"""A box as docs/install.md leaves it: everything works in systemd's sandboxes, and is taken away without its data."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.commands.update.bundle import Update, signed
from sync.wire.jws import public_hex
from tests.e2e.booted import READY
from tests.e2e.installing import (
    EXPECTED,
    PICTURES,
    ROOT,
    SECTIONS,
    decided,
    facts,
    follow,
    main_pid,
    readiness,
    ready,
    set_source,
    until,
)

SEVEN_TRIES_S = 600  # at most: 7 pauses of 1 s; from systemd 254 on 90 s of them (since-254/restart.conf)

pytestmark = [
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not READY, reason="needs root, debootstrap and systemd-nspawn"),
]


class TestEverythingWorksInItsUnits:
    """The same box goes on. Serial, HTTP, doctor by anybody, a stick, updates, the watchdog: in systemd's sandboxes."""

    def test_doctor_answers_root_and_anybody_else_gets_one_line(self, deb_box):
        doctor = deb_box.run("sudo xinguan doctor")
        assert "Traceback" not in doctor.stdout + doctor.stderr
        assert re.search(r"[\u4e00-\u9fff]", doctor.stdout)
        doctor = deb_box.run("sudo -u nobody xinguan doctor")
        assert (doctor.returncode, "Traceback" in doctor.stderr) == (1, False)
        assert "sudo xinguan" in doctor.stdout.splitlines()[-1]
        for words in ("journal status", "lists status", "sync now", "backup /tmp/b.db"):
            done = deb_box.run(f"sudo -u nobody xinguan {words}")
            assert done.returncode == 77, (words, done.stderr)
            (line,) = [said for said in done.stderr.splitlines() if said.startswith("xinguan")]
            assert "sudo xinguan" in line
            assert "Traceback" not in done.stderr

    def test_a_network_camera_is_read_in_a_sandbox_without_keys(self, deb_box, tmp_path):
        picture = cv2.imread(str(deb_box.root / f"{PICTURES[1:]}/code.png"))
        cv2.imwrite(
            str(tmp_path / "1.jpg"), cv2.copyMakeBorder(picture, *[60] * 4, cv2.BORDER_CONSTANT, value=(255,) * 3)
        )
        server = subprocess.Popen(
            deb_box.in_its_network([sys.executable, ROOT / "tests/scanner/mjpegd.py", tmp_path, "good"])
        )
        try:
            until((tmp_path / "port").exists, "the camera", deb_box)
            many = len(facts(deb_box, "not_granted"))
            set_source(deb_box, f"http://127.0.0.1:{(tmp_path / 'port').read_text()}/")
            assert decided(deb_box, many + 1) == EXPECTED

            (unit,) = re.findall(r"xinguan-camera-net@\S+\.service", deb_box.must("systemctl list-units --no-legend"))
            child = int(deb_box.must(f"systemctl show --property MainPID --value '{unit}'"))
            sees = f"nsenter -t {child} --mount ls /var/lib /etc/xinguan"
            assert deb_box.run(sees).stdout.split() == ["/etc/xinguan:", "/var/lib:"]
            user = deb_box.must(f"stat -c %u /proc/{child}").strip()
            assert user not in ("0", deb_box.must("id -u xinguan").strip())
        finally:
            server.kill()
            server.wait(10)

    def test_a_camera_of_the_box_is_asked_for_in_a_sandbox_without_network(self, deb_box):
        set_source(deb_box, "v4l2:/dev/video0")

        said = until(
            lambda: "/dev/video0: No such file" in json.dumps(readiness(deb_box)),
            "what the sandbox says of a camera that is not there",
            deb_box,
        )

        assert said
        units = deb_box.must("systemctl list-units --no-legend")
        assert re.search(r"xinguan-camera@\S+\.service", units)

    def test_a_serial_scanner_is_read(self, deb_box):
        read = deb_box.must(f"xinguan scan {PICTURES}/code.png").splitlines()[0]
        text = json.loads(read)["text"]
        (deb_box.root / "root/line.py").write_text(
            "import os, pty, sys, time, tty\n"
            "near, far = pty.openpty()\ntty.setraw(far)\nname = os.ttyname(far)\n"
            "os.chmod(name, 0o660); os.chown(name, 0, int(sys.argv[1]))\n"
            "os.symlink(name, '/dev/scanner'); os.close(far)\n"  # a pty stays taken after the first to open it is gone
            "while not os.path.exists('/run/show'): time.sleep(0.1)\n"
            "os.write(near, open('/run/show', 'rb').read())\ntime.sleep(3600)\n"
        )
        many = len(facts(deb_box, "not_granted"))
        group = "$(getent group dialout | cut -d: -f3)"
        deb_box.must(f"setsid python3 line.py {group} > /dev/null 2>&1 < /dev/null &")
        until(lambda: deb_box.run("test -e /dev/scanner").returncode == 0, "the line", deb_box)
        set_source(deb_box, "serial:/dev/scanner")
        until(lambda: ready(deb_box), "a ready terminal", deb_box)
        deb_box.must("cat > /run/show.new; mv /run/show.new /run/show", input=f"{text}\r\n")

        assert decided(deb_box, many + 1) == EXPECTED

    def test_a_stick_is_imported_by_root_for_the_service_that_runs(self, deb_box):
        deb_box.must("sudo -u xinguan xinguan central publish --state /var/lib/xinguan-central --bundle /tmp/lists.zip")
        deb_box.must("install -m 0600 -o root /tmp/lists.zip /root/lists.zip")

        done = deb_box.run("sudo xinguan lists import /root/lists.zip")

        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search("已生效|没有更新", done.stdout)

    def test_an_update_to_a_broken_version_comes_back_and_one_to_a_good_version_stays(self, deb_box):
        key = Ed25519PrivateKey.generate()
        (deb_box.root / "usr/share/xinguan/release-keys").write_text(f"{public_hex(key)}\n")
        until(lambda: readiness(deb_box), "a ready terminal", deb_box)
        before = deb_box.must("basename $(readlink /opt/xinguan/current)").strip()
        many = len(facts(deb_box, "not_granted"))
        home = deb_box.root / "opt/xinguan/versions" / before

        later = self.update(deb_box, home, key, "9.0.1", 'case "$*" in *trial.toml*) ;; *) exit 3 ;; esac\n')
        broken = deb_box.run(f"sudo xinguan update {later}")
        assert (broken.returncode, self.current(deb_box)) == (1, before), broken.stdout + broken.stderr
        until(lambda: readiness(deb_box), "the version before", deb_box)

        good = deb_box.run(f"sudo xinguan update {self.update(deb_box, home, key, '9.0.2', '')}")
        assert (good.returncode, self.current(deb_box)) == (0, "9.0.2"), good.stdout + good.stderr
        until(lambda: readiness(deb_box), "the new version", deb_box)
        assert len(facts(deb_box, "not_granted")) >= many

    def update(self, box, home, key, version, line):
        """Sign an update made of what is installed, with one more line at the beginning of its command."""
        tree = Path(tempfile.mkdtemp(prefix="xinguan-update-"))
        subprocess.run(["cp", "-a", f"{home}/.", tree], check=True)
        for cache in list(tree.rglob("__pycache__")):
            shutil.rmtree(cache)
        command = tree / "bin/xinguan"
        command.write_text(command.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n{line}"))
        packed = box.root / "root/payload"
        names = sorted(path.name for path in tree.iterdir())
        quick = os.environ | {"XZ_OPT": "-0"}
        subprocess.run(["tar", "-C", tree, "-cJf", packed, *names], check=True, env=quick)
        shutil.rmtree(tree)
        raw = packed.read_bytes()
        facts_of = json.loads((home / "update.json").read_bytes())
        number = int(version.replace(".", "")) + 10**12
        update = Update(
            **facts_of
            | {"version": version, "number": number, "size": len(raw), "sha256": hashlib.sha256(raw).hexdigest()}
        )
        (box.root / f"root/{version}.xgu").write_bytes(signed(update, key) + raw)
        return f"/root/{version}.xgu"

    def current(self, box):
        return box.must("basename $(readlink /opt/xinguan/current)").strip()

    def test_a_service_that_hangs_is_ended_by_the_watchdog_and_comes_back(self, deb_box):
        hung = main_pid(deb_box)

        deb_box.must(f"kill -STOP {hung}")

        until(lambda: main_pid(deb_box) not in (0, hung), "another process", deb_box, within_s=120)
        until(lambda: readiness(deb_box), "a ready terminal", deb_box)
        assert "watchdog" in deb_box.must("journalctl --no-pager -u xinguan-terminal -n 40").lower()

    def test_a_bad_start_is_tried_again_beyond_systemds_usual_five(self, deb_box):
        deb_box.must("systemctl stop xinguan-terminal")
        deb_box.must(
            "setsid python3 -m http.server --bind 127.0.0.1 8470 > /dev/null 2>&1 < /dev/null & echo $! > taken"
        )
        deb_box.run("systemctl start --no-block xinguan-terminal")

        until(
            lambda: int(deb_box.must("systemctl show --property NRestarts --value xinguan-terminal")) > 6,
            "the seventh try",
            deb_box,
            within_s=SEVEN_TRIES_S,
        )
        deb_box.must("kill $(cat taken)")
        until(lambda: readiness(deb_box), "a ready terminal by itself", deb_box)


def test_removal_leaves_the_data_and_a_purge_takes_it(deb_box):
    """Also of a terminal that had failed, here by its configuration: systemd would list it while the machine runs."""
    deb_box.run("echo wrong >> /etc/xinguan/terminal.toml; systemctl restart xinguan-terminal")
    assert deb_box.run("systemctl is-failed xinguan-terminal").stdout.strip() == "failed"
    follow(deb_box, SECTIONS["6"], "docs/install.md, 6")
    assert (deb_box.root / "var/lib/xinguan/terminal.db").exists()
    assert list(deb_box.root.glob("etc/systemd/system/**/*xinguan*")) == []
    left = "systemctl list-units --all --no-legend --state=loaded,active,activating,failed 'xinguan*'"
    assert deb_box.must(left) == ""  # a name that is not found, inactive and dead is a memory of systemd's, and no unit

    deb_box.must("sudo apt-get purge -y xinguan xinguan-central")

    for folder in ("var/lib/xinguan", "var/lib/xinguan-central", "opt/xinguan", "etc/xinguan"):
        assert not (deb_box.root / folder).exists(), folder
