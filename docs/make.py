"""Writes the generated pages of the documentation and checks every link between files.

usage: python docs/make.py [--check]
With --check nothing is written; exit code 1 when a page is stale or a link is dead.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Literal, Union, get_args, get_origin

import msgspec
import records_page

from edge.api import answers
from edge.api.access import ALLOWED, MEANS, May, Role
from edge.api.openapi import CALLS
from edge.cli import COMMANDS
from edge.watch.causes import CAUSES, light
from edge.watch.told.cause import Level

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


def help_of(*words: str) -> str:
    """Return the `--help` text of a command, laid out for 100 columns whatever the terminal."""
    environment = {**os.environ, "COLUMNS": "100", "LANG": "C.UTF-8", "PYTHON_COLORS": "0"}
    answer = subprocess.run(
        [sys.executable, "-m", "edge.cli", *words, "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return answer.stdout.rstrip()


def commands_page() -> str:
    """Return docs/commands.md."""
    parts = ["# Commands\n\nWritten by `make docs` from the program's own help.\n", f"```\n{help_of()}\n```\n"]
    parts += [f"## xinguan {name}\n\n```\n{help_of(name)}\n```\n" for name in COMMANDS]
    return "\n".join(parts)


LINES = {
    "store": "账本 the ledger",
    "memory": "核销记录 what was given",
    "twin": "身份 whose name this is",
    "disk": "磁盘 the disk",
    "clock": "时钟 the clock",
    "keys": "发行密钥 issuer keys",
    "lists": "本市名单 this city's lists",
    "news": "名单更新 news of the lists",
    "partners": "伙伴城市 partner cities",
    "entries": "名单条目 entries of the lists",
    "profile": "配置 the configuration beside the profile",
    "suspended": "平台指令 orders of the platform",
    "orders": "指令编号 numbers of orders",
    "platform": "平台联通 in touch with the platform",
    "push": "事实上传 facts going up",
    "tasks": "后台任务 tasks in the background",
    "faults": "未预料的错误 unforeseen errors",
    "records": "被搁置的事实 facts set aside",
    "source": "识读设备 the lane's reader",
    "scans": "扫码 scans",
    "gate": "闸门 the gate",
    "light": "信号灯 the light",
    "sound": "语音 sound",
    "printer": "凭条打印机 the receipt printer",
}

BREAKS_INTRO = """# 出了问题怎么办 · When things break

Written by `make docs` from `edge/watch/causes.py`.

终端的每一项自检都有一盏灯。**绿**：正常；**黄**：照常服务，但应有人查看；**红**：此刻有权的访客进不来。访客离场从不受阻。
服务页、`/v1/readiness`、`xinguan doctor` 和指标 `xinguan_line`（0 绿、1 黄、2 红）说的是同一件事，日志在变化时各写一行
（`line_changed`）。`{detail}` 处是现场查到的内容；某一道的项目以道号开头。

Each thing the terminal watches has a light. **Green**: well. **Yellow**: visitors are served, and somebody should look.
**Red**: somebody with a right would not be let in now. Leaving is never barred. The service page, `/v1/readiness`,
`xinguan doctor` and the metric `xinguan_line` (0 green, 1 yellow, 2 red) say the same, and the log has one line at each
change (`line_changed`). `{detail}` stands for what is found out; a lane's line begins with the lane.

A terminal that starts ill is still started: screens and exits are up, everything else asks for staff, and it tries
again every second. Nothing below wants the machine switched off, unless its mend says so.
"""


def breaks_page() -> str:
    """Return docs/when-things-break.md: every line of readiness, in every state that is not well."""
    parts = [BREAKS_INTRO]
    for name, title in LINES.items():
        rows = [
            f"| {light(said.level)} | {said.zh}<br>{said.en} | `{cause}` | {said.mend_zh}<br>{said.mend_en} |"
            for cause, said in CAUSES.items()
            if cause.startswith(f"{name}.") and said.level is not Level.WELL
        ]
        head = "| 灯 light | 屏幕文字 words on screen | 原因 cause | 处理 mend |\n|---|---|---|---|"
        parts.append("\n".join([f"## {title}", "", f"`{name}`", "", head, *rows]) + "\n")
    return "\n".join(parts)


def api_page() -> str:
    """Return docs/api.md with its tables made anew; the words between them are written by hand."""
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    for name, table in (("roles", roles_table), ("calls", calls_table), ("answers", answers_tables)):
        head, rest = text.split(f"<!-- {name} -->\n")
        text = f"{head}<!-- {name} -->\n{table()}<!-- /{name} -->\n{rest.split(f'<!-- /{name} -->', 1)[1][1:]}"
    return text


def roles_table() -> str:
    """Return which token may do what."""
    rows = [f"| `{role.value}` | {'; '.join(MEANS[may] for may in May if may in ALLOWED[role])} |" for role in Role]
    return "\n".join(["| token | may |", "|---|---|", *rows]) + "\n"


def calls_table() -> str:
    """Return every call with its name in generated clients, what it answers, and the errors that are its own."""
    rows = []
    for path, call in CALLS.items():
        answer = call.gives if call.answers is None else name_of(call.answers)
        errors = ", ".join(map(str, call.errors)) or "—"
        rows.append(f"| `{path}` | `{call.name}` | {call.summary} | {answer} | {errors} |")
    return "\n".join(["| call | name | what | answers | errors |", "|---|---|---|---|---|", *rows]) + "\n"


def answers_tables() -> str:
    """Return each answer with its members."""
    parts = []
    for kind in vars(answers).values():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == answers.__name__:
            fields = [field for field in msgspec.structs.fields(kind) if field.name]
            rows = [
                f"| `{one.encode_name}` | {name_of(one.type)} | {'' if one.required else 'may be absent'} |"
                for one in fields
            ]
            if rows:
                summary = (kind.__doc__ or "").splitlines()[0]
                head = [f"### {kind.__name__}", "", summary, "", "| member | type | |", "|---|---|---|"]
                parts.append("\n".join([*head, *rows]) + "\n")
    return "\n".join(parts)


def name_of(kind: object) -> str:
    """Return a type as a page shows it."""
    if get_origin(kind) is Literal:
        return " · ".join(f"`{one}`" for one in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(name_of(one) for one in get_args(kind) if one is not msgspec.UnsetType)
    if get_origin(kind) is list:
        return f"list of {name_of(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return "object"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"{kind.__name__}: " + " · ".join(f"`{one.value}`" for one in kind)
    words = {int: "integer", str: "text", bool: "true or false", type(None): "null"}
    return words.get(kind, getattr(kind, "__name__", "object"))  # type: ignore[call-overload]


def records_text() -> str:
    """Return docs/records.md."""
    return records_page.page(json.loads((ROOT / "tests/vectors/records/records.json").read_text("utf-8")))


PAGES = {
    "docs/commands.md": commands_page,
    "docs/when-things-break.md": breaks_page,
    "docs/api.md": api_page,
    "docs/records.schema.json": records_page.schema_text,
    "docs/records.md": records_text,
}


def dead_links() -> list[str]:
    """Return every link between our files that leads nowhere."""
    tracked = subprocess.run(["git", "ls-files", "*.md"], capture_output=True, text=True, check=True, cwd=ROOT)
    found = []
    for name in tracked.stdout.split():
        page = ROOT / name
        if page.exists():
            targets = LINK.findall(page.read_text("utf-8"))
            found += [f"{name}: {target}" for target in targets if not (page.parent / target).exists()]
    return found


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, "utf-8")
    dead = dead_links()
    for line in dead:
        print(f"dead link in {line}", file=sys.stderr)
    for name in stale:
        print(f"{'stale' if check else 'written'}: {name}", file=sys.stderr)
    return 1 if dead or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
