"""`xinguan sync now`: interrupt every wait on the running terminal's way to the platform, and tell what moved."""

import argparse
import json
import urllib.error
import urllib.request
from typing import Any

from edge.api.access import Role, load_tokens
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, local_api, read_config
from edge.config import Config
from sync.ways import SYNC_S

TIMEOUT_S = SYNC_S + 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the configuration."""
    parser.add_argument("action", choices=["now"])
    add_config(parser)


def wake(config: Config, *, report: bool = True) -> dict[str, Any]:
    """Send the running terminal to the platform and return what moved; raise URLError or TimeoutError if it is down."""
    base, tls = local_api(config)
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{base}/v1/sync{'' if report else '?report=no'}",
        method="POST",
        headers={"Authorization": f"Bearer {load_tokens(config.data)[Role.SERVICE]}"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S, context=tls) as answer:  # noqa: S310 - our own address
        moved: dict[str, Any] = json.loads(answer.read())
    return moved


def told(moved: dict[str, Any]) -> list[str]:
    """Return the lines that say what moved."""
    lists_zh, lists_en = ("名单已更新", "new lists") if moved["lists_changed"] else ("名单无变化", "lists unchanged")
    zh = f"已上传 {moved['sent']} 条，待传 {moved['unsent']} 条，命令 {moved['orders']}，冲突 {moved['conflicts']}"
    en = f"sent {moved['sent']}, waiting {moved['unsent']}, orders {moved['orders']}, conflicts {moved['conflicts']}"
    lines = [f"{zh}，{lists_zh}", f"{en}, {lists_en}"]
    return lines + ([f"未完成 not finished: {moved['problem']}"] if moved["problem"] else [])


def run(args: argparse.Namespace) -> int:
    """Ask the running terminal; exit code 69 when it does not run, or did not reach the platform."""
    config = read_config(args.config)
    host, port = config.listen
    try:
        moved = wake(config)
    except (urllib.error.URLError, TimeoutError) as error:
        complain(f"the terminal at {host}:{port} does not answer ({error}). Start it: systemctl start xinguan-terminal")
        return EX_UNAVAILABLE
    print("\n".join(told(moved)))
    return EX_UNAVAILABLE if moved["problem"] else 0
