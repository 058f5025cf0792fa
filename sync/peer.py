"""The platform as everything on this terminal meets it: one way in, and one measure of how often to try.

Rules of this file:

1. A peer is well until a call fails. *Silent*: nobody answered, or a web page did. *Overloaded*: it answered 408, 429
   or 5xx. Any other answer, also a refusal, is a sign of life.
2. A troubled peer is tried at most once a second by this whole terminal, whoever wants to; while it is silent about
   once a second, while it is overloaded with growing waits, and not before its Retry-After (at most 30 s).
3. A long poll under way when the peer falls silent is asked anew, with little patience: it helps to listen.
   Whatever sign of life comes from a silent peer frees everybody at once: who waits goes on, and who still hangs in a
   call that began before it asks again. So three good seconds are never spent waiting for a dead one.
4. An overloaded peer is well again when a call of the same kind went through: the clock may answer while the database
   is ill.
5. `hurry` lets the next try go at once: somebody stands beside the terminal and asked for it.

    t=0 s   journal ──────────── no byte for 3 s ✗
    t=1 s       standing ─────────────── ✗
    t=2 s           time ──✓  the network is back: journal and standing are asked again now
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Literal, Protocol

import aiohttp

from sync.backoff import OVERLOADED_CAP_S, SPACING_S, Backoff
from sync.transport import SILENT_S, RefusedError, UnreachableError, exchange
from sync.wire.profiles import HubAt

SERVER_ERROR = 500
BUSY = frozenset({408, 429})


class Trouble(StrEnum):
    """How the peer is."""

    NONE = "none"
    SILENT = "silent"
    OVERLOADED = "overloaded"


class Reach(Protocol):
    """Whom to speak to: always the same peer, or whichever way is open (`sync.way`)."""

    @property
    def current(self) -> "Peer":
        """The peer to speak to now."""
        ...

    @property
    def hub(self) -> HubAt | None:
        """The hub that `current` is, None when it is the platform."""
        ...


class Peer:
    """One platform, or hub, at `base_url`. `back`, if somebody sets it, is called when it has come back from trouble.

    `pin`: the SHA-256 of the one certificate that is good, for a hub. `silent_since`: when its silence began (seconds
    of the event loop), while it is silent.
    """

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, pin: bytes | None = None) -> None:
        self._session = session
        self._base_url = base_url
        self._pin = pin
        self._backoff = Backoff()
        self._in_flight: dict[asyncio.Task[bytes], float] = {}
        self._go = asyncio.Event()
        self._not_before = 0.0
        self._ill_at = ""
        self._unheard = asyncio.Event()
        self.trouble = Trouble.NONE
        self.silent_since = 0.0
        self.back: Callable[[], None] = lambda: None

    @property
    def current(self) -> "Peer":
        """Itself: a peer is the simplest way (`Reach`)."""
        return self

    @property
    def hub(self) -> HubAt | None:
        """Nobody: it is taken for the platform."""
        return None

    @property
    def base_url(self) -> str:
        """Where it answers."""
        return self._base_url

    @property
    def pin(self) -> bytes | None:
        """The hash of the one certificate that is good, None where authorities vouch."""
        return self._pin

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session that everything to the platform goes through."""
        return self._session

    async def silent(self) -> None:
        """Return when nobody answers: now, or as soon as it is so."""
        await self._unheard.wait()

    def hurry(self) -> None:
        """Let the next try go at once."""
        self._not_before = 0.0
        self._free()

    async def turn(self) -> None:
        """Wait until one more try of this peer is decent: at once while it is well."""
        loop = asyncio.get_running_loop()
        while self.trouble is not Trouble.NONE and (left := self._not_before - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._go.wait()
            except TimeoutError:
                continue
        if self.trouble is not Trouble.NONE:
            self._not_before = max(self._not_before, loop.time() + SPACING_S)

    async def exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        silent_s: float = SILENT_S,
        begins: Callable[[], None] = lambda: None,
    ) -> bytes:
        """Return the body of a 200 answer to `path`; raise UnreachableError or RefusedError. May wait for its turn.

        `begins` is called when a try goes out.
        """
        while True:
            await self.turn()
            began = asyncio.get_running_loop().time()
            begins()
            patience_s = min(silent_s, SILENT_S) if self.trouble is Trouble.SILENT else silent_s
            call = exchange(
                self._session,
                method,
                self._base_url + path,
                headers=headers,
                body=body,
                silent_s=patience_s,
                pin=self._pin,
            )
            task = asyncio.ensure_future(call)
            self._in_flight[task] = patience_s
            try:
                await asyncio.wait({task})
            finally:
                del self._in_flight[task]
                if not task.done():
                    task.cancel()
                    await asyncio.wait({task})
            if not task.cancelled():
                return self._judged(task, path, began)

    def _judged(self, task: "asyncio.Task[bytes]", path: str, began: float) -> bytes:
        """Take note of how a call that began at `began` ended, and end the same way."""
        try:
            answer = task.result()
        except UnreachableError:
            if self.trouble is not Trouble.SILENT:
                self.silent_since = began
            self._ail(Trouble.SILENT, "", began + self._backoff.unreachable_s())
            raise
        except RefusedError as error:
            if error.problem.status in BUSY or error.problem.status >= SERVER_ERROR:
                wait_s = self._backoff.refused_s(error.wait_s, cap_s=OVERLOADED_CAP_S)
                self._ail(Trouble.OVERLOADED, path, asyncio.get_running_loop().time() + wait_s)
            else:
                self._recover(path)
            raise
        self._recover(path)
        return answer

    def _ail(self, trouble: Trouble, path: str, not_before: float) -> None:
        if self.trouble is Trouble.SILENT and trouble is Trouble.OVERLOADED:
            self._unheard.clear()
            self._ask_again()
        elif self.trouble is not Trouble.SILENT and trouble is Trouble.SILENT:
            self._ask_again(longer_than_s=SILENT_S)
        self.trouble, self._ill_at = trouble, _kind(path)
        self._not_before = max(self._not_before, not_before)
        if trouble is Trouble.SILENT:
            self._unheard.set()

    def _recover(self, path: str) -> None:
        if self.trouble is Trouble.NONE or (self.trouble is Trouble.OVERLOADED and _kind(path) != self._ill_at):
            return
        self.trouble, self._not_before = Trouble.NONE, 0.0
        self._backoff.succeeded()
        self._unheard.clear()
        self._ask_again()
        self.back()

    def _ask_again(self, *, longer_than_s: float = 0.0) -> None:
        """Free who waits, and let whoever hangs in a call with more patience than `longer_than_s` begin it anew."""
        self._free()
        for task, patience_s in self._in_flight.items():
            if patience_s > longer_than_s:
                task.cancel()

    def _free(self) -> None:
        self._go.set()
        self._go = asyncio.Event()


def _kind(path: str) -> str:
    """Return what kind of work a call is: its path without what it asks for."""
    return path.partition("?")[0]
