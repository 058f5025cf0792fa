"""A PostgreSQL 15 of our own for tests: Debian's binaries, its own user, gone with the process that started it.

`initdb --no-sync` and `postgres` as a direct child, not Debian's cluster scripts: 0.6 s in all. As root it runs as the
user `postgres`, for the server refuses root.
"""

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BIN = Path("/usr/lib/postgresql/15/bin")
USER = "postgres"
PR_SET_PDEATHSIG = 1
START_S = 20
SMALL_WAL = ("--wal-segsize=1",)  # for a small disk, with `SMALL`
SMALL = {"max_wal_size": "8MB", "min_wal_size": "2MB", "shared_buffers": "8MB"}
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


def present():
    return (BIN / "postgres").exists()


def as_its_user():
    """Return what makes a child run as an unprivileged user; nothing when we are one."""
    if os.getuid() != 0:
        return {}
    found = pwd.getpwnam(USER)
    return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}


def _die_with_us():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


class Server:
    """One server in a folder of its own, reached by a socket in it. `settings` are the server's own."""

    def __init__(self, settings=FAST, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="xg-pg-"))
        self.data = self.folder / "data"
        self.settings = dict(settings)
        self.process = None
        self.port = 5432
        if os.getuid() == 0:
            os.chown(self.folder, as_its_user()["user"], as_its_user()["group"])
        self.folder.chmod(0o700)

    def run(self, program, *arguments):
        command = [str(BIN / program), *map(str, arguments)]
        return subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=60, cwd=self.folder, **as_its_user()
        )

    def create(self, *more):
        how = ("-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", *more)
        self.run("initdb", "-D", self.data, *how)
        return self

    def start(self):
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.folder), "max_connections": "100"}
        settings |= {"recovery_init_sync_method": "syncfs", "port": str(self.port)} | self.settings
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [str(BIN / "postgres"), "-D", str(self.data), *options],
            stdout=log,
            stderr=log,
            cwd=self.folder,
            preexec_fn=_die_with_us,  # noqa: PLW1509 - nothing of ours runs between fork and exec but this
            **as_its_user(),
        )
        until = time.monotonic() + START_S
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "log").read_text()[-2000:])
        return self

    def _answers(self):
        command = [str(BIN / "pg_isready"), "-q", "-h", str(self.folder), "-p", str(self.port), "-t", "1"]
        return subprocess.run(command, check=False).returncode == 0

    def psql(self, sql, database="postgres"):
        return self.run(
            "psql", "-h", self.folder, "-U", USER, "-d", database, "-v", "ON_ERROR_STOP=1", "-Atc", sql
        ).stdout

    def url(self, database):
        return f"postgresql://{USER}@/{database}?host={self.folder}&port={self.port}"

    def children(self):
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(one) for one in path.read_text().split()]

    def kill(self, number=signal.SIGKILL):
        """Let the machine be gone: postmaster and backends, which live in sessions of their own."""
        for pid in (*self.children(), self.process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue
        if number == signal.SIGKILL:
            self.process.wait(START_S)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(START_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
