"""Keeping tasks alive that may fail without taking the gate with them (illness.md 1: content never kills).

Whatever a task of the ways to the platform raises, it becomes a state `alarm` with its cause and one ERROR in the log;
the task waits on the ladder of `sync.backoff` and begins again. An alarm ends when the same task did its work again:
when `worked()`, a figure that grows with each success, has moved since. Only the store and the lanes may end the
process; and of a lane, what is wrong with one presentation ends that presentation alone (`Faults`).

What runs beside and nobody waits for (a gate's word being written down, a late grant being taken back, a slip) is an
errand: what ends one is a fault, which shows in readiness. What the event loop says of futures that nobody asked is
heard as well.
"""

import asyncio
import collections
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from sync.backoff import Backoff

MAX_CAUSE = 200  # characters of an error that are shown
NETWORK = (OSError, aiohttp.ClientError)  # whoever was asked for it has been told; libraries drop it once more

log = logging.getLogger("xinguan.tasks")


@dataclass(frozen=True, slots=True)
class Alarm:
    """A task that fell: its cause, and what its figure of successes was then."""

    cause: str
    worked: object


class Rounds:
    """Counts what a task has done, where the task has no figure of its own: its alarm ends when this moves."""

    def __init__(self) -> None:
        self.n = 0

    def done(self) -> None:
        """Note one more piece of work done."""
        self.n += 1


class Faults:
    """Owns what nobody foresaw, by place: each kind is logged once with its trace, and counted."""

    def __init__(self) -> None:
        self._met: collections.Counter[str] = collections.Counter()

    def met(self, where: str, error: Exception) -> None:
        """Note an error that ended one piece of work and nothing else."""
        name = f"{where}: {type(error).__name__}"
        self._met[name] += 1
        if self._met[name] == 1:
            log.error("unforeseen", extra={"where": where}, exc_info=error)

    def lost(self, loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> None:
        """Hear from the event loop what nobody else heard (`loop.set_exception_handler`)."""
        error = told.get("exception")
        if isinstance(error, Exception) and not isinstance(error, NETWORK):
            self.met("nobody asked", error)
        else:
            loop.default_exception_handler(told)

    def told(self) -> str:
        """Return what was met, in words; empty when nothing was."""
        return ", ".join(f"{name} × {n}" for name, n in sorted(self._met.items()))


class Errands:
    """Owns what runs by itself: short pieces of work that nobody waits for."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._out: set[asyncio.Task[Any]] = set()

    def send(self, where: str, work: Coroutine[Any, Any, object]) -> asyncio.Task[Any]:
        """Let `work` run; what ends it otherwise than well or by being cancelled is a fault of that place."""
        task = asyncio.create_task(work, name=where)
        self._out.add(task)
        task.add_done_callback(lambda ended: self._ended(where, ended))
        return task

    def _ended(self, where: str, task: asyncio.Task[Any]) -> None:
        self._out.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._faults.met(where, error)

    async def finish(self, within_s: float) -> None:
        """Let what is out come to its end; what takes longer is cancelled and named in the log."""
        if not self._out:
            return
        _done, late = await asyncio.wait(self._out, timeout=within_s)
        for task in late:
            log.warning("errand_left", extra={"where": task.get_name()})
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class Tasks:
    """Owns which of the tasks are in alarm."""

    def __init__(self, *, pause: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self.faults = Faults()
        self.errands = Errands(self.faults)
        self._pause = pause
        self._alarms: dict[str, Alarm] = {}
        self._worked: dict[str, Callable[[], object]] = {}

    @property
    def alarms(self) -> Mapping[str, str]:
        """The causes that stand, by task."""
        for name, alarm in tuple(self._alarms.items()):
            if self._worked[name]() != alarm.worked:
                del self._alarms[name]
                log.warning("task_well_again", extra={"task": name})
        return {name: alarm.cause for name, alarm in sorted(self._alarms.items())}

    async def keep(self, name: str, run: Callable[[], Awaitable[None]], *, worked: Callable[[], object]) -> None:
        """Run a task for ever: what it raises is an alarm, and it begins again; ends when it ends by itself."""
        self._worked[name] = worked
        backoff = Backoff(random.SystemRandom().uniform)
        while True:
            before = worked()
            try:
                await run()
            except Exception as error:  # noqa: BLE001 - this is the one place that outlives any of them
                if worked() != before:
                    backoff.succeeded()
                self._fell(name, error, worked())
            else:
                return
            await self._pause(backoff.refused_s(None))

    def _fell(self, name: str, error: Exception, worked: object) -> None:
        cause = f"{type(error).__name__}: {error}"[:MAX_CAUSE]
        known = self._alarms.get(name)
        self._alarms[name] = Alarm(cause, worked)
        if known is None or known.cause != cause:
            log.error("task_alarm", extra={"task": name, "cause": cause}, exc_info=error)
