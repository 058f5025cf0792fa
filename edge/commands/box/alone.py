"""Bringing facts home while no terminal runs: the same push as the service's, under the folder's lock."""

import asyncio
import sqlite3
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cache.journal.chain import JournalError, unsent
from edge.clock import Clock
from edge.config import Config
from storage.jobs import StoreFailedError
from storage.only_one import only_one
from storage.sqlite import Store
from sync.enrol.enrolling import DATABASE_FILE
from sync.enrol.identity import IdentityError, load_identity
from sync.peer import Peer
from sync.push.line import Line
from sync.push.pusher import Pusher
from sync.transport import RefusedError, UnreachableError, open_session
from sync.wire.messages import WireError

FAILURES: Final = (IdentityError, UnreachableError, RefusedError, WireError, JournalError, StoreFailedError)


@dataclass(frozen=True, slots=True)
class Brought:
    """What went to the platform, and what is left here."""

    sent: int
    waiting: int


async def push_alone(config: Config) -> Brought:
    """Send every fact that waits; raise what `Pusher.once` raises, IdentityError, or AlreadyRunningError."""
    with only_one(config.data):
        identity = load_identity(config.data, platform=config.platform.url)
        ca = Path(config.platform.ca) if config.platform.ca else None
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(Store(config.data / DATABASE_FILE))
            clock = await Clock.restore(store)
            session = await stack.enter_async_context(open_session(ca, at_least_ms=clock.now_ms))
            sent = await Pusher(Line(store, Peer(session, identity.platform), identity, clock)).drain()
            left = await store.read(_waiting)
    return Brought(sent, left)


def _waiting(conn: sqlite3.Connection) -> int:
    return unsent(conn).count


def push_now(config: Config) -> Brought:
    """Do `push_alone` from a command."""
    return asyncio.run(push_alone(config))
