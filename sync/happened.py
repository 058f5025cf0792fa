"""What a box without lanes writes down of itself: a site's hub tells its starts, its ends and its switches like a gate.

It has an epoch of its own, so its journal goes to the platform as every terminal's does; and one that was restored
from an older copy is found as every terminal is: by two records under one number.
"""

import sqlite3
from importlib.metadata import version

from cache.ids import uuid7
from cache.ledger.facts import STOP_ENTRY
from cache.ledger.upkeep import switch
from cache.pen import Pen
from credit.inputs import Now
from storage.sqlite import Store
from sync.enrol.enrolling import ensure_epoch
from sync.enrol.identity import Identity


async def began(store: Store, identity: Identity, now: Now) -> None:
    """Write down that a process began, and its run. Raises StoreFailedError."""

    def job(conn: sqlite3.Connection) -> None:
        ensure_epoch(conn, terminal=identity.terminal, now_ms=now.utc_ms)
        Pen(conn, now, uuid7).fact("started", {"run": identity.instance, "version": version("xinguan")})

    await store.write(job)


async def ended(store: Store, now: Now) -> None:
    """Write down that the process ended in good order. Raises StoreFailedError."""
    await store.write(lambda conn: Pen(conn, now, uuid7).fact("stopped", {}))


async def entry_turned(store: Store, site: str, now: Now, *, stopped: bool, by: str) -> None:
    """Write down that somebody stopped entry to the site here, or let it go on. Raises StoreFailedError."""
    await store.write(lambda conn: switch(Pen(conn, now, uuid7), STOP_ENTRY + site, on=stopped, by=by))
