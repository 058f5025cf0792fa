"""`xinguan config check`: whether the configuration file is right, by itself and beside the signed profile."""

import argparse

from edge.commands.common import EX_CONFIG, add_config, complain, read_config
from edge.settings.enrolled import problems
from edge.settings.reading import ConfigError
from sync.enrol.identity import IdentityError, NotEnrolledError, load_identity


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the file."""
    parser.add_argument("action", choices=["check"])
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Check and say so; a wrong file, or one that the enrolled profile contradicts, ends with exit code 78."""
    config = read_config(args.config)
    try:
        profile = load_identity(config.data).profile
    except NotEnrolledError:
        beside = "尚未登记，未与档案比对 not enrolled, compared with no profile"
    except IdentityError as error:
        beside = f"未与档案比对 compared with no profile: {error}"
    else:
        if found := problems(config.lanes, profile):
            complain(str(ConfigError(str(args.config), found)))
            return EX_CONFIG
        beside = "与平台档案一致 agrees with the profile"
    lanes = ", ".join(f"{lane.id} ({lane.scene})" for lane in config.lanes)
    print(f"{args.config}: 正确 ok — lanes {lanes}; data {config.data}; platform {config.platform.url}; {beside}")
    return 0
