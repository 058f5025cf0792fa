"""The platform as everything on this terminal meets it: one way in, and one measure of how often to try.

Rules of this file:

1. A peer is well until a call fails. *Silent*: nobody answered, or a web page did. *Overloaded*: it answered 408, 429
   or 5xx to some kind of work. Any other answer, also a refusal, is a sign of life.
2. A troubled peer is tried at most once a second by this whole terminal, whoever wants to; while it is silent about
   once a second, while it is overloaded with growing waits, and not before its Retry-After (at most 30 s).
3. A long poll under way when the peer falls silent is asked anew, with little patience: it helps to listen.
   Whatever sign of life comes from a silent peer frees everybody at once: who waits goes on, and who still hangs in a
   call that began before it asks again. So three good seconds are never spent waiting for a dead one.
4. An overloaded peer is well again when a call of the same kind went through: the clock may answer while the database
   is ill. Work of a kind that goes through meanwhile waits for no turn: one batch that the platform cannot digest holds
   up nothing else. A kind that nobody has tried for FORGET_S is not held against it any more.
5. What is done for others (a hub's calls for its terminals, `alone`) says nothing of the peer by being refused: whoever
   does it keeps the pauses, each terminal's its own (`central.site.pauses`).
6. Whoever is at a peer that is `left` for another comes back at once with UnreachableError, and asks the way anew: of
   several who wait for a silent peer's one turn a second, each could wait for ever.
7. `hurry` lets the next try go at once: somebody stands beside the terminal and asked for it.

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
FORGET_S = 60.0  # since a kind of work that failed was last tried
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


def is_busy(error: RefusedError) -> bool:
    """Return whether a refusal says that the peer is ill or has too much to do, not that something is wrong with us."""
    return error.problem.status in BUSY or error.problem.status >= SERVER_ERROR


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
        self._silent = False
        self._ill: dict[str, float] = {}  # kinds of work it is overloaded with, and when they were last tried
        self._proven: set[str] = set()  # kinds that went through since
        self._unheard = asyncio.Event()
        self._times_left = 0
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

    @property
    def trouble(self) -> Trouble:
        """How it is."""
        if self._silent:
            return Trouble.SILENT
        return Trouble.OVERLOADED if self._ill else Trouble.NONE

    def takes(self, path: str) -> bool:
        """Return whether a call to `path` would go out now: for who has no time to wait for a turn."""
        return self._goes(path) or (not self._silent and asyncio.get_running_loop().time() >= self._not_before)

    def is_ill_at(self, path: str) -> bool:
        """Return whether it is overloaded with this kind of work."""
        return _kind(path) in self._ill

    async def silent(self) -> None:
        """Return when nobody answers: now, or as soon as it is so."""
        await self._unheard.wait()

    def hurry(self) -> None:
        """Let the next try go at once."""
        self._not_before = 0.0
        self._free()

    def leave(self) -> None:
        """Send everybody away who waits here, or hangs in a call: they are to speak to somebody else."""
        self._times_left += 1
        self._free()
        for task in self._in_flight:
            task.cancel()

    async def turn(self, path: str = "") -> None:
        """Wait until one more try is decent (at once while the peer, or this kind of work, is well), or it is left."""
        loop, times = asyncio.get_running_loop(), self._times_left
        while not self._goes(path) and (left := self._not_before - loop.time()) > 0:
            try:
                async with asyncio.timeout(left):
                    await self._go.wait()
            except TimeoutError:
                continue
            if self._times_left != times:
                return
        if not self._goes(path):
            self._not_before = max(self._not_before, loop.time() + SPACING_S)

    def _goes(self, path: str) -> bool:
        return not self._silent and (not self._ill or _kind(path) in self._proven)

    async def exchange(
        self,
        method: Literal["GET", "POST"],
        path: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        silent_s: float = SILENT_S,
        begins: Callable[[], None] = lambda: None,
        alone: bool = False,
    ) -> bytes:
        """Return the body of a 200 answer to `path`; raise UnreachableError or RefusedError. May wait for its turn.

        `begins` is called when a try goes out; `alone`: this is done for somebody else (rule 5).
        """
        times = self._times_left
        while True:
            if self._silent or not alone:
                await self.turn(path)
            if self._times_left != times:
                raise UnreachableError(f"{self._base_url}: left for another way")
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
                return self._judged(task, path, began, alone=alone)

    def _judged(self, task: "asyncio.Task[bytes]", path: str, began: float, *, alone: bool) -> bytes:
        """Take note of how a call that began at `began` ended, and end the same way."""
        try:
            answer = task.result()
        except UnreachableError:
            self._fall_silent(began)
            raise
        except RefusedError as error:
            if not is_busy(error) or (alone and self._silent):
                self._recover(_kind(path))
            elif not alone:
                self._overloaded(_kind(path), self._backoff.refused_s(error.wait_s, cap_s=OVERLOADED_CAP_S))
            raise
        self._recover(_kind(path))
        return answer

    def _fall_silent(self, began: float) -> None:
        if not self._silent:
            self.silent_since = began
            self._ask_again(longer_than_s=SILENT_S)
        self._silent = True
        self._ill.clear()
        self._proven.clear()
        self._not_before = max(self._not_before, began + self._backoff.unreachable_s())
        self._unheard.set()

    def _overloaded(self, kind: str, wait_s: float) -> None:
        if self._silent:
            self._silent = False
            self._unheard.clear()
            self._ask_again()
        now = asyncio.get_running_loop().time()
        self._ill[kind] = now
        self._proven.discard(kind)
        self._not_before = max(self._not_before, now + wait_s)

    def _recover(self, kind: str) -> None:
        """Take note of work that went through, or was refused for what it is."""
        if self.trouble is Trouble.NONE:
            return
        now = asyncio.get_running_loop().time()
        self._ill = {one: at for one, at in self._ill.items() if one != kind and now - at < FORGET_S}
        if self._ill:
            self._proven.add(kind)
            return
        self._silent, self._not_before = False, 0.0
        self._proven.clear()
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
