"""Signed time: `GET /v1/time?nonce=` → a JWS of {nonce, time}. The round trip bounds the error.

The platform read its clock somewhere between our sending and our receiving; half the round trip is added, and half
the round trip is the error. An answer that took longer than `MAX_ROUND_TRIP_MS` teaches nothing.
"""

import asyncio
import secrets
from typing import Any, Protocol

from storage.jobs import StoreFailedError
from sync.auth import NONCE_BYTES
from sync.backoff import Backoff
from sync.enrol.identity import Identity
from sync.peer import Reach
from sync.transport import RefusedError, UnreachableError
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
        way: Reach,
        identity: Identity,
        clock: Clock,
        *,
        poll_s: float = 60.0,
    ) -> None:
        self._way = way
        self._identity = identity
        self._clock = clock
        self._poll_s = poll_s
        self._backoff = Backoff()
        self._hurried = asyncio.Event()
        self.last_error: str | None = None
        self.learned = 0  # signed times taken in

    def hurry(self) -> None:
        """Ask now."""
        self._hurried.set()

    async def once(self) -> None:
        """Ask once, tell the clock; raise UnreachableError, RefusedError, or WireError for a time not signed for us."""
        nonce = secrets.token_hex(NONCE_BYTES)
        began = [self._clock.boot_ms()]
        answer = await self._way.current.exchange(
            "GET",
            f"/v1/time?nonce={nonce}",
            begins=lambda: began.append(self._clock.boot_ms()),  # waiting for a turn is no part of the round trip
        )
        round_trip = self._clock.boot_ms() - began[-1]
        said = decode(answer, TimeAnswer).server_time
        await self._identity.keys.meet(said, lambda path: self._way.current.exchange("GET", path))
        signed = open_time(said, self._identity.keys_in_force, nonce=nonce)
        if round_trip > MAX_ROUND_TRIP_MS:
            raise UnreachableError(f"the signed time took {round_trip} ms")
        half = round_trip - round_trip // 2
        await self._clock.learn(signed + half, half)
        self.learned += 1

    async def run(self) -> None:
        """Ask again and again; never returns. A silent peer is asked too: who hears it first frees all."""
        while True:
            rest_s = await self._turn()
            waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._hurried.wait())]
            if self.last_error is None:
                waits.append(asyncio.ensure_future(self._way.current.silent()))
            try:
                await asyncio.wait(waits, timeout=rest_s, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()

    async def _turn(self) -> float:
        self._hurried.clear()
        try:
            await self.once()
        except UnreachableError as error:
            self.last_error = str(error)
            return 0.0
        except RefusedError as error:
            self.last_error = str(error)
            return self._backoff.refused_s(error.wait_s)
        except (WireError, StoreFailedError) as error:
            self.last_error = str(error)
            return self._backoff.refused_s(None)
        self.last_error = None
        self._backoff.succeeded()
        return self._poll_s
