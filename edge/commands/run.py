"""`xinguan run`: serve this terminal until told to stop."""

import argparse
import asyncio
import logging
import sys

from edge.api.access import TokensUnusableError
from edge.commands.common import EX_CONFIG, EX_UNAVAILABLE, add_config, complain, read_enrolled
from edge.commands.owner import keep_private
from edge.ownership import strangers
from edge.terminal import Terminal
from edge.watch.logs import set_up
from storage.migrations import SchemaTooNewError
from storage.only_one import AlreadyRunningError
from sync.enrol.identity import IdentityError

log = logging.getLogger("xinguan.run")

TURN_S = 0.0005  # the interpreter's usual 5 ms would be a lane's wait at each step while a long list is taken in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the configuration."""
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Serve. Exit codes: 0 stopped, 1 a task died, 69 not enrolled or already running, 78 configuration."""
    config = read_enrolled(args.config)
    if found := strangers():
        owners = "; ".join(f"{name}: {', '.join(others)}" for name, others in found.items())
        complain(f"other packages own our names ({owners}). Install Xinguan into an environment of its own")
        return EX_CONFIG
    if not config.data.is_dir():
        complain(f"{config.data} is not there. Enrol this terminal first: xinguan enrol CODE --config {args.config}")
        return EX_UNAVAILABLE
    set_up()
    sys.setswitchinterval(TURN_S)
    if mended := keep_private(config.data):
        log.warning("rights_mended", extra={"paths": mended})
    try:
        asyncio.run(Terminal(config).serve())
    except (
        AlreadyRunningError,
        TokensUnusableError,
        IdentityError,
        OSError,
    ) as error:
        complain(str(error))
        return EX_UNAVAILABLE
    except ExceptionGroup as group:
        foreseen, rest = group.split((SchemaTooNewError, TokensUnusableError, OSError))
        if foreseen is not None and rest is None:
            complain(str(innermost(foreseen)))
            return EX_UNAVAILABLE
        log.exception("task_died")
        return 1
    return 0


def innermost(group: BaseException) -> BaseException:
    """Return the first fault that is no group of faults: what to tell a person."""
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
