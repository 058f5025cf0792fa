"""Once a minute: what has fallen due becomes a fact, summaries are written, old signed facts and what is over leave.

Nothing irreversible without signed time (illness.md 5): a clock that is not trusted makes nobody a defaulter and erases
nothing. Each piece is a job of its own and bounded, so that no lane waits for it longer than for another visitor, and
yields: who waits at a lane goes before it.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Final

from cache.ids import uuid7
from cache.journal import chain
from cache.ledger import recall, upkeep
from cache.ledger.keeping import leaving
from cache.pen import Pen
from credit.inputs import ClockState, Now
from edge.watch.bounds import Bounds
from edge.watch.store import KEEP
from storage.jobs import StoreFailedError
from storage.sqlite import Store

EVERY_S: Final = 60.0
SOON_S: Final = 1.0  # while nothing may be tidied yet: the store is not open, or no signed time has come
PAUSE_S: Final = 0.01
MINUTE_MS: Final = 60_000
RETAIN_MS: Final = 180 * 86_400_000  # facts stay this long from when the platform signed for them
FEW: Final = 20  # redemptions a job looks at, each with its uses
PIECE: Final = 200  # rows a job touches at most, which takes about 5 ms
DUE: Final = 20  # the same for what writes a fact for each row


async def tidy(store: Store, bounds: Bounds, done: Callable[[], None] = lambda: None) -> None:
    """Tidy once a minute, the first time as soon as it may be; never returns.

    A store that fails is told to its health and tried again; `done` is told of each round that came to its end.
    """
    walked, looked = upkeep.FIRST, 0
    while True:
        now = bounds.clock.now()
        may = pieces(now) if bounds.health.begun else []
        try:
            for piece, most in may:
                await _whole(store, piece, most)
            if may:
                walked = await store.write(
                    partial(upkeep.forget_nonces, now=now, after=walked, at_most=PIECE), yields=True
                )
                looked = await store.write(
                    partial(leaving.forget_over, now_ms=now.utc_ms, after=looked, at_most=FEW), yields=True
                )
        except StoreFailedError as error:
            bounds.health.failed(KEEP, error)
        else:
            done()
        await asyncio.sleep(EVERY_S if may else SOON_S)


async def _whole(store: Store, piece: Callable[[sqlite3.Connection], int], most: int) -> None:
    """Run a piece until nothing is left of it; in between whoever waits at a lane comes first."""
    while await store.write(piece, yields=True) >= most:  # noqa: ASYNC110 - a pause between jobs, no waiting for an event
        await asyncio.sleep(PAUSE_S)


def pieces(now: Now) -> list[tuple[Callable[[sqlite3.Connection], int], int]]:
    """Return what may be tidied at `now`: jobs that say how many rows they touched, and how many they touch at most."""
    if now.clock is not ClockState.TRUSTED:
        return []
    return [
        (lambda conn: len(upkeep.mark_overdue(Pen(conn, now, uuid7), at_most=DUE)), DUE),
        (lambda conn: _summaries(conn, now), PIECE),
        (lambda conn: chain.retire(conn, signed_before_ms=now.utc_ms - RETAIN_MS, at_most=PIECE), PIECE),
        (lambda conn: recall.forget_old(conn, now.utc_ms, at_most=PIECE), PIECE),
        (lambda conn: upkeep.forget_graces(conn, now, at_most=PIECE), PIECE),
    ]


def _summaries(conn: sqlite3.Connection, now: Now) -> int:
    upkeep.summarise(Pen(conn, now, uuid7), before_minute=now.utc_ms // MINUTE_MS)
    return 0
