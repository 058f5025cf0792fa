"""Signed time: `GET /v1/time?nonce=` → a JWS of {nonce, time}. The round trip bounds the error.

The platform read its clock somewhere between our sending and our receiving; half the round trip is added, and half
the round trip is the error. An answer that took longer than `MAX_ROUND_TRIP_MS` teaches nothing.
"""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable
from typing import Protocol

import aiohttp

from storage.jobs import StoreFailedError
from sync.auth import NONCE_BYTES
from sync.backoff import Backoff
from sync.enrol.identity import Identity
from sync.transport import RefusedError, UnreachableError, exchange
from sync.wire.messages import TimeAnswer, WireError, decode
from sync.wire.seals import open_time

MAX_ROUND_TRIP_MS = 10_000


class Clock(Protocol):
    """What this needs of the terminal's clock."""

    def boot_ms(self) -> int:
        """Return a clock that never jumps, in milliseconds."""
        ...

    async def learn(self, signed_ms: int, error_ms: int) -> None:
        """Take in a verified signed time that was true just now, within `error_ms`."""
        ...


class TimeSync:
    """Keeps the clock told. `last_error` is what went wrong last, None after a success."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        identity: Identity,
        clock: Clock,
        *,
        poll_s: float = 60.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._session = session
        self._identity = identity
        self._clock = clock
        self._poll_s = poll_s
        self._pause = pause
        self._backoff = Backoff(random.SystemRandom().uniform)
        self.last_error: str | None = None
        self.learned = 0  # signed times taken in

    async def once(self) -> None:
        """Ask once, tell the clock; raise UnreachableError, RefusedError, or WireError for a time not signed for us."""
        nonce = secrets.token_hex(NONCE_BYTES)
        before = self._clock.boot_ms()
        answer = await exchange(self._session, "GET", f"{self._identity.platform}/v1/time?nonce={nonce}")
        round_trip = self._clock.boot_ms() - before
        signed = open_time(decode(answer, TimeAnswer).server_time, self._identity.platform_keys, nonce=nonce)
        if round_trip > MAX_ROUND_TRIP_MS:
            raise UnreachableError(f"the signed time took {round_trip} ms")
        half = round_trip - round_trip // 2
        await self._clock.learn(signed + half, half)
        self.learned += 1

    async def run(self) -> None:
        """Ask again and again; never returns."""
        while True:
            await self._pause(await self._turn())

    async def _turn(self) -> float:
        try:
            await self.once()
        except (UnreachableError, WireError, StoreFailedError) as error:
            self.last_error = str(error)
            return (
                self._backoff.unreachable_s() if isinstance(error, UnreachableError) else self._backoff.refused_s(None)
            )
        except RefusedError as error:
            self.last_error = str(error)
            return self._backoff.refused_s(error.wait_s)
        self.last_error = None
        self._backoff.succeeded()
        return self._poll_s
