"""`xinguan doctor`: looks at everything this terminal stands on, and says the mend of each finding (terminal.md).

A finding never needs the service to run, and never disturbs it: files are read, the database is opened for reading,
the platform is asked once. Only `--sources` opens scanners, one after the other, on a terminal that is not serving.
Root looks as the owner of the folder, so with the rights of the service; anybody else sees what all may, and is told.
"""

import argparse
import ctypes.util
import json
import shutil
import sqlite3
import stat
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

from cache.journal import chain
from cache.journal.chain import JournalError
from cache.lists.files import ListFiles
from cache.texts import from_before
from edge.actuators.tables import in_clear
from edge.clock import LOAD, Memory, judge, read_boot_ms, read_wall_ms, this_boot
from edge.commands.common import EX_CONFIG, add_config, local_api
from edge.commands.looking.around import owners, platform, port
from edge.commands.looking.finding import Finding, said
from edge.commands.looking.machine import machine
from edge.commands.looking.moving import opened, probed
from edge.commands.looking.passwords import readable
from edge.commands.owner import NotOwnerError, act_as_owner
from edge.config import Config
from edge.ownership import strangers
from edge.settings.reading import ConfigError, load
from edge.terms import differences
from edge.watch.status import CLOCK_CAUSES
from edge.watch.store import fault_of
from edge.watch.told.cause import Level
from scanner.checks import look_at
from storage.migrations import steps, version
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import IdentityError, load_identity

MIN_FREE_BYTES = 200 * 1024 * 1024
ASK_S = 2.0  # for the running terminal to answer
DOCUMENTS = "SELECT path, sha256 FROM list_file ORDER BY path"
OLD_DAYS_MS = 24 * 3_600_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the configuration, `--json`, `--sources` and `--open`."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="findings as JSON lines")
    parser.add_argument("--sources", action="store_true", help="open each lane's scanner too; show it a code meanwhile")
    parser.add_argument("--open", metavar="LANE", help="open the gate of this lane once; stand at it meanwhile")


def run(args: argparse.Namespace) -> int:
    """Print every finding; exit code 1 when something wants mending, 78 when the configuration cannot be read."""
    try:
        config = load(args.config)
    except ConfigError as error:
        _show(Finding("config", "配置文件有误", "the configuration cannot be used", str(error)), as_json=args.json)
        return EX_CONFIG
    well = True
    try:
        act_as_owner(config.data)
        found = look(args.config, config)
    except NotOwnerError as error:
        found = _from_outside(config, str(error))
    for finding in found:
        _show(finding, as_json=args.json)
        well = well and finding.ok
    for lane in config.lanes if args.sources else ():
        for finding in probed(lane.source):
            _show(finding, as_json=args.json)
            well = well and finding.ok
    if args.open is not None:
        for finding in opened(config, args.open):
            _show(finding, as_json=args.json)
            well = well and finding.ok
    return 0 if well else 1


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(finding) | {"ok": finding.ok}, ensure_ascii=False))
        return
    print(f"{'✓' if finding.ok else '✗'} {finding.name:<12} {finding.zh} · {finding.en}")
    if finding.mend:
        print(f"  → {finding.mend}")


def look(path: Path, config: Config) -> Iterator[Finding]:
    """Yield the findings, in the order in which they are best mended."""
    yield _names()
    yield _libraries(config)
    yield from machine()
    for lane in config.lanes:
        if lane.source is not None:
            yield from (Finding(one.name, one.zh, one.en, one.mend) for one in look_at(lane.source))
        if in_clear(lane.actuator):
            zh, en = (
                f"{lane.id} 道闸机为明文 HTTP",
                f"lane {lane.id} speaks to its gate in plain http on the local network",
            )
            yield Finding("gate-in-clear", zh, en)
    yield from readable(path, config)
    yield from _folder(config.data)
    yield _identity(config)
    yield platform(config)
    told = list(_running(config))
    yield from _stored(config, told)
    yield from told
    if not any(one.name == "store" for one in told):
        yield port(config)


def _from_outside(config: Config, why: str) -> Iterator[Finding]:
    """Yield what anybody may see, and what to type for the rest."""
    yield _names()
    yield from machine()
    yield from _running(config)
    yield Finding("rights", "其余检查需要 root", "the rest is for root", why)


def _stored(config: Config, told: list[Finding]) -> Iterator[Finding]:
    """Yield what the ledger says of itself; of the clock only where no running terminal does, which knows better."""
    path = config.data / DATABASE_FILE
    if not path.is_file():
        return
    parts: list[Callable[[sqlite3.Connection], Finding]] = [_schema, _integrity, _clock, _journal]
    if any(one.name == "clock" for one in told):
        parts.remove(_clock)
    with closing(connect(path, writing=False)) as conn:
        for part in parts:
            yield _guarded(part, conn)
        yield _guarded(lambda opened: _lists(opened, config.data / "lists"), conn)


def _running(config: Config) -> Iterator[Finding]:
    """Ask the running terminal what it sees: the same lines, words and mends as on its service page."""
    try:
        base, tls = local_api(config)
    except OSError as error:
        mend = "name a PEM file that can be read in [api] tls_cert"
        yield Finding("running", "证书无法读取", f"the certificate cannot be used ({error})", mend)
        return
    try:
        with urllib.request.urlopen(f"{base}/readyz", timeout=ASK_S, context=tls) as answer:  # noqa: S310 - our own address
            told = answer.read()
    except urllib.error.HTTPError as error:
        told = error.read()  # 503 is an answer: it is not ready, and says why
    except (urllib.error.URLError, OSError):
        yield Finding("running", "终端未在运行", "the terminal is not running")
        return
    try:
        checks = json.loads(told)["checks"]
        for check in checks:
            mend = "" if check["level"] == Level.WELL else f"{check['mend']['zh']} · {check['mend']['en']}"
            yield Finding(check["name"], check["zh"], check["en"], mend)
    except (ValueError, KeyError, TypeError):
        mend = "another program answers there: look at [api] listen"
        yield Finding("running", f"{base} 的答复不是终端的", f"what answers at {base} is no terminal", mend)


def _lists(conn: sqlite3.Connection, folder: Path) -> Finding:
    """Compare the documents on disk with what was signed."""
    if not folder.is_dir():
        return said("lists", "lists.missing", str(folder))
    files = ListFiles(folder)
    wrong = [path for path, sha256 in conn.execute(DOCUMENTS) if not files.is_whole(sha256)]
    return said("lists", "lists.missing", ", ".join(wrong)) if wrong else said("lists", "lists.well")


def _names() -> Finding:
    found = strangers()
    if not found:
        return Finding("packages", "包名归属正常", "package names are ours")
    owners = "; ".join(f"{name}: {', '.join(others)}" for name, others in found.items())
    return Finding("packages", f"包名被占用 {owners}", f"others own our names: {owners}", "reinstall in a fresh venv")


def _libraries(config: Config) -> Finding:
    if all(lane.source is None for lane in config.lanes):
        return Finding("scanner", "没有摄像头", "no lane has a source of its own")
    missing = [name for name in ("cv2", "zxingcpp", "pyzbar") if find_spec(name) is None]
    missing += [] if ctypes.util.find_library("zbar") else ["libzbar0"]
    if missing:
        mend = "sudo apt-get install libzbar0 (Debian 13: libzbar0t64); without our package also"
        mend += " pip install --no-deps --require-hashes -r requirements/terminal.txt"
        return Finding("scanner", f"缺少 {missing}", f"missing: {', '.join(missing)}", mend)
    return Finding("scanner", "识读库齐全", "decoders are installed")


def _folder(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        yield Finding("data", f"{data} 不存在", f"{data} is not there", "xinguan enrol CODE")
        return
    mode = stat.S_IMODE(data.stat().st_mode)
    private = not mode & 0o077
    yield Finding(
        "data",
        "数据目录权限正常" if private else f"数据目录权限过宽 {mode:04o}",
        "the data folder is private" if private else f"others can read {data} (mode {mode:04o})",
        "" if private else f"chmod 700 {data}",
    )
    yield from owners(data)
    free = shutil.disk_usage(data).free
    room = free >= MIN_FREE_BYTES
    yield Finding(
        "disk",
        f"剩余空间 {free // 2**20} MiB",
        f"{free // 2**20} MiB free",
        "" if room else f"make room: below {MIN_FREE_BYTES // 2**20} MiB facts may not fit",
    )


def _identity(config: Config) -> Finding:
    try:
        identity = load_identity(config.data)
    except IdentityError as error:
        return Finding("identity", "尚未登记或身份有误", "not enrolled, or the identity is unusable", str(error))
    if found := "; ".join(map(str, differences(config.lanes, identity.profile))):
        return said("profile", "profile.differs", found)
    return Finding("identity", f"终端 {identity.terminal}", f"terminal {identity.terminal} of {identity.site}")


def _guarded(part: Callable[[sqlite3.Connection], Finding], conn: sqlite3.Connection) -> Finding:
    try:
        return part(conn)
    except sqlite3.Error as error:
        return said("database", f"store.{fault_of(error).value}", str(error))


def _schema(conn: sqlite3.Connection) -> Finding:
    have, want = version(conn), len(steps())
    well = have == want
    mend = (
        ""
        if well
        else ("start the terminal once: it migrates by itself" if have < want else "install the newer Xinguan")
    )
    return Finding("schema", f"数据库版本 {have}/{want}", f"database schema {have} of {want}", mend)


def _integrity(conn: sqlite3.Connection) -> Finding:
    found = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    well = found == "ok"
    return said("database", "store.well") if well else said("database", "store.corrupt", f"quick_check: {found}")


def _clock(conn: sqlite3.Connection) -> Finding:
    memory = Memory(*conn.execute(LOAD).fetchone())
    now = judge(memory, boot_id=this_boot(), wall_ms=read_wall_ms(), boot_ms=read_boot_ms())
    return said("clock", CLOCK_CAUSES[now.clock], now.clock.value)


def _journal(conn: sqlite3.Connection) -> Finding:
    try:
        head, unsent = chain.verify(from_before(conn)), chain.unsent(conn)
    except JournalError as error:
        return Finding("journal", "流水校验失败", "the journal does not hold", str(error))
    zh, en = f"流水 {head.seq} 条，待上传 {unsent.count}", f"{head.seq} records, {unsent.count} unsent"
    age_ms = 0 if unsent.oldest_at_ms is None else read_wall_ms() - unsent.oldest_at_ms
    fresh = age_ms < OLD_DAYS_MS
    return Finding("journal", zh, en, "" if fresh else "facts wait for more than a day: connect the terminal")
