"""`xinguan version`: what runs here."""

import argparse
import json
import platform
import sqlite3
from importlib.metadata import version

STANDS_ON = ("aiohttp", "cryptography", "msgspec", "opencv-python-headless", "pyzbar", "tuf", "zxing-cpp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--json`."""
    parser.add_argument("--json", action="store_true", help="everything, as one JSON object")


def run(args: argparse.Namespace) -> int:
    """Print the version; with --json also those of Python, SQLite and the libraries we stand on."""
    own = version("xinguan")
    if not args.json:
        print(f"xinguan {own}")
        return 0
    libraries = {name: version(name) for name in STANDS_ON}
    facts = {"xinguan": own, "python": platform.python_version(), "sqlite": sqlite3.sqlite_version, **libraries}
    print(json.dumps(facts))
    return 0
