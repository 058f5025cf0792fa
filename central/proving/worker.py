"""The process that judges: signatures are checked there, and nothing that serves a terminal waits for them.

Rules of this file:

- one child of a `spawn` context, begun when there is something to judge, with less right to the processor than we have;
- it ends with its parent: the kernel sends it SIGKILL (PR_SET_PDEATHSIG), so a kill -9 leaves nothing behind;
- a child that dies is an error of that round; the next round begins another.
"""

import asyncio
import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Final, Self

from central.proofs.judging import Case, IssuerRow, Judged, judge

PR_SET_PDEATHSIG: Final = 1
NICE: Final = 10


class Judges:
    """One process that judges. Leave it to end the process."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._end()

    async def judged(self, cases: Sequence[Case], keys: tuple[IssuerRow, ...]) -> list[Judged]:
        """Return the verdicts, in order; raise BrokenProcessPool when the child died of it."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, context, initializer=_begin, initargs=(os.getpid(),))
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._pool, judge_all, tuple(cases), keys)
        except Exception:
            self._end()
            raise

    def _end(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def judge_all(cases: Sequence[Case], keys: tuple[IssuerRow, ...]) -> list[Judged]:
    """Judge every case; what runs in the child."""
    return [judge(case, keys) for case in cases]


def _begin(parent: int) -> None:
    """Make this process die with its parent, and stand back for others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the platform, which ends us
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(0)
    os.nice(NICE)
