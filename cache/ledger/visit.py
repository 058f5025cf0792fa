"""What the ledger is asked and what it answers, as values; and what it asks of the trusted lists.

Rules of this file:

- frozen values and one Protocol; `cache.lists.trusted` and the simulator implement `Lists`;
- a `Visit` is somebody who stands there with an opened token; a `Settled` is true once its transaction is committed.
"""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any, Protocol

from msgspec import Struct, field

from cache.ledger.recall import Answered
from credit.claims import Token
from credit.decision import Decision
from credit.inputs import Place, Request
from credit.rules.measures import MeasureEntry
from credit.weighing.questions import Questions


class Stage(IntEnum):
    """How far the disk is from full; whoever is let in is owed more facts, so they stop before those must."""

    ROOM = 0
    LOW = 1  # refusals are counted, no longer written down one by one
    LAST = 2  # facts that are owed must still fit: nothing new is granted


class ListUnreadableError(Exception):
    """A list in force cannot be read any more: damage under it. `role` says whose; nothing is known about anybody."""

    def __init__(self, role: str, text: str) -> None:
        super().__init__(text)
        self.role = role


class Visit(Struct, frozen=True):
    """Who shows what, asks for what, and where; `disk` is how much room there is to write it down.

    `notice` is the random name under which a denial is told to whoever reads it off a screen (lane.md).
    `text` is the code as it was presented: a grant keeps it as a proof. Empty where nobody will ask for one.
    `lifted`: codes of our lists that stand no more, as the platform said for this one decision (contract.md §8).
    `lists` are the versions of the issuer's lists that are in force: a denial's fact says on which it rests.
    `gated`: the lane has a gate, so that a grant that opens it bears the first attempt.
    `asked` is what a dry look at it asked the ledger: at the same moment the same is not put together again.
    """

    token: Token
    request: Request
    place: Place
    disk: Stage = Stage.ROOM
    notice: str | None = None
    text: str = ""
    lifted: tuple[int, ...] = ()
    lists: Mapping[str, int] = field(default_factory=dict)
    gated: bool = False
    asked: Questions | None = None


class Lists(Protocol):
    """What the trusted lists say about one token."""

    def measures(self, issuer: str, subject: bytes) -> tuple[MeasureEntry, ...]:
        """Return the entries about `subject` of `issuer`, disputed and expired ones included.

        Raises ListUnreadableError.
        """
        ...

    def revoked(self, issuer: str, token_id: bytes, status_index: int | None) -> bool:
        """Return whether the token is revoked, by its id or by its status index."""
        ...

    def age_s(self, issuer: str, now_s: int) -> int:
        """Return the age in seconds of the oldest list that decisions about `issuer` rest on."""
        ...


class Settled(Struct, frozen=True, kw_only=True):
    """A decision and what was written of it: `redemption` and `journal_seq` are None where nothing was.

    `repeat` says that grace answered; `open_gate` whether the actuator may act on this answer (contract.md §2).
    `attempt` is the number of the attempt to open that was written with it.
    `told` is a grant's answer object, as its redemption keeps it: whoever tells it need not put it together again.
    `outside`: keys that it wanted and its permit does not hold; then nothing was written. `uncertain`: the store was
    not done in time, and may still write it. `before`: what the very same request was given before a restart.
    """

    decision: Decision
    redemption: str | None = None
    journal_seq: int | None = None
    repeat: bool = False
    open_gate: bool = False
    attempt: int | None = None
    outside: frozenset[str] = frozenset()
    uncertain: bool = False
    notice: str | None = None  # of a denial that was written down
    before: Answered | None = None
    told: Mapping[str, Any] | None = None


def grace_key(issuer: str, token_id: bytes, request: Request, place: Place) -> tuple[Any, ...]:
    """Return what makes two presentations equal (contract.md §2)."""
    amount = -1 if request.amount_fen is None else request.amount_fen
    shown = (place.terminal, place.lane, issuer, token_id, str(request.intent))
    return (*shown, amount, request.heads, request.asset or "")
