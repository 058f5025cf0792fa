"""A Debian in a folder, booted: its own systemd as process 1, its own network with nothing in it, its own devices.

`Booted(root)` starts systemd-nspawn and finds process 1; `run` types words as root there; `stop` ends it. Nothing of
this machine is mounted, and no port of it is taken.
"""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

BOOT_S = 120
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "LANG": "C.UTF-8"}
PARTS = "ca-certificates,sudo,systemd,systemd-sysv,dbus,udev"
RELEASE = int(os.environ.get("DEBIAN", "12"))
SUITES = {12: "bookworm", 13: "trixie"}
READY = os.geteuid() == 0 and all(map(shutil.which, ("debootstrap", "systemd-nspawn", "nsenter")))


def debootstrap(root):
    """Make an empty Debian with systemd: what an installer leaves behind."""
    words = ["debootstrap", "--variant=minbase", f"--include={PARTS}", SUITES[RELEASE], root]
    subprocess.run([*words, *filter(None, [os.environ.get("DEBIAN_MIRROR")])], check=True, stdout=subprocess.DEVNULL)


class Booted:
    """One booted Debian; `beside` another it has that one's network, so that each is this machine to the other."""

    def __init__(self, root, log, beside=None):
        self.root, self.log, self.beside = Path(root), log, beside

    def start(self):
        """Boot, and wait until systemd says that it is up."""
        words = [
            "systemd-nspawn",
            "--boot",
            f"--directory={self.root}",
            f"--machine=box-{os.getpid()}",
            "--register=no",
        ]
        own = "--private-network" if self.beside is None else f"--network-namespace-path=/proc/{self.beside.pid}/ns/net"
        words += ["--keep-unit", own, "--resolv-conf=off", "--console=read-only"]
        self._log = self.log.open("wb")
        self._nspawn = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        self.pid = self._until(self._process_one, "process 1")
        self._until(self._up, "a booted system")
        return self

    def _until(self, found, what):
        end = time.monotonic() + BOOT_S
        while time.monotonic() < end:
            if self._nspawn.poll() is not None:
                break
            if got := found():
                return got
            time.sleep(0.1)
        raise AssertionError(f"waited for {what}, {BOOT_S} s at most: {self.log.read_text('utf-8', 'replace')[-2000:]}")

    def _up(self):
        return self.run("systemctl is-system-running --wait").stdout.split()

    def _process_one(self):
        """Return the process of this machine that is process 1 over there."""
        for pid in _below(self._nspawn.pid):
            try:
                status = Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue  # gone meanwhile
            numbers = next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid"))
            if len(numbers) > 1 and numbers[-1] == "1" and Path(f"/proc/{pid}/root/run/systemd/private").exists():
                return pid
        return None

    def run(self, words, **options):
        """Type `words` in a shell as root over there."""
        inside = [
            "nsenter",
            f"--target={self.pid}",
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--cgroup",
            "--root",
        ]
        shell = [*inside, "--wd=/", "bash", "-euo", "pipefail", "-c", f"cd /root\n{words}"]
        settings = {"text": True, "capture_output": True, "errors": "replace", "cwd": "/"} | options
        return subprocess.run(shell, env=ENVIRONMENT, **settings)

    def must(self, words, **options):
        """Type words that must succeed; return what they say."""
        done = self.run(words, **options)
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def in_its_network(self, words):
        """Return the words that run a program of this machine in the network over there."""
        return ["nsenter", f"--target={self.pid}", "--net", *map(str, words)]

    def stop(self):
        """Pull the plug and wait until nothing is left."""
        if self._nspawn.poll() is None:
            os.kill(self.pid, signal.SIGKILL)  # process 1: everything over there goes with it
            self._nspawn.terminate()
        self._nspawn.wait(60)
        self._log.close()


def _below(pid):
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *_below(child)]
    return found
