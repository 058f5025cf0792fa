"""What several commands share: the configuration argument, and errors that end a command with a sentence."""

import argparse
import sqlite3
import ssl
import sys
from pathlib import Path

from edge.commands.owner import NotOwnerError, act_as_owner
from edge.config import Config
from edge.settings.enrolled import strangers
from edge.settings.reading import DEFAULT_PATH, ConfigError, load
from storage.heard import ReaderGoneError
from storage.jobs import StoreFailedError
from storage.sqlite import connect
from sync.certificates import verifying
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import IdentityError, load_identity

EX_CONFIG = 78  # sysexits.h: something is wrong with the configuration
EX_UNAVAILABLE = 69  # sysexits.h: something needed is not there
EX_NOPERM = 77  # sysexits.h: not for this user


def add_config(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`."""
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, metavar="FILE", help="default: %(default)s")


def complain(text: str) -> None:
    """Say on standard error what is wrong and how to mend it."""
    print(f"xinguan: {text}", file=sys.stderr)


def fault_of_the_machine(error: Exception) -> str | None:
    """Return what ended a command, in words, where a disk, a file or its rights did; None for a bug of ours."""
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError | ReaderGoneError):
        return None
    if isinstance(error, OSError | sqlite3.DatabaseError | StoreFailedError):
        return f"{error}。请运行 sudo xinguan doctor · look with: sudo xinguan doctor"
    return None


def read_config(path: Path) -> Config:
    """Return the configuration, and act as the owner of its folder from then on.

    Ends the program with the reason: exit code 78 when the file cannot be used, 77 when the folder is somebody else's.
    """
    try:
        config = load(path)
        act_as_owner(config.data)
    except ConfigError as error:
        complain(str(error))
        sys.exit(EX_CONFIG)
    except NotOwnerError as error:
        complain(str(error))
        sys.exit(EX_NOPERM)
    return config


def read_enrolled(path: Path) -> Config:
    """Return the configuration as `read_config` does, and end the program when the profile does not know a lane.

    What else differs is told while the terminal serves by the profile (`edge.terms`). A terminal that is not enrolled
    yet has nothing to compare with.
    """
    config = read_config(path)
    try:
        profile = load_identity(config.data).profile
    except (IdentityError, OSError):
        return config  # whoever needs an identity says what is wrong with it
    if found := strangers(config.lanes, profile):
        complain(str(ConfigError(str(path), found)))
        sys.exit(EX_CONFIG)
    return config


def local_api(config: Config) -> tuple[str, ssl.SSLContext | None]:
    """Return the address of this machine's own terminal, and with which certificate alone it is believed."""
    host, port = config.listen
    here = "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not listened on
    if config.api.tls_cert is None:
        return f"http://{here}:{port}", None
    context = verifying(config.api.tls_cert)
    context.check_hostname = False  # it is the very certificate of the file, whatever names stand in it
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return f"https://{here}:{port}", context


def open_database(config: Config) -> sqlite3.Connection:
    """Return a reading connection to the terminal's database; end the program when there is none."""
    path = config.data / DATABASE_FILE
    if not path.is_file():
        complain(f"{path} is not there. Enrol this terminal first: xinguan enrol CODE")
        sys.exit(EX_UNAVAILABLE)
    return connect(path, writing=False)
