"""`xinguan config check`: whether the configuration file is right."""

import argparse

from edge.commands.common import add_config, read_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action and the file."""
    parser.add_argument("action", choices=["check"])
    add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Check and say so; a wrong file ends with exit code 78."""
    config = read_config(args.config)
    lanes = ", ".join(f"{lane.id} ({lane.scene})" for lane in config.lanes)
    print(f"{args.config}: 正确 ok — lanes {lanes}; data {config.data}; platform {config.platform.url}")
    return 0
