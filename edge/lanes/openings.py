"""From a committed answer to an open gate (contract.md §2). One lane's gate opens once for one redemption.

Rules of this file:

- an opening runs in a task of its own: no decision waits for it;
- while one is under way for a redemption, a repeat of it asks for nothing; just before acting the ledger is asked once
  more, so that neither a repeat that was decided a moment too early nor an undo opens the gate for a second person;
- an actuator that obeyed is a fact (`actuated`); one that did not leaves the grant in its grace: the code opens again;
- stopping finishes what is in hand first: a fact that is missing would open the gate again after the restart.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from cache.ids import uuid7
from cache.ledger import steps
from cache.ledger.facts import may_open
from cache.pen import Pen
from edge.actuators.gates import Actuator, ActuatorError
from edge.lanes.decider import Decider
from edge.lanes.presented import Answer
from storage.jobs import StoreFailedError
from storage.sqlite import Store

log = logging.getLogger("xinguan.openings")


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a gate: for a redemption, or for somebody who leaves (None)."""

    name: str
    redemption: str | None
    heads: int

    @classmethod
    def of(cls, answer: Answer) -> "Opening":
        """Return the opening that an answer asks for."""
        name = answer.redemption or f"exit-{answer.journal_seq or answer.at_ms}"
        return cls(name, answer.redemption, answer.heads)


class Openings:
    """What waits to be opened at one lane. `told` hears (redemption, "opened" | "failed")."""

    def __init__(
        self, lane: str, *, actuator: Actuator, decider: Decider, store: Store, told: Callable[[str, str], None]
    ) -> None:
        self._lane = lane
        self._actuator = actuator
        self._decider = decider
        self._store = store
        self._told = told
        self._waiting: asyncio.Queue[Opening] = asyncio.Queue()
        self._under_way: dict[str, asyncio.Event] = {}

    def ask(self, opening: Opening) -> None:
        """Have the gate opened, unless it already is being opened for the same redemption."""
        if opening.redemption is not None:
            if opening.redemption in self._under_way:
                return
            self._under_way[opening.redemption] = asyncio.Event()
        self._waiting.put_nowait(opening)

    async def run(self) -> None:
        """Open for each in turn; runs as long as the lane does."""
        while True:
            opening = await self._waiting.get()
            try:
                await self._open(opening)
            finally:
                done = self._under_way.pop(opening.redemption or "", None)
                if done is not None:
                    done.set()
                self._waiting.task_done()

    async def finished(self, redemption: str) -> None:
        """Wait until no opening is under way for this redemption."""
        under_way = self._under_way.get(redemption)
        if under_way is not None:
            await under_way.wait()

    async def drain(self) -> None:
        """Wait until nothing waits and nothing is under way."""
        await self._waiting.join()

    async def _open(self, opening: Opening) -> None:
        name, redemption = opening.name, opening.redemption
        if redemption is not None and not await self._still(redemption):
            return
        try:
            await self._actuator.open(redemption=name, heads=opening.heads)
        except ActuatorError as error:
            log.error("actuator_failed", extra={"lane": self._lane, "detail": str(error)})  # noqa: TRY400
            self._told(name, "failed")
            return
        self._decider.reached("after-actuator")
        self._told(name, "opened")
        if redemption is not None:
            await self._note(redemption)

    async def _still(self, redemption: str) -> bool:
        """Ask the ledger, in the order of its transactions, whether this redemption may still open the gate."""
        try:
            return await self._store.write(lambda conn: may_open(conn, redemption))
        except StoreFailedError:  # it was committed a moment ago; the visitor stands in front of the gate
            log.exception("state_not_read", extra={"lane": self._lane})
            return True

    async def _note(self, redemption: str) -> None:
        now = self._decider.now()
        try:
            await self._store.write(lambda conn: steps.actuated(Pen(conn, now, uuid7), redemption))
        except StoreFailedError:
            log.exception("actuated_not_kept", extra={"lane": self._lane})
