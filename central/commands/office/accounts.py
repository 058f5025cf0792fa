"""`xinguan central operator`: accounts of the office. Passwords are asked for unseen, or read from standard input."""

import argparse
import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path

from central.clock import now_ms
from central.commands.office.by_command import by_command
from central.platform_state import PlatformState, open_state
from central.register.accounts import operators, sessions
from central.register.accounts.acts import Act, append
from central.register.accounts.duties import RIGHTS
from central.register.accounts.operators import OperatorError, checked_duties, read_duty
from central.register.accounts.passwords import WeakPasswordError, hashed
from central.store import changed, looked
from storage.jobs import Tx

ACTIONS = ("list", "add", "duties", "password", "lock", "unlock", "token", "revoke-token")
LOCKED = {True: "停用 locked", False: "在用 active"}
DAY_MS = 86_400_000
DUTY_HELP = "CITY:ROLE or CITY:ROLE:AUTHORITY; may be repeated"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("action", nargs="?", default="list", choices=[*ACTIONS])
    parser.add_argument("operator", nargs="?", default="", help="which account: a-z, 0-9, dots and hyphens")
    parser.add_argument("--title", default="", help="the person's name, as others see it")
    parser.add_argument("--duty", action="append", default=[], help=DUTY_HELP)
    parser.add_argument("--scope", action="append", default=[], metavar="ACT", help="what a token may do")
    parser.add_argument("--days", type=int, default=90, help="how long a token is good for")
    parser.add_argument("--token", default="", help="which token to revoke")


def ask_password() -> str:
    """Return a password that was typed twice and unseen, or the one line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("密码 password: ")
    if getpass.getpass("再输一次 again: ") != first:
        raise OperatorError("两次输入不同 · the two are not the same")
    return first


def run(args: argparse.Namespace) -> int:
    """List accounts, or change one; every change is an act of the office journal."""
    state = open_state(args.state)
    if args.action == "list":
        _list(state)
        return 0
    try:
        _change(state, args)
    except (OperatorError, WeakPasswordError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _list(state: PlatformState) -> None:
    for one in looked(state, operators.listed):
        duties = " ".join(":".join(part for part in duty if part) for duty in one.duties)
        sys.stdout.write(f"{one.operator:<16} {LOCKED[one.locked_ms is not None]:<10} {one.title}  {duties}\n")


def _change(state: PlatformState, args: argparse.Namespace) -> None:
    at_ms, duties = now_ms(), tuple(read_duty(one) for one in args.duty)
    name, secret = args.operator, sessions.fresh_secret()
    kept = hashed(ask_password()) if args.action in ("add", "password") else ""
    if args.action in ("add", "duties"):
        checked_duties(duties)

    async def job(tx: Tx) -> None:
        after = {"duties": [list(one) for one in duties]} if duties else None
        if args.action == "add":
            await operators.add(tx, name, title=args.title or name, password=kept, duties=duties, now_ms=at_ms)
        elif args.action == "duties":
            before = await operators.duties_of(tx, name)
            if await operators.person(tx, name, via="command") is None:
                raise OperatorError(f"{name}: 没有此账号或已停用 · no such account, or it is locked")
            after = {"was": [list(one) for one in before]} | (after or {})
            await operators.set_duties(tx, name, duties)
        elif args.action == "password":
            await operators.set_password(tx, name, kept)
        elif args.action in ("lock", "unlock"):
            await operators.lock(tx, name, now_ms=at_ms if args.action == "lock" else None)
        elif args.action == "token":
            until_ms, scope = at_ms + args.days * DAY_MS, frozenset(args.scope)
            await sessions.make_token(tx, name, secret, title=args.title, scope=scope, until_ms=until_ms, now_ms=at_ms)
            after = {"scope": sorted(scope), "until_ms": until_ms}
        else:
            await sessions.revoke_token(tx, name, args.token, now_ms=at_ms)
        act = Act(act=f"operator.{args.action}", city="", subject=name, after=after)
        await append(tx, by_command(), act, now_ms=at_ms)

    changed(state, job)
    if args.action == "token":
        end = datetime.fromtimestamp((at_ms + args.days * DAY_MS) / 1000, tz=UTC).date()
        sys.stdout.write(f"{secret}\n")
        sys.stderr.write(f"只显示这一次，{end} 止 · shown this once, good until {end}; acts: {', '.join(RIGHTS)}\n")
    else:
        sys.stdout.write(f"{name}: {args.action}\n")
