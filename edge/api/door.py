"""Who comes in at the API's port, and how long he may stand there without asking anything (illness.md 9).

Rules of this file:

- at most `most` connections; beyond that the one that has been idle longest goes, never one whose request is in hand,
  and never a lane: cameras and scanners do not come in here;
- a request's head is here within HEAD_S of the connection or of its first byte; a connection that asks nothing is
  closed after HEAD_S, one that asked before after IDLE_S;
- file descriptors for store, cameras and the way to the platform are reserved before connections are counted.
"""

import asyncio
import resource
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from edge.api.access import Handler

HEAD_S: Final = 5.0
IDLE_S: Final = 15.0
SWEEP_S: Final = 0.5
MOST: Final = 512  # connections
LEAST: Final = 16
RESERVED: Final = 96  # file descriptors: store, cameras, platform, logs, lists
WANTED_FILES: Final = 16_384


def reserve_files() -> int:
    """Raise this process's limit of open files as far as it may, and return how many connections that leaves."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return max(LEAST, min(MOST, (soft - RESERVED) // 2))


@dataclass(slots=True, eq=False)
class Guest:
    """One connection: since when it owes us a whole request, or has asked nothing, and its requests in hand."""

    transport: asyncio.Transport
    since: float
    owes: bool = True  # a head: nothing came yet, or a part of one
    in_hand: int = 0


@dataclass(slots=True)
class Door:
    """Counts connections and closes those that stand in the way."""

    most: int
    clock: Callable[[], float] = time.monotonic
    sweeps: int = 0
    _guests: dict[asyncio.BaseTransport, Guest] = field(default_factory=dict)

    @property
    def inside(self) -> int:
        """How many connections there are."""
        return len(self._guests)

    def guarded(self, factory: Callable[[], asyncio.Protocol]) -> Callable[[], asyncio.Protocol]:
        """Return a factory of protocols that come in through this door."""
        return lambda: _Guarded(self, factory())

    def enter(self, transport: asyncio.Transport) -> Guest:
        """Take a connection in; make room for it when there is none."""
        if len(self._guests) >= self.most:
            idle = [guest for guest in self._guests.values() if not guest.in_hand]
            if idle:
                self._close(min(idle, key=lambda guest: guest.since))
        guest = self._guests[transport] = Guest(transport, self.clock())
        if len(self._guests) > self.most:  # every other one is being served
            self._close(guest)
        return guest

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._guests.pop(transport, None)

    def heard(self, guest: Guest) -> None:
        """Note bytes: the first of a head begin its time."""
        if not guest.in_hand and not guest.owes:
            guest.owes, guest.since = True, self.clock()

    def sweep(self) -> None:
        """Close whoever has been owing a head for HEAD_S, or been idle for IDLE_S."""
        now = self.clock()
        for guest in tuple(self._guests.values()):
            if not guest.in_hand and now - guest.since > (HEAD_S if guest.owes else IDLE_S):
                self._close(guest)

    def _close(self, guest: Guest) -> None:
        self._guests.pop(guest.transport, None)
        guest.transport.abort()

    async def keep(self) -> None:
        """Sweep again and again; never returns."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()
            self.sweeps += 1

    def middleware(self) -> Middleware:
        """Return the outermost middleware: it knows which connections have a request in hand."""

        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            guest = None if request.transport is None else self._guests.get(request.transport)
            if guest is None:
                return await handler(request)
            guest.in_hand, guest.owes = guest.in_hand + 1, False
            try:
                return await handler(request)
            finally:
                guest.in_hand -= 1
                guest.since = self.clock()

        return middleware


class _Guarded(asyncio.Protocol):
    """Hands everything on to the HTTP protocol, and tells the door."""

    def __init__(self, door: Door, inner: asyncio.Protocol) -> None:
        self._door = door
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_server makes
        self._transport = transport
        self._guest = self._door.enter(transport)
        self._inner.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        self._door.heard(self._guest)
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.leave(self._transport)
        self._inner.connection_lost(exc)

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()


class DoorSite(web.BaseSite):
    """A listening port behind a door."""

    def __init__(
        self, runner: web.BaseRunner, door: Door, address: tuple[str, int], *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(runner, ssl_context=tls)
        self._door = door
        self._address = address

    @property
    def name(self) -> str:
        """The address."""
        return "{}:{}".format(*self._address)

    async def start(self) -> None:
        """Listen."""
        await super().start()
        server = self._runner.server
        assert server is not None  # noqa: S101 - the runner is set up
        host, port = self._address
        self._server = await asyncio.get_running_loop().create_server(
            self._door.guarded(server), host, port, backlog=self._backlog, ssl=self._ssl_context
        )
