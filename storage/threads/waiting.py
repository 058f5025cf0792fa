"""A job on its way to the writer: it waits, then it either begins or is withdrawn, never both.

    waiting  --begin-->     begun
    waiting  --withdraw-->  withdrawn

Every other step is refused by `begin` and `withdraw` returning False; the lock makes the step one.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from storage.jobs import JobWithdrawnError

SLACK_S: Final = 0.02  # for a job that has begun just before its deadline


@dataclass(frozen=True, slots=True)
class Ran:
    """What a job came to, before anybody is told."""

    result: Any = None
    error: Exception | None = None


@dataclass(slots=True)
class Waiting:
    """A job, its caller's loop and future, and the deadline by which it must have begun (`time.monotonic()`).

    `late` is asked what to tell a caller whose job has begun and is not done in time, and takes the future of what it
    comes to; without it he waits. One that `yields` goes behind all that do not (`storage.threads.precedence`).
    """

    job: Callable[..., Any]
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[Any]"
    before: float | None = None
    late: "Callable[[asyncio.Future[Any]], Exception] | None" = None
    yields: bool = False
    _state: str = "waiting"
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _timer: asyncio.TimerHandle | None = None

    def begin(self) -> bool:
        """Begin, on the writer's thread; False when the job is withdrawn, also by its deadline just now.

        A job that was begun may begin again: after a full disk it is run a second time.
        """
        with self._lock:
            if self._state == "waiting":
                late = self.before is not None and time.monotonic() >= self.before
                self._state = "withdrawn" if late else "begun"
            return self._state == "begun"

    def withdraw(self) -> bool:
        """Withdraw the job; False when it has begun."""
        with self._lock:
            if self._state == "waiting":
                self._state = "withdrawn"
            return self._state == "withdrawn"

    def tell(self, ran: Ran) -> None:
        """Tell the caller, from any thread, what the job came to."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.deliver, ran)

    def watch(self) -> None:
        """Have the deadline kept: one timer, which goes with the answer."""
        if self.before is not None:
            self._timer = self.loop.call_at(self.before, self.expire)

    def deliver(self, ran: Ran) -> None:
        """Tell the caller, on his own loop."""
        if self._timer is not None:
            self._timer.cancel()
        if self.future.done():  # the caller went away; its job stands
            return
        if ran.error is None:
            self.future.set_result(ran.result)
        else:
            self.future.set_exception(ran.error)

    def expire(self) -> None:
        """Tell the caller that its deadline has passed, if the job has not begun. Runs on the caller's loop."""
        if self.withdraw():
            self.deliver(withdrawn())
        elif self.late is not None:
            self._timer = self.loop.call_later(SLACK_S, self._give_up, self.late)

    def _give_up(self, late: "Callable[[asyncio.Future[Any]], Exception]") -> None:
        """Let the caller go; what the job comes to is for whoever sees to it."""
        waited, self.future = self.future, self.loop.create_future()
        if not waited.done():
            waited.set_exception(late(self.future))


def tell_all(told: Sequence[tuple[Waiting, Ran]]) -> None:
    """Tell several callers, from any thread, what their jobs came to: a loop is woken once for all of its own."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Waiting, Ran]]] = {}
    for one in told:
        by_loop.setdefault(one[0].loop, []).append(one)
    for loop, own in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_deliver_all, own)


def _deliver_all(told: Sequence[tuple[Waiting, Ran]]) -> None:
    for waiting, ran in told:
        waiting.deliver(ran)


def withdrawn() -> Ran:
    """Return what a withdrawn job came to."""
    return Ran(error=JobWithdrawnError("the store did not come to it in time; nothing was written"))
