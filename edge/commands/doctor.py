"""`xinguan doctor`: looks at everything this terminal stands on, and says the mend of each finding (terminal.md).

A finding never needs the service to run, and never disturbs it: files are read, the database is opened for reading,
the network is asked once. Only `--sources` opens scanners, one after the other, on a terminal that is not serving.
"""

import argparse
import asyncio
import ctypes.util
import json
import shutil
import sqlite3
import stat
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from cache.journal import chain
from cache.journal.chain import JournalError
from cache.lists.files import ListFiles
from edge.actuators.paper.slips import House
from edge.actuators.tables import in_clear
from edge.actuators.trial import trial
from edge.clock import LOAD, Memory, judge, read_boot_ms, read_wall_ms, this_boot
from edge.commands.common import EX_CONFIG, add_config, local_api
from edge.config import Config, LaneTable
from edge.lanes.beside.trial import Tried, trials
from edge.ownership import strangers
from edge.settings.reading import ConfigError, load
from edge.terms import differences
from edge.watch.causes import CAUSES
from edge.watch.status import CLOCK_CAUSES
from edge.watch.store import fault_of
from edge.watch.told.cause import Level
from scanner.checks import look_at, probe
from storage.migrations import steps, version
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import IdentityError, load_identity

MIN_FREE_BYTES = 200 * 1024 * 1024
ASK_S = 2.0  # for the running terminal to answer
DOCUMENTS = "SELECT path, sha256 FROM list_file ORDER BY path"
SHOW_S = 10.0  # to show a code to a source
OLD_DAYS_MS = 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `mend` is empty when it is well."""

    name: str
    zh: str
    en: str
    mend: str = ""

    @property
    def ok(self) -> bool:
        """Return whether nothing wants mending."""
        return not self.mend


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
    for finding in look(config):
        _show(finding, as_json=args.json)
        well = well and finding.ok
    for lane in config.lanes if args.sources else ():
        for finding in _probed(lane.source):
            _show(finding, as_json=args.json)
            well = well and finding.ok
    if args.open is not None:
        for finding in _opened(config, args.open):
            _show(finding, as_json=args.json)
            well = well and finding.ok
    return 0 if well else 1


def _opened(config: Config, name: str) -> Iterator[Finding]:
    """Open a lane's gate once, and let what stands beside it try itself: the self-test of docs/devices.md."""
    lane = next((one for one in config.lanes if one.id == name), None)
    if lane is None:
        known = ", ".join(one.id for one in config.lanes)
        yield Finding("gate", f"没有 {name} 道", f"there is no lane {name!r}", f"name one of {known}")
        return
    zh, en, mend = asyncio.run(trial(name, lane.actuator))
    yield Finding("gate", f"{name} 道：{zh}", f"lane {name}: {en}", mend)
    house = House(title={"zh": "信关", "en": "Xinguan"}, notices=f"{config.platform.url}/n/", clock=name)
    for one in asyncio.run(_tried(lane, house)):
        yield Finding(one.name, f"{name} 道：{one.zh}", f"lane {name}: {one.en}", one.mend)


async def _tried(lane: LaneTable, house: House) -> list[Tried]:
    return [one async for one in trials(lane, house)]


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(finding) | {"ok": finding.ok}, ensure_ascii=False))
        return
    print(f"{'✓' if finding.ok else '✗'} {finding.name:<12} {finding.zh} · {finding.en}")
    if finding.mend:
        print(f"  → {finding.mend}")


def look(config: Config) -> Iterator[Finding]:
    """Yield the findings, in the order in which they are best mended."""
    yield _names()
    yield _libraries(config)
    for lane in config.lanes:
        if lane.source is not None:
            yield from (Finding(one.name, one.zh, one.en, one.mend) for one in look_at(lane.source))
        if in_clear(lane.actuator):
            zh, en = (
                f"{lane.id} 道闸机为明文 HTTP",
                f"lane {lane.id} speaks to its gate in plain http on the local network",
            )
            yield Finding("gate-in-clear", zh, en)
    yield from _folder(config.data)
    yield _identity(config)
    path = config.data / DATABASE_FILE
    if path.is_file():
        conn = connect(path, writing=False)
        try:
            for part in (_schema, _integrity, _clock, _journal):
                yield _guarded(part, conn)
            yield _guarded(lambda opened: _lists(opened, config.data / "lists"), conn)
        finally:
            conn.close()
    yield from _running(config)


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


def _said(name: str, cause: str, detail: str = "") -> Finding:
    """Return a finding in the very words of the service page."""
    said = CAUSES[cause]
    zh, en = (text.replace("{detail}", detail) for text in (said.zh, said.en))
    return Finding(name, zh, en, f"{said.mend_zh} · {said.mend_en}" if said.mend_en else "")


def _lists(conn: sqlite3.Connection, folder: Path) -> Finding:
    """Compare the documents on disk with what was signed."""
    if not folder.is_dir():
        return _said("lists", "lists.missing", str(folder))
    files = ListFiles(folder)
    wrong = [path for path, sha256 in conn.execute(DOCUMENTS) if not files.is_whole(sha256)]
    return _said("lists", "lists.missing", ", ".join(wrong)) if wrong else _said("lists", "lists.well")


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
        mend = "apt-get install libzbar0; pip install --no-deps --require-hashes -r requirements/terminal.txt"
        return Finding("scanner", f"缺少 {missing}", f"missing: {', '.join(missing)}", mend)
    return Finding("scanner", "识读库齐全", "decoders are installed")


def _probed(setting: str | None) -> list[Finding]:
    """Open a source for some seconds, which the service may not have open: rate, size, latency, keyboard layout."""
    if setting is None:
        return []
    sys.stderr.write(f"{setting}: 请出示一个码（键盘式扫码器请扫布局测试码） · show it a code{_layout_hint(setting)}\n")
    found = asyncio.run(probe(setting, clock=_Wall(), show_s=SHOW_S))
    return [Finding(one.name, one.zh, one.en, one.mend) for one in found]


def _layout_hint(setting: str) -> str:
    return ", the layout test code of docs/scanner.md" if setting.startswith("hid:") else ""


class _Wall:
    def now_ms(self) -> int:
        return read_wall_ms()


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
        return _said("profile", "profile.differs", found)
    return Finding("identity", f"终端 {identity.terminal}", f"terminal {identity.terminal} of {identity.site}")


def _guarded(part: Callable[[sqlite3.Connection], Finding], conn: sqlite3.Connection) -> Finding:
    try:
        return part(conn)
    except sqlite3.Error as error:
        return _said("database", f"store.{fault_of(error).value}", str(error))


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
    said = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
    well = said == "ok"
    return _said("database", "store.well") if well else _said("database", "store.corrupt", f"quick_check: {said}")


def _clock(conn: sqlite3.Connection) -> Finding:
    memory = Memory(*conn.execute(LOAD).fetchone())
    now = judge(memory, boot_id=this_boot(), wall_ms=read_wall_ms(), boot_ms=read_boot_ms())
    return _said("clock", CLOCK_CAUSES[now.clock], now.clock.value)


def _journal(conn: sqlite3.Connection) -> Finding:
    try:
        head, unsent = chain.verify(conn), chain.unsent(conn)
    except JournalError as error:
        return Finding("journal", "流水校验失败", "the journal does not hold", str(error))
    zh, en = f"流水 {head.seq} 条，待上传 {unsent.count}", f"{head.seq} records, {unsent.count} unsent"
    age_ms = 0 if unsent.oldest_at_ms is None else read_wall_ms() - unsent.oldest_at_ms
    fresh = age_ms < OLD_DAYS_MS
    return Finding("journal", zh, en, "" if fresh else "facts wait for more than a day: connect the terminal")
