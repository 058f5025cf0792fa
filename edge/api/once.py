"""One answer to one request, however often it is asked (terminal.md, "Idempotent by request_id").

Rules of this file:

- the first to ask decides and the others wait; if the first is interrupted, the next decides in its place;
- answers are remembered here; those that gave something are in the store too, from the very transaction, so that a till
  which asks again after a power cut hears the same, and a gate that did not move for it yet moves now;
- whoever decides in a job of the store looks there, in that very job (`edge.lanes.decider`); for the others the store
  is asked first (`look`);
- an answer that gave nothing is remembered only for those who wait for it: asked again, it is decided afresh, as after
  a restart. One bad second of the disk does not stick to a request for ever;
- the same id for another request is a mistake of the caller: `OtherRequestError`.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol, cast

from cache.ledger import recall
from cache.ledger.recall import Answered, Asking, OtherRequestError
from credit.inputs import Now
from storage.jobs import StoreFailedError
from storage.sqlite import Store

log = logging.getLogger("xinguan.once")

MAX_REMEMBERED = 1_000  # answers


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and its answer as soon as there is one."""

    asking: Asking
    answer: "asyncio.Future[str]"


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as text, and whether it gave something: a redemption that the ledger holds."""

    text: str
    gave: bool


class Clock(Protocol):
    """What tells the time here."""

    def now(self) -> Now:
        """Return now."""
        ...


class Once:
    """Gives each request of a lane one answer."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._answers: OrderedDict[tuple[str, str], Asked] = OrderedDict()

    async def answer(self, lane: str, asking: Asking, *, decide: Callable[[], Awaitable[Told]], look: bool) -> str:
        """Return the answer to a request, as text: as given before, or what `decide` gives; raise OtherRequestError.

        `look`: whether the store is asked for an answer from before a restart, because `decide` does not look itself.
        """
        key = (lane, asking.id)
        while (other := self._answers.get(key)) is not None:
            if other.asking != asking:
                raise OtherRequestError(asking.id)
            try:
                return await asyncio.shield(other.answer)
            except asyncio.CancelledError:
                if not other.answer.cancelled() or cast("asyncio.Task[None]", asyncio.current_task()).cancelling():
                    raise  # it is this caller who was interrupted
        mine = self._answers[key] = Asked(asking, asyncio.get_running_loop().create_future())
        while len(self._answers) > MAX_REMEMBERED:
            self._answers.popitem(last=False)
        try:
            known = await self._from_store(lane, asking) if look else None
            told = await decide() if known is None else Told(known.answer, gave=True)
        except BaseException:
            self._answers.pop(key, None)
            mine.answer.cancel()
            raise
        mine.answer.set_result(told.text)
        if not told.gave:
            self._answers.pop(key, None)
        return told.text

    async def _from_store(self, lane: str, asking: Asking) -> Answered | None:
        at_ms = self._clock.now().utc_ms
        try:
            return await self._store.read(lambda conn: recall.answered(conn, asking, lane=lane, at_ms=at_ms))
        except StoreFailedError:  # deciding says REFER for it, and lets out who leaves (contract.md §3)
            log.exception("request_not_looked_up", extra={"lane": lane})
            return None
