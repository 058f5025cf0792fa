"""Whose opening a gate's own word is about, and how long it is waited for (lane.md, "Opening"; ADR 0188).

An attempt is one that may be meant from before it is sent until its visitor was heard, the gate surely did not open,
or its time is over: `turn_within_s` (WITHIN_S where a gate has none), and as long again for whoever is late.

Rules of this file:

- a gate opens for one redemption after another: what it tells is about the last for which it surely opened;
- an attempt in doubt may have opened. While it and another's may be meant, TURNED is nobody's. Where no other may be
  meant, a TURNED in its time settles it: it opened, and its visitor has passed;
- where it can tell that somebody walked through, silence for `turn_within_s` means that nobody did, and annuls; but
  only if it could be heard all that time: a wire that was cut is no word about a visitor;
- NOT_TURNED and silence annul only whose word it surely is: not beside an attempt in doubt or under way, not where
  somebody was heard while it was under way, and not after a person's attempt: an earlier one may have let them in;
- what is told while an attempt is under way waits for its answer, unless an earlier opening waits for its visitor;
- somebody who leaves is an opening too, and nobody's redemption. What was opened before a start, for heads beyond the
  first, held open, or for one whom another followed unheard, may be anybody: until its time is over no doubt is settled
  and NOT_TURNED annuls nobody; silence does, since it counts from one's own opening;
- whoever walks through after silence has passed all the same, and takes the use again (contract.md §10).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

from edge.actuators.gate import Attempt, Heard, Outcome

WITHIN_S: Final = 30.0  # for a visitor of a gate without `turn_within_s`

log = logging.getLogger("xinguan.feedback")


class Hearing(Protocol):
    """What is asked of a gate here: how long a visitor has, and how often its inputs could not be read so far."""

    @property
    def turn_within_s(self) -> float | None:
        """Seconds from the opening; None: silence means nothing."""
        ...

    @property
    def deaf(self) -> int:
        """How often its inputs could not be read so far."""
        ...


@dataclass(slots=True, eq=False)
class Meant:
    """An attempt that may be meant. `redemption` is None for somebody who leaves; `at`, `deaf`: as it was sent."""

    attempt: Attempt
    redemption: str | None
    by_person: bool
    at: float
    deaf: int
    turned: bool = False  # somebody was heard while it was under way, and nobody else could be meant
    mixed: bool = False  # somebody was heard then, and another could be


class Feedback:
    """The openings of one gate. `ended` hears (redemption, TURNED or NOT_TURNED, the attempt in doubt it settles)."""

    def __init__(self, gate: Hearing | None, ended: Callable[[str, Heard, int | None], None]) -> None:
        self._gate = gate
        self._ended = ended
        self._under_way: Meant | None = None
        self._open: Meant | None = None
        self._over: Meant | None = None  # annulled by silence: a late passage is still this one's
        self._doubts: list[Meant] = []
        self._anybody_until = 0.0  # somebody who is not known may be meant by then
        self._held = False
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Take note that the lane starts: what was opened before is not known."""
        self._anybody()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Wait for nobody any more: who is not listened for is not annulled."""
        self._stop()

    def sent(self, attempt: Attempt, *, of: str | None, by_person: bool = False) -> None:
        """Take note that an attempt is about to be sent, for redemption `of` or for somebody who leaves."""
        deaf = self._gate.deaf if self._gate is not None else 0
        self._under_way = Meant(attempt, of, by_person, _now(), deaf)

    def answered(self, attempt: Attempt, outcome: Outcome, *, sure: bool = True) -> None:
        """Take note of what came of an attempt, now or later; `sure`: a "no" that is beyond doubt."""
        one, shut = self._under_way, outcome is Outcome.NOT_ACTUATED and sure
        if one is None or one.attempt.id != attempt.id:  # asked about later: when it opened nobody knows
            self._doubts = [doubt for doubt in self._doubts if not (shut and doubt.attempt.id == attempt.id)]
            return
        self._under_way = None
        if shut or self._held:
            return
        if outcome is not Outcome.ACTUATED:
            self._doubts.append(one)
            if one.turned:
                self._turned()
            return
        self._stop()
        if self._open is not None and self._open.redemption != one.redemption:
            self._anybody()  # that one may still walk, and the gate may still close behind it
        self._open, self._over = one, None
        if one.turned:
            self._turned()
        elif not one.mixed and self._gate is not None and self._gate.turn_within_s is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._gate.turn_within_s, self._silent, one)

    def held(self, *, open_: bool, outcome: Outcome) -> None:
        """Take note that the gate was asked to stay open, or to end that: whoever walks through may be anybody."""
        if open_:
            self._held = self._held or outcome is not Outcome.NOT_ACTUATED
        elif outcome is Outcome.ACTUATED:
            self._held = False
        self._nobody()

    def hear(self, heard: Heard) -> None:
        """Hear that somebody walked through, or that the gate closed and nobody did."""
        if self._held:
            log.info("held_open", extra={"heard": heard.value})
        elif heard is Heard.NOT_TURNED:
            self._not_turned(silence=False)
        else:
            self._turned()

    def _turned(self) -> None:
        """Give a passage to the one that is meant, if it is one."""
        self._stop()
        doubts = self._fresh()
        last = self._open or self._over
        if last is not None and doubts and doubts[0].at - last.at >= 2 * self._within_s:
            last = None  # its time was over before the doubt began
        meant = doubts if last is None else [*doubts, last]
        if self._under_way is not None:
            if not meant:
                self._under_way.turned = True
                return
            self._under_way.mixed = True
        if not meant:
            return
        owner = meant[-1]
        alone = len({one.redemption for one in meant}) == 1
        if last is None and (owner.at < self._anybody_until or _now() - owner.at >= self._within_s):
            alone = False
        if not alone:
            log.warning("turn_of_nobody", extra={"redemptions": [one.redemption for one in meant]})
            self._nobody()
            return
        self._open = self._over = None
        self._doubts = []
        if owner.attempt.heads > 1:
            self._anybody()
        if owner.redemption is not None:
            self._ended(owner.redemption, Heard.TURNED, owner.attempt.number if last is None else None)

    def _not_turned(self, *, silence: bool) -> None:
        """Annul for whom the gate opened last, if nobody else can be meant."""
        one = self._open
        if one is None:
            return
        doubtful = self._under_way is not None or bool(self._fresh()) or one.mixed or one.by_person
        if doubtful or (not silence and _now() < self._anybody_until):
            log.warning("not_turned_of_nobody", extra={"redemption": one.redemption})
            return
        self._stop()
        self._open, self._over = None, one
        if one.redemption is not None:
            self._ended(one.redemption, Heard.NOT_TURNED, None)

    def _silent(self, one: Meant) -> None:
        self._timer = None
        if self._gate is not None and self._gate.deaf != one.deaf:
            log.warning("turn_not_heard", extra={"redemption": one.redemption})
            return
        self._not_turned(silence=True)

    @property
    def _within_s(self) -> float:
        within_s = self._gate.turn_within_s if self._gate is not None else None
        return WITHIN_S if within_s is None else within_s

    def _fresh(self) -> list[Meant]:
        """Return the attempts in doubt that may be meant, the oldest first, and forget the others."""
        self._doubts = [doubt for doubt in self._doubts if _now() - doubt.at < 2 * self._within_s]
        return self._doubts

    def _anybody(self) -> None:
        self._anybody_until = _now() + 2 * self._within_s

    def _nobody(self) -> None:
        """Forget who may be meant: one of them is, or somebody else."""
        self._stop()
        self._open = self._over = None
        self._doubts = []
        if self._under_way is not None:
            self._under_way.mixed = True
        self._anybody()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _now() -> float:
    return asyncio.get_running_loop().time()
