"""Telling systemd how we are (sd_notify(3)): ready, stopping, and that we are alive (the watchdog).

The watchdog tells a dead loop from a slow disk. It is fed by the loop itself, through the very path a decision takes,
and a store that does not come to it in time, or answers "I cannot", is alive: visitors get REFER and staff see why,
which no restart would better. A writer that has died ends the process by itself (`storage.threads.dying`).
"""

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Callable

from storage.jobs import StoreFailedError
from storage.sqlite import Store

PATIENCE_S = 1.0  # for the store; then the loop alone is proof


def notify(state: str) -> None:
    """Send one state line such as "READY=1"; do nothing when no service manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sending:
        sending.connect(address)
        sending.sendall(state.encode())


def watchdog_interval_s(default_s: float = 5.0) -> float:
    """Return how often to feed the watchdog: half of what the service manager allows (seconds)."""
    allowed_us = os.environ.get("WATCHDOG_USEC", "")
    return int(allowed_us) / 2_000_000 if allowed_us.isdigit() and int(allowed_us) else default_s


def _nothing(conn: sqlite3.Connection) -> None:
    conn.execute("SELECT 1").fetchone()


async def feed_watchdog(store: Store, done: Callable[[], None] = lambda: None) -> None:
    """Feed the watchdog as long as the loop turns and the store answers, declines or is late; never returns.

    `done` is told each time.
    """
    every_s = watchdog_interval_s()
    while True:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await store.write(_nothing, before=time.monotonic() + PATIENCE_S)
        except (StoreFailedError, TimeoutError):
            pass  # its own line of readiness says so
        notify("WATCHDOG=1")
        done()
        await asyncio.sleep(every_s)
