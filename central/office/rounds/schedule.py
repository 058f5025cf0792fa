"""The office's schedule: what was approved for a time that has come, what a cut left, who owes, what is held too long.

Rules of this file:

- it runs with every serving platform, with or without the office's pages: a draft's time comes all the same;
- of several processes on one database one does it, the one that `hold`s it; another takes over when that one ends;
- what fails is logged and tried again; neither the other duties nor the platform ends with it.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, TypeVar

from central.office.desk import Desk
from central.office.drafts.deciding import apply_due
from central.office.overdue import keep_blocked
from central.office.persons.retaining import tidy
from central.office.resuming import resume, settle_cases

log = logging.getLogger("central.office")

LONGEST_ACT_MS: Final = 600_000
BLOCK_MS: Final = 20_000
TIDY_MS: Final = 3_600_000
EVERY_S: Final = 1.0
SCHEDULE: Final = "schedule"
DUTIES: Final[Mapping[str, tuple[int, Callable[[Desk], Awaitable[object]]]]] = {
    "drafts": (-1, apply_due),
    "overdue": (BLOCK_MS, keep_blocked),
    "retention": (TIDY_MS, tidy),
}
"""What the schedule does, and after how many ms again."""
T = TypeVar("T")


async def keep_schedule(desk: Desk, hold: Callable[[str], Awaitable[bool]], *, alone: bool) -> None:
    """Put in force, for ever, what was approved for a time that has come; what fails is logged and tried again.

    First it finishes what a cut left: at once where no other process can be at it (`alone`), else what has been open
    for longer than any act takes.
    """
    begun_before_ms, first = desk.now_ms() if alone else 0, True
    looked_ms = dict.fromkeys(DUTIES, 0)

    async def after_a_cut() -> None:
        nonlocal first
        await resume(desk, begun_before_ms=max(begun_before_ms, desk.now_ms() - LONGEST_ACT_MS))
        if first:
            await settle_cases(desk)
        first = False

    while True:
        if await _outlived(lambda: hold(SCHEDULE)):
            await _outlived(after_a_cut)
            for name, (every_ms, duty) in DUTIES.items():
                if abs(desk.now_ms() - looked_ms[name]) > every_ms:  # a clock may be set back
                    looked_ms[name] = desk.now_ms()
                    await _outlived(partial(duty, desk))
        await asyncio.sleep(EVERY_S)


async def _outlived(work: Callable[[], Awaitable[T]]) -> T | None:
    """Do one duty of the schedule; what fails is logged: neither the other duties nor the platform ends with it."""
    try:
        return await work()
    except Exception:  # this is the one place that outlives any of them
        log.exception("a duty of the office's schedule failed; it is tried again")
        return None
