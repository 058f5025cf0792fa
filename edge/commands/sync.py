"""`xinguan sync now`: wake the running terminal's way to the platform."""

import argparse
import urllib.error
import urllib.request

from edge.api.access import Role, load_tokens
from edge.commands.common import EX_UNAVAILABLE, add_config, complain, read_config
from edge.config import Config

TIMEOUT_S = 5.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the configuration."""
    parser.add_argument("action", choices=["now"])
    add_config(parser)


def wake(config: Config) -> None:
    """Tell the running terminal to go to the platform now; raise URLError or TimeoutError when it does not answer."""
    host, port = config.listen
    request = urllib.request.Request(
        f"http://{host}:{port}/v1/sync",
        method="POST",
        headers={"Authorization": f"Bearer {load_tokens(config.data)[Role.SERVICE]}"},
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 - our own loopback address
        pass


def run(args: argparse.Namespace) -> int:
    """Ask the running terminal; exit code 69 when it does not run."""
    config = read_config(args.config)
    host, port = config.listen
    try:
        wake(config)
    except (urllib.error.URLError, TimeoutError) as error:
        complain(f"the terminal at {host}:{port} does not answer ({error}). Start it: systemctl start xinguan-terminal")
        return EX_UNAVAILABLE
    print("已开始同步 synchronising")
    return 0
