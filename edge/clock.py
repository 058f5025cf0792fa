"""The only place that reads clocks (architecture.md, "Clock"); everything else takes `now`.

Three readings: the *wall* clock, which anybody may set; the *boot* clock, which counts from power-on, through sleep,
and cannot be set; and *signed* time from the platform. A signed time seen in this boot anchors the boot clock: from
then on now = signed + boot clock since then, whatever is done to the wall clock. That survives a restart of this
process (the anchor is kept with the boot's id), but not a reboot.

Rules, in order:

0. anchored in this boot, and that is over a minute behind the floor → wrong; now = the floor: one of two signed
   times was signed by a clock that was ahead, and whoever shows a code now is not to blame for it
1. anchored in this boot, and at most `TRUST_MS` ago        → trusted
2. anchored in this boot, longer ago                         → unsure (the boot clock has drifted)
3. not anchored, and the wall clock is behind the floor      → wrong; now = the floor
4. not anchored, and at most `rtc_trust_h` past the floor    → rtc; now = the wall clock, for freshness only
5. not anchored, otherwise                                   → unsure; now = the wall clock

The floor is the highest signed time ever seen, in any boot, of a time answer or of a list, and the trusted time of the
last fact. It never goes back, and a clock by rule 4 does not raise it: its hours would begin again with each visitor.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from credit.inputs import ClockState, Now
from storage.sqlite import Store

TRUST_MS = 7 * 86_400_000  # a cheap oscillator drifts below 20 ppm: 12 s in that time
HOUR_MS = 3_600_000
BEHIND_MS = 60_000  # more than drift and round trips make between two signed times that are both right
JUMP_MS = 60_000  # a wall clock that moves this much against the boot clock was set by somebody

LOAD = "SELECT floor_ms, signed_ms, error_ms, boot_ms, boot_id FROM clock"
RAISE = "UPDATE clock SET floor_ms = ? WHERE floor_ms < ?"
KEEP = "UPDATE clock SET floor_ms = max(floor_ms, ?), signed_ms = ?, error_ms = ?, boot_ms = ?, boot_id = ?"


@dataclass(frozen=True, slots=True)
class Memory:
    """What is known from signed times: milliseconds UTC, except `boot_ms` (boot clock at the signed time)."""

    floor_ms: int = 0
    signed_ms: int = 0
    error_ms: int = 0
    boot_ms: int = 0
    boot_id: str = ""


def judge(memory: Memory, *, boot_id: str, wall_ms: int, boot_ms: int, rtc_h: int = 0) -> Now:
    """Return now and how far it can be trusted, by the rules above; `rtc_h` is the profile's `rtc_trust_h`."""
    if memory.signed_ms and memory.boot_id == boot_id:
        since = boot_ms - memory.boot_ms
        if memory.signed_ms + since < memory.floor_ms - BEHIND_MS:
            return Now(utc_ms=memory.floor_ms, clock=ClockState.WRONG)
        state = ClockState.TRUSTED if since <= TRUST_MS else ClockState.UNSURE
        return Now(utc_ms=max(memory.signed_ms + since, memory.floor_ms), clock=state)
    if wall_ms < memory.floor_ms:
        return Now(utc_ms=memory.floor_ms, clock=ClockState.WRONG)
    if wall_ms <= memory.floor_ms + rtc_h * HOUR_MS and rtc_h:
        return Now(utc_ms=wall_ms, clock=ClockState.RTC)
    return Now(utc_ms=wall_ms, clock=ClockState.UNSURE)


def this_boot() -> str:
    """Return the id that the kernel gave this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


def read_wall_ms() -> int:
    """Read the wall clock: milliseconds UTC."""
    return time.time_ns() // 1_000_000


def read_boot_ms() -> int:
    """Read the boot clock: milliseconds since power-on, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def raise_floor(conn: sqlite3.Connection, now: Now) -> None:
    """Let a later start know that it is at least this late: in the job of a fact, and only on trusted time."""
    if now.clock is ClockState.TRUSTED:
        conn.execute(RAISE, (now.utc_ms, now.utc_ms))


class Clock:
    """The terminal's time. `now()` is cheap; `learn()` writes what a signed time taught to disk before it counts."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        *,
        boot_id: str,
        wall_ms: Callable[[], int] = read_wall_ms,
        boot_ms: Callable[[], int] = read_boot_ms,
    ) -> None:
        self._store = store
        self._memory = memory
        self._boot_id = boot_id
        self.rtc_h = 0  # the profile's word, set with each profile that comes in force
        self._wall_ms = wall_ms
        self._boot_ms = boot_ms
        self._offset_ms = wall_ms() - boot_ms()
        self._learning = asyncio.Lock()

    @classmethod
    async def restore(cls, store: Store) -> Self:
        """Return the clock with what this terminal remembers of signed times."""
        clock = cls(store, Memory(), boot_id=this_boot())
        await clock.remember()
        return clock

    async def remember(self) -> None:
        """Read what this terminal remembers of signed times; before that the clock has seen none."""
        self._memory = await self._store.read(lambda conn: Memory(*conn.execute(LOAD).fetchone()))

    def now(self) -> Now:
        """Return now and its state."""
        wall_ms, boot_ms = self._wall_ms(), self._boot_ms()
        return judge(self._memory, boot_id=self._boot_id, wall_ms=wall_ms, boot_ms=boot_ms, rtc_h=self.rtc_h)

    @property
    def behind_ms(self) -> int:
        """How far the signed time of this boot lies behind the floor, where that is more than two right ones can."""
        signed_ms = self.signed_ms()
        behind_ms = 0 if signed_ms is None else self._memory.floor_ms - signed_ms
        return behind_ms if behind_ms > BEHIND_MS else 0

    def now_ms(self) -> int:
        """Return now in milliseconds UTC."""
        return self.now().utc_ms

    def signed_ms(self) -> int | None:
        """Return the platform's time by its word in this boot, None before that: what nobody else can move."""
        memory = self._memory
        if not memory.signed_ms or memory.boot_id != self._boot_id:
            return None
        return memory.signed_ms + self._boot_ms() - memory.boot_ms

    def boot_ms(self) -> int:
        """Return the boot clock, for measuring spans: milliseconds that never jump."""
        return self._boot_ms()

    async def learn(self, signed_ms: int, error_ms: int) -> None:
        """Take in a verified signed time that was true just now, within `error_ms` (half the round trip)."""
        heard_ms = self._boot_ms()
        async with self._learning:
            floor_ms = max(self._memory.floor_ms, signed_ms - error_ms)
            await self._keep(Memory(floor_ms, signed_ms, error_ms, heard_ms, self._boot_id))

    async def learn_floor(self, signed_ms: int) -> None:
        """Take in the issue time of a verified list: it is at least that late."""
        async with self._learning:
            if signed_ms > self._memory.floor_ms:
                await self._keep(replace(self._memory, floor_ms=signed_ms))

    async def _keep(self, memory: Memory) -> None:
        row = (memory.floor_ms, memory.signed_ms, memory.error_ms, memory.boot_ms, memory.boot_id)

        def job(conn: sqlite3.Connection) -> None:
            conn.execute(KEEP, row)

        await self._store.write(job)
        self._memory = memory

    def jump_ms(self) -> int:
        """Return how far the wall clock was set since the last call (0 when less than JUMP_MS)."""
        offset = self._wall_ms() - self._boot_ms()
        moved, self._offset_ms = offset - self._offset_ms, offset
        return moved if abs(moved) > JUMP_MS else 0
