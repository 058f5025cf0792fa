"""`xinguan support-bundle FILE`: what somebody needs who cannot come: shown first, bounded, and no person in it.

Rules of this file:

- what goes in is a list of parts, each made here: nothing is copied because it lies in a folder;
- of the database only counts, sizes and ends of chains; of the configuration everything but secrets; the log as the
  service wrote it, which names no token and no pseudonym, and once more through the same cover;
- each part is cut at its bound, and says so; the whole is below MAX_BYTES;
- a part that cannot be made is a line that says why: a box that is ill is the one that needs this.
"""

import argparse
import gzip
import io
import json
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import distributions
from pathlib import Path
from typing import Final, NamedTuple

from cache.journal import chain
from edge.api.access import load_tokens
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, local_api, read_config
from edge.commands.doctor import look
from edge.config import Config
from edge.watch.logs import COVERED, cover, hide
from storage.migrations import version
from storage.sqlite import connect
from sync.enrol.enrolling import DATABASE_FILE

MAX_PART: Final = 1024 * 1024
MAX_BYTES: Final = 8 * MAX_PART
ASK_S: Final = 3.0
LOG_LINES: Final = "4000"
LONG_HEX: Final = re.compile(r"\b[0-9A-Fa-f]{24,}\b")  # keys, hashes, pseudonyms: one cannot tell which
LOGIN: Final = re.compile(r"(?<=://)[^/\s\"'@]+@")
TABLES: Final = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


class Part(NamedTuple):
    """One file of the bundle: its name, what it is for people, and how its text is made."""

    name: str
    zh: str
    en: str
    made: Callable[[], str]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the target and the configuration."""
    parser.add_argument("target", type=Path, metavar="FILE", help="a .tar.gz that does not exist yet")
    parser.add_argument("--yes", action="store_true", help="write it without asking")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Show what would go in, ask, write. Exit codes: 0 written, 1 not agreed to, 2 the target cannot be written."""
    try:
        target = args.target.open("xb")
    except OSError as error:
        complain(f"{args.target}: {error.strerror}. 请指定新文件 · name a new file")
        return 2
    with target:
        config = read_config(args.config)
        made = [(part, _bounded(part)) for part in parts(config, args.config)]
        for part, text in made:
            print(f"  {part.name:<16} {len(text.encode()):>8}  {part.zh} · {part.en}")
        if not (args.yes or _agreed()):
            args.target.unlink()
            return 1
        raw = packed(made)
        if len(raw) > MAX_BYTES:
            complain(f"{len(raw)} bytes: larger than a bundle may be")
            return EX_UNAVAILABLE
        target.write(raw)
    print(f"{args.target}: {len(raw)} bytes")
    return 0


def _agreed() -> bool:
    if sys.stdin.isatty():
        return input("写入以上内容？ write these? [y/N] ").strip().lower() == "y"
    complain("以上为内容；确认请加 --yes · this is what it would hold; to write it add --yes")
    return False


def parts(config: Config, path: Path) -> Iterator[Part]:
    """Yield the parts of a bundle, in the order in which they are best read."""
    hide(_secrets(config))
    database = config.data / DATABASE_FILE
    yield Part("versions.txt", "版本", "versions", _versions)
    yield Part("system.txt", "系统与磁盘", "system and disk", lambda: _system(config))
    yield Part(
        "config.toml", "配置（已去除密码）", "configuration without secrets", lambda: _plain(path.read_text("utf-8"))
    )
    yield Part("doctor.jsonl", "自检结果", "what doctor finds", lambda: _doctor(path, config))
    yield Part("readyz.json", "运行状态", "readiness lines", lambda: _asked(config, "/readyz"))
    yield Part("metrics.txt", "指标", "figures", lambda: _asked(config, "/metrics"))
    yield Part("database.json", "账本：只有计数", "the ledger: counts only", lambda: _database(database))
    yield Part("log.jsonl", "服务日志", "the service's log", _log)


def _bounded(part: Part) -> str:
    """Return a part's text, covered and cut; the reason where it cannot be made."""
    try:
        text = _plain(part.made())
    except Exception as error:  # noqa: BLE001 - whatever is ill here is what the bundle is for
        text = f"{type(error).__name__}: {_plain(str(error))}\n"
    raw = text.encode("utf-8", "replace")
    if len(raw) <= MAX_PART:
        return text
    return "[cut: the beginning is left out]\n" + raw[-MAX_PART + 100 :].decode("utf-8", "ignore")


def _plain(text: str) -> str:
    """Cover what may be a secret or stand for a person."""
    return LONG_HEX.sub(COVERED, LOGIN.sub(f"{COVERED}@", cover(text)))


def _secrets(config: Config) -> list[str]:
    try:
        return list(load_tokens(config.data).values())
    except Exception:  # noqa: BLE001 - without them nothing holds them
        return []


def _versions() -> str:
    every = sorted((one.metadata["Name"], one.version) for one in distributions())
    own = [f"python {sys.version.split()[0]}", f"sqlite {sqlite3.sqlite_version}", f"machine {platform.machine()}"]
    return "\n".join([*own, *(f"{name} {number}" for name, number in every)]) + "\n"


def _system(config: Config) -> str:
    usage = shutil.disk_usage(config.data)
    told = [f"kernel {platform.release()}", f"disk free {usage.free} of {usage.total}"]
    for path in ("/etc/os-release", "/proc/uptime", "/proc/loadavg", "/proc/meminfo"):
        told += [f"== {path}", Path(path).read_text("utf-8").strip()]
    told += [f"== {config.data}"]
    told += [f"{one.stat().st_size:>12} {one.name}" for one in sorted(config.data.iterdir())]
    return "\n".join(told) + "\n"


def _doctor(path: Path, config: Config) -> str:
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in look(path, config))


def _asked(config: Config, path: str) -> str:
    base, tls = local_api(config)
    try:
        with urllib.request.urlopen(base + path, timeout=ASK_S, context=tls) as answer:  # noqa: S310 - our own address
            return str(answer.read(MAX_PART).decode("utf-8", "replace"))
    except urllib.error.HTTPError as error:
        return error.read(MAX_PART).decode("utf-8", "replace")  # 503 says what is not well


def _database(path: Path) -> str:
    with closing(connect(path, writing=False)) as conn:
        tables = [str(row[0]) for row in conn.execute(TABLES)]
        counts = {name: conn.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
        kinds = dict(conn.execute("SELECT kind, count(*) FROM journal GROUP BY kind"))
        cursor, unsent = chain.cursor(conn), chain.unsent(conn)
        told = {
            "schema": version(conn),
            "integrity": conn.execute("PRAGMA quick_check(5)").fetchall(),
            "rows": counts,
            "facts": kinds,
            "head": chain.head(conn).seq,
            "acked_through": cursor.acked_through,
            "unsent": unsent.count,
        }
    return json.dumps(told, indent=1) + "\n"


def _log() -> str:
    words = ["journalctl", "-u", "xinguan-terminal", "-n", LOG_LINES, "-o", "cat", "--no-pager"]
    said = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - our own words
    return said.stdout or said.stderr


def packed(made: list[tuple[Part, str]]) -> bytes:
    """Return the bundle's bytes."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as bundle:
        for part, text in made:
            raw = text.encode()
            info = tarfile.TarInfo(f"xinguan-support/{part.name}")
            info.size, info.mtime, info.mode = len(raw), int(time.time()), 0o600
            bundle.addfile(info, io.BytesIO(raw))
    return gzip.compress(plain.getvalue())
