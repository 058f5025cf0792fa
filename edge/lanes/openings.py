"""From a committed answer to an open gate (lane.md, "Opening"). One lane's gate opens once for one redemption.

Rules of this file:

- an opening runs in a task of its own: no decision waits for it;
- an attempt is a fact before it is sent (`cache.ledger.attempts`), and what came of it is one after; an attempt that
  cannot be written is not sent. For somebody who leaves it is sent at once, and the fact follows when the store can;
- a gate that did not answer is asked what became of it, where it can be asked; else nobody knows, and only a person or
  the gate's own feedback opens or ends it: a code shown again does not, whatever came of a person's attempt since;
- a gate that surely did not open gives the use back at once. One whose "no" somebody in the wire could have said
  (`Gate.trusted`) gives nothing back by itself, and more than MAX_DENIED of them in an hour are told;
- what the gate hears: turned is passed, not turned annuls (whose: `edge.lanes.gates.feedback`), fire opens and holds;
- the first attempt is written with the grant itself, in its transaction: a second commit would make everybody wait for
  the disk once more (ADR 0170). One that was written and not sent is known after a fall of this program
  (`edge.lanes.gates.unsent`), and is followed by another; after a power cut nobody knows;
- while an attempt is being written its gate is approached (`Gate.approach`): connected to, asked for nothing;
- what could not be begun within BEGIN_S is not sent: whoever asked has gone, and the use is given back;
- a lane without a gate writes no attempt;
- stopping finishes what is in hand first.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from cache.ids import uuid7
from cache.ledger import attempts, steps
from cache.ledger.attempts import Began, Ended
from cache.ledger.steps import Stepped
from cache.pen import Pen
from edge.actuators.gate import EMERGENCY, Attempt, Done, Gate, Heard, Outcome, refused, unanswered, unsent
from edge.lanes.gates.feedback import Feedback
from edge.lanes.gates.opening import Clock, Opening
from storage.jobs import StoreFailedError
from storage.sqlite import Store

log = logging.getLogger("xinguan.openings")

T = TypeVar("T")

BEGIN_S = 5.0  # from the answer; a store that was held for longer opens for nobody who has left
SLACK_S = 0.5  # beyond a gate's own time, before it is taken for hung
HEAR_AGAIN_S = 2.0
MAX_OWED = 1_000  # facts about exits that wait for the store
MAX_DENIED = 3  # an hour, of a gate whose word can be forged
HOUR_S = 3_600.0
STATES = {Outcome.ACTUATED: "opened", Outcome.NOT_ACTUATED: "failed", Outcome.UNKNOWN: "unknown"}


class Openings:
    """What waits to be opened at one lane. `told` hears (redemption, "opened" | "failed" | "unknown" …)."""

    def __init__(
        self, lane: str, *, gate: Gate | None, decider: Clock, store: Store, told: Callable[[str, str], None]
    ) -> None:
        self._lane = lane
        self._gate = gate
        self._decider = decider
        self._store = store
        self._told = told
        self._waiting: asyncio.Queue[Opening] = asyncio.Queue()
        self._under_way: dict[str, asyncio.Event] = {}
        self._owed: deque[tuple[str, Mapping[str, str | bool]]] = deque(maxlen=MAX_OWED)
        self._denied: deque[float] = deque(maxlen=MAX_DENIED + 1)
        self._feedback = Feedback(gate, lambda *told: self._later(self._fed_back(*told)))
        self.on_fire: Callable[[bool], Awaitable[object]] | None = None  # opens every lane of the terminal
        self._loop: asyncio.AbstractEventLoop | None = None  # while it runs
        self._running = 0  # openings running that were not actuated
        self.alarm = ""  # what the gate tells of itself: fire, fault

    @property
    def gated(self) -> bool:
        """Whether there is a gate."""
        return self._gate is not None

    @property
    def doubtful(self) -> bool:
        """Whether a gate whose word can be forged said no too often within the hour."""
        return len(self._denied) > MAX_DENIED and time.monotonic() - self._denied[0] < HOUR_S

    @property
    def strikes(self) -> int:
        """How many openings running were not actuated; a doubtful gate counts as one that does not open."""
        return max(self._running, len(self._denied) if self.doubtful else 0)

    def approach(self) -> None:
        """Connect to the gate, if that takes time."""
        if self._gate is not None:
            self._later(self._gate.approach())

    def approach_soon(self) -> None:
        """Do so on the loop; called within the transaction that writes an attempt, on its thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.approach)

    def ask(self, opening: Opening) -> None:
        """Have the gate opened, unless it already is being opened for the same redemption."""
        if self._gate is None:
            return
        if opening.redemption is not None:
            if opening.redemption in self._under_way:
                return
            self._under_way[opening.redemption] = asyncio.Event()
        self._waiting.put_nowait(opening)

    async def run(self) -> None:
        """Open for each in turn, and hear what the gate tells; runs as long as the lane does."""
        self._loop = asyncio.get_running_loop()
        async with self._feedback, asyncio.TaskGroup() as group:
            if self._gate is not None:
                group.create_task(self._listen(self._gate))
            while True:
                opening = await self._waiting.get()
                try:
                    await self._serve(opening)
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

    async def hold(self, *, open_: bool, by: str) -> Done:
        """Open and stay open, or end that: fire, emergency. Needs no store, no clock and no network."""
        if self._gate is None:
            return refused("this lane has no gate")
        done = await self._bounded(self._gate.hold(open_=open_))
        self._feedback.held(open_=open_, outcome=done.outcome)
        if open_ and done.outcome is not Outcome.ACTUATED:  # one that cannot be held is at least opened
            done = await self._bounded(self._gate.open(Attempt(lane=self._lane, redemption=EMERGENCY)))
        self._owe("emergency", {"open": open_, "lane": self._lane, "by": by, "outcome": done.outcome.value})
        await self._pay()
        return done

    async def _serve(self, opening: Opening) -> None:
        if opening.redemption is None:
            await self._leave(opening)
            return
        redemption = opening.redemption
        try:
            if opening.attempt is not None:
                began = Began(opening.attempt, heads=opening.heads)
            else:
                self.approach()
                began = await self._begin(redemption, opening.by, before=opening.asked + BEGIN_S)
            if began.doubts:
                began = await self._doubted(redemption, began)
            if began.number is not None and time.monotonic() > opening.asked + BEGIN_S:
                await self._note(redemption, began.number, unsent("too late"), gives_back=opening.by is None)
                return
            if began.number is not None:
                await self._try(redemption, began.number, began.heads, person=opening.by is not None)
        except StoreFailedError:  # what is not written is not sent
            log.exception("attempt_not_written", extra={"lane": self._lane})
            self._say(redemption, Outcome.NOT_ACTUATED)

    async def _begin(self, redemption: str, by: str | None, *, before: float | None = None) -> Began:
        def job(pen: Pen) -> Began:
            began = attempts.begin(pen, redemption, self._lane, by=by)
            if began.number is not None:
                self._decider.unsent.written(attempts.attempt_id(redemption, began.number))
            return began

        return await self._write(job, before=before)

    async def _doubted(self, redemption: str, began: Began) -> Began:
        """Ask what became of each attempt in doubt, its gate if need be; return the attempt that may follow."""
        for number in began.doubts:
            attempt = self._attempt(redemption, number, began.heads)
            waits = self._decider.unsent.waits(attempt.id)
            done = unsent("the program ended before it was sent") if waits else await self._asked(attempt)
            if done.outcome is Outcome.UNKNOWN:
                self._say(redemption, done.outcome)
                return began
            await self._note(redemption, number, done, gives_back=False)
            if done.outcome is Outcome.ACTUATED:
                return began
        return await self._begin(redemption, None)

    async def _try(self, redemption: str, number: int, heads: int, *, person: bool) -> None:
        assert self._gate is not None  # noqa: S101 - nothing is asked for without one
        attempt = self._attempt(redemption, number, heads)
        self._decider.unsent.leaves(attempt.id)
        self._feedback.sent(attempt, of=redemption, by_person=person)
        done = await self._bounded(self._gate.open(attempt))
        if done.outcome is Outcome.UNKNOWN:
            asked = await self._asked(attempt)
            done = done if asked.outcome is Outcome.UNKNOWN else asked
        self._decider.reached("after-actuator")
        await self._note(redemption, number, done, gives_back=not person)

    async def _note(self, redemption: str, number: int, done: Done, *, gives_back: bool) -> None:
        """Write what came of an attempt, and tell."""
        assert self._gate is not None  # noqa: S101 - nothing is asked for without one
        sure = done.outcome is Outcome.NOT_ACTUATED and (self._gate.trusted or not done.sent)
        if done.outcome is Outcome.NOT_ACTUATED and not sure:
            self._denied.append(time.monotonic())
        if done.outcome is not Outcome.ACTUATED:
            log.error("gate_%s", done.outcome, extra={"lane": self._lane, "detail": done.detail})
        annulled: Stepped | None = None
        try:
            what = Ended(done.outcome.value, done.detail, sure, done.sent)
            annulled = await self._write(
                lambda pen: attempts.ended(pen, redemption, number, what, gives_back=gives_back)
            )
        except StoreFailedError:  # without the fact the attempt stays unknown: nothing opens by itself
            log.exception("outcome_not_kept", extra={"lane": self._lane})
        if annulled is not None and annulled.error is None:
            self._told(redemption, "given_back")
        self._feedback.answered(self._attempt(redemption, number, 1), done.outcome, sure=sure)
        self._say(redemption, done.outcome)

    async def _leave(self, opening: Opening) -> None:
        assert self._gate is not None  # noqa: S101 - nothing is asked for without one
        attempt = self._attempt(opening.name, 1, opening.heads)
        self._feedback.sent(attempt, of=None)
        done = await self._bounded(self._gate.open(attempt))
        self._feedback.answered(attempt, done.outcome, sure=self._gate.trusted or not done.sent)
        self._say(opening.name, done.outcome)
        self._owe(
            done.outcome.value, {"attempt": attempt.id, "lane": self._lane, "why": done.detail[: attempts.MAX_WHY]}
        )
        await self._pay()

    def _attempt(self, redemption: str, number: int, heads: int) -> Attempt:
        return Attempt(lane=self._lane, redemption=redemption, number=number, heads=heads)

    async def _bounded(self, work: Awaitable[Done], calls: int = 1) -> Done:
        """Wait for a gate no longer than so many calls may take; a fault of ours in it is no word of the gate's."""
        assert self._gate is not None  # noqa: S101 - nothing is asked for without one
        try:
            async with asyncio.timeout(calls * self._gate.timeout_s + SLACK_S):
                return await work
        except TimeoutError:
            return unanswered("no answer in time")
        except Exception as error:
            log.exception("gate_broken", extra={"lane": self._lane})
            return unanswered(f"a fault of the driver: {type(error).__name__}")

    async def _asked(self, attempt: Attempt) -> Done:
        assert self._gate is not None  # noqa: S101 - nothing is asked for without one
        return await self._bounded(self._gate.opened(attempt), calls=2)

    def _say(self, name: str, outcome: Outcome) -> None:
        self._running = 0 if outcome is Outcome.ACTUATED else self._running + 1
        self._told(name, STATES[outcome])

    def _owe(self, kind: str, body: Mapping[str, str | bool]) -> None:
        self._owed.append((kind, body))

    async def _pay(self) -> None:
        """Journal what was done for those who leave; what cannot be written now is tried with the next."""
        while self._owed:
            kind, body = self._owed[0]
            try:
                await self._write(lambda pen: pen.fact(kind, dict(body)))  # noqa: B023 - written before the next turn
            except StoreFailedError:
                log.exception("exit_not_kept", extra={"lane": self._lane})
                return
            self._owed.popleft()

    async def _write(self, job: Callable[[Pen], T], *, before: float | None = None) -> T:
        now = self._decider.now()
        return await self._store.write(lambda conn: job(Pen(conn, now, uuid7)), before=before)

    async def _listen(self, gate: Gate) -> None:
        """Hear the gate; that this breaks takes nothing else with it."""
        while True:
            try:
                await gate.listen(self._hear)
            except Exception:
                log.exception("gate_not_heard", extra={"lane": self._lane})
                await asyncio.sleep(HEAR_AGAIN_S)
            else:
                return

    def _hear(self, heard: Heard) -> None:
        """Take in what the gate tells by itself."""
        log.info("gate_told", extra={"lane": self._lane, "heard": heard.value})
        if heard in (Heard.TURNED, Heard.NOT_TURNED):
            self._feedback.hear(heard)
        elif heard in (Heard.FIRE, Heard.FIRE_OVER):
            self.alarm = "fire" if heard is Heard.FIRE else ""
            self._later(self._burning(open_=heard is Heard.FIRE))
        else:
            self.alarm = "fault" if heard is Heard.FAULT else ""

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._decider.errands.send(f"gate {self._lane}", work)

    async def _burning(self, *, open_: bool) -> None:
        await (self.on_fire(open_) if self.on_fire else self.hold(open_=open_, by="fire input"))

    async def _fed_back(self, redemption: str, heard: Heard, settles: int | None) -> None:
        def job(pen: Pen) -> Stepped:
            if settles is not None:
                return attempts.went_through(pen, redemption, settles)
            return (steps.passed if heard is Heard.TURNED else steps.annul)(pen, redemption)

        try:
            stepped = await self._write(job)
        except StoreFailedError:
            log.exception("feedback_not_kept", extra={"lane": self._lane})
            return
        if stepped.error is None and stepped.state is not None:
            self._told(redemption, stepped.state.value)
