"""`xinguan enrol CODE`: who this terminal is, learned once from the platform named in the configuration."""

import argparse

from edge.clock import read_wall_ms
from edge.commands.common import add_config, read_config
from edge.rights import keep_private
from sync.enrol import enrolling


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the code and the configuration."""
    parser.add_argument("code", metavar="CODE", help="one-time code or the enrolment QR's text; - reads it from stdin")
    parser.add_argument("--again", action="store_true", help="enrol although this terminal is enrolled already")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Enrol. Exit codes: 0 enrolled, 1 refused, 2 wrong code, 69 the platform does not answer, 78 configuration."""
    config = read_config(args.config)
    keep_private(config.data)
    asked = argparse.Namespace(
        code=args.code, data=config.data, platform=config.platform.url, ca=config.platform.ca, again=args.again
    )
    return enrolling.run(asked, now_ms=read_wall_ms())
