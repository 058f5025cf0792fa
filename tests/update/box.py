"""A machine with versions side by side, release keys and a terminal, on which updates are typed.

Its versions are a shell script before the program of this tree, so that one unpacks at once and is broken as asked;
`systemctl` is a script that ends the service's process group and starts what `current` names.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.aside import TRIAL
from edge.commands.update import command
from edge.commands.update.bundle import Update, signed
from storage.sqlite import connect
from sync.wire.jws import public_hex
from tests.tools.packing import packed

DEBIAN = command._debian()
ARCH = command.ARCH_OF.get(platform.machine(), platform.machine())
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

    def arguments(self, *more, ready_s=30):
        """Return the words of `xinguan` that update this machine."""
        words = ["update", "--root", self.root, "--keys", self.keys, "--systemctl", self.systemctl]
        words += ["--config", self.town.gate.config, "--ready-s", ready_s, *more]
        return list(map(str, words))

    def rehearsing(self):
        """Return the processes that try a version on a copy of this terminal's ledger."""
        copies, found = str(self.town.gate.data / TRIAL).encode(), []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):  # gone meanwhile
                found += [path.parent.name] if copies in path.read_bytes() else []
        return found

    async def take(self, *more, **options):
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-I", "-m", "edge.cli", *self.arguments(*more, **options)],
            capture_output=True,
            text=True,
            timeout=200,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    @property
    def current(self):
        return (self.root / "current").readlink().name

    def is_on_trial(self):
        """Return whether `current` names a version whose verdict is pending."""
        trial = self.root / "trial.json"
        return trial.exists() and json.loads(trial.read_bytes())["after"] == self.current

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


@asynccontextmanager
async def serving(town, folder):
    """Give a terminal that serves, cut off, with a fact that nobody signed for."""
    made = Box(town, folder)
    await made.start()
    await town.all_arrived()
    town.network.cut()
    who = town.visitors.resident(town.now_s())
    assert (await town.gate.present(who.code(town.now_s()), ticket="adult"))["outcome"] == "GRANT"
    try:
        yield made
    finally:
        made.stop()
