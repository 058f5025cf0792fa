"""What a command does alone: written into the office journal, and declared an emergency where two people are needed.

Rules of this file:

- whoever types holds the platform's folder and every key in it; what they do is an act like any other, under the name
  that the machine knows them by;
- what needs two people goes through the office (its pages, `POST /v1/office/…`). A command does it alone only with
  `--emergency WHY`: then every work list of that city shows it until somebody else has looked at it.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from central.clock import now_ms
from central.commands.common import Answer
from central.commands.office.by_command import by_command
from central.lists.metadata_files import PublishingError
from central.office.refusals import OfficeError
from central.office.urgent.emergencies import EMERGENCY
from central.platform_state import open_state
from central.register.accounts.acts import Act, append
from central.register.registry import RegistryError
from central.register.warrants import UnwarrantedError, Warrant
from central.store import changed

NEEDS_TWO = (
    "此操作须两人：在办公平台起草，由另一人批准。只有一人且来不及时：--emergency 理由（记入操作记录并告知所有人）·"
    " this needs two people: draft it in the office, let somebody else approve it. Where nobody else is at hand:"
    " --emergency WHY (it stands in the office journal, and everybody is told)"
)


def add_emergency(parser: argparse.ArgumentParser) -> None:
    """Declare how somebody acts alone."""
    help_ = "do alone what needs two people, for this reason; everybody in the office is told"
    parser.add_argument("--emergency", metavar="WHY", help=help_)


def journalled(
    folder: Path, act: Act, call: Callable[[], Answer], *, told: Callable[[Answer], Answer] = dict
) -> Answer:
    """Do what a command does between two rows of the office journal; what is refused stands there as failed.

    `told` says what of the answer the journal keeps.
    """
    state, who = open_state(folder), by_command()
    number = changed(state, lambda tx: append(tx, who, replace(act, outcome="begun"), now_ms=now_ms()))
    try:
        done = call()
    except (RegistryError, PublishingError, OfficeError, OSError) as error:
        failed = replace(act, outcome="failed", of=number, after={"error": str(error)[:500]})
        changed(state, lambda tx: append(tx, who, failed, now_ms=now_ms()))
        raise
    changed(state, lambda tx: append(tx, who, replace(act, of=number, after=told(done)), now_ms=now_ms()))
    return done


def alone(
    args: argparse.Namespace,
    act: Act,
    call: Callable[[Warrant], Answer],
    *,
    told: Callable[[Answer], Answer] = dict,
) -> Answer:
    """Do alone what needs two people; raise UnwarrantedError unless it was declared an emergency."""
    if args.emergency is None:
        raise UnwarrantedError(NEEDS_TWO)
    warrant = Warrant.in_emergency(by_command().operator, args.emergency)
    declared = replace(act, act=f"{EMERGENCY}{act.act}", why=warrant.emergency)
    return journalled(args.state, declared, lambda: call(warrant), told=told)
