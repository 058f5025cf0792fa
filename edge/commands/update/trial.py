"""Does a version serve? First on a copy with every door shut, then for real.

Rules of this file:

- the rehearsal runs on a `VACUUM INTO` copy in a folder of its own: no source, no gate, no platform, another port; the
  new version migrates it, puts the lists in force and answers a code with intent `check`, which writes nothing;
- for real, ready means: another process than before answers, and no line that was well before is red;
- both run as the service's user, and both are bounded in time;
- a rehearsal ends with the update that began it, however that ends, and its copy is removed by whoever comes next.
"""

import ctypes
import json
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from edge.aside import TRIAL, hold, remove_trials
from edge.commands.common import local_api
from edge.commands.update.bundle import UpdateError
from edge.config import Config
from storage.files import PRIVATE, replace_file
from storage.migrations import least
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import ENROLMENT_FILE, KEY_FILE, PROFILE_FILE
from sync.enrol.known_keys import KEYS_FILE

READY_S: Final = 60.0
ASK_S: Final = 2.0
PAUSE_S: Final = 0.2
NOWHERE: Final = "http://127.0.0.1:9"  # the discard port: nobody is there
STARTED: Final = re.compile(r"^process_start_time_seconds (\S+)$", re.MULTILINE)
SELF_TEST: Final = "XG1:SELF-TEST"
PR_SET_PDEATHSIG: Final = 1
LIBC: Final = ctypes.CDLL(None, use_errno=True)


def red_lines(config: Config) -> set[str] | None:
    """Return which lines of the running terminal are red, None when nobody answers."""
    base, tls = local_api(config)
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=ASK_S, context=tls) as answer:  # noqa: S310 - our own
            told = answer.read()
    except urllib.error.HTTPError as error:
        told = error.read()
    except (urllib.error.URLError, OSError):
        return None
    try:
        return {str(one["name"]) for one in json.loads(told)["checks"] if one["level"] == "bad"}
    except (ValueError, KeyError, TypeError):
        return None


def started(config: Config) -> str | None:
    """Return when the terminal that answers was started, as it says itself; None when nobody answers."""
    base, tls = local_api(config)
    try:
        with urllib.request.urlopen(f"{base}/metrics", timeout=ASK_S, context=tls) as answer:  # noqa: S310 - our own
            told = answer.read().decode("utf-8", "replace")
    except (urllib.error.URLError, OSError):
        return None
    found = STARTED.search(told)
    return None if found is None else found[1]


def serves(config: Config, red: set[str], *, not_from: str | None, within_s: float = READY_S) -> bool:
    """Wait until another terminal answers than the one of `not_from`, and no line is red that is not in `red`.

    Returns whether it came to that.
    """
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        now, lines = started(config), red_lines(config)
        if now not in (None, not_from) and lines is not None and lines <= red:
            return True
        time.sleep(PAUSE_S)
    return False


def rehearse(home: Path, config: Config, *, within_s: float = READY_S) -> int:
    """Let the version in `home` decide on a copy of the store; raise UpdateError when it does not.

    Returns how many schema files a program must know to go on with what it made of the copy.
    """
    with _stage(config) as (folder, port):
        words = [str(home / "bin" / "xinguan"), "run", "--config", str(folder / "trial.toml")]
        log = folder / "trial.log"
        with log.open("wb") as out:
            running = subprocess.Popen(  # noqa: S603 - our own words
                words,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                preexec_fn=_ends_with_us,  # noqa: PLW1509 - this command has one thread
                **_as_owner(config.data),
            )
        try:
            _decides(folder, port, running, within_s)
            with closing(connect(folder / "data" / DATABASE_FILE, writing=False)) as conn:
                return least(conn)
        except UpdateError as error:
            said = log.read_bytes()[-600:].decode("utf-8", "replace").strip()
            raise UpdateError(f"{error}\n{said}") from error
        finally:
            running.terminate()
            try:
                running.wait(10)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()


def _ends_with_us() -> None:
    """Let the kernel end this child with the command that starts it; whoever changes the user afterwards undoes it."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def _decides(folder: Path, port: int, running: "subprocess.Popen[bytes]", within_s: float) -> None:
    end, tokens = time.monotonic() + within_s, folder / "data" / "api-tokens.json"
    while time.monotonic() < end:
        if running.poll() is not None:
            raise UpdateError(f"新版本在副本上未能启动 · it ended on the copy with code {running.returncode}")
        try:
            token = json.loads(tokens.read_bytes())["integrator"]
            answer = _present(port, token)
        except (OSError, ValueError, KeyError):
            time.sleep(PAUSE_S)
            continue
        codes = [one["code"] for one in answer.get("reasons", [])]
        if answer.get("outcome") and "store_failed" not in codes:
            return
        time.sleep(PAUSE_S)
    raise UpdateError(f"新版本在副本上 {within_s:.0f} 秒内不能作出决定 · it did not decide on the copy")


def _present(port: int, token: str) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/present",
        data=json.dumps({"code": SELF_TEST, "intent": "check"}).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=ASK_S) as answer:  # noqa: S310 - the copy on this machine
        found: dict[str, Any] = json.loads(answer.read())
    return found


@contextmanager
def _stage(config: Config) -> Iterator[tuple[Path, int]]:
    """Give a folder with a copy of what a terminal stands on, beside the data, and a free port."""
    remove_trials(config.data)
    folder = Path(tempfile.mkdtemp(prefix=TRIAL, dir=config.data))
    held = hold(folder)
    try:
        data = folder / "data"
        data.mkdir(mode=0o700)
        with closing(connect(config.data / DATABASE_FILE, writing=False)) as conn:
            conn.execute("PRAGMA query_only = OFF")
            conn.execute("VACUUM INTO ?", (str(data / DATABASE_FILE),))
        for name in (KEY_FILE, KEYS_FILE, PROFILE_FILE):
            if (config.data / name).is_file():
                replace_file(data / name, (config.data / name).read_bytes(), mode=PRIVATE)
        enrolment = json.loads((config.data / ENROLMENT_FILE).read_bytes()) | {"platform": NOWHERE}
        replace_file(data / ENROLMENT_FILE, json.dumps(enrolment).encode(), mode=PRIVATE)
        if (config.data / "lists").is_dir():
            shutil.copytree(config.data / "lists", data / "lists")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        replace_file(folder / "trial.toml", _shut(config, data, port).encode(), mode=PRIVATE)
        owner = config.data.stat()
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
        yield folder, port
    except (OSError, sqlite3.Error, ValueError) as error:
        raise UpdateError(f"无法准备副本 · the copy for the trial cannot be made: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _shut(config: Config, data: Path, port: int) -> str:
    """Return a configuration with every door shut: the same lanes, no source, no gate, no platform."""
    lines = ["[terminal]", f"data = {json.dumps(str(data))}", "[platform]", f'url = "{NOWHERE}"']
    lines += ["[api]", f'listen = "127.0.0.1:{port}"']
    for lane in config.lanes:
        lines += ["[[lanes]]", f"id = {json.dumps(lane.id)}", f"scene = {json.dumps(lane.scene)}"]
    return "\n".join(lines) + "\n"


def _as_owner(data: Path) -> dict[str, Any]:
    """Return how a process is started as the folder's owner; nothing where we are that."""
    owner = data.stat()
    if owner.st_uid == os.geteuid():
        return {}
    try:
        groups = os.getgrouplist(pwd.getpwuid(owner.st_uid).pw_name, owner.st_gid)
    except KeyError:
        groups = [owner.st_gid]
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": groups, "umask": 0o077}
