"""`xinguan staff add|list|reset|remove NAME`: who works at this terminal. The PIN is asked, never typed in the command.

The running terminal does it, so that it holds at once; `--pin-stdin` reads the PIN from a pipe.
"""

import argparse
import getpass
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from edge.api.access import Role, load_tokens
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from edge.config import Config

TIMEOUT_S = 20.0
ASKING = frozenset({"add", "reset"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action, the name and what a person is."""
    parser.add_argument("action", choices=["add", "list", "reset", "remove"])
    parser.add_argument("name", nargs="?", help="who; not for list")
    parser.add_argument("--role", choices=["keeper", "supervisor"], default="keeper", help="for add (default: keeper)")
    parser.add_argument("--pin-stdin", action="store_true", help="read the PIN from standard input")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Ask the running terminal; exit code 1 when it refuses, 2 without a name, 69 when it does not run."""
    config = read_config(args.config)
    if args.action != "list" and not args.name:
        complain(f"staff {args.action} wants a NAME")
        return 2
    pin = _pin(from_pipe=args.pin_stdin) if args.action in ASKING else None
    if args.action in ASKING and pin is None:
        complain("两次输入不一致 · the two PINs differ")
        return 1
    try:
        answer = _ask(config, args, pin)
    except urllib.error.HTTPError as error:
        complain(json.loads(error.read()).get("detail") or str(error))
        return 1
    except (urllib.error.URLError, TimeoutError) as error:
        host, port = config.listen
        complain(f"the terminal at {host}:{port} does not answer ({error}). Start it: systemctl start xinguan-terminal")
        return EX_UNAVAILABLE
    for one in answer if isinstance(answer, list) else ():
        print(f"{one['person']}\t{one['role']}")
    return 0


def _pin(*, from_pipe: bool) -> str | None:
    if from_pipe:
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("PIN（6 位以上数字 · at least 6 digits）: ")
    return first if getpass.getpass("再输一次 · once more: ") == first else None


def _ask(config: Config, args: argparse.Namespace, pin: str | None) -> Any:
    method, path, body = {
        "list": ("GET", "", None),
        "add": ("POST", "", {"person": args.name, "role": args.role, "pin": pin}),
        "reset": ("POST", f"/{urllib.parse.quote(args.name or '', safe='')}/reset", {"pin": pin}),
        "remove": ("DELETE", f"/{urllib.parse.quote(args.name or '', safe='')}", None),
    }[args.action]
    host, port = config.listen
    request = urllib.request.Request(
        f"http://{host}:{port}/v1/staff{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {load_tokens(config.data)[Role.SERVICE]}"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - our own address
        return json.loads(answer.read())
