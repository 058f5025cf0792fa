"""`xinguan central serve`: the platform, until SIGTERM or Ctrl-C. Prints its address once it answers."""

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from central.clock import now_ms
from central.console.app import console_serving
from central.http.app import serving
from central.hub.forgetting import keep_small
from central.lists.freshening import keep_fresh
from central.office.desk import Desk
from central.office.rounds.schedule import keep_schedule
from central.platform_state import PlatformState, StateError, open_state
from central.proving.rounds import Rounds
from central.proving.worker import Judges
from storage.jobs import JobStore
from storage.only_one import AlreadyRunningError, only_one
from sync.enrol.identity import is_loopback

DEFAULT_LISTEN = "127.0.0.1:8480"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")
    parser.add_argument("--database", metavar="URL", help="books on PostgreSQL: postgresql://user@host,host/database")
    parser.add_argument("--listen", default=DEFAULT_LISTEN, metavar="HOST:PORT", help="port 0 picks a free one")
    parser.add_argument("--console", metavar="HOST:PORT", help="the office's pages, on an address of their own")
    parser.add_argument(
        "--console-origin", action="append", default=[], metavar="URL", help="the console's address behind a proxy"
    )
    parser.add_argument("--tls-cert", type=Path, help="certificate chain, PEM; needed beyond this machine")
    parser.add_argument("--tls-key", type=Path, help="its private key, PEM")


def _tls(args: argparse.Namespace, host: str) -> ssl.SSLContext | None:
    if args.tls_cert is None:
        if not is_loopback(host):
            raise StateError(f"--listen {host}: beyond this machine only with --tls-cert and --tls-key")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(args.tls_cert, args.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise StateError(f"{args.tls_cert}: cannot be used as certificate ({error})") from error
    return context


class Console(NamedTuple):
    """Where the office's pages are served, and from which addresses their forms may come."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    origins: frozenset[str]


async def keep_office(state: PlatformState, books: JobStore, console: Console | None) -> None:
    """Put in force, for ever, what was approved for a time that has come; serve the office's pages where asked to."""
    desk, alone = Desk(state.folder, books, now_ms), state.database_url is None
    if console is None:
        await keep_schedule(desk, books.hold, alone=alone)
        return
    async with console_serving(
        desk, host=console.host, port=console.port, tls=console.tls, origins=console.origins
    ) as url:
        sys.stderr.write(f"办公 console {url}\n")
        await keep_schedule(desk, books.hold, alone=alone)


async def _serve(
    state: PlatformState, host: str, port: int, tls: ssl.SSLContext | None, console: Console | None
) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)

    async def beside(books: JobStore) -> None:
        async with asyncio.TaskGroup() as group, Judges() as judges:
            group.create_task(keep_fresh(state.folder, now_ms, books.hold))
            group.create_task(keep_office(state, books, console))
            group.create_task(keep_small(books, now_ms, mine=books.hold))
            await Rounds(books, state.folder, now_ms).run(judges)

    async with serving(state, host=host, port=port, now_ms=now_ms, tls=tls, beside=beside) as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        _tell_service_manager("READY=1")
        await stop.wait()


def _tell_service_manager(state: str) -> None:
    """Send one line of sd_notify(3), where a service manager asked for it: who starts after us finds us serving."""
    if address := os.environ.get("NOTIFY_SOCKET"):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
            sending.connect("\0" + address[1:] if address.startswith("@") else address)
            sending.sendall(state.encode())


def _address(flag: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise StateError(f"{flag} {text!r}: write HOST:PORT, for example {DEFAULT_LISTEN}")
    return host.strip("[]"), int(port)


def run(args: argparse.Namespace) -> int:
    """Serve until told to stop."""
    host, port = _address("--listen", args.listen)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    console = None
    if args.console:
        at, number = _address("--console", args.console)
        console = Console(at, number, _tls(args, at), frozenset(one.rstrip("/") for one in args.console_origin))
    state = open_state(args.state)
    if args.database:
        state = replace(state, database_url=args.database)
    alone = only_one(args.state) if state.database_url is None else contextlib.nullcontext()
    try:
        with alone:
            asyncio.run(_serve(state, host, port, _tls(args, host), console))
    except AlreadyRunningError as error:
        raise StateError(str(error)) from error
    return 0
