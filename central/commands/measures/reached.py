"""`xinguan central reached`: how long every measure and repair took from the office's click to each gate."""

import argparse

from central.clock import now_ms
from central.commands.common import Answer, add_city, answered
from central.platform_state import open_state
from central.register.reaching import clicks_of, switches_of, times, told
from central.register.registry import register
from central.store import looked

DAY_MS = 86_400_000
DAYS = 7


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_city(parser)
    parser.add_argument("--days", type=int, default=DAYS, help="clicked in the last so many days (%(default)s)")


def run(args: argparse.Namespace) -> int:
    """Say it as JSON: by change, the seconds to each terminal, null where it has not arrived."""
    return answered(lambda: _reached(args))


def _reached(args: argparse.Namespace) -> Answer:
    since_ms = now_ms() - args.days * DAY_MS
    with register(args.state) as conn:
        clicks = clicks_of(conn, args.city, since_ms=since_ms)
    switches = looked(open_state(args.state), lambda tx: switches_of(tx, args.city, since_ms=since_ms))
    return {"city": args.city, **told(list(times(clicks, switches)))}
