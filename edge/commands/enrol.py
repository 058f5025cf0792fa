"""`xinguan enrol [CODE]`: who this terminal is, learned once from the platform named in the configuration.

Whoever can list processes can read what stands on a command line. So the code is asked for at a keyboard, or read from
standard input; one that stands on the line is taken, and its owner is told.
"""

import argparse
import getpass
import sys

from edge.clock import read_wall_ms
from edge.commands.box.alone import FAILURES, push_now
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from edge.commands.owner import keep_private
from edge.config import Config
from storage.only_one import AlreadyRunningError
from sync.enrol import enrolling
from sync.enrol.identity import NotEnrolledError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the code and the configuration."""
    parser.add_argument(
        "code",
        metavar="CODE",
        nargs="?",
        default="-",
        help="one-time code or the enrolment QR's text; left out: asked for",
    )
    parser.add_argument("--again", action="store_true", help="enrol although this terminal is enrolled already")
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Enrol. Exit codes: 0 enrolled, 1 refused, 2 wrong code, 69 the platform does not answer, 78 configuration."""
    config = read_config(args.config)
    keep_private(config.data)
    if args.again and not _facts_are_home(config):
        return EX_UNAVAILABLE
    asked = argparse.Namespace(
        code=_code(args.code), data=config.data, platform=config.platform.url, ca=config.platform.ca, again=args.again
    )
    return enrolling.run(asked, now_ms=read_wall_ms())


def _facts_are_home(config: Config) -> bool:
    """Send what waits under the name that this terminal still has; return whether nothing waits any more."""
    try:
        brought = push_now(config)
    except NotEnrolledError:
        return True
    except AlreadyRunningError as error:
        complain(f"{error}: systemctl stop xinguan-terminal")
        return False
    except FAILURES as error:
        complain(f"仍有事实未能上传，先不重新登记 · facts wait and could not be sent, nothing was changed: {error}")
        return False
    if brought.sent:
        print(f"已上传 {brought.sent} 条 · sent {brought.sent} facts first")
    return True


def _code(given: str) -> str:
    """Return the code from where it is safest: the keyboard, unseen; standard input; at last the command line."""
    if given != "-":
        complain(
            "登记码出现在命令行中，其他用户可能看到 · a code on the command line can be seen by other users of this box"
        )
        return given
    if sys.stdin.isatty():
        return getpass.getpass("登记码 enrolment code: ")
    return sys.stdin.readline()
