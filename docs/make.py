"""Writes the generated pages of the documentation and checks every link between files.

usage: python docs/make.py [--check]
With --check nothing is written; exit code 1 when a page is stale or a link is dead.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import api_page
import clients_page
import commands_page
import protocol_page
import records_page

from edge.watch.causes import CAUSES, light
from edge.watch.told.cause import Level

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)(?:#[^)]*)?\)")


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
    "offers": "此处的优惠 what is offered here",
    "entry": "入场 entry",
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


def api_text() -> str:
    """Return docs/api.md with its tables made anew; the words between them are written by hand."""
    return api_page.page((ROOT / "docs" / "api.md").read_text("utf-8"))


def protocol_text() -> str:
    """Return docs/protocol.md with the tables of its claims made anew."""
    return protocol_page.page((ROOT / "docs" / "protocol.md").read_text("utf-8"))


def records_text() -> str:
    """Return docs/records.md."""
    return records_page.page(json.loads((ROOT / "tests/vectors/records/records.json").read_text("utf-8")))


PAGES = {
    "docs/commands.md": commands_page.page,
    "docs/when-things-break.md": breaks_page,
    "docs/api.md": api_text,
    "docs/clients.md": clients_page.page,
    "docs/protocol.md": protocol_text,
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
