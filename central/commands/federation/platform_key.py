"""`xinguan central platform-key`: what receipts, time and orders are signed with: which key it is, exchanging it."""

import argparse
import sys
from pathlib import Path

from central.clock import now_ms
from central.platform_key import rotate
from central.platform_state import NEXT_KEY, PlatformState, open_state

EX_REFUSED = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=["show", "rotate"])
    parser.add_argument("--state", type=Path, required=True, help="平台目录 · the platform's folder")
    parser.add_argument("--yes", action="store_true", help="rotate: 确认更换 · exchange it without another word")


def run(args: argparse.Namespace) -> int:
    """Do it, say so."""
    if args.action == "rotate" and not args.yes:
        state = open_state(args.state)
        sys.stderr.write(
            f"将更换平台密钥 {state.signer.public.kid}；终端自行跟随，无需重新登记。确认请加 --yes ·"
            f" this exchanges the platform's key {state.signer.public.kid}; terminals follow by themselves."
            " Add --yes if you mean it\n"
        )
        return EX_REFUSED
    if args.action == "rotate":
        _show(rotate(args.state, now_ms=now_ms()))
        sys.stdout.write(
            "请重启平台服务并立即备份：旧备份的密钥已作废，终端不再接受 · restart the platform's service, and make a"
            " backup now: older ones sign with a key that terminals refuse once they have heard of this one\n"
        )
        return 0
    _show(open_state(args.state))
    if (args.state / NEXT_KEY).exists():
        sys.stdout.write("更换被中断，请再次运行 rotate --yes · an exchange was cut short: run rotate --yes again\n")
    return 0


def _show(state: PlatformState) -> None:
    public = state.signer.public
    sys.stdout.write(f"现用 in force {public.kid} {public.key} · 第 {state.chain.number} 次更换 exchange\n")
    for one in state.chain.former:
        sys.stdout.write(f"已停用 over     {one.kid} {one.key}\n")
