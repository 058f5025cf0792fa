"""Serves a terminal whose plug is pulled (SIGKILL to itself) when it reaches a named point for the first time.

usage: crashing_terminal.py CONFIG POINT
Points: before-commit, after-commit, after-actuator, before-upload, after-upload. Armed by a file `armed` beside CONFIG.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from edge.settings.reading import load
from edge.terminal import Terminal
from edge.watch.logs import set_up

config, point = Path(sys.argv[1]), sys.argv[2]


def reached(name: str) -> None:
    if name == point and (config.parent / "armed").exists():
        os.kill(os.getpid(), signal.SIGKILL)


set_up()
asyncio.run(Terminal(load(config), reached=reached).serve())
