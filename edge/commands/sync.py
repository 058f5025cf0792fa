"""`xinguan sync now`: interrupt every wait on the running terminal's way to the platform, and tell what moved.

Where no terminal runs, its facts are sent by this command itself.
"""

import argparse
import json
import urllib.error
import urllib.request
from typing import Any

from edge.api.access import Role, TokensUnusableError, load_tokens
from edge.commands.box.alone import FAILURES, push_now
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, local_api, read_config
from edge.config import Config
from storage.only_one import AlreadyRunningError
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
    try:
        moved = wake(config)
    except TokensUnusableError as error:
        complain(str(error))
        return EX_UNAVAILABLE
    except (urllib.error.URLError, TimeoutError) as error:
        return _alone(config, str(error))
    print("\n".join(told(moved)))
    return EX_UNAVAILABLE if moved["problem"] else 0


def _alone(config: Config, silence: str) -> int:
    """Send the facts ourselves while no terminal runs; one that runs and does not answer keeps its folder."""
    try:
        brought = push_now(config)
    except AlreadyRunningError:
        host, port = config.listen
        complain(f"终端在运行但 {host}:{port} 没有应答 · the terminal runs and does not answer there ({silence})")
        return EX_UNAVAILABLE
    except FAILURES as error:
        complain(f"终端未运行，事实也未能上传 · nothing runs, and the facts could not be sent: {error}")
        return EX_UNAVAILABLE
    print(f"终端未运行；已上传 {brought.sent} 条，待传 {brought.waiting} 条")
    print(f"nothing runs here; sent {brought.sent}, waiting {brought.waiting}")
    return 0
