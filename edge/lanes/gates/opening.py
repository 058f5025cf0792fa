"""One opening of a gate, and what `edge.lanes.openings` needs to be told by whoever decides."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from credit.inputs import Now
from edge.lanes.gates.unsent import Unsent
from edge.lanes.presented import Answer
from edge.watch.alive import Errands


@dataclass(frozen=True, slots=True)
class Opening:
    """One opening of a gate: for a redemption, or for somebody who leaves (None). `by` is a person who asks for it.

    `attempt` is the number of the attempt that was written with the grant itself.
    """

    name: str
    redemption: str | None
    heads: int = 1
    by: str | None = None
    attempt: int | None = None
    asked: float = field(default_factory=time.monotonic, compare=False)

    @classmethod
    def of(cls, answer: Answer) -> "Opening":
        """Return the opening that an answer asks for."""
        name = answer.redemption or f"exit-{answer.journal_seq or answer.at_ms}"
        return cls(name, answer.redemption, answer.heads, attempt=answer.attempt)


class Clock(Protocol):
    """What tells the time, sends on errands, and hears of points at which tests pull the plug."""

    reached: Callable[[str], None]
    errands: Errands
    unsent: Unsent

    def now(self) -> Now:
        """Return now."""
        ...
