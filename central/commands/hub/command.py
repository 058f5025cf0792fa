"""`xinguan hub enrol CODE | serve | stop-entry | resume-entry`: the hub of a site (docs/hub.md)."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from central.clock import now_ms
from central.platform_state import StateError
from central.site.certificate import make_certificate
from central.site.config import DEFAULT_PATH, HubConfig, load
from central.site.serving import STOPPED, serving
from storage.collector import collecting_seldom
from storage.files import create_file
from storage.jobs import StoreFailedError
from storage.only_one import AlreadyRunningError, only_one
from sync.enrol.enrolling import enrol, read_ticket
from sync.enrol.identity import IdentityError
from sync.transport import RefusedError, UnreachableError, open_session
from sync.wire.messages import HubOffer, WireError

EX_UNAVAILABLE = 69
ACTIONS = ("enrol", "serve", "stop-entry", "resume-entry")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("action", choices=ACTIONS, help="what to do")
    parser.add_argument("code", nargs="?", help="for enrol: one-time code or the QR's text; - reads it from stdin")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="the hub's configuration file")
    parser.add_argument("--again", action="store_true", help="enrol although this hub is enrolled already")


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    config = load(args.config)
    if args.action == "serve":
        return _serve(config)
    if args.action == "enrol":
        return _enrol(config, args)
    mark = config.data / STOPPED
    if args.action == "stop-entry" and not mark.exists():
        create_file(mark, b"")
    elif args.action == "resume-entry":
        mark.unlink(missing_ok=True)
    sys.stdout.write(f"{args.action}: every gate of the site hears of it within two seconds\n")
    return 0


def _enrol(config: HubConfig, args: argparse.Namespace) -> int:
    code = sys.stdin.readline() if args.code == "-" else args.code or ""
    offer = HubOffer(url=config.url, cert_sha256=make_certificate(config.data, config.hub.hosts))

    async def asked() -> str:
        ticket = read_ticket(code, platform=config.platform.url)
        async with open_session(Path(config.platform.ca) if config.platform.ca else None) as session:
            identity = await enrol(
                ticket, folder=config.data, session=session, now_ms=now_ms(), again=args.again, hub=offer
            )
        return f"enrolled: {identity.terminal}, hub {identity.profile.no} of {identity.site} at {config.url}\n"

    try:
        sys.stdout.write(asyncio.run(asked()))
    except IdentityError as error:
        raise StateError(str(error)) from error
    except UnreachableError as error:
        sys.stderr.write(f"the platform does not answer: {error}\nTry again; the same code stays good.\n")
        return EX_UNAVAILABLE
    except (RefusedError, WireError, StoreFailedError, AlreadyRunningError) as error:
        sys.stderr.write(f"not enrolled: {error}\n")
        return 1
    return 0


def _serve(config: HubConfig) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")

    async def until_stopped() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        async with serving(config) as url:
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            await stop.wait()

    try:
        with only_one(config.data), collecting_seldom():
            asyncio.run(until_stopped())
    except (IdentityError, AlreadyRunningError) as error:
        raise StateError(str(error)) from error
    return 0
