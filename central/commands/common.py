"""What the list commands share: arguments, the register's errors as exit codes, one line of JSON as the answer."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from central.lists.metadata_files import PublishingError
from central.lists.publishing import Published
from central.lists.role_keys import KeyFolderError
from central.office.refusals import OfficeError
from central.register.registry import RegistryError
from central.register.warrants import UnwarrantedError

Answer = dict[str, Any]
REFUSALS = (RegistryError, PublishingError, KeyFolderError, OfficeError, UnwarrantedError, OSError)


def add_state(parser: argparse.ArgumentParser) -> None:
    """Declare the platform's folder."""
    parser.add_argument("--state", type=Path, required=True, help="the platform's folder")


def add_city(parser: argparse.ArgumentParser) -> None:
    """Declare folder and city."""
    add_state(parser)
    parser.add_argument("--city", required=True, help="the city that speaks; it can touch only its own lists")


def day(text: str) -> date:
    """Read a day as arguments have it; argparse says what is wrong with it."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"请写成 2027-02-01 这样的日期 · write a day like 2027-02-01, not {text!r}"
        ) from None


def add_subject(parser: argparse.ArgumentParser) -> None:
    """Declare folder, city and subject."""
    add_city(parser)
    parser.add_argument("--subject", required=True, help="a name in the register, or a pseudonym (32 hex digits)")


def said(published: Published) -> Answer:
    """Return what a publication did, with the roles that wait for a key that is not here."""
    told: Answer = {"published": published.version, "at_ms": published.at_ms, "changed": list(published.changed)}
    return told | ({"waiting": list(published.waiting)} if published.waiting else {})


def answered(call: Callable[[], Answer]) -> int:
    """Run `call`, print what it says, return the exit code; what the register refuses goes to stderr."""
    try:
        answer = call()
    except REFUSALS as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
    return 0
