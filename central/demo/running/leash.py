"""Run a program on a leash: `python -I -m central.demo.running.leash PARENT PROGRAM…` ends with its starter.

A kill -9 of the demo must leave nothing behind. The kernel sends SIGKILL to this process when its parent dies
(PR_SET_PDEATHSIG, kept across exec); a parent that died before we asked is noticed by its number.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Put on the leash, then become the program."""
    parent, program = int(argv[0]), argv[1:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit("the demo is gone already")
    os.execv(program[0], program)  # noqa: S606 - our own program, its path is given in full


if __name__ == "__main__":
    main(sys.argv[1:])
