"""`xinguan central identity`: the services that may say who a visitor is (小程序的身份服务)."""

import argparse
import sys
from pathlib import Path

from central.clock import now_ms
from central.commands.office.by_command import by_command
from central.platform_state import PlatformState, StateError, open_state
from central.register.accounts import identities
from central.register.accounts.acts import Act, append
from central.register.accounts.identities import Identity, IdentityError
from central.register.registry import RegistryError, register, zone_of
from central.store import changed, looked
from storage.jobs import Tx

ACTIONS = ("list", "add", "end")
ENDED = {True: "停用 ended", False: "在用 speaks"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("action", nargs="?", default="list", choices=[*ACTIONS])
    parser.add_argument("identity", nargs="?", default="", help="which service: a-z, 0-9, dots and hyphens")
    parser.add_argument("--city", default="", help="the city it speaks for")
    parser.add_argument("--title", default="", help="its name, as people know it")
    parser.add_argument("--key", type=Path, help="its public key, PEM: Ed25519 or P-256")


def run(args: argparse.Namespace) -> int:
    """List services, enter one or end one; every change is an act of the office journal."""
    state = open_state(args.state)
    if args.action == "list":
        for one in looked(state, identities.listed):
            sys.stdout.write(f"{one.identity:<24} {one.city:<12} {ENDED[one.ended_ms is not None]:<10} {one.title}\n")
        return 0
    try:
        _change(state, args)
    except (IdentityError, RegistryError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{args.identity}: {args.action}\n")
    return 0


def _change(state: PlatformState, args: argparse.Namespace) -> None:
    at_ms, name = now_ms(), args.identity
    key = _key(args.key) if args.action == "add" else ""
    if args.action == "add":
        with register(state.folder) as conn:
            zone_of(conn, args.city)
    one = Identity(name, args.city, args.title or name, key, at_ms, None)

    async def job(tx: Tx) -> None:
        if args.action == "add":
            await identities.add(tx, one)
        else:
            await identities.end(tx, name, now_ms=at_ms)
        after = {"key": key} if key else None
        act = Act(act=f"identity.{args.action}", city=args.city, subject=name, after=after)
        await append(tx, by_command(), act, now_ms=at_ms)

    changed(state, job)


def _key(path: Path | None) -> str:
    if path is None:
        raise IdentityError("--key FILE: 缺公钥 · the public key is missing")
    try:
        return path.read_text("ascii")
    except (OSError, ValueError) as error:
        raise StateError(f"{path}: {error}") from error
