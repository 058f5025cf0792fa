"""`xinguan update FILE|URL`: take a signed update, try it, and go back by itself when it is not well.

The way of an update: read (bounded, once) → signature, machine, number → size and hash → unpack beside → rehearse on a
copy → move `current` and start → ready within 60 s, or the version before serves again. `xinguan update --settle` (at
boot, from the unit `xinguan-update`) gives the verdict that a power cut left pending. Facts are never touched: a schema
names the oldest program that may still open it (storage.migrations).
"""

import argparse
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final
from urllib.parse import urlsplit

import msgspec

from edge.commands.box.sticks import StickError, open_plain
from edge.commands.common import EX_CONFIG, EX_NOPERM, EX_UNAVAILABLE, complain
from edge.commands.update.bundle import Update, UpdateError, opened, suits
from edge.commands.update.keys import adopt, release_keys
from edge.commands.update.trial import READY_S, red_lines, rehearse, serves, started
from edge.commands.update.unpack import BLOCK, unpack
from edge.commands.update.versions import LINE, ROOT, Versions
from edge.config import Config
from edge.settings.reading import DEFAULT_PATH, ConfigError, load
from storage.files import PUBLIC, replace_file
from storage.migrations import steps
from sync.enrol.identity import is_loopback

KEYS: Final = Path("/usr/share/xinguan/release-keys")
UNIT: Final = "xinguan-terminal"
ARCH_OF: Final = {"x86_64": "amd64", "aarch64": "arm64"}
OS_RELEASE: Final = Path("/etc/os-release")
ROOM: Final = 4  # times the file's size that must be free
FETCH_S: Final = 60.0
EX_BACK: Final = 1
CODES: Final = ((ConfigError, EX_CONFIG), (OSError, EX_UNAVAILABLE))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the file, and where things lie on a box that is not laid out by our package."""
    parser.add_argument("source", nargs="?", metavar="FILE|URL", help="a signed update (.xgu)")
    parser.add_argument("--settle", action="store_true", help="give the verdict that a power cut left pending")
    parser.add_argument(
        "--no-way-back", action="store_true", help="agree that this update cannot be undone (it says so when it cannot)"
    )
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of the versions (default: %(default)s)")
    parser.add_argument("--keys", type=Path, default=KEYS, help="release keys, one a line (default: %(default)s)")
    parser.add_argument("--systemctl", default="systemctl", help=argparse.SUPPRESS)
    parser.add_argument("--ready-s", type=float, default=READY_S, help=argparse.SUPPRESS)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def run(args: argparse.Namespace) -> int:
    """Update. Exit codes: 0 it serves, 1 it was not well and the old version serves, 2 refused, 69, 77 not root, 78."""
    if not os.access(args.root, os.W_OK):
        complain("更新由 root 进行 · updates are root's: sudo xinguan update …")
        return EX_NOPERM
    if (args.source is None) != args.settle:
        complain("请指定更新文件 · name the update: xinguan update FILE|URL")
        return 2
    try:
        config = load(args.config)
        with _alone(args.root):
            versions = Versions(args.root)
            code = _verdict(versions, config, args)
            return code if args.settle or code else _update(args, versions, config)
    except (ConfigError, UpdateError, StickError, OSError) as error:
        complain(str(error))
        return next((code for kind, code in CODES if isinstance(error, kind)), 2)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Be the only update on this box."""
    handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UpdateError("另一个更新正在进行 · another update is under way") from error
    finally:
        os.close(handle)


def _update(args: argparse.Namespace, versions: Versions, config: Config) -> int:
    payload = args.root / "payload.new"
    try:
        update = _taken(args, versions, payload)
        home = versions.home(update.version)
        versions.tidy()
        if home.exists():
            shutil.rmtree(home)  # of a try that did not come to its end
        unpack(payload, home)
        replace_file(home / LINE, msgspec.json.encode(update), mode=PUBLIC)
    finally:
        payload.unlink(missing_ok=True)
    print(f"{update.version}: 已展开，在副本上试运行 · unpacked, rehearsing on a copy")
    wanted = rehearse(home, config, within_s=args.ready_s)
    if wanted > len(steps()) and not args.no_way_back:
        raise UpdateError(
            f"{update.version} 会改变账本，现有版本将无法再打开它。先 xinguan backup，再加 --no-way-back"
            " · it changes the ledger so that this version could not go on with it: back up, then add --no-way-back"
        )
    versions.begin(update.version, red_lines(config) or set())
    return _verdict(versions, config, args)


def _verdict(versions: Versions, config: Config, args: argparse.Namespace) -> int:
    """Start what `current` names if that is on trial, and let it stay or go back."""
    trying = versions.pending
    if trying is None:
        return 0
    if versions.current != trying.after:
        versions.keep()
        complain(
            f"{trying.after} 尚未启用就已中断 · it was cut off before it served: {trying.before} goes on, update again"
        )
        return 0
    served = started(config)
    _restart(args.systemctl)
    if serves(config, set(trying.red), not_from=served, within_s=args.ready_s):
        try:
            adopt(args.root, versions.line(trying.after))
        except UpdateError as error:
            complain(str(error))  # it serves all the same, and the keys stay as they are
        versions.keep()
        print(f"{trying.after}: 已启用 · it serves ({trying.before} stays beside it)")
        return 0
    versions.back(trying)
    _restart(args.systemctl)
    complain(
        f"{trying.after} 在 {args.ready_s:.0f} 秒内未就绪，已退回 {trying.before}"
        f" · it was not ready, {trying.before} serves again; no fact is lost. journalctl -u {UNIT}"
    )
    return EX_BACK


def _restart(systemctl: str) -> None:
    """Restart the service; where systemd does not run, whoever started it must."""
    found = shutil.which(systemctl)
    if found is None:
        raise UpdateError(f"没有 {systemctl} · it is not on this machine: start the terminal yourself")
    subprocess.run([found, "restart", UNIT], check=False, timeout=120, stdin=subprocess.DEVNULL)  # noqa: S603


def _taken(args: argparse.Namespace, versions: Versions, payload: Path) -> Update:
    """Read the update once, judge its line, and keep the rest at `payload`; raise UpdateError."""
    with _source(args.source) as file:
        update = opened(file, release_keys(args.root, args.keys))
        suits(
            update, debian=_debian(), arch=ARCH_OF.get(platform.machine(), platform.machine()), number=versions.number
        )
        if update.version == versions.current:
            raise UpdateError(
                f"{update.version} 正在运行，更新须用另一个版本名 · it has the name of what runs here, whose folder it"
                " would take: build it under a name of its own"
            )
        free = shutil.disk_usage(args.root).free
        if free < ROOM * update.size:
            need = ROOM * update.size // 2**20
            raise UpdateError(f"磁盘空间不足，需要 {need} MiB · there is no room: {need} MiB are needed")
        _kept(file, payload, update)
    return update


def _kept(file: IO[bytes], payload: Path, update: Update) -> None:
    payload.unlink(missing_ok=True)
    handle = os.open(payload, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    hashed, size = hashlib.sha256(), 0
    with os.fdopen(handle, "wb") as out:
        while block := file.read(min(BLOCK, update.size - size + 1)):
            hashed.update(block)
            size += len(block)
            if size > update.size:
                break
            out.write(block)
    if size != update.size or hashed.hexdigest() != update.sha256:
        said = "更新包不完整或被改动 · it is cut off or was changed after it was signed"
        raise UpdateError(f"{said} ({size} of {update.size} bytes)")


@contextmanager
def _source(text: str) -> Iterator[IO[bytes]]:
    """Open a file or an address for one reading."""
    url = urlsplit(text)
    if url.scheme not in ("http", "https"):
        with open_plain(Path(text)) as file:
            yield file
        return
    if url.scheme == "http" and not is_loopback(url.hostname or ""):
        raise UpdateError("http:// 只允许用于本机 · http:// is allowed to this machine only: write https://")
    try:
        with urllib.request.urlopen(text, timeout=FETCH_S) as answer:  # noqa: S310 - judged above
            yield answer
    except urllib.error.URLError as error:
        raise UpdateError(f"{text}: 无法下载 · cannot be fetched ({error.reason})") from error


def _debian() -> int:
    found = re.search(r'^VERSION_ID="?(\d+)', OS_RELEASE.read_text("utf-8"), re.MULTILINE)
    return int(found[1]) if found else 0
