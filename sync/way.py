"""Which way a terminal speaks: to its site's hub, and to the platform while the hub is silent (town.md).

    at the hub  --no sign of life for AWAY_S-->  at the platform  --the hub answers a probe-->  at the hub

Rules of this file:

- only where the profile names a hub is there anything to choose; without one the way is the platform;
- journal, standing, lists and time follow the way; claims do not: what counts inside the site nobody else answers for
  (claims.md 10, `sync.beyond.authority`);
- whoever changes the way tells `switched`: what was sent there says nothing about what is held here.
"""

import asyncio
from collections.abc import Callable

from sync.peer import Peer, Trouble
from sync.transport import RefusedError, UnreachableError
from sync.wire.profiles import HubAt

AWAY_S = 3.0
LOOK_S = 0.1
SIGN_OF_LIFE = "/healthz"


class Way:
    """The peer to speak to now. `switched`, if somebody sets it, is called when that has changed."""

    def __init__(self, platform: Peer, hub: Callable[[], HubAt | None] = lambda: None) -> None:
        self.platform = platform
        self._named = hub
        self._hub: Peer | None = None
        self._at: HubAt | None = None
        self._away = False
        self._changed = asyncio.Event()
        self.switched: Callable[[], None] = lambda: None
        self.back: Callable[[], None] = lambda: None
        self.rounds = 0
        self.adopt()

    @property
    def hub(self) -> HubAt | None:
        """The hub that is spoken to now, None when it is the platform."""
        return None if self._away else self._at

    @property
    def current(self) -> Peer:
        """The peer to speak to now."""
        return self.platform if self._hub is None or self._away else self._hub

    def adopt(self) -> None:
        """Follow the profile: another hub, the first one, or none any more."""
        at = self._named()
        if at == self._at:
            return
        self._at, self._away = at, False
        if self._hub is not None:
            self._hub.leave()
        self._hub = None
        if at is not None:
            self._hub = Peer(self.platform.session, at.url, pin=bytes.fromhex(at.cert_sha256))
            self._hub.back = self._came_back
        self._changed.set()
        self.switched()

    def _came_back(self) -> None:
        self.back()

    async def run(self) -> None:
        """Watch the hub for ever."""
        while True:
            self._changed.clear()
            if self._hub is None:
                await self._changed.wait()
            elif self._away:
                await self._probe(self._hub)
            else:
                await self._watch(self._hub)
            self.rounds += 1

    async def _watch(self, hub: Peer) -> None:
        """Wait until the hub has been silent for too long, or is not ours any more."""
        loop = asyncio.get_running_loop()
        unheard = asyncio.ensure_future(hub.silent())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait({unheard, changed}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (unheard, changed):
                task.cancel()
        while hub is self._hub and hub.trouble is Trouble.SILENT:
            if loop.time() - hub.silent_since >= AWAY_S:
                self._away = True
                hub.leave()
                self.switched()
                return
            await asyncio.sleep(LOOK_S)

    async def _probe(self, hub: Peer) -> None:
        """Ask for a sign of life, once a second; the hub's own turn sees to that."""
        try:
            await hub.exchange("GET", SIGN_OF_LIFE)
        except (UnreachableError, RefusedError):
            return
        if hub is self._hub:
            self._away = False
            if self.platform.trouble is Trouble.SILENT:
                self.platform.leave()
            self.switched()
